//! The models a caller may use, in one body that OpenAI's, Anthropic's and Codex's clients all read, and in one each for
//! Gemini's and for those of a local model server.

use std::fmt::Write as _;

use auth::Principal;
use http::{Request, header};
use hyper::body::Incoming;
use providers::{Capability, Modality, Model};
use serde_json::{Map, Value, json};
use types::{ModelName, PerMillion, ProviderName, TokenClass, Unit, UnixTime};

use crate::local;

/// One model to list.
#[derive(Debug)]
pub struct ListingConfig<'a> {
    /// The public name.
    pub name: ModelName,
    /// Who serves it, or serves it first.
    pub provider: ProviderName,
    /// What the catalogue knows of it.
    pub model: Option<&'a Model>,
}

/// Every model, written out once: answering is joining.
#[derive(Debug)]
pub struct Listing {
    models: Vec<Listed>,
}

#[derive(Debug)]
struct Listed {
    name: ModelName,
    /// For OpenAI's and Anthropic's clients.
    entry: String,
    /// For Codex.
    codex: String,
    /// For Gemini's clients.
    resource: String,
    /// For a local server's clients: in the list, and alone.
    tag: String,
    shown: String,
}

/// For whose clients models are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// OpenAI's and Anthropic's.
    Common,
    /// The same and Codex.
    Codex,
    /// A local model server's.
    Local,
    /// Gemini's.
    Resources,
}

impl Style {
    /// The style this request asks for. Gemini's clients share a path with the others.
    pub(crate) fn of(request: &Request<Incoming>) -> Self {
        if request.uri().path().starts_with(local::TAGS_PATH) {
            return Self::Local;
        }
        let by_resources = request.uri().path().starts_with(crate::BETA)
            || request.headers().contains_key("x-goog-api-client");
        if by_resources {
            Self::Resources
        } else if is_codex(request) {
            Self::Codex
        } else {
            Self::Common
        }
    }
}

impl Listing {
    /// Lists these models, in this order; `since` is when this gateway began to serve them.
    pub fn new<'a>(models: impl IntoIterator<Item = ListingConfig<'a>>, since: UnixTime) -> Self {
        let listed = models.into_iter().zip(0..).map(|(config, priority)| Listed {
            entry: entry(&config, since).to_string(),
            codex: codex(&config, priority).to_string(),
            resource: resource(&config).to_string(),
            tag: local::tag(&config, since).to_string(),
            shown: local::shown(&config, since).to_string(),
            name: config.name,
        });
        Self { models: listed.collect() }
    }

    /// All models that this caller may use.
    pub(crate) fn all(&self, style: Style, principal: &Principal) -> String {
        let models: Vec<_> = self.allowed(principal).collect();
        match style {
            Style::Common => list(&models, false),
            Style::Codex => list(&models, true),
            Style::Local => bare_list(models.iter().map(|listed| listed.tag.as_str())),
            Style::Resources => bare_list(models.iter().map(|listed| listed.resource.as_str())),
        }
    }

    /// One model, if there is such a one for this caller. Names hold slashes; clients may or may not escape them in a
    /// path.
    pub(crate) fn one(&self, wanted: &str, style: Style, principal: &Principal) -> Option<String> {
        let plain = wanted.replace("%2F", "/").replace("%2f", "/");
        let is_wanted = |listed: &&Listed| [wanted, plain.as_str()].contains(&listed.name.as_str());
        let mut called = self.models.iter().filter(is_wanted);
        let listed = called.find(|listed| principal.may_use(listed.name.as_str()))?;
        Some(match style {
            Style::Common | Style::Codex => listed.entry.clone(),
            Style::Local => listed.shown.clone(),
            Style::Resources => listed.resource.clone(),
        })
    }

    fn allowed(&self, principal: &Principal) -> impl Iterator<Item = &Listed> {
        self.models.iter().filter(|listed| principal.may_use(listed.name.as_str()))
    }
}

/// Codex reads `models`, and nobody else should have to carry it.
fn is_codex(request: &Request<Incoming>) -> bool {
    let asks = request.uri().query().is_some_and(|query| query.contains("client_version="));
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    asks || agent.is_some_and(|agent| agent.to_ascii_lowercase().contains("codex"))
}

fn list(models: &[&Listed], with_codex: bool) -> String {
    let mut body = String::from(r#"{"object":"list","data":["#);
    join(&mut body, models.iter().map(|listed| listed.entry.as_str()));
    let name = |listed: Option<&&Listed>| json!(listed.map(|listed| listed.name.as_str()));
    // Writing to a String cannot fail.
    let (first, last) = (name(models.first()), name(models.last()));
    let _ = write!(body, r#"],"first_id":{first},"last_id":{last},"has_more":false"#);
    if with_codex {
        body.push_str(r#","models":["#);
        join(&mut body, models.iter().map(|listed| listed.codex.as_str()));
        body.push(']');
    }
    body.push('}');
    body
}

fn bare_list<'a>(entries: impl Iterator<Item = &'a str>) -> String {
    let mut body = String::from(r#"{"models":["#);
    join(&mut body, entries);
    body.push_str("]}");
    body
}

/// The entry for Gemini's clients (<https://ai.google.dev/api/models#Model>).
fn resource(config: &ListingConfig<'_>) -> Value {
    let model = config.model;
    let mut entry = json!({
        "name": format!("models/{}", config.name.as_str()),
        "version": "",
        "displayName": config.name,
        "description": format!("{} by way of Tollgate", config.provider),
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": model.is_some_and(|model| model.can(Capability::Reasoning)),
    });
    let limits = [
        ("inputTokenLimit", model.and_then(|model| model.context_window)),
        ("outputTokenLimit", model.and_then(|model| model.max_output_tokens)),
    ];
    if let Some(fields) = entry.as_object_mut() {
        fields.extend(limits.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
    }
    entry
}

fn join<'a>(body: &mut String, entries: impl Iterator<Item = &'a str>) {
    for (index, entry) in entries.enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(entry);
    }
}

/// The entry for OpenAI's clients (`object`, `created`, `owned_by`), Anthropic's (`type`, `display_name`,
/// `created_at`), and those that read `OpenRouter`'s names for windows and prices.
fn entry(config: &ListingConfig<'_>, since: UnixTime) -> Value {
    let model = config.model;
    let mut entry = json!({
        "id": config.name,
        "object": "model",
        "created": since.as_secs(),
        "owned_by": config.provider,
        "type": "model",
        "display_name": config.name,
        "created_at": since.to_string(),
    });
    let known = [
        ("context_length", model.and_then(|model| model.context_window).map(Value::from)),
        ("max_output_tokens", model.and_then(|model| model.max_output_tokens).map(Value::from)),
        ("pricing", model.and_then(pricing)),
        ("capabilities", model.map(|model| json!(capabilities(model)))),
    ];
    if let Some(fields) = entry.as_object_mut() {
        fields.extend(known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    entry
}

/// Dollars for one token, picture, request or search as decimal strings, by the names that `OpenRouter` gives them.
fn pricing(model: &Model) -> Option<Value> {
    let price = model.price.as_ref()?;
    let mut pricing = Map::new();
    let mut name = |name: &str, rate| pricing.insert(name.to_owned(), decimal(rate).into());
    for (word, class) in [
        ("prompt", TokenClass::Input),
        ("completion", TokenClass::Output),
        ("input_cache_read", TokenClass::CacheRead),
        ("input_cache_write", TokenClass::CacheWrite5m),
    ] {
        name(word, price.rate(class));
    }
    let units = [("image", Unit::OutputImage), ("request", Unit::Request), ("web_search", Unit::WebSearch)];
    for (word, rate) in units.into_iter().filter_map(|(word, unit)| Some((word, price.unit(unit)?))) {
        name(word, rate);
    }
    Some(pricing.into())
}

/// Micro-dollars per million tokens as dollars per token.
fn decimal(rate: PerMillion) -> String {
    let digits = format!("{:013}", rate.0);
    let (whole, fraction) = digits.split_at(digits.len() - 12);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

fn capabilities(model: &Model) -> Vec<&'static str> {
    model.capabilities.iter().map(|capability| capability.as_str()).collect()
}

/// What a coding agent tells a model that it knows from this listing alone: it has nothing else to say to it, and
/// takes no catalogue without it.
const AGENT_INSTRUCTIONS: &str = "\
You are a coding agent that works in a user's terminal, in the folder the user has opened. Work on the task with the tools \
you are given until it is done, then say briefly what you did and what is left.

- Look before you write: read the files a change touches, and the project's own instructions (AGENTS.md) where there are \
any. Follow the style you find.
- Change what the task needs and nothing else. Never undo or overwrite work that is not yours, and ask before anything that \
cannot be taken back.
- Prefer fast searches (`rg`), and commands that end by themselves and print little.
- Check your work with the project's own tests and tools, and say plainly what you have not checked.
- Be brief. Name files by path and line. Do not repeat what the tools have shown already.
";

/// The entry Codex demands: every field of its `ModelInfo` that has no default.
fn codex(config: &ListingConfig<'_>, priority: u32) -> Value {
    let can = |capability| config.model.is_some_and(|model| model.can(capability));
    let sees = config.model.is_some_and(|model| model.input.contains(&Modality::Image));
    let efforts: Vec<_> = ["low", "medium", "high"]
        .iter()
        .filter(|_| can(Capability::Reasoning))
        .map(|effort| json!({"effort": effort, "description": format!("{effort} reasoning effort")}))
        .collect();
    json!({
        "slug": config.name,
        "display_name": config.name,
        "description": format!("{} by way of Tollgate", config.provider),
        "supported_reasoning_levels": efforts,
        "shell_type": "shell_command",
        "visibility": "list",
        "supported_in_api": true,
        "priority": priority,
        "upgrade": null,
        "base_instructions": AGENT_INSTRUCTIONS,
        "supports_reasoning_summaries": can(Capability::Reasoning),
        "support_verbosity": false,
        "default_verbosity": null,
        "apply_patch_tool_type": null,
        "truncation_policy": {"mode": "bytes", "limit": 10_000},
        "supports_parallel_tool_calls": can(Capability::Tools),
        "context_window": config.model.and_then(|model| model.context_window),
        "experimental_supported_tools": [],
        "input_modalities": if sees { json!(["text", "image"]) } else { json!(["text"]) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_decimals_per_token() {
        assert_eq!(decimal(PerMillion(150_000)), "0.00000015");
        assert_eq!(decimal(PerMillion(15_000_000)), "0.000015");
        assert_eq!(decimal(PerMillion(0)), "0");
        assert_eq!(decimal(PerMillion(2_000_000_000_000)), "2");
    }
}
