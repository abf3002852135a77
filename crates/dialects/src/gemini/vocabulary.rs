//! What an answer in this language can say.

use types::Usage;
use types::conversation::StopReason;

use super::ID;
use super::chunk::{finish_reason, stop_reason};
use super::usage::{ReadUsage, WriteUsage};
use super::wire::is_own;
use crate::citations::Cites;
use crate::splice::quoted;
use crate::vocabulary::{Said, Vocabulary, read_again};

/// What an answer in this language can say.
pub(super) static VOCABULARY: Vocabulary = Vocabulary {
    several: true,
    logprobs: true,
    logprobs_in_text: false,
    refusals: false,
    proofs: true,
    redacted: |_| true,
    call_proofs: true,
    stop_sequence: false,
    cites: |citation, _| citation.own(ID).map_or_else(|| citation.as_page(), |_| Cites::All),
    cites_late: true,
    owns: is_own,
    owns_in_streams: true,
    stop,
    usage,
};

fn stop(reason: StopReason, said: Said) -> StopReason {
    let read = stop_reason(&quoted(finish_reason(reason)));
    // A refusal has no word of its own here.
    Said { refusal: false, ..said }.refine(read.unwrap_or(StopReason::EndTurn))
}

fn usage(usage: &Usage) -> Usage {
    read_again::<ReadUsage>(&WriteUsage::from(usage)).unwrap_or_default().canonical(0)
}
