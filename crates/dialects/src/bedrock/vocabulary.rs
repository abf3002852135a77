//! What an answer in this language can say.

use types::Usage;
use types::conversation::StopReason;

use super::ID;
use super::answer::{stop_reason, stop_word};
use super::usage::{UsageOut, WireUsage};
use super::wire::is_own;
use crate::citations::Cites;
use crate::media::is_base64;
use crate::vocabulary::{Said, Vocabulary, read_again};

/// What an answer in this language can say.
pub(super) static VOCABULARY: Vocabulary = Vocabulary {
    several: false,
    logprobs: false,
    logprobs_in_text: false,
    refusals: false,
    proofs: true,
    redacted: is_base64,
    call_proofs: false,
    stop_sequence: false,
    cites: |citation, text| citation.own(ID).map_or_else(|| citation.of_whole_text(text), |_| Cites::All),
    cites_late: false,
    owns: is_own,
    owns_in_streams: false,
    stop,
    usage,
};

fn stop(reason: StopReason, said: Said) -> StopReason {
    stop_reason(stop_word(Some(reason), said))
}

fn usage(usage: &Usage) -> Usage {
    read_again::<WireUsage>(&UsageOut::from(*usage)).unwrap_or_default().canonical(None)
}
