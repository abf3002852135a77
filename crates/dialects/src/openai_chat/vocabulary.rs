//! What an answer in this language can say.

use types::Usage;
use types::conversation::StopReason;

use super::ID;
use super::answer::{finish_reason, stop_reason};
use super::message_decode::{MESSAGE_FIELD, is_call};
use super::usage::{ReadUsage, WriteUsage};
use crate::Calls;
use crate::citations::Cites;
use crate::vocabulary::{Said, Vocabulary, read_again};

/// What an answer in this language can say.
pub(super) static VOCABULARY: Vocabulary = Vocabulary {
    several: true,
    logprobs: true,
    logprobs_in_text: false,
    refusals: true,
    proofs: true,
    redacted: |_| true,
    call_proofs: true,
    stop_sequence: false,
    cites: |citation, _| citation.own(ID).map_or_else(|| citation.as_page(), |_| Cites::All),
    cites_late: true,
    owns: |kind| is_call(kind) || kind.starts_with(MESSAGE_FIELD),
    owns_in_streams: true,
    stop,
    usage,
};

fn stop(reason: StopReason, said: Said) -> StopReason {
    let read = stop_reason(finish_reason(reason, said, Calls::Tools)).ok().flatten();
    said.refine(read.unwrap_or(StopReason::EndTurn))
}

fn usage(usage: &Usage) -> Usage {
    let read = read_again::<ReadUsage>(&WriteUsage::from(usage));
    read.map(|read| read.to_usage(None)).unwrap_or_default()
}
