//! An answer as its reader understands it, read with the gateway's own decoders, and what two of them must have in
//! common.

use bytes::Bytes;
use dialects::frames::FrameParser;
use dialects::{Conversational, Fold};
use net::lines::LineParser;
use net::sse::{SseParser, Tail};
use serde_json::{Value, json};
use types::conversation::{Answer, Content, StopReason};
use types::{Fault, StreamEvent};

/// Reads an answer.
pub(crate) fn answer(dialect: &dyn Conversational, is_streamed: bool, body: &Bytes) -> Result<Answer, Fault> {
    if !is_streamed {
        return dialect.decode_answer(body);
    }
    let (mut decoder, mut events) = (dialect.decoder(), Vec::new());
    for event in self::events(body) {
        decoder.push(&event, &mut events)?;
    }
    decoder.end(&mut events)?;
    let mut fold = Fold::default();
    events.into_iter().try_for_each(|event| fold.push(event))?;
    Ok(fold.finish())
}

/// The events of a stream, whose first byte gives its form away.
pub(crate) fn events(body: &Bytes) -> Vec<StreamEvent> {
    if body.first() == Some(&0) {
        let mut parser = FrameParser::new(16 << 20);
        parser.push(body.clone());
        return std::iter::from_fn(|| parser.next().unwrap()).collect();
    }
    if body.first() == Some(&b'{') {
        let mut parser = LineParser::new(16 << 20);
        parser.push(body.clone());
        return std::iter::from_fn(|| parser.next().unwrap()).collect();
    }
    let mut parser = SseParser::new(16 << 20);
    parser.push(body.clone());
    let mut events = Vec::new();
    while let Some(event) = parser.next().unwrap() {
        events.push(event);
    }
    if let Some(Tail::Complete(event) | Tail::Cut(event)) = parser.finish() {
        events.push(event);
    }
    events
}

/// The event that says that a stream has failed: the last, behind which some languages say again what there is of the
/// answer.
pub(crate) fn last_error(body: &Bytes) -> Option<StreamEvent> {
    let is_error = |event: &StreamEvent| {
        let data: Option<Value> = serde_json::from_slice(&event.data).ok();
        data.is_some_and(|data| data["error"].is_object() || data["tollgate_code"].is_string())
    };
    events(body).into_iter().rfind(is_error)
}

/// What matters of an answer in any language.
#[derive(Debug, PartialEq)]
pub(crate) struct Gist {
    pub(crate) text: String,
    pub(crate) thinking: String,
    pub(crate) stop: Option<StopReason>,
    /// Names and arguments.
    pub(crate) tool_calls: Vec<(String, Value)>,
    /// Input and output tokens.
    pub(crate) usage: Option<(u64, u64)>,
}

/// The gist of an answer's first choice: not every language has more.
pub(crate) fn gist(answer: &Answer) -> Gist {
    let content = answer.choices.first().map_or(&[][..], |choice| &choice.content);
    Gist {
        text: content.iter().filter_map(text).collect(),
        thinking: content.iter().filter_map(thinking).collect(),
        stop: answer.choices.first().and_then(|choice| choice.stop),
        tool_calls: content.iter().filter_map(tool_call).collect(),
        usage: answer.usage.map(|usage| (usage.input_total().0, usage.output_total().0)),
    }
}

/// What is said, refusals included: a language without a word for them says them as text.
pub(crate) fn text(content: &Content) -> Option<&str> {
    match content {
        Content::Text { text, .. } | Content::Refusal(text) => Some(text),
        Content::Audio(_)
        | Content::Document(_)
        | Content::Image(_)
        | Content::Opaque { .. }
        | Content::RedactedThinking { .. }
        | Content::Thinking { .. }
        | Content::ToolCall { .. }
        | Content::ToolResult { .. } => None,
    }
}

fn thinking(content: &Content) -> Option<&str> {
    if let Content::Thinking { text, .. } = content { Some(text) } else { None }
}

/// A tool call's name and arguments; none are an empty object, and what is no JSON stays text.
pub(crate) fn tool_call(content: &Content) -> Option<(String, Value)> {
    match content {
        Content::ToolCall { name, arguments, .. } => {
            let value = match arguments.trim() {
                "" | "null" => json!({}),
                text => serde_json::from_str(text).unwrap_or_else(|_| arguments.as_str().into()),
            };
            Some((name.clone(), value))
        }
        Content::Audio(_)
        | Content::Document(_)
        | Content::Image(_)
        | Content::Opaque { .. }
        | Content::RedactedThinking { .. }
        | Content::Refusal(_)
        | Content::Text { .. }
        | Content::Thinking { .. }
        | Content::ToolResult { .. } => None,
    }
}
