//! The answer to a request whose head could not even be read, in the language its path speaks.

use std::sync::Arc;

use net::listener::{HeadRefusal, MalformedHead};

/// Words such answers.
pub(crate) fn wording(max_head: usize) -> HeadRefusal {
    Arc::new(move |head: MalformedHead<'_>| gateway::refused_head(head.status, head.start, max_head))
}
