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

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;

use auth::Principal;
use providers::{Capability, Modality, Model, Task};
use serde_json::{Value, json};
use types::{Code, ModelName, ProviderName, Refusal, UnixTime};

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

/// What can be called: by a name that is listed or by another, without its provider, with a date, or a program of its own.
pub trait Names: Send + Sync {
    /// What this name calls.
    ///
    /// # Errors
    /// What is wrong with it, in words for callers.
    fn find(&self, name: &str) -> Result<Called, Box<dyn Error + Send + Sync>>;
}

/// What a name calls.
#[derive(Debug)]
pub struct Called {
    /// The name that policies have for it.
    pub label: ModelName,
    /// Who serves it, or serves it first.
    pub provider: ProviderName,
    /// What the catalogue knows of it.
    pub model: Option<Arc<Model>>,
}

/// Every model, written out once for lists: to answer with one is joining.
pub struct Listing {
    models: Vec<Listed>,
    names: Box<dyn Names>,
    since: UnixTime,
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
    /// In Ollama's.
    tag: String,
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
        }
    }
}

/// What is said of one model by itself.
fn alone(config: &ListingConfig<'_>, style: Style, since: UnixTime) -> Value {
    match style {
        Style::Anthropic => anthropic::entry(config, openai::entry(config, since)),
        Style::Bedrock => bedrock::details(config),
        Style::Cohere => cohere::entry(config),
        Style::Codex | Style::OpenAi => openai::entry(config, since),
        Style::Gemini => gemini::entry(config),
        Style::Mistral => mistral::entry(config, since),
        Style::Local => ollama::shown(config, since),
        Style::Publishers => gemini::published(config),
    }
}

impl Listing {
    /// Lists these models, in this order, and knows others by `names`; `since` is when this gateway began to serve them.
    pub fn new<'a>(
        models: impl IntoIterator<Item = ListingConfig<'a>>,
        names: impl Names + 'static,
        since: UnixTime,
    ) -> Self {
        let listed = models.into_iter().zip(0..);
        let models = listed.map(|(config, priority)| Listed::new(&config, priority, since)).collect();
        Self { models, names: Box::new(names), since }
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

    /// One model.
    ///
    /// # Errors
    /// There is no such one for this caller.
    pub(crate) fn one(&self, wanted: &str, style: Style, principal: &Principal) -> Result<String, Refusal> {
        let unknown = |problem: String| Refusal::new(Code::ModelNotFound, problem).with_param("model");
        let found = self.names.find(wanted).map_err(|error| unknown(format!("{error}")))?;
        let Called { label, provider, model } = found;
        if !principal.may_use(label.as_str()) && !principal.may_use(wanted) {
            return Err(unknown(format!("no model `{wanted}`; `GET /v1/models` lists what there is")));
        }
        let config = ListingConfig { name: ModelName::from(wanted), provider, model: model.as_deref() };
        Ok(alone(&config, style, self.since).to_string())
    }
}

/// The entry with these fields, as far as they have values.
fn with<const N: usize>(mut entry: Value, fields: [(&str, Option<Value>); N]) -> Value {
    if let Some(entry) = entry.as_object_mut() {
        entry.extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    entry
}

/// The words for what a model can do, of those that there are.
fn words<const N: usize>(known: [(&'static str, bool); N]) -> Vec<&'static str> {
    known.into_iter().filter(|(_, is_so)| *is_so).map(|(word, _)| word).collect()
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
