//! Every language with every other, both ways: what one says, the other's caller reads, whole and in events.

use crate::asked;
use bytes::Bytes;
use dialects::frames::FrameParser;
use dialects::{Conversational, DecodeError, Delivered, Fold, Head, PathSaid, conduit, unfold};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use types::conversation::{
    Answer, Choice, Content, Conversation, Delivery, Extras, Media, MediaSource, Message, OutputFormat, Role,
    Sampling, StopReason, Target, Tool, ToolChoice,
};
use types::{Frame, Json, StreamEvent, Tokens, Usage};

const STREAM: Delivery = Delivery::Stream { include_usage: true };

/// Every pair of languages, those of one with itself included.
fn pairs() -> impl Iterator<Item = (&'static dyn Conversational, &'static dyn Conversational)> {
    dialects::conversational().flat_map(|from| dialects::conversational().map(move |to| (from, to)))
}

/// The events of a stream, whose form its first byte gives away.
pub(crate) fn events(stream: &[u8]) -> Vec<StreamEvent> {
    match stream.first() {
        Some(0) => frames(stream),
        Some(b'{') => stream.split_inclusive(|byte| *byte == b'\n').map(line).collect(),
        Some(_) | None => {
            let text = std::str::from_utf8(stream).unwrap();
            let end = if text.contains("\r\n") { "\r\n\r\n" } else { "\n\n" };
            text.split_inclusive(end).map(server_sent).collect()
        }
    }
}

fn frames(stream: &[u8]) -> Vec<StreamEvent> {
    let mut parser = FrameParser::new(1 << 20);
    parser.push(Bytes::copy_from_slice(stream));
    std::iter::from_fn(|| parser.next().unwrap()).collect()
}

fn line(raw: &[u8]) -> StreamEvent {
    let raw = Bytes::copy_from_slice(raw);
    StreamEvent { name: Bytes::new(), data: raw.slice_ref(raw.trim_ascii_end()), raw: raw.clone() }
}

fn server_sent(raw: &str) -> StreamEvent {
    let raw = Bytes::copy_from_slice(raw.as_bytes());
    let field = |name: &str| {
        let text = std::str::from_utf8(&raw).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.map(|value| raw.slice_ref(value.as_bytes())).unwrap_or_default()
    };
    StreamEvent { name: field("event"), data: field("data"), raw: raw.clone() }
}

/// An answer as an upstream of this language gives it.
fn said(upstream: &dyn Conversational, delivered: Delivered, answer: &Answer) -> Vec<Frame> {
    match delivered {
        Delivered::Whole => {
            vec![Frame::Whole(upstream.encode_answer(answer, &asked(Delivery::Whole)).into())]
        }
        Delivered::Stream => {
            let (mut encoder, mut out) = (upstream.encoder(&asked(STREAM)), Vec::new());
            for event in unfold(answer) {
                encoder.push(&event, &mut out);
            }
            events(&out).into_iter().map(Frame::Event).collect()
        }
    }
}

/// What a caller of this language reads.
pub(crate) fn read(caller: &dyn Conversational, delivery: Delivery, body: &[u8]) -> Answer {
    if delivery == Delivery::Whole {
        return caller.decode_answer(body).unwrap();
    }
    let (mut decoder, mut fold, mut read) = (caller.decoder(), Fold::default(), Vec::new());
    for event in events(body) {
        decoder.push(&event, &mut read).unwrap();
    }
    decoder.end(&mut read).unwrap();
    read.into_iter().try_for_each(|event| fold.push(event)).unwrap();
    fold.finish()
}

/// What an answer comes down to, whatever the language: texts and reasoning joined, calls, the end, the tokens.
#[derive(Debug, PartialEq)]
struct Gist {
    text: String,
    reasoning: String,
    calls: Vec<(String, String, Value)>,
    stop: Option<StopReason>,
    usage: Option<(Tokens, Tokens, Tokens)>,
}

impl Gist {
    fn of(answer: &Answer) -> Self {
        let (mut text, mut reasoning, mut calls) = (String::new(), String::new(), Vec::new());
        let choice = answer.choices.first().unwrap();
        for content in &choice.content {
            match content {
                Content::Text { text: piece, .. } | Content::Refusal(piece) => text.push_str(piece),
                Content::Thinking { text: piece, .. } => reasoning.push_str(piece),
                Content::ToolCall { id, name, arguments, .. } => {
                    calls.push((id.clone(), name.clone(), serde_json::from_str(arguments).unwrap()));
                }
                Content::Audio(_)
                | Content::Document(_)
                | Content::Image(_)
                | Content::Opaque { .. }
                | Content::RedactedThinking { .. }
                | Content::ToolResult { .. } => {}
            }
        }
        let usage = answer.usage.map(|usage| (usage.input_total(), usage.cache_read, usage.output_total()));
        Self { text, reasoning, calls, stop: choice.stop, usage }
    }
}

/// The answer passes between all languages in all forms, and is read as `expect` says it may be.
#[track_caller]
fn check(content: Vec<Content>, stop: StopReason, may_stop: &[StopReason]) {
    let usage = Usage { input: Tokens(9), output: Tokens(5), ..Usage::default() };
    let choice = Choice { content, stop: Some(stop), ..Choice::default() };
    let answer = Answer { choices: vec![choice], usage: Some(usage), ..Answer::default() };
    let forms = [Delivered::Stream, Delivered::Whole];
    let forms = forms.into_iter().flat_map(|said| [STREAM, Delivery::Whole].map(|read| (said, read)));
    let all = pairs().flat_map(|pair| forms.clone().map(move |forms| (pair, forms)));
    for ((from, to), (delivered, delivery)) in all {
        let mut way = conduit(from, to, &asked(delivery), delivered).unwrap();
        let mut out = Vec::new();
        for frame in said(from, delivered, &answer) {
            way.push(frame, &mut out).unwrap();
        }
        way.end(&mut out).unwrap();
        let gist = Gist::of(&read(to, delivery, &out.concat()));
        let expect = Gist { stop: gist.stop.filter(|stop| may_stop.contains(stop)), ..Gist::of(&answer) };
        assert_eq!(gist, expect, "{} {delivered:?} to {} {delivery:?}", from.id(), to.id());
        assert!(way.tally().is_complete && way.tally().has_content);
        assert_eq!(way.tally().usage.unwrap().total(), usage.total());
    }
}

fn call(id: &str, name: &str, arguments: &str) -> Content {
    Content::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        signature: None,
        cache: None,
    }
}

#[test]
fn texts_reach_callers_of_every_language() {
    check(vec![Content::text("Grüße, \"world\"\n\u{2028}☂")], StopReason::EndTurn, &[StopReason::EndTurn]);
    check(vec![Content::text("cut")], StopReason::MaxTokens, &[StopReason::MaxTokens]);
    let stopped = [StopReason::EndTurn, StopReason::StopSequence];
    check(vec![Content::text("stopped")], StopReason::StopSequence, &stopped);
}

#[test]
fn parallel_calls_of_tools_reach_callers_of_every_language() {
    let calls = vec![
        Content::text("Looking."),
        call("call_1", "get_weather", r#"{"city":"Oslo","days":1.5,"deep":{"a":[null]}}"#),
        call("call_2", "get_time", "{}"),
    ];
    check(calls, StopReason::ToolUse, &[StopReason::ToolUse]);
}

#[test]
fn reasoning_reaches_callers_of_every_language() {
    let thought = Content::Thinking { text: "Let me see.".into(), signature: Some("c2lnbmF0dXJl".into()) };
    check(vec![thought.clone(), Content::text("Yes.")], StopReason::EndTurn, &[StopReason::EndTurn]);
    check(vec![thought, call("call_1", "f", r#"{"a":1}"#)], StopReason::ToolUse, &[StopReason::ToolUse]);
}

#[test]
fn what_is_refused_or_filtered_is_no_plain_end() {
    let ends = [StopReason::Filtered, StopReason::Refusal, StopReason::EndTurn];
    check(vec![Content::Refusal("I cannot.".into())], StopReason::Refusal, &ends);
    check(vec![Content::text("So far")], StopReason::Filtered, &ends);
}

/// Everything that is said, by kind: languages split, join and order messages differently.
#[derive(Debug, Default, PartialEq)]
struct Words {
    texts: String,
    files: Vec<String>,
    calls: Vec<(String, Value)>,
    results: Vec<String>,
}

impl Words {
    fn of(conversation: &Conversation) -> Self {
        let mut words = Self::default();
        let mut open: Vec<&str> = Vec::new();
        for content in conversation.messages.iter().flat_map(|message| &message.content) {
            match content {
                Content::Text { text, .. } => words.texts.push_str(text),
                Content::Document(media) | Content::Image(media) => words.file(media),
                Content::ToolCall { id, name, arguments, .. } => {
                    open.push(id);
                    words.calls.push((name.clone(), serde_json::from_str(arguments).unwrap()));
                }
                Content::ToolResult { call_id, content, .. } => {
                    assert!(open.contains(&call_id.as_str()), "{call_id} is answered and was not called");
                    words.results.push(text_of(content.first().unwrap()));
                }
                Content::Audio(_)
                | Content::Opaque { .. }
                | Content::RedactedThinking { .. }
                | Content::Refusal(_)
                | Content::Thinking { .. } => {}
            }
        }
        words
    }

    fn file(&mut self, media: &Media) {
        if let MediaSource::Base64(data) = &media.source {
            self.files.push(data.clone());
        }
    }
}

#[track_caller]
fn text_of(content: &Content) -> String {
    let text = if let Content::Text { text, .. } = content { Some(text) } else { None };
    text.cloned().unwrap()
}

fn conversation() -> Conversation {
    let message = |role, content| Message { role, content, name: None };
    let picture = |mime: &str, data: &str| Media {
        mime: Some(mime.into()),
        source: MediaSource::Base64(data.into()),
        title: None,
        detail: None,
        cache: None,
    };
    let result = |id: &str, text: &str| Content::ToolResult {
        call_id: id.into(),
        content: vec![Content::text(text)],
        is_error: false,
        cache: None,
    };
    let messages = vec![
        message(Role::System, vec![Content::text("Be brief.")]),
        message(
            Role::User,
            vec![Content::text("What is this?"), Content::Image(picture("image/png", "iVBORw0KGgo="))],
        ),
        message(
            Role::Assistant,
            vec![call("call_1", "look", r#"{"at":"a","deep":[1.5]}"#), call("call_2", "look", "{}")],
        ),
        message(
            Role::User,
            vec![result("call_1", "a cat"), result("call_2", "a dog"), Content::text("Sure?")],
        ),
        message(Role::Assistant, vec![Content::text("Quite.")]),
        message(Role::User, vec![Content::text("Thanks.")]),
    ];
    let parameters = Json::parse(r#"{"type":"object","properties":{"at":{"type":"string"}}}"#);
    let description = Some("Looks.".to_owned());
    let tool = Tool::Function { name: "look".into(), description, parameters, strict: None, cache: None };
    Conversation {
        model: "public".into(),
        messages,
        prompt_is_apart: false,
        tools: vec![tool],
        tool_choice: Some(ToolChoice::Auto),
        parallel_tool_calls: None,
        sampling: Sampling { temperature: Some(0.5), max_tokens: Some(300), ..Sampling::default() },
        reasoning: None,
        format: OutputFormat::Text,
        delivery: Delivery::Whole,
        user: None,
        extras: Extras::default(),
    }
}

fn target() -> Target {
    Target {
        model: "public".into(),
        max_output_tokens: Some(50_000),
        quirks: std::sync::Arc::new([]),
        strict: false,
    }
}

/// The conversation as a language's callers ask it, and as it is read of that.
fn through(language: &dyn Conversational, conversation: &Conversation) -> Conversation {
    let encoded = language.encode_request(conversation, &target()).unwrap();
    decoded(language, &encoded.body.concat()).unwrap()
}

/// What a language reads of a request.
fn decoded(language: &dyn Conversational, body: &[u8]) -> Result<Conversation, DecodeError> {
    let version = (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
    let headers = HeaderMap::from_iter([version]);
    let path = PathSaid { model: Some("public".into()), ..PathSaid::default() };
    let head = Head { path: &path, ..Head::of(&headers) };
    language.decode_request(head, body)
}

#[test]
fn requests_say_the_same_in_every_language() {
    let conversation = conversation();
    for (from, to) in pairs() {
        let asked = through(to, &through(from, &conversation));
        let pair = format!("{} to {}", from.id(), to.id());
        assert_eq!(Words::of(&asked), Words::of(&conversation), "{pair}");
        assert_eq!(asked.model.as_str(), "public", "{pair}");
        let sampling = (asked.sampling.temperature, asked.sampling.max_tokens);
        assert_eq!(sampling, (Some(0.5), Some(300)), "{pair}");
        let Some(Tool::Function { name, parameters: Some(parameters), .. }) = asked.tools.first() else {
            panic!("{pair}: {:?}", asked.tools)
        };
        let parameters: Value = parameters.to().unwrap();
        assert_eq!((name.as_str(), &parameters["properties"]["at"]["type"]), ("look", &json!("string")));
    }
}

/// A request in each language, with nearly all there is to say in it.
const REQUESTS: [(&str, &str); 7] = [
    ("anthropic", include_str!("../../fixtures/anthropic/request.json")),
    ("bedrock", include_str!("../../fixtures/bedrock/request.json")),
    ("cohere", include_str!("../../fixtures/cohere/request.json")),
    ("gemini", include_str!("../../fixtures/gemini/request.json")),
    ("ollama", include_str!("../../fixtures/ollama/request.json")),
    ("openai_chat", include_str!("../../fixtures/openai_chat/request.json")),
    ("openai_responses", include_str!("../../fixtures/openai_responses/request.json")),
];

/// The name of a field that no language knows.
const UNKNOWN: &str = "zzUnknown";

/// Places whose objects nobody looks into: who made a call is told beside server tools alone, which are kept whole.
const IGNORED: [&str; 1] = ["/messages/1/content/1/caller"];

/// The places of all objects in a request, as JSON pointers.
fn objects(value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(fields) = value.as_object() {
        found.push(at.to_owned());
        fields.iter().for_each(|(name, value)| objects(value, &format!("{at}/{name}"), found));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        objects(item, &format!("{at}/{index}"), found);
    }
}

/// What is reported of a request that `from` reads and a provider of `to` is asked, and how often its body has the
/// field that nobody knows.
fn asked_of(
    from: &dyn Conversational,
    to: &dyn Conversational,
    request: &Value,
) -> Option<(Vec<String>, usize)> {
    let read = decoded(from, request.to_string().as_bytes()).ok()?;
    let encoded = to.encode_request(&read, &target()).ok()?;
    let body = String::from_utf8(encoded.body.concat()).unwrap();
    let changes = encoded.changes.iter().map(|change| change.field.clone()).collect();
    Some((changes, body.matches(UNKNOWN).count()))
}

#[test]
fn a_field_that_nobody_knows_is_named_wherever_it_stands() {
    let mut unnamed = Vec::new();
    for (name, request) in REQUESTS {
        let from = dialects::conversational().find(|language| language.id().as_str() == name).unwrap();
        let request: Value = serde_json::from_str(request).unwrap();
        let mut places = Vec::new();
        objects(&request, "", &mut places);
        for to in dialects::conversational().filter(|to| to.id() != from.id()) {
            let Some((usual, _)) = asked_of(from, to, &request) else { continue };
            for place in places.iter().filter(|place| !IGNORED.contains(&place.as_str())) {
                let mut request = request.clone();
                request.pointer_mut(place).unwrap()[UNKNOWN] = "said".into();
                // A language may refuse it, carry it, name it, or name all of what it stands in.
                let Some((changes, 0)) = asked_of(from, to, &request) else { continue };
                let is_named = changes.iter().any(|field| field.ends_with(UNKNOWN));
                let is_inside = |field: &String| {
                    let field = field.replace(['.', '['], "/").replace(']', "");
                    format!("{place}/").starts_with(&format!("/{field}/"))
                };
                // What is kept whole, as Gemini's own tools are, is named as what it stands for.
                let is_more = changes.len() > usual.len();
                if !is_named && !is_more && !changes.iter().any(is_inside) {
                    unnamed.push(format!("{name} to {}: {place}", to.id()));
                }
            }
        }
    }
    assert!(unnamed.is_empty(), "{unnamed:#?}");
}
