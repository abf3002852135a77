//! What an answer in this language can say.

use types::Usage;
use types::conversation::StopReason;

use super::ID;
use super::answer::{stop_reason, stop_word};
use super::usage::{UsageOut, WireUsage};
use super::wire::is_own;
use crate::citations::{Citation, Cites, Source};
use crate::vocabulary::{Said, Vocabulary, read_again};

/// What an answer in this language can say.
pub(super) static VOCABULARY: Vocabulary = Vocabulary {
    several: false,
    logprobs: false,
    logprobs_in_text: false,
    refusals: false,
    proofs: false,
    redacted: |_| false,
    call_proofs: false,
    stop_sequence: false,
    cites,
    cites_late: true,
    owns: is_own,
    owns_in_streams: true,
    stop,
    usage,
};

fn cites(citation: &Citation, _text: u64) -> Cites {
    match citation.source {
        _ if citation.own(ID).is_some() => Cites::All,
        Source::File { .. } | Source::Page { .. } => Cites::All,
        Source::Document { .. } | Source::Own => Cites::Nothing,
    }
}

fn stop(reason: StopReason, said: Said) -> StopReason {
    stop_reason(stop_word(Some(reason), said.tool_call))
}

fn usage(usage: &Usage) -> Usage {
    read_again(&UsageOut::from(*usage)).map(WireUsage::canonical).unwrap_or_default()
}
