//! Every built-in provider as itself: its own kind, credential, paths, quirks, words and prices, with the exchanges
//! of its fixtures. And a provider that is nothing but a folder.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use dialects::{Dialect, Fold};
use http::HeaderValue;
use providers::{Catalogue, Provider};
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{FakeUpstream, Gateway, Received, Reply, Response};
use types::conversation::{Answer, Content};
use types::{Classify, Fault, FaultKind, Operation, Usage};

use crate::exchange::{self, CATALOGUE, Exchange};
use crate::{gateway, heard};

/// What `expect.toml` says of a provider's fixtures.
#[derive(Deserialize)]
struct Expected {
    answer: Said,
    stream: Said,
    stream_error: Option<Said>,
    count_tokens: Option<Counted>,
    errors: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    text: String,
    #[serde(default)]
    reasoning: String,
    signature: Option<String>,
    finish: Option<String>,
    fault: Option<String>,
    usage: Option<Usage>,
    #[serde(default)]
    tool_calls: Vec<Call>,
}

#[derive(Deserialize)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

#[derive(Deserialize)]
struct Counted {
    input_tokens: u64,
}

/// One exchange as one configured provider, asked in one language.
struct Case {
    /// The configured provider's name.
    name: String,
    exchange: Arc<Exchange>,
    provider: Arc<Provider>,
    caller: &'static dyn Dialect,
}

const KEY: &str = "sk-fixture";

#[tokio::test]
async fn every_provider_s_fixtures_mean_what_they_are_expected_to_in_both_languages() {
    let cases = cases();
    let (mut gateway, upstream) = start(&cases).await;
    let mut problems = Vec::new();
    for case in &cases {
        let answer = case.ask(&gateway).await;
        let problem = case.sent(&upstream.last(), &answer).and_then(|()| case.judge(&answer));
        problems.extend(problem.err().map(|problem| format!("{}: {problem}", case.name)));
    }
    gateway.terminate();
    assert!(gateway.wait().await.success());
    let usage = gateway.usage();
    for case in &cases {
        problems.extend(case.recorded(&usage).err().map(|problem| format!("{}: {problem}", case.name)));
    }
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), cases.len(), problems.join("\n"));
}

#[tokio::test]
async fn tokens_are_counted_by_the_provider_that_can_and_estimated_for_the_others() {
    let folder = format!("{CATALOGUE}/anthropic/fixtures");
    let read = |file: &str| std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
    let counted = read("count_tokens.response.json");
    let upstream = FakeUpstream::start(move |_| Reply::json(200, counted.clone())).await;
    let url = upstream.url();
    let config = format!(
        "providers:\n  anthropic: {{url: \"{url}\", key: {KEY}}}\n  groq: {{url: \"{url}/v1\", key: {KEY}}}\n"
    );
    let gateway = gateway().config(&config).start().await;
    let ask = async |model: &str| {
        let body = exchange::renamed(&read("count_tokens.request.json"), "/model", model).unwrap();
        let call = gateway.post("/v1/messages/count_tokens", body).header("anthropic-version", "2023-06-01");
        call.send().await
    };
    let exact = ask("anthropic/claude-sonnet-4-6").await;
    let expected = expected("anthropic").count_tokens.unwrap().input_tokens;
    assert_eq!((exact.status, &exact.json()), (200, &json!({ "input_tokens": expected })));
    assert_eq!(upstream.last().path, "/v1/messages/count_tokens");
    let estimate = ask("groq/openai/gpt-oss-20b").await;
    assert_eq!((estimate.status, estimate.header("x-tollgate-estimate")), (200, "true"));
    assert!(estimate.json()["input_tokens"].as_u64() > Some(0));
    assert_eq!(upstream.received().len(), 1);
}

const ACME: &str = r#"
title = "Acme"
docs = "https://acme.test/docs"
kind = "local"
base_url = "BASE"
semconv = "acme"
quirks = ["max_tokens_only"]

[credential]
header = "x-acme-key"
prefix = "Acme "
env = ["ACME_API_KEY"]
required = true

[dialects.openai_chat]
chat = "/talk"

[headers]
x-acme-client = "tollgate"

[errors]
"coffee break" = "overloaded"
"#;

const ACME_MODELS: &str = r#"
price_version = "2026-11-22"

[[models]]
name = "anvil"
context_window = 8_192
max_output_tokens = 1_024
input = ["text"]
output = ["text"]
capabilities = ["streaming"]
price = { input = "1", output = "2" }
"#;

#[tokio::test]
async fn a_provider_is_added_by_a_folder_and_no_program() {
    let upstream = FakeUpstream::start(|request| match request.json()["max_tokens"].as_u64() {
        Some(7) => Reply::json(400, r#"{"error":{"message":"on a coffee break","type":"x"}}"#),
        _ => Reply::json(
            200,
            r#"{"id":"a","object":"chat.completion","created":1,"model":"anvil","choices":[{"index":0,"message":{"role":"assistant","content":"clang"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500}}"#,
        ),
    })
    .await;
    let provider = ACME.replace("BASE", &format!("{}/llm/v3", upstream.url()));
    let builder =
        gateway().file("more/acme/provider.toml", &provider).file("more/acme/models.toml", ACME_MODELS);
    let folder = builder.folder().join("more").display().to_string();
    let config = format!("server: {{catalogue: \"{folder}\"}}\nproviders: {{acme: {{}}}}\n");
    let gateway = builder.config(&config).env("ACME_API_KEY", "ak-1").start().await;
    let listing = gateway.get("/v1/models").send().await;
    assert!(listing.text().contains("acme/anvil"), "{}", listing.text());

    let body = |limit: u32| {
        format!(
            r#"{{"model":"acme/anvil","max_completion_tokens":{limit},"messages":[{{"role":"user","content":"hi"}}]}}"#
        )
    };
    let answer = gateway.post("/v1/chat/completions", body(9)).send().await;
    assert_eq!((answer.status, answer.json()["model"].as_str()), (200, Some("acme/anvil")));
    assert_eq!(answer.header("x-tollgate-cost-usd"), "0.002000");
    assert_eq!(answer.header("x-tollgate-changed"), "rewritten;max_completion_tokens");
    let sent = upstream.last();
    assert_eq!(sent.path, "/llm/v3/talk");
    assert_eq!((sent.header("x-acme-key"), sent.header("x-acme-client")), ("Acme ak-1", "tollgate"));
    assert_eq!(sent.json()["max_tokens"], 9);

    let refused = gateway.post("/v1/chat/completions", body(7)).send().await;
    assert_eq!((refused.status, refused.header("x-tollgate-code")), (429, "TG-1306"));
}

/// Every fixture of every provider that a caller of each language would get in this form.
fn cases() -> Vec<Case> {
    let catalogue = Catalogue::embedded().unwrap();
    let mut cases = Vec::new();
    for exchange in exchange::of_fixtures().into_iter().map(Arc::new) {
        let (name, file) = exchange.id.split_once('/').unwrap();
        let provider = catalogue.provider(name).unwrap();
        // The built-in model is asked without a network.
        if provider.kind == providers::Kind::Builtin {
            continue;
        }
        for caller in dialects::all() {
            let id = caller.id();
            let is_native = id == exchange.dialect.id();
            // A provider that speaks the caller's language itself is asked in it.
            if is_native || provider.endpoint(id.as_str()).is_none() {
                let (name, provider) = (format!("{name}.{file}.{}", id.as_str()), Arc::clone(provider));
                cases.push(Case { name, exchange: Arc::clone(&exchange), provider, caller: *caller });
            }
        }
    }
    cases
}

/// A gateway with every case as a provider of its own, so that no failure opens another's circuit.
async fn start(cases: &[Case]) -> (Gateway, FakeUpstream) {
    let exchanges: BTreeMap<String, Arc<Exchange>> =
        cases.iter().map(|case| (case.name.clone(), Arc::clone(&case.exchange))).collect();
    let upstream = FakeUpstream::start(move |request| {
        let exchange = &exchanges[request.path.split('/').nth(1).unwrap()];
        let content_type = exchange.headers.get("content-type").map_or("", |value| value.to_str().unwrap());
        Reply::bytes(content_type, exchange.body.clone()).status(exchange.status)
    })
    .await;
    let entries: String =
        cases.iter().map(|case| format!("  {}\n", case.configured(&upstream.url()))).collect();
    (gateway().config(&format!("providers:\n{entries}")).start().await, upstream)
}

fn expected(provider: &str) -> Expected {
    toml::from_str(&std::fs::read_to_string(format!("{CATALOGUE}/{provider}/fixtures/expect.toml")).unwrap())
        .unwrap()
}

impl Case {
    fn file(&self) -> &str {
        self.exchange.id.split_once('/').unwrap().1
    }

    /// The provider's own base path, below the case's name.
    fn base(&self, origin: &str) -> String {
        let base = &self.provider.base_url;
        let path = base.split_once("://").unwrap().1.split_once('/').map_or("", |(_, path)| path);
        format!("{origin}/{}/{path}", self.name)
    }

    fn configured(&self, origin: &str) -> String {
        let (name, kind, url) = (&self.name, &self.provider.name, self.base(origin));
        format!("\"{name}\": {{kind: {kind}, url: \"{url}\", key: {KEY}}}")
    }

    /// The model that the fixture asks for.
    fn model(&self) -> String {
        let request: Value = serde_json::from_str(&self.exchange.request).unwrap();
        request["model"].as_str().unwrap().to_owned()
    }

    fn public_model(&self) -> String {
        format!("{}/{}", self.name, self.model())
    }

    async fn ask(&self, gateway: &Gateway) -> Response {
        let request = if self.caller.id() == self.exchange.dialect.id() {
            self.exchange.request_for(&self.public_model())
        } else {
            let stream = self.exchange.is_streamed();
            let messages = json!([{"role": "user", "content": "hi"}]);
            let options = json!({"include_usage": true});
            let mut request = json!({"model": self.public_model(), "max_tokens": 64, "messages": messages});
            if stream {
                request["stream"] = true.into();
            }
            if stream && self.caller.id().as_str() == "openai_chat" {
                request["stream_options"] = options;
            }
            request.to_string()
        };
        let path = self.caller.routes().iter().find(|(_, operation)| *operation == Operation::Chat).unwrap().0;
        gateway.post(path, request).header("anthropic-version", "2023-06-01").send().await
    }

    /// The request came with the provider's credential to the provider's path, and says what the caller said.
    fn sent(&self, sent: &Received, answer: &Response) -> Result<(), String> {
        let endpoint = self.provider.endpoint(self.exchange.dialect.id().as_str()).unwrap();
        let path = providers::url(&self.base(""), &endpoint.chat);
        let credential = &self.provider.credential;
        let key = format!("{}{KEY}", credential.prefix);
        if (sent.path.as_str(), sent.header(&credential.header)) != (path.as_str(), key.as_str()) {
            return Err(format!("sent to {} with {:?}, not to {path} with {key}", sent.path, sent.headers));
        }
        let is_native = self.caller.id() == self.exchange.dialect.id();
        if is_native && answer.header("x-tollgate-changed").is_empty() {
            let (mut sent, mut asked) = (sent.json(), json(self.exchange.request.as_bytes()));
            for body in [&mut sent, &mut asked] {
                body.as_object_mut().unwrap().remove("stream_options");
            }
            ensure("the request", &sent, &asked)?;
        }
        Ok(())
    }

    /// The answer means what `expect.toml` says.
    fn judge(&self, answer: &Response) -> Result<(), String> {
        let expected = expected(self.provider.name.as_str());
        match self.file() {
            "chat.response.json" => self.judge_answer(&expected.answer, answer),
            "chat.stream.sse" => self.judge_answer(&expected.stream, answer),
            "stream_error.sse" => self.judge_cut(&expected.stream_error.unwrap(), answer),
            file => {
                let code = code(&expected.errors[file]);
                ensure("the code", &answer.header("x-tollgate-code"), &code)?;
                ensure("the body's code", &answer.json()["error"]["tollgate_code"], &json!(code))
            }
        }
    }

    fn judge_answer(&self, said: &Said, answer: &Response) -> Result<(), String> {
        ensure("the status", &(answer.status, answer.text()), &(200, answer.text()))?;
        let read = heard::answer(self.caller, self.exchange.is_streamed(), &answer.body)
            .map_err(|fault| fault.to_string())?;
        let gist = heard::gist(&read);
        ensure("the text", &gist.text, &said.text)?;
        ensure("the reasoning", &gist.thinking, &said.reasoning)?;
        let calls: Vec<_> = said.tool_calls.iter().map(|call| (call.name.clone(), json(call.arguments.as_bytes()))).collect();
        ensure("the tool calls", &gist.tool_calls, &calls)?;
        let finish = gist.stop.map(|stop| snake_case(&format!("{stop:?}")));
        ensure("the finish", &finish, &said.finish)?;
        let usage = said.usage.unwrap();
        // The fixtures' own streams are asked for without usage; the ledger has it all the same.
        let is_told = read.usage.is_some() || !self.exchange.is_streamed();
        let totals = Some((usage.input_total().0, usage.output_total().0));
        ensure("the tokens", &gist.usage, &totals.filter(|_| is_told))?;
        if self.caller.id() == self.exchange.dialect.id() {
            ensure("the classes of tokens", &read.usage, &Some(usage).filter(|_| is_told))?;
            ensure("the ids", &ids(&read), &said.tool_calls.iter().map(|call| call.id.clone()).collect())?;
            ensure("the signature", &signature(&read), &said.signature)?;
        }
        let cost = self.cost(&usage).filter(|_| !self.exchange.is_streamed());
        let told = answer.headers.get("x-tollgate-cost-usd").map(HeaderValue::as_bytes);
        match cost {
            Some(cost) => ensure("the cost", &told, &Some(cost.as_bytes())),
            None => Ok(()),
        }
    }

    /// A stream that fails: what was said before, then the error. If the failure comes before the first content was
    /// sent on, it is the whole answer.
    fn judge_cut(&self, said: &Said, answer: &Response) -> Result<(), String> {
        let code = code(said.fault.as_ref().unwrap());
        if answer.status != 200 {
            return ensure("the code", &answer.header("x-tollgate-code"), &code);
        }
        let last = heard::events(&answer.body).pop().unwrap();
        ensure("the code", &json(&last.data)["error"]["tollgate_code"], &json!(code))?;
        let gist = heard::gist(&before_error(self.caller, &answer.body));
        ensure("the text", &gist.text, &said.text)?;
        ensure("the reasoning", &gist.thinking, &said.reasoning)
    }

    fn cost(&self, usage: &Usage) -> Option<String> {
        let price = self.provider.model(&self.model())?.price.as_ref()?;
        Some(price.cost(usage).to_string())
    }

    /// The ledger has the same.
    fn recorded(&self, report: &Value) -> Result<(), String> {
        // A model that the catalogue does not list by this name is counted under its provider.
        let names = [self.public_model(), format!("{}/*", self.name)];
        let is_own = |row: &&Value| names.iter().any(|name| row["model"] == name.as_str());
        let row = report["rows"].as_array().unwrap().iter().find(is_own);
        let row = row.ok_or("no row in the ledger")?;
        ensure("attempts and open ones", &(&row["attempts"], &row["open"]), &(&json!(1), &json!(0)))?;
        let expected = expected(self.provider.name.as_str());
        let said = match self.file() {
            "chat.response.json" => &expected.answer,
            "chat.stream.sse" => &expected.stream,
            _ => return ensure("failures", &row["failures"], &json!(1)),
        };
        let usage: Usage = serde_json::from_value(row["usage"].clone()).unwrap();
        ensure("the ledger's tokens", &Some(usage), &said.usage)
    }
}

/// What was said before a stream failed.
fn before_error(dialect: &dyn Dialect, body: &Bytes) -> Answer {
    let (mut decoder, mut fold, mut events) = (dialect.decoder(), Fold::default(), Vec::new());
    for event in heard::events(body) {
        if decoder.push(&event, &mut events).is_err() {
            break;
        }
    }
    for event in events {
        if fold.push(event).is_err() {
            break;
        }
    }
    fold.finish()
}

fn ids(answer: &Answer) -> Vec<String> {
    let content = answer.choices.iter().flat_map(|choice| &choice.content);
    let id = |content: &Content| if let Content::ToolCall { id, .. } = content { Some(id.clone()) } else { None };
    content.filter_map(id).collect()
}

fn signature(answer: &Answer) -> Option<String> {
    let mut content = answer.choices.iter().flat_map(|choice| &choice.content);
    content.find_map(
        |content| if let Content::Thinking { signature, .. } = content { signature.clone() } else { None },
    )
}

/// The code that callers see for a kind of fault.
fn code(word: &str) -> &'static str {
    let kinds = [
        FaultKind::ContextLength,
        FaultKind::Credential,
        FaultKind::Filtered,
        FaultKind::Invalid,
        FaultKind::Overloaded,
        FaultKind::Quota,
        FaultKind::Server,
        FaultKind::Timeout,
    ];
    let kind = kinds.into_iter().find(|kind| kind.as_str() == word).unwrap();
    Fault::new(kind, "").verdict().code.as_str()
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

fn ensure<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expect: &T) -> Result<(), String> {
    if found == expect { Ok(()) } else { Err(format!("{what}: found {found:?}, expected {expect:?}")) }
}
