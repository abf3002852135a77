//! Where the network cuts a stream makes no difference to what the caller reads: tried at every single byte of two
//! small streams, through the whole gateway, in every language.

use std::sync::Arc;

use bytes::Bytes;
use dialects::Conversational;
use dialects::frames::{FrameKind, write};
use serde_json::{Value, json};
use testkit::{FakeUpstream, Gateway, Reply, Split};
use tokio::task::JoinSet;
use types::StreamForm;

use crate::{gateway, heard, language, question};

/// Three ways to end a line, a comment, an event on two lines, letters of several bytes, a tool call, usage.
const CHAT: &str = concat!(
    ": hello\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Grüße 🌍\"},\"finish_reason\":null}]}\r\n\r\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\ndata: \"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":null}]}\n\n",
    "data:{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\r\r",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}\n\n",
    "data: [DONE]\n\n",
);

const MESSAGES: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
    "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    "event: content_block_start\r\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\r\n\r\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Grüße 🌍\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":2}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

const RESPONSES: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1,\"status\":\"in_progress\",\"model\":\"m\",\"output\":[]}}\n\n",
    ": hello\n\n",
    "event: response.output_item.added\r\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":\"i\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}\r\n\r\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":2,\"item_id\":\"i\",\"output_index\":0,\ndata: \"content_index\":0,\"delta\":\"Grüße 🌍\",\"logprobs\":[]}\n\n",
    "data:{\"type\":\"response.output_item.done\",\"sequence_number\":3,\"output_index\":1,\"item\":{\"id\":\"j\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"t\",\"name\":\"f\",\"arguments\":\"{}\"}}\r\r",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":4,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1,\"status\":\"completed\",\"model\":\"m\",\"output\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":2,\"total_tokens\":5}}}\n\n",
);

const GEMINI: &str = concat!(
    "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"Gr\u{fc}\u{df}e \u{1F30D}\"}],\"role\": \"model\"},\"index\": 0}],\"modelVersion\": \"m\",\"responseId\": \"r\"}\r\n\r\n",
    "data: {\"candidates\": [{\"content\": {\"parts\": [{\"functionCall\": {\"name\": \"f\",\"args\": {}}}],\"role\": \"model\"},\"finishReason\": \"STOP\",\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 3,\"candidatesTokenCount\": 2,\"totalTokenCount\": 5},\"modelVersion\": \"m\",\"responseId\": \"r\"}\r\n\r\n",
);

const COHERE: &str = concat!(
    "event: message-start\ndata: {\"id\":\"c\",\"type\":\"message-start\",\"delta\":{\"message\":{\"role\":\"assistant\",\"content\":[]}}}\n\n",
    "event: content-start\r\ndata: {\"type\":\"content-start\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"type\":\"text\",\"text\":\"\"}}}}\r\n\r\n",
    "event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"text\":\"Grüße 🌍\"}}}}\n\n",
    "event: content-end\ndata: {\"type\":\"content-end\",\"index\":0}\n\n",
    "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":{\"tokens\":{\"input_tokens\":3,\"output_tokens\":2}}}}\n\n",
    "data: [DONE]\n\n",
);

const OLLAMA: &str = concat!(
    "{\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"Grüße 🌍\"},\"done\":false}\n",
    "{\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{}}}]},\"done\":false}\r\n",
    "{\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":3,\"eval_count\":2}\n",
);

/// The frames of a message, each an event's name and its payload.
const CONVERSE: &[(&str, &str)] = &[
    ("messageStart", "{\"role\":\"assistant\"}"),
    ("contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Grüße 🌍\"}}"),
    ("contentBlockStop", "{\"contentBlockIndex\":0}"),
    ("messageStop", "{\"stopReason\":\"end_turn\"}"),
    ("metadata", "{\"usage\":{\"inputTokens\":3,\"outputTokens\":2,\"totalTokens\":5}}"),
];

/// Each language's stream, by how its upstream's path ends.
fn streams() -> [(&'static str, StreamForm, Bytes); 7] {
    let mut frames = Vec::new();
    for (name, payload) in CONVERSE {
        write(&mut frames, FrameKind::Event, name, |out| out.extend_from_slice(payload.as_bytes()));
    }
    [
        ("chat/completions", StreamForm::Events, CHAT.into()),
        ("messages", StreamForm::Events, MESSAGES.into()),
        ("responses", StreamForm::Events, RESPONSES.into()),
        (":streamGenerateContent?alt=sse", StreamForm::Events, GEMINI.into()),
        ("converse-stream", StreamForm::Frames, frames.into()),
        ("v2/chat", StreamForm::Events, COHERE.into()),
        ("api/chat", StreamForm::Lines, OLLAMA.into()),
    ]
}

#[tokio::test]
async fn a_stream_reads_the_same_wherever_the_network_cuts_it() {
    // The model's name says where to cut.
    let streams = streams();
    let lengths = streams.clone().map(|(path, _, stream)| (path, stream.len()));
    let upstream = FakeUpstream::start(move |request| {
        let (_, form, stream) = streams.iter().find(|(path, _, _)| request.path.ends_with(path)).unwrap();
        let split = match question::model(request).as_str() {
            "nowhere" => Split::Nowhere,
            "everywhere" => Split::EveryByte,
            offset => Split::At(vec![offset.parse().unwrap()]),
        };
        Reply::bytes(form.content_type(), stream.clone()).split(split)
    })
    .await;
    let url = upstream.url();
    let gateway = Arc::new(language::spoken_alone(gateway(), &url).start().await);
    let mut pairs = JoinSet::new();
    for (upstream, _) in language::all() {
        let path = question::path(upstream, "m", true);
        let is_asked = |end: &str| path.ends_with(end) || path.split('?').next().unwrap().ends_with(end);
        let (_, length) = lengths.iter().find(|(end, _)| is_asked(end)).unwrap();
        for (caller, _) in language::all() {
            let gateway = Arc::clone(&gateway);
            pairs.spawn(every_cut(gateway, upstream.id().as_str(), *length, caller));
        }
    }
    pairs.join_all().await;
}

async fn every_cut(
    gateway: Arc<Gateway>,
    language: &'static str,
    length: usize,
    caller: &'static dyn Conversational,
) {
    let expect = read(&gateway, language, "nowhere", caller).await;
    assert!(expect.len() > 1, "{expect:?}");
    let offsets = (1..length).map(|offset| offset.to_string());
    for cut in offsets.chain(["everywhere".to_owned()]) {
        let found = read(&gateway, language, &cut, caller).await;
        assert_eq!(found, expect, "{language} to {} cut at {cut}", caller.id().as_str());
    }
}

/// The events that the caller reads, without what differs from request to request.
async fn read(
    gateway: &Gateway,
    language: &str,
    cut: &str,
    caller: &dyn Conversational,
) -> Vec<(String, Value)> {
    let model = format!("{language}/{cut}");
    let spoken = language::of(caller);
    let (path, ask) = (question::path(caller, &model, true), question::body(caller, &model, true));
    let answer = gateway.post(&path, ask).header("anthropic-version", "2023-06-01").send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut events = Vec::new();
    for event in heard::events(&answer.body) {
        let text = std::str::from_utf8(&event.data).unwrap();
        let mut data = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        for place in spoken.fleeting {
            if let Some(object) = data.pointer_mut(place) {
                forget(object, &model);
            }
        }
        events.push((String::from_utf8(event.name.into()).unwrap(), data));
    }
    events
}

/// Takes the request's own id, time and model out.
fn forget(object: &mut Value, model: &str) {
    let Some(object) = object.as_object_mut() else { return };
    if let Some(named) = object.remove("model").or_else(|| object.remove("modelVersion")) {
        assert_eq!(named, model);
    }
    for name in ["id", "created", "created_at", "completed_at", "item_id", "responseId"] {
        object.remove(name);
    }
}
