//! What is written on the wire: items and their parts, for requests and answers alike.

use std::borrow::Cow;

use serde::Serialize;
use types::Json;

/// One item.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum WireItem<'a> {
    Call(Call<'a>),
    Message(WireMessage<'a>),
    Output(Output<'a>),
    Raw(Cow<'a, Json>),
    Reasoning(WireReasoning<'a>),
}

/// A message.
#[derive(Debug, Default, Serialize)]
pub(super) struct WireMessage<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
    pub(super) role: &'static str,
    pub(super) content: WireContent<'a>,
}

/// What a message or a tool says: a string where one plain text is all there is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum WireContent<'a> {
    Parts(Vec<Part<'a>>),
    Text(Cow<'a, str>),
}

impl Default for WireContent<'_> {
    fn default() -> Self {
        Self::Parts(Vec::new())
    }
}

impl<'a> From<Vec<Part<'a>>> for WireContent<'a> {
    fn from(mut parts: Vec<Part<'a>>) -> Self {
        match parts.pop() {
            None => Self::Text(Cow::Borrowed("")),
            Some(Part::InputText { text } | Part::OutputText { text, .. }) if parts.is_empty() => {
                Self::Text(text)
            }
            Some(last) => {
                parts.push(last);
                Self::Parts(parts)
            }
        }
    }
}

/// One part of a message or of a tool's answer.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    InputAudio {
        input_audio: WireAudio<'a>,
    },
    InputFile(WireFile<'a>),
    InputImage {
        #[serde(skip_serializing_if = "Option::is_none")]
        image_url: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<&'a str>,
    },
    InputText {
        text: Cow<'a, str>,
    },
    OutputText {
        text: Cow<'a, str>,
        annotations: Vec<Json>,
        logprobs: Vec<Json>,
    },
    Refusal {
        refusal: Cow<'a, str>,
    },
    #[serde(untagged)]
    Raw(&'a Json),
}

impl<'a> Part<'a> {
    /// Text of the model's without anything beside it.
    pub(super) const fn output_text(text: Cow<'a, str>) -> Self {
        Self::OutputText { text, annotations: Vec::new(), logprobs: Vec::new() }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct WireAudio<'a> {
    pub(super) data: &'a str,
    pub(super) format: &'a str,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct WireFile<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filename: Option<&'a str>,
}

/// A call of a function.
#[derive(Debug, Default, Serialize)]
#[expect(clippy::struct_field_names, reason = "the wire's own names")]
pub(super) struct Call<'a> {
    #[serde(rename = "type")]
    pub(super) kind: CallKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
    pub(super) call_id: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    pub(super) arguments: Cow<'a, str>,
}

/// The one kind of call that is written.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CallKind {
    #[default]
    FunctionCall,
}

/// What a function answered.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the wire's own names")]
pub(super) struct Output<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) call_id: Cow<'a, str>,
    pub(super) output: WireContent<'a>,
}

/// Reasoning.
#[derive(Debug, Serialize)]
pub(super) struct WireReasoning<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
    pub(super) summary: Vec<SummaryText<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) content: Vec<ReasoningText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encrypted_content: Option<Cow<'a, str>>,
}

impl<'a> WireReasoning<'a> {
    /// Reasoning whose summary is this text.
    pub(super) fn summarised(text: &'a str) -> Self {
        let summary = if text.is_empty() { Vec::new() } else { vec![SummaryText::of(text)] };
        Self {
            kind: "reasoning",
            id: None,
            status: None,
            summary,
            content: Vec::new(),
            encrypted_content: None,
        }
    }
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct SummaryText<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

impl<'a> SummaryText<'a> {
    pub(super) const fn of(text: &'a str) -> Self {
        Self { kind: "summary_text", text }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct ReasoningText<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

impl<'a> ReasoningText<'a> {
    pub(super) const fn of(text: &'a str) -> Self {
        Self { kind: "reasoning_text", text }
    }
}
