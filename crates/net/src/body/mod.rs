//! Bodies: read whole with a cap and a minimum pace, or sent from pieces, a queue or a source.

mod collect;
mod inflate;
mod outgoing;
mod room;
mod upload;

pub use collect::{BodyError, Discard, Left, Pace, collect_capped, collect_within, discard};
pub use inflate::{Coding, Inflate, Malformed};
pub use outgoing::{Aborted, Gone, Outgoing, Sender, Source};
pub use room::Room;
pub use upload::{Passed, Upload};
