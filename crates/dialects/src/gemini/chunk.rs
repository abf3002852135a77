//! One answer of an upstream's, or one piece of it: every field may be missing, and the words for its end may be
//! numbers.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use types::conversation::StopReason;

use super::usage::ReadUsage;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub(super) candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, default)]
    pub(super) prompt_feedback: Option<Feedback<'a>>,
    #[serde(borrow, default)]
    usage_metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) model_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) response_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

impl Chunk<'_> {
    /// The usage. One that cannot be read is none: the answer is worth more than its report.
    pub(super) fn usage(&self) -> Option<ReadUsage> {
        serde_json::from_str(self.usage_metadata?.get()).ok()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(default)]
    pub(super) index: Option<u32>,
    #[serde(borrow, default)]
    pub(super) content: Option<Said<'a>>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) logprobs_result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    citation_metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    grounding_metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    url_context_metadata: Option<&'a RawValue>,
}

impl<'a> Candidate<'a> {
    /// What it is grounded on.
    pub(super) fn grounding(&self) -> Option<&'a RawValue> {
        self.grounding_metadata
    }

    /// What it says of its sources, by the fields' names.
    pub(super) fn sources(&self) -> impl Iterator<Item = (&'static str, &'a RawValue)> {
        let fields = [
            ("citationMetadata", self.citation_metadata),
            ("groundingMetadata", self.grounding_metadata),
            ("urlContextMetadata", self.url_context_metadata),
        ];
        fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.filter(|value| value.get() != "{}")?)))
    }
}

#[derive(Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow, default)]
    pub(super) parts: Option<Vec<&'a RawValue>>,
}

/// Why nothing is answered to a prompt.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Feedback<'a> {
    #[serde(borrow, default)]
    pub(super) block_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) block_reason_message: Option<Cow<'a, str>>,
}

impl Feedback<'_> {
    /// Whether the prompt was refused.
    pub(super) fn blocks(&self) -> bool {
        self.block_reason.is_some_and(|reason| stop_reason(reason.get().as_bytes()).is_some())
    }
}

/// Why an answer ended, by the wire's word or number, as it is written; `None` of one that has not. A word of tomorrow
/// is an end like any other.
pub(super) fn stop_reason(written: &[u8]) -> Option<StopReason> {
    Some(match written {
        b"null" | b"0" | b"\"\"" | b"\"FINISH_REASON_UNSPECIFIED\"" | b"\"BLOCKED_REASON_UNSPECIFIED\"" => {
            return None;
        }
        b"\"MAX_TOKENS\"" | b"2" => StopReason::MaxTokens,
        b"\"SAFETY\""
        | b"\"RECITATION\""
        | b"\"LANGUAGE\""
        | b"\"BLOCKLIST\""
        | b"\"PROHIBITED_CONTENT\""
        | b"\"SPII\""
        | b"\"MODEL_ARMOR\""
        | b"\"IMAGE_SAFETY\""
        | b"\"IMAGE_PROHIBITED_CONTENT\""
        | b"\"IMAGE_RECITATION\""
        | b"3"
        | b"4"
        | b"6"
        | b"7"
        | b"8" => StopReason::Filtered,
        _ => StopReason::EndTurn,
    })
}

/// Whether the wire's word or number says that the model has failed: what there is of the answer is nothing or a part.
pub(super) fn has_failed(written: &[u8]) -> bool {
    matches!(
        written,
        b"\"IMAGE_OTHER\""
            | b"\"MALFORMED_FUNCTION_CALL\""
            | b"\"MALFORMED_RESPONSE\""
            | b"\"MISSING_THOUGHT_SIGNATURE\""
            | b"\"NO_IMAGE\""
            | b"\"OTHER\""
            | b"\"TOO_MANY_TOOL_CALLS\""
            | b"\"UNEXPECTED_TOOL_CALL\""
            | b"5"
            | b"9"
    )
}

/// The later of two reasons, unless it says less.
pub(super) fn later(first: Option<StopReason>, second: StopReason) -> StopReason {
    first.filter(|_| second == StopReason::EndTurn).unwrap_or(second)
}

/// The wire's word for why an answer ended.
pub(super) const fn finish_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::ContextFull | StopReason::MaxTokens => "MAX_TOKENS",
        StopReason::Filtered | StopReason::Refusal => "SAFETY",
        StopReason::EndTurn | StopReason::Pause | StopReason::StopSequence | StopReason::ToolUse => "STOP",
    }
}
