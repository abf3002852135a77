//! What an answer in this language can say.

use types::Usage;
use types::conversation::StopReason;

use super::answer::{stop_reason, stop_word};
use super::usage::{UsageOut, WireUsage};
use crate::citations::Cites;
use crate::vocabulary::{Said, Vocabulary, read_again};

/// What an answer in this language can say.
pub(super) static VOCABULARY: Vocabulary = Vocabulary {
    several: false,
    logprobs: true,
    logprobs_in_text: false,
    refusals: false,
    proofs: false,
    redacted: |_| false,
    call_proofs: false,
    stop_sequence: false,
    cites: |_, _| Cites::Nothing,
    cites_late: false,
    owns: |_| false,
    owns_in_streams: true,
    stop,
    usage,
};

fn stop(reason: StopReason, said: Said) -> StopReason {
    stop_reason(stop_word(Some(reason)), said.tool_call)
}

fn usage(usage: &Usage) -> Usage {
    read_again(&UsageOut::from(*usage)).and_then(WireUsage::canonical).unwrap_or_default()
}
