//! The features of an answer: what each is, and what has to be heard of it on the other side.

#![expect(clippy::wildcard_enum_match_arm, reason = "each looks for one kind of content among all")]

use dialects::{Calls, ToolNames};
use serde_json::Value;
use types::conversation::{Answer, Choice, Content, Delivery, StopReason};
use types::{Json, RequestId, StreamForm, Tokens, UnixTime, Usage};

/// One thing that can be answered.
pub(super) struct Answered {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// An answer with it.
    pub(super) make: fn() -> Answer,
    /// What is heard of it.
    pub(super) hear: fn(&Answer) -> String,
}

/// What the answers answer.
pub(super) fn asked(delivery: Delivery) -> dialects::Asked {
    dialects::Asked {
        model: "m".into(),
        delivery,
        calls: Calls::Tools,
        form: StreamForm::default(),
        vectors: dialects::Vectors::default(),
        tool_names: ToolNames::default(),
        request: RequestId::generate(),
        at: UnixTime::from_secs(1_760_000_000),
        echo: bytes::Bytes::new(),
    }
}

/// Every feature, in the order of the table.
pub(super) const FEATURES: &[Answered] = &[
    Answered {
        name: "text",
        make: || said(vec![Content::text("A boat.")], StopReason::EndTurn),
        hear: texts,
    },
    Answered { name: "reasoning", make: || thinking(None), hear: thoughts },
    Answered { name: "signed reasoning", make: || thinking(Some("c2lnbmF0dXJl")), hear: proofs },
    Answered { name: "encrypted reasoning", make: hidden, hear: proofs },
    Answered { name: "signed tool call", make: signed_call, hear: proofs },
    Answered { name: "tool call", make: || calling(1), hear: calls },
    Answered { name: "parallel tool calls", make: || calling(3), hear: calls },
    Answered {
        name: "text before a tool call",
        make: text_and_call,
        hear: |answer| texts(answer) + &calls(answer),
    },
    Answered { name: "refusal", make: refusal, hear: refusals },
    Answered { name: "stop: done", make: || stopped(StopReason::EndTurn), hear: stop },
    Answered { name: "stop: token limit", make: || stopped(StopReason::MaxTokens), hear: stop },
    Answered { name: "stop: stop sequence", make: at_a_stop_sequence, hear: stop },
    Answered { name: "stop: filtered", make: || stopped(StopReason::Filtered), hear: stop },
    Answered { name: "stop: context full", make: || stopped(StopReason::ContextFull), hear: stop },
    Answered { name: "stop: pause", make: || stopped(StopReason::Pause), hear: stop },
    Answered {
        name: "usage: input and output",
        make: || used(Usage { input: Tokens(7), output: Tokens(5), ..Usage::default() }),
        hear: usage,
    },
    Answered {
        name: "usage: cache read",
        make: || used(Usage { cache_read: Tokens(4), ..plain_usage() }),
        hear: usage,
    },
    Answered {
        name: "usage: cache write",
        make: || used(Usage { cache_write_5m: Tokens(4), ..plain_usage() }),
        hear: usage,
    },
    Answered {
        name: "usage: cache write for an hour",
        make: || used(Usage { cache_write_1h: Tokens(4), ..plain_usage() }),
        hear: usage,
    },
    Answered {
        name: "usage: reasoning",
        make: || used(Usage { reasoning: Tokens(3), ..plain_usage() }),
        hear: usage,
    },
    Answered {
        name: "usage: audio",
        make: || used(Usage { input_audio: Tokens(3), ..plain_usage() }),
        hear: usage,
    },
    Answered {
        name: "log probabilities",
        make: logprobs,
        hear: |answer| format!("{:?}", answer.choices.first().and_then(|choice| choice.logprobs.clone())),
    },
    Answered { name: "cited page", make: || citing(PAGE, 0, 7), hear: cited },
    Answered { name: "cited page of a part of the text", make: || citing(PAGE, 2, 6), hear: cited },
    Answered { name: "cited page with a quotation", make: || citing(&quoting(), 0, 7), hear: quoted },
    Answered { name: "cited page that is told behind a tool call", make: citing_late, hear: cited },
    Answered { name: "cited document", make: || citing(DOCUMENT, 0, 7), hear: cited },
    Answered { name: "cited file", make: || citing(FILE, 7, 7), hear: cited },
    Answered { name: "several answers", make: several, hear: |answer| answer.choices.len().to_string() },
];

fn plain_usage() -> Usage {
    Usage { input: Tokens(7), output: Tokens(5), ..Usage::default() }
}

fn said(content: Vec<Content>, stop: StopReason) -> Answer {
    let choice = Choice { content, stop: Some(stop), stop_sequence: None, logprobs: None };
    Answer {
        id: Some("answer-1".to_owned()),
        model: Some("m".to_owned()),
        created: Some(1_760_000_000),
        choices: vec![choice],
        usage: Some(plain_usage()),
    }
}

fn thinking(signature: Option<&str>) -> Answer {
    let text = "A hull, a mast.".to_owned();
    let thought = Content::Thinking { text, signature: signature.map(str::to_owned) };
    said(vec![thought, Content::text("A boat.")], StopReason::EndTurn)
}

fn hidden() -> Answer {
    let thought = Content::RedactedThinking { data: "ZW5jcnlwdGVk".to_owned() };
    said(vec![thought, Content::text("A boat.")], StopReason::EndTurn)
}

fn call(index: usize) -> Content {
    Content::ToolCall {
        id: format!("call_{index}"),
        name: format!("weather_{index}"),
        arguments: format!(r#"{{"city":"Lyon {index}"}}"#),
        signature: None,
        cache: None,
    }
}

fn signed_call() -> Answer {
    let mut call = call(0);
    if let Content::ToolCall { signature, .. } = &mut call {
        *signature = Some("c2lnbmF0dXJl".to_owned());
    }
    said(vec![call], StopReason::ToolUse)
}

fn calling(count: usize) -> Answer {
    said((0..count).map(call).collect(), StopReason::ToolUse)
}

fn text_and_call() -> Answer {
    said(vec![Content::text("Let me look."), call(0)], StopReason::ToolUse)
}

fn refusal() -> Answer {
    said(vec![Content::Refusal("I will not.".to_owned())], StopReason::Refusal)
}

fn stopped(stop: StopReason) -> Answer {
    said(vec![Content::text("A boat.")], stop)
}

fn at_a_stop_sequence() -> Answer {
    let mut answer = stopped(StopReason::StopSequence);
    answer.choices[0].stop_sequence = Some("END".to_owned());
    answer
}

fn used(usage: Usage) -> Answer {
    Answer { usage: Some(usage), ..stopped(StopReason::EndTurn) }
}

fn logprobs() -> Answer {
    let mut answer = stopped(StopReason::EndTurn);
    let one = r#"{"content":[{"token":"A","logprob":-0.5,"bytes":[65],"top_logprobs":[]}],"refusal":null}"#;
    answer.choices[0].logprobs = Json::parse(one);
    answer
}

const PAGE: &str = r#"{"source":{"page":{"url":"https://boats.test/"}},"title":"Boats","quoted":"""#;
const DOCUMENT: &str =
    r#"{"source":{"document":{"index":1,"unit":"letter","start":3,"end":9}},"title":"Boats","quoted":"""#;
const FILE: &str = r#"{"source":{"file":{"id":"file-1"}},"title":"boats.pdf","quoted":"""#;

fn quoting() -> String {
    PAGE.replace(r#""quoted":"""#, r#""quoted":"A boat floats.""#)
}

/// Text of which these characters refer to something.
fn citing(what: &str, start: u64, end: u64) -> Answer {
    let json = Json::parse(format!(r#"[{what},"start":{start},"end":{end},"own":null}}]"#)).unwrap();
    let cited = Content::Opaque { kind: "citations".to_owned(), json };
    said(vec![Content::text("A boät."), cited], StopReason::EndTurn)
}

fn citing_late() -> Answer {
    let mut answer = citing(PAGE, 0, 7);
    answer.choices[0].content.insert(1, call(0));
    answer
}

/// What is cited, each with its place in the text in front of it.
fn cited(answer: &Answer) -> String {
    heard_of(answer, &["source", "title", "start", "end"])
}

/// The same with what the source says.
fn quoted(answer: &Answer) -> String {
    heard_of(answer, &["source", "title", "start", "end", "quoted"])
}

fn heard_of(answer: &Answer, fields: &[&str]) -> String {
    let one = |content: &Content| match content {
        Content::Opaque { kind, json } if kind == "citations" => json.to::<Vec<Value>>(),
        _ => None,
    };
    let all = content(answer).iter().filter_map(one).flatten();
    let said =
        all.map(|citation| fields.iter().map(|field| citation[*field].to_string()).collect::<Vec<_>>());
    format!("{:?}", said.collect::<Vec<_>>())
}

fn several() -> Answer {
    let mut answer = stopped(StopReason::EndTurn);
    let other = Choice { content: vec![Content::text("A ship.")], ..answer.choices[0].clone() };
    answer.choices.push(other);
    answer
}

fn content(answer: &Answer) -> &[Content] {
    answer.choices.first().map_or(&[], |choice| &choice.content)
}

fn texts(answer: &Answer) -> String {
    content(answer).iter().filter_map(crate::heard::text).collect()
}

fn thoughts(answer: &Answer) -> String {
    crate::heard::gist(answer).thinking
}

fn proofs(answer: &Answer) -> String {
    let one = |content: &Content| match content {
        Content::Thinking { signature, .. } | Content::ToolCall { signature, .. } => signature.clone(),
        Content::RedactedThinking { data } => Some(data.clone()),
        _ => None,
    };
    // Who made a proof stands in front of it, and behind a colon the proof.
    let bare = |proof: String| proof.rsplit(':').next().map(str::to_owned);
    format!("{:?}", content(answer).iter().filter_map(one).filter_map(bare).collect::<Vec<_>>())
}

fn calls(answer: &Answer) -> String {
    format!("{:?}", crate::heard::gist(answer).tool_calls)
}

fn refusals(answer: &Answer) -> String {
    let one =
        |content: &Content| if let Content::Refusal(text) = content { Some(text.clone()) } else { None };
    format!("{:?}", content(answer).iter().filter_map(one).collect::<Vec<_>>())
}

fn stop(answer: &Answer) -> String {
    let first = answer.choices.first();
    format!("{:?}", first.map(|choice| (choice.stop, choice.stop_sequence.clone())))
}

fn usage(answer: &Answer) -> String {
    format!("{:?}", answer.usage)
}
