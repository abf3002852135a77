//! Writes a request for an upstream that speaks this language.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue};
use serde::Serialize;
use types::Json;
use types::conversation::{Change, Conversation, OutputFormat, Target};

use super::ID;
use super::peek::{VERSION_HEADER, Version};
use super::prefix::MARKS;
use super::request_tools::{Choice, ToolOut};
use super::wire::Block;
use crate::betas::BETAS;
use crate::extras::{Named, carry};
use crate::place::told;
use crate::sampling::{single_choice, unsaid};
use crate::thinking::{Plan, Thinking};
use crate::turns::{Turn, Turns};
use crate::{EncodeError, Encoded, ToolNames, names, quirks, schema, shape};

/// The limit where neither the caller nor the catalogue says one, without what is meant for thinking.
const DEFAULT_MAX_TOKENS: u64 = 4096;

/// The longest name of an end user that the wire takes.
const MAX_USER: usize = 256;

/// Chat Completions' service tiers and this wire's words for them.
const TIERS: &[(&str, &str)] = &[("auto", "auto"), ("default", "standard_only")];

/// What is being written, and what differs from what was asked.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) asked: &'a Conversation,
    pub(super) target: &'a Target,
    pub(super) changes: Vec<Change>,
    /// The places of the prompt-cache marks, in the order they were written.
    pub(super) marked: Vec<String>,
    /// The tools that got other names.
    pub(super) tool_names: ToolNames,
}

/// A request's body.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anthropic_version: Option<&'static str>,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Turn<Block<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    output_config: OutputConfig<'a>,
    #[serde(flatten)]
    drawing: Drawing,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(flatten)]
    extras: Named<'a>,
}

#[derive(Serialize)]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format<'a>>,
}

impl OutputConfig<'_> {
    const fn is_empty(&self) -> bool {
        self.effort.is_none() && self.format.is_none()
    }
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    schema: Cow<'a, Json>,
}

/// How tokens are drawn.
#[derive(Serialize)]
struct Drawing {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    user_id: Cow<'a, str>,
}

/// Writes a request for an upstream that speaks this language.
pub(super) fn encode(conversation: &Conversation, target: &Target) -> Result<Encoded, EncodeError> {
    single_choice(conversation)?;
    let mut writer = Writer::new(conversation, target);
    let plan = writer.reasoning();
    let Turns { mut system, list: mut messages, .. } = writer.messages()?;
    let mut tools = writer.tools();
    writer.cap_marks(&mut tools, &mut system, &mut messages);
    let tool_choice = writer.tool_choice(&tools, &plan);
    let drawing = writer.drawing(&plan);
    let mut carried = carry(&conversation.extras, ID, TIERS)?;
    // A caller's own header goes on by itself.
    carried.fields.0.retain(|(name, _)| *name != BETAS);
    let body_version = body_version(target);
    let body = Body {
        model: body_version.is_none().then_some(target.model.as_str()),
        anthropic_version: body_version,
        max_tokens: writer.max_tokens(&plan),
        system,
        messages,
        tools,
        tool_choice,
        output_config: OutputConfig { effort: plan.effort, format: writer.format() },
        thinking: plan.thinking,
        drawing,
        stop_sequences: writer.stop_sequences(),
        metadata: writer.metadata(),
        service_tier: carried.service_tier,
        stream: conversation.delivery.is_stream().then_some(true),
        extras: carried.fields,
    };
    let mut bytes = Vec::new();
    shape::write(&mut bytes, &body);
    let headers = if body_version.is_some() { Vec::new() } else { vec![version_header(target)] };
    let changes = told(conversation, writer.changes, carried.lost)?;
    let (body, tool_names) = (vec![bytes.into()], writer.tool_names);
    let encoded = Encoded { body, headers, changes, tool_names, ..Encoded::default() };
    MARKS.set_in(encoded, target).checked(target)
}

/// The version that a cloud wants in the body, where it names the model in its path.
pub(super) fn body_version(target: &Target) -> Option<&'static str> {
    target.has_quirk(quirks::VERTEX_BODY).then_some("vertex-2023-10-16")
}

/// The version this target is spoken to in.
pub(super) fn version_header(target: &Target) -> (HeaderName, HeaderValue) {
    let version = if target.has_quirk(quirks::NO_SAMPLING) { Version::V20261021 } else { Version::V20230601 };
    (HeaderName::from_static(VERSION_HEADER), HeaderValue::from_static(version.as_str()))
}

impl<'a> Writer<'a> {
    fn new(asked: &'a Conversation, target: &'a Target) -> Self {
        let (changes, marked) = (Vec::new(), Vec::new());
        Self { asked, target, changes, marked, tool_names: ToolNames::default() }
    }

    /// Whether the conversation came in this dialect.
    pub(super) fn is_own(&self) -> bool {
        self.asked.extras.dialect == Some(ID)
    }

    pub(super) fn dropped(&mut self, field: impl Into<String>) {
        self.changes.push(Change::dropped(field));
    }

    /// The most tokens the answer may have: the wire demands a limit.
    pub(super) fn max_tokens(&self, plan: &Plan) -> u64 {
        let default = || plan.budget().saturating_add(DEFAULT_MAX_TOKENS);
        self.asked.sampling.max_tokens.or(self.target.max_output_tokens).unwrap_or_else(default)
    }

    fn format(&mut self) -> Option<Format<'a>> {
        match &self.asked.format {
            OutputFormat::Text => None,
            OutputFormat::JsonObject => {
                self.dropped("response_format");
                None
            }
            // The name is a label without effect, and this wire's schemas are always strict.
            OutputFormat::JsonSchema { name: _, description, schema, strict: _ } => {
                if description.is_some() {
                    self.dropped("response_format.json_schema.description");
                }
                let closed = if self.is_own() { None } else { schema::closed(schema) };
                if closed.is_some() {
                    self.changes.push(Change::rewritten("response_format.json_schema.schema"));
                }
                let schema = closed.map_or(Cow::Borrowed(schema), Cow::Owned);
                Some(Format { r#type: "json_schema", schema })
            }
        }
    }

    /// Temperature and the like, as far as this target takes them.
    fn drawing(&mut self, plan: &Plan) -> Drawing {
        let sampling = &self.asked.sampling;
        let unknown = ["frequency_penalty", "presence_penalty", "seed", "logprobs", "top_logprobs"];
        self.changes.extend(unsaid(sampling, &unknown));
        let mut drawing =
            Drawing { temperature: sampling.temperature, top_p: sampling.top_p, top_k: sampling.top_k };
        let forbids_all = version_header(self.target).1 == Version::V20261021.as_str();
        let either = self.target.has_quirk(quirks::TEMPERATURE_OR_TOP_P) && drawing.temperature.is_some();
        // Thinking fixes the temperature at 1 and leaves little of the other two.
        let thinks = plan.thinks();
        if drawing.temperature.is_some() && (forbids_all || thinks) {
            self.drop_unless_default("temperature", drawing.temperature.take());
        }
        if drawing.top_p.is_some_and(|top_p| forbids_all || either || (thinks && top_p < 0.95)) {
            self.drop_unless_default("top_p", drawing.top_p.take());
        }
        if drawing.top_k.is_some() && (forbids_all || thinks) {
            drawing.top_k = None;
            self.dropped("top_k");
        }
        if drawing.temperature.is_some_and(|temperature| temperature > 1.0) {
            drawing.temperature = Some(1.0);
            self.changes.push(Change::rewritten("temperature"));
        }
        drawing
    }

    /// Leaving out a 1 changes nothing: it is the default of both.
    fn drop_unless_default(&mut self, field: &str, value: Option<f64>) {
        if value.is_some_and(|value| (value - 1.0).abs() > f64::EPSILON) {
            self.dropped(field);
        }
    }

    /// The caller's end user; the wire refuses long names and addresses of mail.
    fn metadata(&mut self) -> Option<Metadata<'a>> {
        let user = self.asked.user.as_deref()?;
        if self.is_own() || (user.len() <= MAX_USER && !user.contains('@')) {
            return Some(Metadata { user_id: user.into() });
        }
        self.changes.push(Change::rewritten("user"));
        Some(Metadata { user_id: names::opaque_user(user).into() })
    }

    /// The texts to stop at; the wire refuses blank ones.
    fn stop_sequences(&mut self) -> Vec<&'a str> {
        let all = self.asked.sampling.stop.iter().map(String::as_str);
        let kept: Vec<&str> = all.filter(|text| !text.trim().is_empty()).collect();
        if kept.len() < self.asked.sampling.stop.len() {
            self.dropped("stop");
        }
        kept
    }
}
