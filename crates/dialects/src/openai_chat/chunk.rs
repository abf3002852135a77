//! One chunk of a stream as upstreams send it: every field may be missing, null or of another kind.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use types::{Json, ServiceTier, Usage};

use super::cited;
use super::proofs::ExtraContent;
use super::usage::{ReadUsage, WrappedUsage};
use crate::citations::Citation;
use crate::openai_family::lenient;

#[derive(Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) model: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) created: Option<u64>,
    #[serde(borrow, default)]
    pub(super) choices: Option<Vec<ChunkChoice<'a>>>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<ReadUsage>,
    #[serde(default, deserialize_with = "lenient")]
    x_groq: Option<WrappedUsage>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    service_tier: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    search_results: Option<&'a RawValue>,
    #[serde(borrow, default)]
    citations: Option<&'a RawValue>,
}

impl Chunk<'_> {
    /// The sources that are named beside the answer.
    pub(super) fn sources(&self) -> Vec<Citation> {
        cited::sources(self.search_results.map(RawValue::get), self.citations.map(RawValue::get))
    }

    /// The usage, at its usual place or wrapped.
    pub(super) fn usage(&self) -> Option<Usage> {
        let usage = self.usage.as_ref().or_else(|| self.x_groq.as_ref()?.usage.as_ref())?;
        let tier = self.service_tier.as_deref().unwrap_or_default();
        Some(usage.to_usage(ServiceTier::of_word(tier.as_bytes())))
    }
}

#[derive(Deserialize)]
pub(super) struct ChunkChoice<'a> {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) index: Option<u32>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) delta: Option<ChunkDelta<'a>>,
    /// Some providers send the whole message instead of, or next to, the delta.
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) message: Option<ChunkDelta<'a>>,
    #[serde(borrow, default)]
    pub(super) logprobs: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) finish_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) stop_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct ChunkDelta<'a> {
    #[serde(borrow, default)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    reasoning_content: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    reasoning: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) thinking_blocks: Option<Vec<ChunkThinking<'a>>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) refusal: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) tool_calls: Option<Vec<ChunkTool<'a>>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    function_call: Option<ChunkFunction<'a>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) audio: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) annotations: Option<Vec<Json>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) images: Option<Vec<Json>>,
}

impl<'a> ChunkDelta<'a> {
    /// The reasoning, by whichever of its two names; where both are used they say the same.
    pub(super) fn reasoning(&self) -> Option<&str> {
        let texts = [self.reasoning_content.as_deref(), self.reasoning.as_deref()];
        texts.into_iter().flatten().find(|text| !text.is_empty())
    }

    /// A call in the language's oldest form, as a fragment of the current one.
    pub(super) fn function_call(&self) -> Option<ChunkTool<'a>> {
        let function = self.function_call.clone()?;
        Some(ChunkTool { index: Some(0), function: Some(function), ..ChunkTool::default() })
    }
}

#[derive(Deserialize)]
pub(super) struct ChunkThinking<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) thinking: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) signature: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) data: Option<Cow<'a, str>>,
}

/// A fragment of a tool call.
#[derive(Default, Deserialize)]
pub(super) struct ChunkTool<'a> {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) index: Option<u64>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) function: Option<ChunkFunction<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) custom: Option<ChunkCustom<'a>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) extra_content: Option<ExtraContent<'a>>,
}

#[derive(Clone, Deserialize)]
pub(super) struct ChunkFunction<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) name: Option<Cow<'a, str>>,
    /// Text; at some providers the object itself.
    #[serde(borrow, default)]
    pub(super) arguments: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct ChunkCustom<'a> {
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) name: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    pub(super) input: Option<Cow<'a, str>>,
}
