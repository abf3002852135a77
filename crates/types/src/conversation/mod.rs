//! The canonical conversation: a superset of what the dialects can say, so that any two of them can be
//! translated through it. A dialect that knows more keeps it in [`Extras`].

mod answer;
mod change;
mod content;
mod event;
mod request;
mod tool;

pub use answer::{Answer, Choice, StopReason};
pub use change::{Change, ChangeKind};
pub use content::{CacheMark, Content, Media, MediaSource, Message, Role};
pub use event::{Delta, Event, Opening};
pub use request::{Conversation, Delivery, Effort, Extras, OutputFormat, Reasoning, Sampling, Target};
pub use tool::{Tool, ToolChoice};
