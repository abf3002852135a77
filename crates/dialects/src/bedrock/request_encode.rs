//! Writes a request for an upstream that speaks this language. The model's name and whether it streams are in the path.

use std::borrow::Cow;

use serde::Serialize;
use types::Json;
use types::conversation::{Change, Conversation, OutputFormat, Target};

use super::ID;
use super::prefix::MARKS;
use super::request_tools::ToolConfig;
use super::wire::Block;
use crate::betas::{self, BETAS};
use crate::extras::{Named, carry};
use crate::place::told;
use crate::sampling::{single_choice, unsaid};
use crate::thinking::{Plan, Thinking};
use crate::turns::{Turn, Turns};
use crate::{EncodeError, Encoded, ToolNames, quirks, schema};

/// Chat Completions' service tiers and this wire's words for them.
const TIERS: &[(&str, &str)] = &[("default", "default"), ("flex", "flex"), ("priority", "priority")];

/// The most prompt-cache marks of one request.
const MAX_MARKS: usize = 4;

/// What is being written, and what differs from what was asked.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) asked: &'a Conversation,
    pub(super) target: &'a Target,
    pub(super) changes: Vec<Change>,
    /// The tools that got other names.
    pub(super) tool_names: ToolNames,
    /// The names of the documents so far.
    pub(super) documents: Vec<String>,
    /// How many prompt-cache marks are still to be left out: the last ones stand for all before them.
    pub(super) surplus_marks: usize,
}

/// A request's body.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Turn<Block<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Inference::is_empty")]
    inference_config: Inference<'a>,
    #[serde(skip_serializing_if = "OwnFields::is_empty")]
    additional_model_request_fields: OwnFields,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    output_config: OutputConfig<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<ServiceTier>,
    #[serde(flatten)]
    extras: Named<'a>,
}

/// How tokens are drawn and when to stop.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inference<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
}

impl Inference<'_> {
    const fn is_empty(&self) -> bool {
        self.max_tokens.is_none()
            && self.temperature.is_none()
            && self.top_p.is_none()
            && self.stop_sequences.is_empty()
    }
}

/// What only one family of models understands.
#[derive(Serialize)]
struct OwnFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    anthropic_beta: Vec<String>,
}

impl OwnFields {
    const fn is_empty(&self) -> bool {
        self.thinking.is_none() && self.top_k.is_none() && self.anthropic_beta.is_empty()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_format: Option<TextFormat<'a>>,
}

impl OutputConfig<'_> {
    const fn is_empty(&self) -> bool {
        self.effort.is_none() && self.text_format.is_none()
    }
}

#[derive(Serialize)]
struct TextFormat<'a> {
    r#type: &'static str,
    structure: Structure<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Structure<'a> {
    json_schema: SchemaOut<'a>,
}

#[derive(Serialize)]
struct SchemaOut<'a> {
    /// The schema as text.
    schema: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

#[derive(Serialize)]
struct ServiceTier {
    r#type: &'static str,
}

/// Writes a request for an upstream that speaks this language.
pub(super) fn encode(conversation: &Conversation, target: &Target) -> Result<Encoded, EncodeError> {
    let mut writer = Writer::new(conversation, target);
    single_choice(conversation)?;
    let plan = writer.reasoning();
    let tool_config = writer.tool_config(&plan);
    let Turns { system, list: messages, .. } = writer.messages()?;
    let inference_config = writer.inference(&plan);
    let mut carried = carry(&conversation.extras, ID, TIERS)?;
    let (anthropic_beta, are_all) = betas::taken(&conversation.extras, target);
    if are_all {
        carried.found(BETAS);
    }
    let top_k = writer.top_k(&plan);
    let body = Body {
        system,
        messages,
        tool_config,
        inference_config,
        additional_model_request_fields: OwnFields { thinking: plan.thinking, top_k, anthropic_beta },
        output_config: OutputConfig { effort: plan.effort, text_format: writer.format() },
        service_tier: carried.service_tier.map(|word| ServiceTier { r#type: word }),
        extras: carried.fields,
    };
    writer.report_unsaid();
    let encoded = Encoded::of(&body, told(conversation, writer.changes, carried.lost)?);
    MARKS.set_in(Encoded { tool_names: writer.tool_names, ..encoded }, target).checked(target)
}

impl<'a> Writer<'a> {
    fn new(asked: &'a Conversation, target: &'a Target) -> Self {
        let mut writer = Self {
            asked,
            target,
            changes: Vec::new(),
            tool_names: ToolNames::default(),
            documents: Vec::new(),
            surplus_marks: 0,
        };
        if writer.takes_marks() {
            writer.surplus_marks = writer.marks().saturating_sub(MAX_MARKS);
        }
        writer
    }

    /// Whether the conversation came in this dialect.
    pub(super) fn is_own(&self) -> bool {
        self.asked.extras.dialect == Some(ID)
    }

    /// Whether prompt-cache marks are taken: a model that does not know them refuses the request.
    pub(super) fn takes_marks(&self) -> bool {
        self.is_own() || self.target.has_quirk(quirks::CACHE_CONTROL)
    }

    /// Whether they are taken behind tools as well.
    pub(super) fn takes_tool_marks(&self) -> bool {
        self.is_own() || !self.target.has_quirk(quirks::NO_TOOL_CACHE)
    }

    /// How many prompt-cache marks there are that the target takes.
    fn marks(&self) -> usize {
        let tools = self.asked.tools.iter().filter(|_| self.takes_tool_marks());
        let of_tools = tools.filter(|tool| super::request_tools::mark(tool).is_some());
        let blocks = self.asked.messages.iter().flat_map(|message| &message.content);
        of_tools.count() + blocks.map(super::place::marks).sum::<usize>()
    }

    pub(super) fn dropped(&mut self, field: impl Into<String>) {
        self.changes.push(Change::dropped(field));
    }

    /// How tokens are drawn, as far as this target takes it.
    fn inference(&mut self, plan: &Plan) -> Inference<'a> {
        let sampling = &self.asked.sampling;
        let (mut temperature, mut top_p) = (sampling.temperature, sampling.top_p);
        // Thinking fixes the temperature at 1 and leaves little of the other.
        let fixed = self.target.has_quirk(quirks::NO_SAMPLING) || plan.thinks();
        let either = self.target.has_quirk(quirks::TEMPERATURE_OR_TOP_P) && temperature.is_some();
        if !self.is_own() && fixed {
            self.drop_unless_default("temperature", temperature.take());
        }
        if !self.is_own() && (fixed || either) {
            self.drop_unless_default("top_p", top_p.take());
        }
        if temperature.is_some_and(|temperature| temperature > 1.0) {
            temperature = Some(1.0);
            self.changes.push(Change::rewritten("temperature"));
        }
        let stop_sequences = self.stop_sequences();
        Inference { max_tokens: sampling.max_tokens, temperature, top_p, stop_sequences }
    }

    /// Leaving out a 1 changes nothing: it is the default of both.
    fn drop_unless_default(&mut self, field: &str, value: Option<f64>) {
        if value.is_some_and(|value| (value - 1.0).abs() > f64::EPSILON) {
            self.dropped(field);
        }
    }

    /// Drawing from the `k` likeliest, which only some models know.
    fn top_k(&mut self, plan: &Plan) -> Option<u64> {
        let top_k = self.asked.sampling.top_k?;
        if self.is_own() || (self.target.has_quirk(quirks::TOP_K) && !plan.thinks()) {
            return Some(top_k);
        }
        self.dropped("top_k");
        None
    }

    /// The texts to stop at; the wire refuses blank ones.
    fn stop_sequences(&mut self) -> Vec<&'a str> {
        let all = &self.asked.sampling.stop;
        if !all.is_empty() && self.target.has_quirk(quirks::NO_STOP) {
            self.dropped("stop");
            return Vec::new();
        }
        let kept: Vec<&str> = all.iter().map(String::as_str).filter(|text| !text.trim().is_empty()).collect();
        if kept.len() < all.len() {
            self.dropped("stop");
        }
        kept
    }

    fn format(&mut self) -> Option<TextFormat<'a>> {
        match &self.asked.format {
            OutputFormat::Text => None,
            OutputFormat::JsonSchema { name, description, schema, strict: _ }
                if !self.target.has_quirk(quirks::NO_JSON_SCHEMA) =>
            {
                let schema = self.schema(schema);
                let json_schema =
                    SchemaOut { schema, name: name.as_deref(), description: description.as_deref() };
                Some(TextFormat { r#type: "json_schema", structure: Structure { json_schema } })
            }
            OutputFormat::JsonObject | OutputFormat::JsonSchema { .. } => {
                self.dropped("response_format");
                None
            }
        }
    }

    /// The schema of the answer as text, every object in it closed, which the wire demands.
    fn schema(&mut self, schema: &'a Json) -> Cow<'a, str> {
        let closed = if self.is_own() { None } else { schema::closed(schema) };
        match closed {
            Some(closed) => {
                self.changes.push(Change::rewritten("response_format.json_schema.schema"));
                Cow::Owned(closed.as_str().to_owned())
            }
            None => Cow::Borrowed(schema.as_str()),
        }
    }

    /// Reports what this language has no word for.
    fn report_unsaid(&mut self) {
        let fields = ["frequency_penalty", "presence_penalty", "seed", "logprobs", "top_logprobs"];
        self.changes.extend(unsaid(&self.asked.sampling, &fields));
        if self.asked.user.is_some() {
            self.dropped("user");
        }
        if self.asked.parallel_tool_calls == Some(false) && !self.asked.tools.is_empty() {
            self.dropped("parallel_tool_calls");
        }
    }
}
