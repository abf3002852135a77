//! Prompt caches: what a provider has cached of one turn is what the next turn begins with, through the gateway as
//! without it.

mod marks;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bytes::Bytes;
use dialects::{Conversational, Route, Streams};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use testkit::{FakeUpstream, Gateway, Received, Reply};
use types::Operation;

use crate::agents::claude_code::{calling, claude, greet};
use crate::agents::{Desk, remembering};
use crate::exchange::{self, Exchange, renamed};
use crate::{gateway, question};

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
            #[serde(borrow, alias = "instructions", alias = "systemInstruction")]
            system: Option<&'a RawValue>,
            #[serde(borrow, alias = "contents", alias = "input")]
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
        #[serde(borrow, alias = "parts")]
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
async fn recorded_turns_continue_each_other_in_every_translation() {
    let exchanges = exchange::recorded();
    let turns = turns(&exchanges);
    let stage = Stage::start("[]", "{}").await;
    let mut prompts = HashMap::new();
    for index in turns.iter().flat_map(|(earlier, later)| [*earlier, *later]) {
        if let Entry::Vacant(place) = prompts.entry(index) {
            place.insert(stage.translated(&exchanges[index], index).await);
        }
    }
    let ends = |(earlier, later): &(usize, usize)| {
        let (before, after) = (&prompts[earlier], &prompts[later]);
        // What has no translation is refused, and continues nothing.
        let both = before.iter().filter_map(|(language, before)| Some((before, after.get(language)?)));
        let broken: Vec<_> = both.filter(|(before, after)| !after.continues(before)).collect();
        let names = (&exchanges[*earlier].id, &exchanges[*later].id);
        (!broken.is_empty()).then(|| format!("{names:?}: {broken:#?}"))
    };
    let broken: Vec<_> = turns.iter().filter_map(ends).collect();
    assert!(broken.is_empty(), "{} of {}: {:.6000}", broken.len(), turns.len(), broken.join("\n"));
    assert!(turns.is_empty() || prompts.values().any(|prompts| !prompts.is_empty()));
}

/// Where the languages have what was said so far.
const SAID: &[&str] = &["contents", "input", "messages"];

/// Pairs of exchanges of which the second continues the first and is like it in everything else.
fn turns(exchanges: &[Exchange]) -> Vec<(usize, usize)> {
    let mut alike: HashMap<String, Vec<(usize, Vec<Value>)>> = HashMap::new();
    for (index, exchange) in exchanges.iter().enumerate() {
        let mut request: Value = serde_json::from_str(&exchange.request).unwrap();
        let said = SAID.iter().find_map(|name| request.as_object_mut()?.remove(*name));
        if let Some(Value::Array(said)) = said {
            let rest = format!("{}{request}", exchange.dialect.id().as_str());
            alike.entry(rest).or_default().push((index, said));
        }
    }
    let pairs =
        alike.values().flat_map(|group| group.iter().flat_map(|one| group.iter().map(move |two| (one, two))));
    let continues = |one: &[Value], two: &[Value]| two.len() > one.len() && two.starts_with(one);
    pairs
        .filter(|((_, one), (_, two))| continues(one, two))
        .map(|((one, _), (two, _))| (*one, *two))
        .collect()
}

/// What is asked for.
#[derive(Clone, Copy)]
struct Asked<'a> {
    /// The model as its provider knows it.
    model: &'a str,
    /// The model as its caller knows it.
    name: &'a str,
    is_streamed: bool,
}

/// A gateway before a provider of each language and no other.
struct Stage {
    gateway: Gateway,
    upstream: FakeUpstream,
}

impl Stage {
    /// With these quirks and settings of every provider.
    async fn start(quirks: &str, settings: &str) -> Self {
        // What comes back is of no interest here; a refusal of the request's own takes no target out of service.
        let upstream = FakeUpstream::start(|_| Reply::json(400, r#"{"error":{"message":"seen"}}"#)).await;
        let mut builder = gateway();
        let folder = builder.folder().join("more").display().to_string();
        let mut providers = Vec::new();
        for language in dialects::conversational() {
            let name = provider_of(language);
            let file = format!("more/{name}/provider.toml");
            builder = builder.file(&file, &provider(language, &upstream.url(), quirks));
            builder = builder.file(&format!("more/{name}/models.toml"), MODELS);
            providers.push(format!("{name}: {settings}"));
        }
        let config =
            format!("server: {{catalogue: \"{folder}\"}}\nproviders: {{{}}}\n", providers.join(", "));
        Self { gateway: builder.config(&config).start().await, upstream }
    }

    /// The exchange's prompt in every other language in which it can be said.
    async fn translated(&self, exchange: &Exchange, index: usize) -> HashMap<&'static str, Prompt> {
        let others = dialects::conversational().filter(|other| other.id() != exchange.dialect.id());
        let mut prompts = HashMap::new();
        for other in others {
            let model = format!("m-{index}-{}", other.id().as_str());
            let name = format!("{}/{model}", provider_of(other));
            let request = exchange.request_for(&name);
            let sent = self
                .sent(
                    exchange.dialect,
                    request,
                    Asked { model: &model, name: &name, is_streamed: exchange.is_streamed() },
                )
                .await;
            prompts.extend(sent.map(|sent| (other.id().as_str(), Prompt::of(&sent))));
        }
        prompts
    }

    /// What becomes of a request; nothing if it is refused.
    async fn sent(&self, caller: &dyn Conversational, request: String, asked: Asked<'_>) -> Option<Bytes> {
        let path = question::path(caller, asked.name, asked.is_streamed);
        let call = self.gateway.post(&path, request);
        call.header("anthropic-version", "2023-06-01").send().await;
        let is_it =
            |request: &Received| request.path.contains(asked.model) || request.json()["model"] == asked.model;
        let received = self.upstream.received().into_iter().rev().find(is_it)?;
        Some(received.body)
    }
}

fn provider_of(language: &dyn Conversational) -> String {
    format!("only-{}", language.id().as_str().replace('_', "-"))
}

/// A provider's folder: its one language, at that language's own paths.
fn provider(language: &dyn Conversational, url: &str, quirks: &str) -> String {
    let streamed = chat_path(language, &[Streams::Always]);
    let streamed = streamed.map_or_else(String::new, |path| format!("chat_stream = \"{path}\"\n"));
    format!(
        "title = \"One language\"\ndocs = \"https://example.com/\"\nkind = \"local\"\nsemconv = \"one\"\n\
         base_url = \"{url}\"\nquirks = {quirks}\n[dialects.{}]\nchat = \"{}\"\n{streamed}",
        language.id().as_str(),
        chat_path(language, &[Streams::AsAsked, Streams::Never]).unwrap(),
    )
}

const MODELS: &str = "price_version = \"2026-11-22\"\nmodels = []\n";

/// Where this language's conversations are asked for, if one of these says whether they are streams.
fn chat_path(language: &dyn Conversational, streams: &[Streams]) -> Option<&'static str> {
    let mut routes = language.routes().iter();
    let is_it = |route: &&Route| route.operation == Operation::Chat && streams.contains(&route.streams);
    routes.find(is_it).map(|route| route.path)
}
