//! What the events of a stream hold, and the items that they tell of.

use std::borrow::Cow;

use serde::Serialize;
use types::Json;

use super::wire::{Call, Part, WireContent, WireItem, WireMessage, WireReasoning};

/// Where in the answer something stands.
#[derive(Clone, Copy, Serialize)]
pub(super) struct At<'a> {
    pub(super) item_id: &'a str,
    pub(super) output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary_index: Option<usize>,
}

impl<'a> At<'a> {
    pub(super) const fn item(item_id: &'a str, output_index: usize) -> Self {
        Self { item_id, output_index, content_index: None, summary_index: None }
    }

    pub(super) const fn part(item_id: &'a str, output_index: usize, part: usize) -> Self {
        Self { content_index: Some(part), ..Self::item(item_id, output_index) }
    }

    /// The one part that a summary is written in.
    pub(super) const fn summary(item_id: &'a str, output_index: usize) -> Self {
        Self { summary_index: Some(0), ..Self::item(item_id, output_index) }
    }
}

/// `value` as JSON that is kept.
#[expect(clippy::expect_used, reason = "what is written has text for keys and no serialiser that fails")]
pub(super) fn json(value: &impl Serialize) -> Json {
    Json::of(value).expect("the language's own structures are JSON")
}

/// A message of these parts.
pub(super) fn message(id: &str, status: &'static str, parts: &[Json]) -> Json {
    json(&WireItem::Message(WireMessage {
        kind: Some("message"),
        id: Some(id.into()),
        status: Some(status),
        role: "assistant",
        content: WireContent::Parts(parts.iter().map(Part::Raw).collect()),
    }))
}

/// A call by its id and its tool's name.
pub(super) fn call(id: &str, status: &'static str, (call_id, name): (&str, &str), arguments: &str) -> Json {
    json(&WireItem::Call(Call {
        id: Some(id.into()),
        status: Some(status),
        call_id: call_id.into(),
        name: name.into(),
        arguments: arguments.into(),
        ..Call::default()
    }))
}

/// Reasoning, and what proves it.
pub(super) fn thought(id: &str, text: &str, encrypted_content: Option<Cow<'_, str>>) -> Json {
    json(&WireItem::Reasoning(WireReasoning {
        id: Some(id.into()),
        encrypted_content,
        ..WireReasoning::summarised(text)
    }))
}

/// A text that has not begun.
pub(super) const fn part_of_text() -> Part<'static> {
    Part::output_text(Cow::Borrowed(""))
}

#[derive(Serialize)]
pub(super) struct Whole<T> {
    pub(super) response: T,
}

#[derive(Serialize)]
pub(super) struct ItemEvent<'a> {
    pub(super) output_index: usize,
    pub(super) item: &'a Json,
}

#[derive(Serialize)]
pub(super) struct PartEvent {
    pub(super) part: Json,
}

#[derive(Serialize)]
pub(super) struct Piece<'a> {
    pub(super) delta: &'a str,
}

#[derive(Serialize)]
pub(super) struct TextDelta<'a> {
    pub(super) delta: &'a str,
    pub(super) logprobs: &'a [Json],
}

#[derive(Serialize)]
pub(super) struct TextDone<'a> {
    pub(super) text: &'a str,
    pub(super) logprobs: &'a [Json],
}

#[derive(Serialize)]
pub(super) struct RefusalDone<'a> {
    pub(super) refusal: &'a str,
}

#[derive(Serialize)]
pub(super) struct SummaryDone<'a> {
    pub(super) text: &'a str,
}

#[derive(Serialize)]
pub(super) struct ArgumentsDone<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: &'a str,
}

#[derive(Serialize)]
pub(super) struct InputDone<'a> {
    pub(super) input: &'a str,
}

#[derive(Serialize)]
pub(super) struct Annotated<'a> {
    pub(super) annotation_index: usize,
    pub(super) annotation: &'a Json,
}
