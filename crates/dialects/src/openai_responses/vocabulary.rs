//! What an answer in this language can say.

use types::Usage;
use types::conversation::StopReason;

use super::ID;
use super::answer::ReadEnding;
use super::message_decode::{is_item, is_part};
use super::resource::Ending;
use super::usage::{ReadUsage, WriteUsage};
use crate::citations::{Citation, Cites, Source};
use crate::vocabulary::{Said, Vocabulary, read_again};

/// What an answer in this language can say.
pub(super) static VOCABULARY: Vocabulary = Vocabulary {
    several: false,
    logprobs: true,
    logprobs_in_text: true,
    refusals: true,
    proofs: true,
    redacted: |_| true,
    call_proofs: true,
    stop_sequence: false,
    cites,
    cites_late: false,
    owns: |kind| is_item(kind) || is_part(kind),
    owns_in_streams: true,
    stop,
    usage,
};

fn cites(citation: &Citation, _text: u64) -> Cites {
    match citation.source {
        _ if citation.own(ID).is_some() => Cites::All,
        // The wire has one place for a file, where the text has come to.
        Source::File { .. } if citation.start == citation.end => Cites::All,
        Source::File { .. } => Cites::Part,
        Source::Document { .. } | Source::Own | Source::Page { .. } => citation.as_page(),
    }
}

fn stop(reason: StopReason, said: Said) -> StopReason {
    let ending = Ending::of(reason, said.refusal);
    let why = ending.incomplete.map(|incomplete| incomplete.reason);
    ReadEnding::of(Some(ending.status), why).reason(said)
}

fn usage(usage: &Usage) -> Usage {
    let read = read_again::<ReadUsage>(&WriteUsage::from(usage));
    read.map(|read| read.to_usage(None, 0)).unwrap_or_default()
}
