//! Prompt caches: what a provider has cached of one turn is what the next turn begins with, through the gateway as
//! without it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use dialects::Dialect;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use testkit::{FakeUpstream, Gateway, Received, Reply};
use types::Operation;

use crate::agents::claude_code::{calling, claude, greet};
use crate::agents::{Desk, remembering};
use crate::exchange::{self, Exchange, renamed};
use crate::gateway;

/// What caches go by: each part as its bytes, in the order in which models read them.
#[derive(Debug, PartialEq)]
struct Prompt {
    tools: String,
    system: String,
    /// Message by message, and part by part where a message has several.
    said: Vec<String>,
}

impl Prompt {
    #[track_caller]
    fn of(body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Body<'a> {
            #[serde(borrow)]
            tools: Option<&'a RawValue>,
            #[serde(borrow)]
            system: Option<&'a RawValue>,
            #[serde(borrow)]
            messages: Vec<&'a RawValue>,
        }
        let body: Body<'_> = serde_json::from_slice(body).unwrap();
        let text = |part: Option<&RawValue>| part.map_or("", RawValue::get).to_owned();
        let said = body.messages.iter().flat_map(|message| said(message)).collect();
        Self { tools: text(body.tools), system: text(body.system), said }
    }

    /// Whether a cache that has `earlier` is of use for all of it.
    fn continues(&self, earlier: &Self) -> bool {
        (&self.tools, &self.system) == (&earlier.tools, &earlier.system)
            && self.said.starts_with(&earlier.said)
    }
}

/// The parts of a message. The next turn may add to the last message of this one, but not change it.
fn said(message: &RawValue) -> Vec<String> {
    #[derive(Deserialize)]
    struct Message<'a> {
        role: &'a str,
        #[serde(borrow)]
        content: Option<Vec<&'a RawValue>>,
    }
    let parts = serde_json::from_str::<Message<'_>>(message.get()).ok();
    let parts = parts.and_then(|message| Some((message.role, message.content?)));
    match parts {
        Some((role, parts)) => parts.iter().map(|part| format!("{role}: {}", part.get())).collect(),
        None => vec![message.get().to_owned()],
    }
}

#[tokio::test]
async fn an_agent_s_turns_reach_its_provider_byte_by_byte_and_continue_each_other_in_translation() {
    let desk = Desk::new();
    let model = calling("Read", &json!({"file_path": desk.note()}));
    let direct = remembering(&dialects::anthropic::Anthropic).await;
    let ran = greet(claude(&desk, &direct.url(), "sk-a"), &model).await;
    let turns: Vec<_> =
        direct.received().into_iter().filter(|request| request.path.starts_with("/v1/messages")).collect();
    assert_eq!(turns.len(), 2, "{ran:#?}");
    let (same, translated) = (
        remembering(&dialects::anthropic::Anthropic).await,
        remembering(&dialects::openai_chat::OpenAiChat).await,
    );
    let config = json!({
        "providers": {
            "same": {"kind": "anthropic", "url": same.url(), "key": "sk-a"},
            "translated": {"kind": "openai", "url": format!("{}/v1", translated.url()), "key": "sk-b"},
        },
    });
    let gateway = gateway().config(&config.to_string()).start().await;
    for turn in &turns {
        let sent = std::str::from_utf8(&turn.body).unwrap();
        for provider in ["same", "translated"] {
            let body = renamed(sent, "/model", &format!("{provider}/{model}")).unwrap();
            let mut call = gateway.post(&turn.path, body);
            for name in ["anthropic-beta", "anthropic-version", "user-agent"] {
                call = call.header(name, turn.header(name));
            }
            let response = call.send().await;
            assert_eq!(response.status, 200, "{}", response.text());
        }
        assert_eq!(std::str::from_utf8(&same.last().body).unwrap(), sent);
    }
    let prompts: Vec<_> = translated.received().iter().map(|request| Prompt::of(&request.body)).collect();
    assert!(prompts[1].continues(&prompts[0]), "{prompts:#?}");
    assert!(prompts[1].said.len() > prompts[0].said.len());
}

#[tokio::test]
async fn recorded_turns_continue_each_other_in_translation() {
    let exchanges = exchange::recorded();
    let stage = Stage::start().await;
    let mut prompts = HashMap::new();
    let mut broken = Vec::new();
    for (earlier, later) in turns(&exchanges) {
        for index in [earlier, later] {
            if let Entry::Vacant(place) = prompts.entry(index) {
                place.insert(stage.translated(&exchanges[index], index).await);
            }
        }
        // What has no translation is refused.
        if let (Some(before), Some(after)) = (&prompts[&earlier], &prompts[&later])
            && !after.continues(before)
        {
            broken.push(format!("{} {}: {before:#?} {after:#?}", exchanges[earlier].id, exchanges[later].id));
        }
    }
    assert!(broken.is_empty(), "{} of {}: {:.6000}", broken.len(), prompts.len(), broken.join("\n"));
    assert!(prompts.is_empty() || prompts.values().any(Option::is_some));
}

/// Pairs of exchanges of which the second continues the first and is like it in everything else.
fn turns(exchanges: &[Exchange]) -> Vec<(usize, usize)> {
    let requests: Vec<Value> =
        exchanges.iter().map(|exchange| serde_json::from_str(&exchange.request).unwrap()).collect();
    let messages = |request: &Value| request["messages"].as_array().cloned().unwrap_or_default();
    let rest = |request: &Value| {
        let mut rest = request.clone();
        rest["messages"] = Value::Null;
        rest.to_string()
    };
    let mut alike: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, request) in requests.iter().enumerate() {
        alike
            .entry(format!("{}{}", exchanges[index].dialect.id().as_str(), rest(request)))
            .or_default()
            .push(index);
    }
    let mut turns = Vec::new();
    for group in alike.values() {
        for (earlier, later) in
            group.iter().flat_map(|earlier| group.iter().map(move |later| (*earlier, *later)))
        {
            let (before, after) = (messages(&requests[earlier]), messages(&requests[later]));
            if after.len() > before.len() && after.starts_with(&before) {
                turns.push((earlier, later));
            }
        }
    }
    turns
}

/// A gateway before a provider of each language.
struct Stage {
    gateway: Gateway,
    upstream: FakeUpstream,
}

impl Stage {
    async fn start() -> Self {
        // What comes back is of no interest here; a refusal of the request's own takes no target out of service.
        let upstream = FakeUpstream::start(|_| Reply::json(400, r#"{"error":{"message":"seen"}}"#)).await;
        let config = json!({
            "providers": {
                "openai_chat": {"kind": "openai", "url": format!("{}/v1", upstream.url()), "key": "sk-a"},
                "anthropic": {"kind": "anthropic", "url": upstream.url(), "key": "sk-b"},
            },
        });
        Self { gateway: gateway().config(&config.to_string()).start().await, upstream }
    }

    /// The exchange's prompt in the other language; none if it cannot be said in that.
    async fn translated(&self, exchange: &Exchange, index: usize) -> Option<Prompt> {
        let other = dialects::all().iter().find(|dialect| dialect.id() != exchange.dialect.id()).unwrap();
        let model = format!("m-{index}");
        let body = exchange.request_for(&format!("{}/{model}", other.id().as_str()));
        let mut call = self.gateway.post(chat_path(exchange.dialect), body);
        call = call.header("anthropic-version", "2023-06-01");
        call.send().await;
        let is_it = |request: &Received| request.json()["model"] == model;
        let received = self.upstream.received().into_iter().rev().find(is_it)?;
        Some(Prompt::of(&received.body))
    }
}

fn chat_path(dialect: &dyn Dialect) -> &'static str {
    dialect.routes().iter().find(|route| route.operation == Operation::Chat).unwrap().path
}
