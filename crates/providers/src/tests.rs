//! The catalogue as it stands, and what a folder given at run time can do to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use types::{Fault, FaultKind, MicroUsd, Operation, TokenClass, Tokens, Unit, Usage};

use crate::{Capability, Catalogue, Endpoint, Kind, Provider, QUIRKS, Task, url};

fn catalogue() -> Catalogue {
    Catalogue::embedded().unwrap_or_else(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

fn provider(name: &str) -> Provider {
    catalogue().provider(name).unwrap().as_ref().clone()
}

fn on_disk() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue")
}

fn folders() -> BTreeSet<String> {
    let entries = fs::read_dir(on_disk()).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn every_folder_is_built_in_and_the_same_as_on_disk() {
    let built_in = catalogue();
    let names: BTreeSet<String> = built_in.providers().map(|provider| provider.name.to_string()).collect();
    assert_eq!(names, folders());
    assert_eq!(built_in.clone().extended_by(&on_disk()), Ok(built_in));
}

#[test]
fn there_are_more_than_forty_providers_and_their_models_are_known() {
    let catalogue = catalogue();
    assert!(catalogue.providers().count() >= 40);
    let models = catalogue.providers().flat_map(|provider| provider.models());
    let (priced, unpriced): (Vec<_>, Vec<_>) = models.partition(|model| model.price.is_some());
    assert!(priced.len() >= 2_500, "{} priced, {} not", priced.len(), unpriced.len());
}

#[test]
fn every_hosted_provider_lists_models_that_can_what_they_take() {
    for provider in catalogue().providers() {
        let listed = !provider.models().is_empty();
        assert_eq!(listed, provider.kind != Kind::Local, "{}", provider.name);
        assert_eq!(provider.probe.is_some(), provider.kind == Kind::Local, "{}", provider.name);
        for model in provider.models().iter().filter(|model| model.task == Task::Chat) {
            let vision = model.input.contains(&crate::Modality::Image);
            assert_eq!(model.can(Capability::Vision), vision, "{}/{}", provider.name, model.name);
            let silent = !model.can(Capability::Reasoning);
            let says_so = !model.quirks.iter().any(|quirk| quirk == "no_reasoning");
            assert!(silent || says_so, "{}/{}", provider.name, model.name);
        }
    }
}

#[test]
fn a_model_with_a_language_of_its_own_has_a_provider_that_speaks_it() {
    for provider in catalogue().providers() {
        for model in provider.models() {
            let Some(dialect) = &model.dialect else { continue };
            let endpoint = provider.endpoint(dialect).unwrap();
            assert!(endpoint.path(Operation::Chat).is_some(), "{}/{}", provider.name, model.name);
            assert!(endpoint.speakers.include(model.name.as_str()), "{}/{}", provider.name, model.name);
        }
    }
}

#[test]
fn every_table_of_models_says_which_prices_it_has() {
    for provider in catalogue().providers() {
        for price in provider.models().iter().filter_map(|model| model.price.as_deref()) {
            assert_eq!(price.version.len(), "2026-11-20".len(), "{}", provider.name);
        }
    }
}

#[test]
fn quirks_are_listed_once_in_order_with_a_meaning() {
    assert!(QUIRKS.is_sorted_by(|(first, _), (second, _)| first < second));
    assert!(QUIRKS.iter().all(|(_, meaning)| !meaning.is_empty()));
}

#[test]
fn a_model_is_found_by_name_alias_and_date() {
    let name = |provider_name: &str, wanted: &str| {
        provider(provider_name).model(wanted).map(|model| model.name.to_string())
    };
    assert_eq!(name("openai", "gpt-4o").as_deref(), Some("gpt-4o"));
    assert_eq!(name("openai", "gpt-4o-2024-08-06").as_deref(), Some("gpt-4o"));
    assert_eq!(name("openai", "gpt-5.6-2026-07-01").as_deref(), Some("gpt-5.6-sol"));
    assert_eq!(name("anthropic", "claude-haiku-4-5-20251001").as_deref(), Some("claude-haiku-4-5"));
    assert_eq!(name("mistral", "mistral-large-latest").as_deref(), Some("mistral-large-2512"));
    assert_eq!(name("openai", "gpt-4o-mini-audio"), None);
    assert_eq!(name("deepseek", "deepseek-v4-pro-0813"), None);
    assert_eq!(name("openai", ""), None);
}

#[track_caller]
fn check_cost(provider_name: &str, model: &str, usage: Usage, expect: u64) {
    let provider = provider(provider_name);
    let price = provider.model(model).unwrap().price.as_ref().unwrap();
    assert_eq!(price.cost(&usage), MicroUsd::from_micros(expect));
}

#[test]
fn known_usages_cost_what_the_price_lists_say() {
    let usage = |input, cache_read, output| Usage {
        input: Tokens(input),
        cache_read: Tokens(cache_read),
        output: Tokens(output),
        ..Usage::default()
    };
    check_cost("openai", "gpt-4o-mini", usage(1_000, 0, 500), 450);
    check_cost("openai", "gpt-5.5", usage(100_000, 0, 1_000), 530_000);
    check_cost("openai", "gpt-5.5", usage(100_000, 172_001, 1_000), 1_000_000 + 172_001 + 45_000);
    check_cost("anthropic", "claude-sonnet-4-6", usage(212, 4_096, 107), 636 + 1_229 + 1_605);
    check_cost("anthropic", "claude-haiku-5-5", usage(100_001, 0, 10), 50_001 + 25);
    check_cost("tollgate", "mock", usage(1_000_000, 1_000_000, 1_000_000), 0);
}

#[test]
fn long_lived_cache_writes_have_their_own_price() {
    let provider = provider("anthropic");
    let price = provider.model("claude-opus-5-5").unwrap().price.as_ref().unwrap();
    assert!(price.rate(TokenClass::CacheWrite1h) > price.rate(TokenClass::CacheWrite5m));
    assert!(price.rate(TokenClass::CacheRead) < price.rate(TokenClass::Input));
    assert_eq!(price.rate(TokenClass::Reasoning), price.rate(TokenClass::Output));
}

#[test]
fn an_endpoints_headers_are_the_providers_and_its_own() {
    let version = [("anthropic-version".to_owned(), "2023-06-01".to_owned())];
    assert_eq!(provider("anthropic").endpoint("anthropic").unwrap().headers, version);
    let deepseek = provider("deepseek");
    assert_eq!(deepseek.endpoint("anthropic").unwrap().headers, version);
    assert!(deepseek.endpoint("openai_chat").unwrap().headers.is_empty());
    let spoken: Vec<&str> = deepseek.dialects.iter().map(|endpoint| endpoint.dialect.as_str()).collect();
    assert_eq!(spoken, ["openai_chat", "anthropic", "openai_responses"]);
}

#[test]
fn quirks_of_provider_and_model_add_up_without_repeating() {
    let deepseek = provider("deepseek");
    let mut model = deepseek.models()[0].as_ref().clone();
    model.quirks.extend(["reasoning_content", "no_image"].map(str::to_owned));
    let quirks = deepseek.quirks_of(Some(&model));
    assert!(quirks.contains(&"no_image".to_owned()) && quirks.contains(&"thinking_switch".to_owned()));
    assert_eq!(quirks.iter().filter(|quirk| *quirk == "reasoning_content").count(), 1);
    assert_eq!(deepseek.quirks_of(None), deepseek.quirks);
}

#[test]
fn base_and_path_join_with_one_version_segment() {
    for (base, path, expect) in [
        ("https://api.test", "/v1/messages", "https://api.test/v1/messages"),
        ("https://api.test/v1", "/v1/messages", "https://api.test/v1/messages"),
        ("https://api.test/v1/", "/v1/messages", "https://api.test/v1/messages"),
        ("https://api.test/v1", "/chat/completions", "https://api.test/v1/chat/completions"),
        ("https://api.test/v1", "/v1beta/chat", "https://api.test/v1/v1beta/chat"),
        ("https://api.test/chat", "/chat/completions", "https://api.test/chat/chat/completions"),
        ("https://api.test/openai/v1", "/openai/v1/responses", "https://api.test/openai/v1/responses"),
        ("https://api.test/v1", "/openai/v1/responses", "https://api.test/v1/openai/v1/responses"),
        ("https://api.test/x/v1", "/v10/v1/responses", "https://api.test/x/v1/v10/v1/responses"),
        ("builtin:mock", "/chat/completions", "builtin:mock/chat/completions"),
    ] {
        assert_eq!(url(base, path), expect);
    }
}

/// What `expect.toml` may say. Reading it strictly keeps every fixture to one layout.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(rename = "model")]
    _model: Option<String>,
    dialect: String,
    answer: Said,
    stream: Said,
    stream_error: Option<Said>,
    count_tokens: Option<Counted>,
    errors: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Counted {
    input_tokens: u64,
}

/// The providers that have conversations, and exchanges of them.
fn conversing(catalogue: &Catalogue) -> impl Iterator<Item = &Arc<Provider>> {
    let chats = |provider: &Provider| provider.dialects.iter().any(|it| it.path(Operation::Chat).is_some());
    catalogue.providers().filter(move |provider| chats(provider))
}

fn fixture(provider: &Provider, file: &str) -> String {
    let path = on_disk().join(provider.name.as_str()).join("fixtures").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(provider: &Provider, file: &str) -> Value {
    serde_json::from_str(&fixture(provider, file))
        .unwrap_or_else(|error| panic!("{}/{file}: {error}", provider.name))
}

fn expected(provider: &Provider) -> Expected {
    toml::from_str(&fixture(provider, "expect.toml"))
        .unwrap_or_else(|error| panic!("{}: {error}", provider.name))
}

#[test]
fn every_folder_has_fixtures_in_its_preferred_dialect() {
    for provider in conversing(&catalogue()) {
        let expected = expected(provider);
        let spoken = provider.dialects.first().map(|Endpoint { dialect, .. }| dialect.as_str());
        assert_eq!(spoken, Some(expected.dialect.as_str()), "{}", provider.name);
        let (request, answer) = (json(provider, "chat.request.json"), json(provider, "chat.response.json"));
        let has = |value: &Value, names: &[&str]| names.iter().any(|name| value.get(name).is_some());
        assert!(has(&request, &["messages", "contents"]), "{}", provider.name);
        assert!(has(&answer, &["usage", "usageMetadata"]), "{}", provider.name);
        for said in [&expected.answer, &expected.stream] {
            let something = !said.text.is_empty() || !said.tool_calls.is_empty();
            let counted = said.usage.is_some_and(|usage| usage.total().0 > 0);
            assert!(
                something && counted && said.finish.is_some() && said.fault.is_none(),
                "{}",
                provider.name
            );
            for call in &said.tool_calls {
                let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
                assert!(
                    arguments.is_object() && !call.id.is_empty() && !call.name.is_empty(),
                    "{}",
                    provider.name
                );
            }
        }
        if let Some(Counted { input_tokens }) = expected.count_tokens {
            let counted = json(provider, "count_tokens.response.json");
            let count = ["input_tokens", "totalTokens"].iter().find_map(|name| counted[name].as_u64());
            assert_eq!(count, Some(input_tokens));
            json(provider, "count_tokens.request.json");
        }
    }
}

/// The file of a stream with this name, whose ending is its form, and what it holds.
fn stream(provider: &Provider, name: &str) -> (String, Vec<u8>) {
    let folder = on_disk().join(provider.name.as_str()).join("fixtures");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let file = files.into_iter().find(|file| file.starts_with(name)).unwrap();
    let body = fs::read(folder.join(&file)).unwrap();
    (file, body)
}

/// The payloads of a stream's events.
#[track_caller]
fn payloads(file: &str, body: &[u8]) -> Vec<Value> {
    if file.ends_with(".frames") { framed(body) } else { sent(std::str::from_utf8(body).unwrap()) }
}

/// The payloads of binary frames, each behind its two lengths, their checksum and its headers.
fn framed(mut body: &[u8]) -> Vec<Value> {
    let mut payloads = Vec::new();
    while !body.is_empty() {
        let number = |at: usize| u32::from_be_bytes(body[at..at + 4].try_into().unwrap()) as usize;
        let (total, headers) = (number(0), number(4));
        payloads.push(serde_json::from_slice(&body[12 + headers..total - 4]).unwrap());
        body = &body[total..];
    }
    payloads
}

/// The payloads of server-sent events, whatever their line ends.
#[track_caller]
fn sent(sse: &str) -> Vec<Value> {
    let sse = sse.replace("\r\n", "\n");
    assert!(sse.ends_with("\n\n"), "the last event is not closed");
    let mut payloads = Vec::new();
    for line in sse.lines().filter(|line| !line.is_empty() && !line.starts_with(':')) {
        let (field, value) = line.split_once(": ").unwrap();
        match field {
            "event" => {}
            "data" | "error" if value == "[DONE]" => {}
            "data" | "error" => payloads.push(serde_json::from_str(value).unwrap()),
            other => panic!("field {other}"),
        }
    }
    payloads
}

#[test]
fn streams_are_framed_and_their_pieces_join_to_what_is_expected() {
    for provider in conversing(&catalogue()) {
        let expected = expected(provider);
        let mut streams = vec![("chat.stream.", &expected.stream)];
        streams.extend(expected.stream_error.as_ref().map(|said| ("stream_error.", said)));
        for (name, said) in streams {
            let (file, body) = stream(provider, name);
            let events = payloads(&file, &body);
            assert!(events.len() > 2, "{}/{file}", provider.name);
            let all = events.iter().map(Value::to_string).collect::<String>();
            for call in &said.tool_calls {
                // Where a language has no ids, the gateway makes them.
                let has_id = all.contains(&call.id) || call.id.starts_with("tgcall_");
                assert!(has_id && all.contains(&call.name), "{}/{file}", provider.name);
            }
            if let Some(signature) = &said.signature {
                assert!(all.contains(signature), "{}/{file}", provider.name);
            }
            assert_eq!(said.fault.is_some(), name == "stream_error.", "{}/{file}", provider.name);
            let text: String = events.iter().map(|event| piece(event, &["text", "content"])).collect();
            assert_eq!(text, said.text, "{}/{file}", provider.name);
            let words = ["thinking", "reasoning", "reasoning_content", "content"];
            let reasoning: String =
                events.iter().map(|event| piece(event, &words[..words.len() - 1])).collect();
            assert_eq!(reasoning, said.reasoning, "{}/{file}", provider.name);
        }
    }
}

/// The text of the first of `fields` that a chunk's delta has, with Mistral's content parts taken apart.
fn piece(event: &Value, fields: &[&str]) -> String {
    let delta = event.get("delta").unwrap_or(&event["choices"][0]["delta"]);
    let wanted = if fields.contains(&"content") { "text" } else { "thinking" };
    let parts = delta["content"].as_array().into_iter().flatten().filter(|part| part["type"] == wanted);
    let of_parts: String = parts
        .map(|part| {
            part["text"].as_str().or_else(|| part["thinking"][0]["text"].as_str()).unwrap_or_default()
        })
        .collect();
    let plain = fields.iter().find_map(|field| delta[field].as_str()).unwrap_or_default();
    let plain = if wanted == "thinking" {
        delta["reasoningContent"]["text"].as_str().unwrap_or(plain)
    } else {
        plain
    };
    let generated = event["candidates"][0]["content"]["parts"].as_array().into_iter().flatten();
    let generated = generated.filter(|part| (part["thought"] == true) == (wanted == "thinking"));
    let generated: String = generated.filter_map(|part| part["text"].as_str()).collect();
    format!("{plain}{of_parts}{generated}")
}

/// The fault that an HTTP status alone tells.
fn by_status(status: u16) -> FaultKind {
    match status {
        401 | 403 => FaultKind::Credential,
        402 => FaultKind::Quota,
        429 | 503 | 529 => FaultKind::Overloaded,
        500.. => FaultKind::Server,
        _ => FaultKind::Invalid,
    }
}

#[test]
fn each_providers_own_words_tell_its_faults() {
    for provider in conversing(&catalogue()) {
        let expected = expected(provider);
        assert!(!expected.errors.is_empty(), "{}", provider.name);
        for (file, kind) in &expected.errors {
            let status = file.split('.').nth(1).unwrap().parse().unwrap();
            let body = json(provider, file);
            let body = body.get(0).unwrap_or(&body);
            let body = body.pointer("/errors/0").unwrap_or(body);
            let error = body.get("error").filter(|error| error.is_object()).unwrap_or(body);
            let text = |field: &str| match &error[field] {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                Value::Array(_) | Value::Bool(_) | Value::Null | Value::Object(_) => None,
            };
            let message =
                text("message").or_else(|| text("error")).or_else(|| text("detail")).unwrap_or_default();
            let mut fault = Fault { status: Some(status), ..Fault::new(by_status(status), message) };
            let kinds = ["reason", "error_code", "code", "error_type", "type", "status"];
            fault.upstream_kind = kinds.iter().find_map(|field| text(field));
            assert_eq!(provider.classify(fault).kind.as_str(), kind, "{}/{file}", provider.name);
        }
    }
}

/// A folder of providers, written for one test.
fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

const SMALL: &str = r#"
title = "Acme"
docs = "https://acme.test/docs"
kind = "hosted"
base_url = "https://acme.test/v1"
semconv = "acme"
quirks = ["max_tokens_only"]
dialects = { openai_chat = { chat = "/chat/completions" } }
"#;

const SMALL_MODELS: &str = r#"
price_version = "2026-01-01"
[[models]]
name = "anvil"
input = ["text"]
output = ["text"]
capabilities = ["streaming"]
price = { input = "0.15", output = "0.6" }
"#;

#[test]
fn a_folder_adds_a_provider_and_takes_the_place_of_another() {
    let folder = written(&[
        ("acme/provider.toml", SMALL),
        ("acme/models.toml", SMALL_MODELS),
        ("groq/provider.toml", SMALL),
        ("README.md", "not a provider"),
    ]);
    let before = catalogue();
    let after = before.clone().extended_by(folder.path()).unwrap();
    assert_eq!(after.providers().count(), before.providers().count() + 1);
    let acme = after.provider("acme").unwrap();
    assert_eq!(
        acme.model("anvil-2026-01-01").unwrap().price.as_ref().unwrap().version.as_ref(),
        "2026-01-01"
    );
    assert!(!acme.credential.required && acme.credential.header.is_empty());
    assert_eq!(after.provider("groq").unwrap().base_url, "https://acme.test/v1");
    assert!(after.provider("groq").unwrap().models().is_empty());
    assert_eq!(after.provider("openai"), before.provider("openai"));
}

#[track_caller]
fn check_problems(files: &[(&str, &str)], expect: &[&str]) {
    let folder = written(files);
    let problems = catalogue().extended_by(folder.path()).unwrap_err();
    let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(found, expect);
}

#[track_caller]
fn check_credential(credential: &str, expect: &[&str]) {
    let provider = format!("{SMALL}[credential]\nrequired = true\n{credential}\n");
    let expect: Vec<_> = expect.iter().map(|line| format!("acme/provider.toml: credential.{line}")).collect();
    let expect: Vec<_> = expect.iter().map(String::as_str).collect();
    check_problems(&[("acme/provider.toml", &provider)], &expect);
}

#[test]
fn a_credential_has_a_place_or_a_way_to_be_made() {
    check_credential("", &["header: `` is not a header name in lower case"]);
    check_credential(
        "scheme = \"moon\"\nheader = \"a\"",
        &["scheme: `moon` is none of aws, azure, google, header, oauth"],
    );
    check_credential("scheme = \"aws\"", &["service: is empty"]);
    check_credential("scheme = \"azure\"", &["scope: is empty"]);
    check_credential(
        "scheme = \"google\"\nscope = \"s\"\nservice = \"s\"",
        &["service: means nothing in this scheme"],
    );
    check_credential("header = \"a\"\nscope = \"s\"", &["scope: means nothing in this scheme"]);
    check_credential(
        "header = \"a\"\nquery = \"b\"",
        &["query: a key goes into a header or into the query, not both"],
    );
    check_credential("query = \"\"", &["query: is empty"]);
    check_credential(
        "scheme = \"oauth\"\ntoken_url = \"http://{where}.test/token\"",
        &[
            "scope: is empty",
            "token_url: `http://{where}.test/token` is not an address that begins with https://",
            "token_url: there is no variable `where`",
        ],
    );
    check_credential(
        "scheme = \"oauth\"\ntoken_url = \"https://a.test\"\ngrant = \"g\"\nscope = \"s\"",
        &["parameter: is empty", "scope: means nothing in this scheme"],
    );
}

#[test]
fn a_key_goes_where_its_kind_goes() {
    let scheme = |credential: &str| {
        let provider = format!("{SMALL}[credential]\nrequired = true\n{credential}\n");
        let folder = written(&[("acme/provider.toml", &provider)]);
        catalogue().extended_by(folder.path()).unwrap().provider("acme").unwrap().credential.clone()
    };
    let variant = "[[credential.variants]]\nheader = \"b\"\nprefix = \"Bearer \"\nenv = [\"B\"]";
    let both = scheme(&format!("header = \"a\"\n{variant}"));
    assert_eq!(both.header_of(Some("B")), Some(("b", "Bearer ")));
    assert_eq!(both.header_of(Some("C")), Some(("a", "")));
    assert_eq!(both.header_of(None), Some(("a", "")));
    let signed = "scheme = \"aws\"\nservice = \"s\"";
    assert_eq!(scheme(&format!("{signed}\n{variant}")).header_of(Some("C")), Some(("b", "Bearer ")));
    assert_eq!(scheme(signed).header_of(None), None);
    let query = scheme(&format!("query = \"key\"\n{variant}"));
    assert_eq!((query.header_of(None), query.header_of(Some("B"))), (None, Some(("b", "Bearer "))));
}

#[test]
fn all_problems_of_all_files_are_told_at_once() {
    let provider = SMALL
        .replace("hosted", "rented")
        .replace("\"max_tokens_only\"", "\"max_tokens_only\", \"no_coffee\"")
        .replace("/chat/completions", "chat/completions")
        .replace("https://acme.test/v1", "acme.test/v1/")
        + "[errors]\nbroke = \"poor\"\n[credential]\nheader = \"X-Key\"\nrequired = true\nenv = [\"a b\"]\n";
    let models = SMALL_MODELS
        .replace("\"0.15\"", "\"15 cents\"")
        .replace("\"0.6\"", "\"0.6\", ouput = \"1\"")
        + "[[models]]\nname = \"anvil\"\ninput = [\"smell\"]\noutput = []\ncapabilities = []\nprice = { input = \"1\" }\n"
        + "context_window = 1\nmax_output_tokens = 2\n";
    check_problems(
        &[
            ("acme/provider.toml", &provider),
            ("acme/models.toml", &models),
            ("Bad Name/provider.toml", SMALL),
        ],
        &[
            "Bad Name/provider.toml: the folder's name `Bad Name` is not lower-case letters, digits and hyphens",
            "acme/provider.toml: kind: `rented` is none of builtin, hosted, local",
            "acme/provider.toml: base_url: `acme.test/v1/` is not an address that begins with https://",
            "acme/provider.toml: base_url: ends in a slash",
            "acme/provider.toml: quirks: there is no quirk `no_coffee`",
            "acme/provider.toml: credential.header: `X-Key` is not a header name in lower case",
            "acme/provider.toml: credential.env: `a b` is not the name of an environment variable",
            "acme/provider.toml: dialects.openai_chat.chat: `chat/completions` does not begin with a slash",
            "acme/provider.toml: errors.\"broke\": `poor` is none of context_length, credential, filtered, foreign_proof, invalid, \
             overloaded, quota, server, timeout",
            "acme/models.toml: model `anvil`.price.input: `15 cents` is not dollars with at most six decimals",
            "acme/models.toml: model `anvil`.price.ouput: `ouput` is none of input, input_audio, input_image, \
             cache_read, cache_read_audio, cache_write_5m, cache_write_1h, output, output_audio, output_image, reasoning",
            "acme/models.toml: model `anvil`.max_output_tokens: is larger than the context window",
            "acme/models.toml: model `anvil`.input: `smell` is none of audio, document, image, text, video",
            "acme/models.toml: model `anvil`.price: needs both `input` and `output`",
            "acme/models.toml: models: `anvil` is listed twice",
        ],
    );
}

#[test]
fn what_is_corrected_by_hand_wins_field_by_field() {
    let table = r#"
price_version = "2026-01-01"
[[models]]
name = "anvil"
context_window = 100
capabilities = ["streaming"]
price = { input = "1", output = "2" }
[[models]]
name = "anvil-latest"
[[models]]
name = "hammer"
units = { output_image = "40" }
"#;
    let local = r#"
price_version = "2026-02-02"
[[models]]
name = "anvil"
aliases = ["anvil-latest"]
quirks = ["no_stop"]
[[models]]
name = "hammer"
task = "image"
price = { input = "3", output = "4" }
[[models]]
name = "tongs"
"#;
    let folder = written(&[
        ("acme/provider.toml", SMALL),
        ("acme/models.toml", table),
        ("acme/models.local.toml", local),
    ]);
    let acme = catalogue().extended_by(folder.path()).unwrap();
    let acme = acme.provider("acme").unwrap();
    let names: Vec<&str> = acme.models().iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["anvil", "hammer", "tongs"]);
    let anvil = acme.model("anvil-latest").unwrap();
    assert_eq!((anvil.context_window, anvil.quirks.as_slice()), (Some(100), &["no_stop".to_owned()][..]));
    assert_eq!(anvil.price.as_ref().unwrap().version.as_ref(), "2026-01-01");
    let hammer = acme.model("hammer").unwrap();
    let price = hammer.price.as_ref().unwrap();
    assert_eq!((hammer.task, price.version.as_ref()), (Task::Image, "2026-02-02"));
    assert_eq!(price.unit(Unit::OutputImage), None);
    let twice = local.replace("tongs", "hammer");
    check_problems(
        &[("acme/provider.toml", SMALL), ("acme/models.local.toml", &twice)],
        &["acme/models.local.toml: models: `hammer` is listed twice"],
    );
}

#[test]
fn an_address_is_completed_by_what_it_leaves_open() {
    let vertex = provider("vertex");
    let said = |name: &str| (name == "project").then(|| "acme".to_owned());
    let address = vertex.address(said).unwrap();
    assert_eq!(
        address,
        "https://us-central1-aiplatform.googleapis.com/v1/projects/acme/locations/us-central1"
    );
    assert_eq!(vertex.address(|_| None).unwrap_err().name, "project");
    for (location, host) in [
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
    ] {
        let said = |name: &str| Some(if name == "location" { location } else { "acme" }.to_owned());
        let expect = format!("https://{host}/v1/projects/acme/locations/{location}");
        assert_eq!(vertex.address(said).unwrap(), expect);
    }
    for provider in catalogue().providers() {
        let address = provider.address(|name| Some(format!("some-{name}"))).unwrap();
        assert!(!address.contains(['{', '}']), "{address}");
    }
    let open = SMALL.replace("https://acme.test/v1", "https://{region}.acme.test/v1");
    let declared = "[variables.regoin]\nmeaning = \"a region\"\nenv = [\"a\"]\naddresses = { x = \"https://{z}.test\" }\n";
    check_problems(
        &[("acme/provider.toml", &format!("{open}{declared}"))],
        &[
            "acme/provider.toml: base_url: there is no variable `region`",
            "acme/provider.toml: variables.regoin.env: `a` is not the name of an environment variable",
            "acme/provider.toml: variables.regoin: does not occur in `base_url` or a path",
            "acme/provider.toml: variables.regoin.addresses.x: there is no variable `z`",
        ],
    );
}

#[test]
fn a_variable_may_decide_what_is_spoken_and_where() {
    let azure = provider("azure");
    let path = |version: Option<&str>| {
        let said = |name: &str| (name == "api_version").then(|| version.map(str::to_owned)).flatten();
        let chat = azure.spoken(said)[0].path(Operation::Chat).unwrap();
        azure.completed(chat, said).unwrap()
    };
    assert_eq!([None, Some("v1"), Some("preview")].map(path), ["/openai/v1/chat/completions"; 3]);
    assert_eq!(
        path(Some("2024-10-21")),
        "/openai/deployments/{model}/chat/completions?api-version=2024-10-21"
    );
    let varied = "[variables.version]\nmeaning = \"a version\"\n\
        [variables.version.dialects.openai_chat]\nchat = \"/{model}/{vresion}\"\n\
        [variables.other]\nmeaning = \"something else\"\ndefault = \"x\"\n\
        [variables.other.dialects.openai_chat]\nchat = \"{other}\"\n";
    let own = SMALL.replace("/chat/completions\"", "/chat/{where}\"");
    check_problems(
        &[("acme/provider.toml", &format!("{own}{varied}"))],
        &[
            "acme/provider.toml: variables.other.dialects.openai_chat.chat: `{other}` does not begin with a slash",
            "acme/provider.toml: variables.version: has dialects, and no default with which there are others",
            "acme/provider.toml: variables.version: does not occur in `base_url` or a path",
            "acme/provider.toml: variables.version.dialects.openai_chat.chat: there is no variable `vresion`",
            "acme/provider.toml: dialects.openai_chat.chat: there is no variable `where`",
        ],
    );
}

#[test]
fn unknown_keys_missing_files_and_missing_folders_are_problems() {
    let unknown = SMALL.replace("semconv", "colour = \"red\"\nsemconv");
    let problems = |files: &[(&str, &str)]| {
        let folder = written(files);
        catalogue().extended_by(folder.path()).unwrap_err()
    };
    let found = problems(&[("acme/provider.toml", &unknown), ("beta/models.toml", SMALL_MODELS)]);
    assert!(
        found[0].to_string().starts_with("acme/provider.toml: line 6: unknown field `colour`"),
        "{}",
        found[0]
    );
    assert_eq!(found[1].to_string(), "beta/provider.toml: is missing");
    let nowhere = written(&[]);
    let found = catalogue().extended_by(&nowhere.path().join("none")).unwrap_err();
    assert!(found[0].message.starts_with("cannot be read"), "{}", found[0]);
}

#[test]
fn several_dialects_need_a_preferred_one() {
    let two = SMALL.replace("/chat/completions\" } }", "/c\" }, anthropic = { chat = \"/m\" } }");
    check_problems(
        &[("acme/provider.toml", &two)],
        &["acme/provider.toml: prefers: with several dialects one must be preferred"],
    );
    let absent = SMALL.replace("semconv", "prefers = \"latin\"\nsemconv");
    check_problems(
        &[("acme/provider.toml", &absent)],
        &["acme/provider.toml: prefers: `latin` is not among the dialects"],
    );
}
