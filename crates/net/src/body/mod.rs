//! Bodies: read whole with a cap and a minimum pace, or sent from pieces, a queue or a source.

mod collect;
mod outgoing;

pub use collect::{BodyError, Pace, collect_capped, discard};
pub use outgoing::{Aborted, Gone, Outgoing, Sender, Source};
