//! The models a caller may use, as the clients of each language read them: one file for each, and one body for those that
//! can read the same.

mod anthropic;
mod asked;
mod bedrock;
mod codex;
mod cohere;
mod gemini;
mod mistral;
mod ollama;
mod openai;
mod page;
mod query;

use std::fmt::Write as _;

use auth::Principal;
use providers::{Capability, Modality, Model, Task};
use serde_json::{Value, json};
use types::{ModelName, ProviderName, Refusal, UnixTime};

pub(crate) use asked::{Asked, Style, Wanted};
pub(crate) use query::Query;

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

impl ListingConfig<'_> {
    fn can(&self, capability: Capability) -> bool {
        self.model.is_some_and(|model| model.can(capability))
    }

    fn takes(&self, modality: Modality) -> bool {
        self.model.is_some_and(|model| model.input.contains(&modality))
    }

    /// What it is for. What nobody knows is taken for what most models are for.
    fn task(&self) -> Task {
        self.model.map_or(Task::Chat, |model| model.task)
    }

    fn description(&self) -> String {
        format!("{} by way of Tollgate", self.provider)
    }
}

/// Every model, written out once: answering is joining.
#[derive(Debug)]
pub struct Listing {
    models: Vec<Listed>,
}

#[derive(Debug)]
struct Listed {
    name: ModelName,
    provider: ProviderName,
    task: Task,
    /// What it gives, in Bedrock's words.
    gives: Vec<&'static str>,
    anthropic: String,
    bedrock: String,
    codex: String,
    cohere: String,
    gemini: String,
    mistral: String,
    openai: String,
    /// In Gemini's words, with a publisher.
    published: String,
    /// In Ollama's, in the list and alone.
    tag: String,
    shown: String,
}

impl Listed {
    fn new(config: &ListingConfig<'_>, priority: u32, since: UnixTime) -> Self {
        let openai = openai::entry(config, since);
        Self {
            name: config.name.clone(),
            provider: config.provider.clone(),
            task: config.task(),
            gives: bedrock::output(config),
            bedrock: bedrock::entry(config).to_string(),
            codex: codex::entry(config, priority).to_string(),
            cohere: cohere::entry(config).to_string(),
            gemini: gemini::entry(config).to_string(),
            mistral: mistral::entry(config, since).to_string(),
            openai: openai.to_string(),
            anthropic: anthropic::entry(config, openai).to_string(),
            published: gemini::published(config).to_string(),
            tag: ollama::tag(config, since).to_string(),
            shown: ollama::shown(config, since).to_string(),
        }
    }
}

impl Listing {
    /// Lists these models, in this order; `since` is when this gateway began to serve them.
    pub fn new<'a>(models: impl IntoIterator<Item = ListingConfig<'a>>, since: UnixTime) -> Self {
        let listed = models.into_iter().zip(0..);
        Self { models: listed.map(|(config, priority)| Listed::new(&config, priority, since)).collect() }
    }

    /// All models that this caller may use, or the page of them that the query asks for.
    ///
    /// # Errors
    /// A parameter of the query that makes no sense.
    pub(crate) fn all(
        &self,
        style: Style,
        query: Query<'_>,
        principal: &Principal,
    ) -> Result<String, Refusal> {
        let may_use = |listed: &&Listed| principal.may_use(listed.name.as_str());
        let mut models: Vec<_> = self.models.iter().filter(may_use).collect();
        match style {
            Style::Anthropic => {
                anthropic::filter(&mut models, query)?;
                openai::list(models, |listed| &listed.anthropic, None, query)
            }
            Style::Bedrock => bedrock::list(models, query),
            Style::Codex => {
                openai::list(models, |listed| &listed.openai, Some(|listed| &listed.codex), query)
            }
            Style::Cohere => cohere::list(models, query),
            Style::Gemini => gemini::list(models, ("models", |listed| &listed.gemini), query),
            Style::Mistral => openai::list(models, |listed| &listed.mistral, None, query),
            Style::Local => Ok(bare_list("models", models.iter().map(|listed| listed.tag.as_str()), None)),
            Style::OpenAi => openai::list(models, |listed| &listed.openai, None, query),
            Style::Publishers => gemini::list(models, ("publisherModels", |listed| &listed.published), query),
        }
    }

    /// One model, if there is such a one for this caller.
    pub(crate) fn one(&self, wanted: &str, style: Style, principal: &Principal) -> Option<String> {
        let mut called = self.models.iter().filter(|listed| listed.name.as_str() == wanted);
        let listed = called.find(|listed| principal.may_use(listed.name.as_str()))?;
        Some(match style {
            Style::Anthropic => listed.anthropic.clone(),
            Style::Bedrock => bedrock::one(listed),
            Style::Cohere => listed.cohere.clone(),
            Style::Codex | Style::OpenAi => listed.openai.clone(),
            Style::Gemini => listed.gemini.clone(),
            Style::Mistral => listed.mistral.clone(),
            Style::Local => listed.shown.clone(),
            Style::Publishers => listed.published.clone(),
        })
    }
}

/// The entry with these fields, as far as they have values.
fn with<const N: usize>(mut entry: Value, fields: [(&str, Option<Value>); N]) -> Value {
    if let Some(entry) = entry.as_object_mut() {
        entry.extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    entry
}

/// A list under this name and nothing else, but for what leads to the next page.
fn bare_list<'a>(name: &str, entries: impl Iterator<Item = &'a str>, next: Option<(&str, &str)>) -> String {
    let mut body = format!(r#"{{"{name}":["#);
    join(&mut body, entries);
    body.push(']');
    if let Some((parameter, token)) = next {
        // Writing to a String cannot fail.
        let _ = write!(body, r#","{parameter}":{}"#, json!(token));
    }
    body.push('}');
    body
}

fn join<'a>(body: &mut String, entries: impl Iterator<Item = &'a str>) {
    for (index, entry) in entries.enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(entry);
    }
}
