//! What is asked and what is answered: bodies of the sizes that real ones have.

use std::fmt::Write as _;

use types::conversation::Delivery;

/// Who is spoken to, in which words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `OpenAI`'s Chat Completions.
    Chat,
    /// Anthropic's Messages.
    Messages,
}

impl Shape {
    /// The path of a request.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Messages => "/v1/messages",
        }
    }

    /// The header line that names the language's version, where it has one.
    pub const fn version_header(self) -> &'static str {
        match self {
            Self::Chat => "",
            Self::Messages => "anthropic-version: 2023-06-01\r\n",
        }
    }

    /// What stands once in every event with content.
    pub const fn event_marker(self) -> &'static str {
        match self {
            Self::Chat => r#""content":" token"#,
            Self::Messages => r#""text":" token"#,
        }
    }

    /// What stands at the end of a stream.
    pub const fn end_marker(self) -> &'static str {
        match self {
            Self::Chat => "data: [DONE]",
            Self::Messages => "event: message_stop",
        }
    }
}

/// What stands in every whole answer, near its end.
pub const LAST_WORDS: &str = "and that is all there is to say.";

/// The path and the time between events are the model's name: `bench-EVENTS-MILLISECONDS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script {
    /// Events with content.
    pub events: usize,
    /// Milliseconds between two of them.
    pub gap: u64,
}

impl Script {
    /// The model's name that asks for it.
    pub fn model(self) -> String {
        format!("bench-{}-{}", self.events, self.gap)
    }

    /// The script that a model's name asks for.
    pub fn of_model(model: &str) -> Option<Self> {
        let (events, gap) = model.strip_prefix("bench-")?.split_once('-')?;
        Some(Self { events: events.parse().ok()?, gap: gap.parse().ok()? })
    }
}

const SENTENCE: &str =
    "The quick brown fox said \\\"jumps\\\" over the lazy dog's line.\\nThen it rested — briefly. ";

/// Text of about this many bytes, escaped as it stands in JSON.
fn prose(bytes: usize) -> String {
    let mut text = SENTENCE.repeat(bytes / SENTENCE.len());
    let rest = bytes - text.len();
    let _ = write!(text, "{:.>rest$}", "");
    text
}

/// A request's body whose prompt is about `prompt` bytes long.
pub fn request(shape: Shape, model: &str, prompt: usize, delivery: Delivery) -> String {
    let (before, system) = match shape {
        Shape::Chat => (r#""messages":[{"role":"system","content":"You are a helpful assistant."},"#, ""),
        Shape::Messages => (r#""messages":["#, r#","system":"You are a helpful assistant.""#),
    };
    let stream = match (delivery, shape) {
        (Delivery::Whole, _) => "",
        (Delivery::Stream { .. }, Shape::Chat) => r#","stream":true,"stream_options":{"include_usage":true}"#,
        (Delivery::Stream { .. }, Shape::Messages) => r#","stream":true"#,
    };
    let prompt = prose(prompt);
    format!(
        r#"{{"model":"{model}",{before}{{"role":"user","content":"{prompt}"}}]{system},"max_tokens":512,"temperature":0.7{stream}}}"#
    )
}

/// A whole answer of about 1.2 KB.
pub fn whole(shape: Shape) -> String {
    let text = format!("{}{LAST_WORDS}", prose(760));
    match shape {
        Shape::Chat => format!(
            r#"{{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion","created":1795368600,"model":"bench","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":42,"completion_tokens":180,"total_tokens":222,"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0}}}},"service_tier":"default","system_fingerprint":"fp_44709d6fcb"}}"#
        ),
        Shape::Messages => format!(
            r#"{{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","model":"bench","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":42,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":180,"service_tier":"standard"}}}}"#
        ),
    }
}

/// The events of a stream, before, one of content, and behind.
#[derive(Clone, Debug)]
pub struct Events {
    /// Before the content.
    pub opening: Vec<String>,
    /// Each of content.
    pub content: String,
    /// Behind the content.
    pub closing: Vec<String>,
}

/// The events of a streamed answer.
pub fn events(shape: Shape) -> Events {
    match shape {
        Shape::Chat => chat_events(),
        Shape::Messages => message_events(),
    }
}

fn chat_events() -> Events {
    let event = |choices: &str, usage: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\"created\":1795368600,\"model\":\"bench\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":{choices},\"usage\":{usage}}}\n\n"
        )
    };
    let choice = |delta: &str, finish: &str| {
        let choices = format!(r#"[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]"#);
        event(&choices, "null")
    };
    let usage = r#"{"prompt_tokens":42,"completion_tokens":180,"total_tokens":222}"#;
    Events {
        opening: vec![choice(r#"{"role":"assistant","content":"","refusal":null}"#, "null")],
        content: choice(r#"{"content":" token"}"#, "null"),
        closing: vec![choice("{}", r#""stop""#), event("[]", usage), "data: [DONE]\n\n".to_owned()],
    }
}

fn message_events() -> Events {
    let event = |name: &str, rest: &str| format!("event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n");
    Events {
        opening: vec![
            event(
                "message_start",
                r#","message":{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","model":"bench","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":42,"output_tokens":1}}"#,
            ),
            event("content_block_start", r#","index":0,"content_block":{"type":"text","text":""}"#),
        ],
        content: event("content_block_delta", r#","index":0,"delta":{"type":"text_delta","text":" token"}"#),
        closing: vec![
            event("content_block_stop", r#","index":0"#),
            event(
                "message_delta",
                r#","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":180}"#,
            ),
            event("message_stop", ""),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_answer_is_about_as_long_as_real_ones() {
        for shape in [Shape::Chat, Shape::Messages] {
            let length = whole(shape).len();
            assert!((1_000..1_500).contains(&length), "{length}");
        }
    }

    #[test]
    fn an_event_of_content_carries_its_marker_once() {
        for shape in [Shape::Chat, Shape::Messages] {
            assert_eq!(events(shape).content.matches(shape.event_marker()).count(), 1);
        }
    }

    #[test]
    fn a_script_is_found_in_its_models_name() {
        let script = Script { events: 100, gap: 20 };
        assert_eq!(Script::of_model(&script.model()), Some(script));
        assert_eq!(Script::of_model("gpt"), None);
    }
}
