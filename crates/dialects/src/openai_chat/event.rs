//! What an event of a stream is, as far as that can be told before what it says is read.

use types::{Fault, StreamEvent};

use crate::openai_family::DONE;
use crate::openai_family::error::{fault_inside, fault_of_event};

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It says nothing.
    Comment,
    /// It says that the stream is complete.
    Done,
    /// It holds an object.
    Object,
}

/// What `event` is; a fault if it is an error by its name.
pub(crate) fn kind(event: &StreamEvent) -> Result<Kind, Fault> {
    let data = event.data.as_ref();
    if event.name.as_ref() == b"error" {
        return Err(fault_of_event(data));
    }
    if data.is_empty() {
        return misnamed_error(event).map_or(Ok(Kind::Comment), Err);
    }
    Ok(if data.trim_ascii() == DONE { Kind::Done } else { Kind::Object })
}

/// The error in an event that llama.cpp wrote under the field name `error` instead of `data`.
fn misnamed_error(event: &StreamEvent) -> Option<Fault> {
    let rest = event.raw.strip_prefix(b"error:")?.trim_ascii();
    // llama.cpp writes the inner object alone; it is put where errors are looked for.
    let is_object = rest.starts_with(b"{");
    let wrapped = [br#"{"error":"#.as_slice(), rest, b"}"].concat();
    Some(fault_inside(rest).unwrap_or_else(|| fault_of_event(if is_object { &wrapped } else { rest })))
}
