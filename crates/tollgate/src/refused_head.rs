//! The answer to a request whose head could not even be read, in the language its path speaks.

use std::sync::Arc;

use net::listener::{HeadRefusal, MalformedHead};

use crate::generation::Lasting;

/// Words such answers, and puts them on record.
pub(crate) fn wording(max_head: usize, lasting: &Lasting) -> HeadRefusal {
    let (telemetry, clock) = (lasting.telemetry.clone(), Arc::clone(&lasting.clock));
    Arc::new(move |head: MalformedHead<'_>| gateway::refused_head(&head, max_head, &telemetry, &*clock))
}
