//! What an answer in this language can say.

use types::Usage;
use types::conversation::StopReason;

use super::answer::{self, ReadEnding};
use super::message_decode::{is_item, is_part};
use super::resource::Ending;
use super::usage::{ReadUsage, WriteUsage};
use crate::vocabulary::{Said, Vocabulary, read_again};

/// What an answer in this language can say.
pub(super) static VOCABULARY: Vocabulary = Vocabulary {
    several: false,
    logprobs: true,
    refusals: true,
    proofs: true,
    redacted: |_| true,
    call_proofs: true,
    stop_sequence: false,
    owns: |kind| is_item(kind) || is_part(kind),
    stop,
    usage,
};

fn stop(reason: StopReason, said: Said) -> StopReason {
    let ending = Ending::of(reason, said.refusal);
    let why = ending.incomplete.map(|incomplete| incomplete.reason);
    let said = answer::Said { refusal: said.refusal, tool_call: said.tool_call };
    ReadEnding::of(Some(ending.status), why).reason(said)
}

fn usage(usage: &Usage) -> Usage {
    let read = read_again::<ReadUsage>(&WriteUsage::from(usage));
    read.map(|read| read.to_usage(None, 0)).unwrap_or_default()
}
