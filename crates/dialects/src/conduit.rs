//! The way an answer takes from the upstream to the caller, one frame at a time.

use bytes::Bytes;
use types::conversation::{Change, StopReason};
use types::{Fault, Frame, MicroUsd, Refusal, Units, Usage};

/// Takes the frames of an upstream's answer and yields the bytes the caller reads, keeping count on the way.
pub trait Conduit: Send {
    /// Takes one frame and appends what the caller is to read. A fault means that the upstream failed in this
    /// frame; nothing of the frame has been appended then.
    fn push(&mut self, frame: Frame, out: &mut Vec<Bytes>) -> Result<(), Fault>;

    /// Takes in what the head of an answer says was used. It counts where the next frame says nothing.
    fn hear(&mut self, _usage: Usage) {}

    /// The upstream's body has ended: completes the answer, or says that it broke off.
    fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault>;

    /// The answer breaks off here: what has to be written down before it is settled is written down now.
    fn stop(&mut self) {}

    /// Says to the caller that the answer ends here by an error, where what has been passed on decides how that is
    /// said. `None` where [`crate::Dialect::encode_stream_error`] says it.
    fn fail(&mut self, _refusal: &Refusal) -> Option<Vec<u8>> {
        None
    }

    /// What is known of the answer so far.
    fn tally(&self) -> &Tally;
}

/// What is known of an answer, whole or half-way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Usage as the upstream last reported it.
    pub usage: Option<Usage>,
    /// What the answer itself is, in units other than tokens, whether or not a report counts it.
    pub units: Units,
    /// What it cost, where parts of it have prices of their own.
    pub cost: Option<MicroUsd>,
    /// Bytes of visible text, reasoning and tool arguments seen: the basis of an estimate where the upstream
    /// never got to report its usage.
    pub output_bytes: u64,
    /// Whether a frame that carries content (not a ping, not an empty opening) has been seen.
    pub has_content: bool,
    /// Whether the upstream said that the answer is complete.
    pub is_complete: bool,
    /// The upstream's id for the answer.
    pub id: Option<String>,
    /// The upstream's own name for the model.
    pub model: Option<String>,
    /// Why the first choice ended.
    pub stop: Option<StopReason>,
    /// The media type of what the caller reads, where that is not what the upstream has sent.
    pub media_type: Option<&'static str>,
    /// What of the answer the caller cannot read as it was said; its field is a place in the answer.
    pub changes: Vec<Change>,
}
