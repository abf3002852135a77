//! Where the network cuts a stream makes no difference to what the caller reads: tried at every single byte of two
//! small streams, through the whole gateway, in both languages.

use std::sync::Arc;

use dialects::Conversational;
use serde_json::{Value, json};
use testkit::{FakeUpstream, Gateway, Reply, Split};
use tokio::task::JoinSet;

use crate::{gateway, heard, question};

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

#[tokio::test]
async fn a_stream_reads_the_same_wherever_the_network_cuts_it() {
    // The model's name says where to cut.
    let upstream = FakeUpstream::start(|request| {
        let stream = if request.path.ends_with("messages") { MESSAGES } else { CHAT };
        let split = match request.json()["model"].as_str().unwrap() {
            "nowhere" => Split::Nowhere,
            "everywhere" => Split::EveryByte,
            offset => Split::At(vec![offset.parse().unwrap()]),
        };
        Reply::sse(stream).split(split)
    })
    .await;
    let url = upstream.url();
    let config = format!(
        "providers:\n  openai_chat: {{kind: openai, url: \"{url}/v1\", key: k}}\n  \
         anthropic: {{kind: anthropic, url: \"{url}\", key: k}}\n"
    );
    let gateway = Arc::new(gateway().config(&config).start().await);
    let mut pairs = JoinSet::new();
    for (language, stream) in [("openai_chat", CHAT), ("anthropic", MESSAGES)] {
        for caller in dialects::conversational() {
            pairs.spawn(every_cut(Arc::clone(&gateway), language, stream.len(), caller));
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
    let (path, ask) = (question::path(caller, &model, true), question::body(caller, &model, true));
    let answer = gateway.post(&path, ask).header("anthropic-version", "2023-06-01").send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut events = Vec::new();
    for event in heard::events(&answer.body) {
        let text = std::str::from_utf8(&event.data).unwrap();
        let mut data = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        forget(&mut data, &model);
        if let Some(message) = data.get_mut("message") {
            forget(message, &model);
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
    object.remove("id");
    object.remove("created");
}
