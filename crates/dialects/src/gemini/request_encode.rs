//! Writes a request for an upstream that speaks this language.

use std::borrow::Cow;

use serde::Serialize;
use types::Json;
use types::conversation::{Change, Conversation, OutputFormat, Target};

use super::reasoning::Thinking;
use super::request_tools::{ToolConfig, ToolOut};
use super::wire::{self, ContentOut};
use super::{ID, schema};
use crate::extras::{Named, carry};
use crate::place::told;
use crate::sampling::single_choice;
use crate::{EncodeError, Encoded, ToolNames, quirks};

/// The most texts to stop at that the wire takes.
const MAX_STOPS: usize = 5;

/// What is being written, and what differs from what was asked.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) asked: &'a Conversation,
    pub(super) target: &'a Target,
    pub(super) changes: Vec<Change>,
    /// The tools that got other names.
    pub(super) tool_names: ToolNames,
}

/// A request's body.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    contents: Vec<ContentOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<ContentOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Generation::is_empty")]
    generation_config: Generation<'a>,
    #[serde(flatten)]
    extras: Named<'a>,
}

/// `generationConfig`.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Generation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<u32>,
    #[serde(flatten)]
    format: Format<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Thinking>,
}

impl Generation<'_> {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The form of the answer.
#[expect(clippy::struct_field_names, reason = "the wire's own names")]
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Format<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_schema: Option<Json>,
}

/// Writes a request for an upstream that speaks this language.
pub(super) fn encode(conversation: &Conversation, target: &Target) -> Result<Encoded, EncodeError> {
    if target.has_quirk(quirks::SINGLE_CHOICE) {
        single_choice(conversation)?;
    }
    let tool_names = ToolNames::default();
    let mut writer = Writer { asked: conversation, target, changes: Vec::new(), tool_names };
    let (system, contents) = writer.contents()?;
    let tools = writer.tools();
    let tool_config = writer.tool_config(&tools);
    let generation_config = writer.generation();
    if conversation.user.is_some() {
        writer.dropped("user");
    }
    let carried = carry(&conversation.extras, ID, &[])?;
    let body = Body {
        contents,
        system_instruction: (!system.is_empty()).then_some(ContentOut { role: None, parts: system }),
        tools,
        tool_config,
        generation_config,
        extras: carried.fields,
    };
    let mut bytes = Vec::new();
    wire::write(&mut bytes, &body);
    let Writer { changes, tool_names, .. } = writer;
    let changes = told(conversation, changes, carried.lost)?;
    Encoded { body: vec![bytes.into()], changes, tool_names, ..Encoded::default() }.checked(target)
}

impl<'a> Writer<'a> {
    /// Whether the caller speaks this language too.
    pub(super) fn is_own(&self) -> bool {
        self.asked.extras.dialect == Some(ID)
    }

    /// Notes that something is left out.
    pub(super) fn dropped(&mut self, field: impl Into<String>) {
        self.changes.push(Change::dropped(field));
    }

    fn generation(&mut self) -> Generation<'a> {
        let sampling = &self.asked.sampling;
        let is_own = self.is_own();
        let penalised =
            |penalty: Option<f64>| penalty.filter(|penalty| is_own || penalty.abs() > f64::EPSILON);
        let mut written = Generation {
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            top_k: sampling.top_k,
            candidate_count: sampling.choices.filter(|choices| is_own || *choices != 1),
            max_output_tokens: sampling.max_tokens,
            stop_sequences: self.stop_sequences(),
            seed: sampling.seed,
            frequency_penalty: penalised(sampling.frequency_penalty),
            presence_penalty: penalised(sampling.presence_penalty),
            response_logprobs: sampling.logprobs,
            logprobs: sampling.top_logprobs,
            format: self.format(),
            thinking_config: self.reasoning(),
        };
        self.refuse(&mut written);
        written
    }

    /// Leaves out what this target refuses.
    fn refuse(&mut self, written: &mut Generation<'a>) {
        if self.target.has_quirk(quirks::NO_PENALTIES) {
            self.take("frequency_penalty", &mut written.frequency_penalty);
            self.take("presence_penalty", &mut written.presence_penalty);
        }
        if self.target.has_quirk(quirks::NO_LOGPROBS) {
            if written.response_logprobs.take() == Some(true) {
                self.dropped("logprobs");
            }
            self.take("top_logprobs", &mut written.logprobs);
        }
        if self.target.has_quirk(quirks::NO_SAMPLING) {
            self.take("temperature", &mut written.temperature);
            self.take("top_p", &mut written.top_p);
            self.take("top_k", &mut written.top_k);
        }
        if self.target.has_quirk(quirks::NO_STOP) && !std::mem::take(&mut written.stop_sequences).is_empty() {
            self.dropped("stop");
        }
    }

    fn take<T>(&mut self, field: &str, value: &mut Option<T>) {
        if value.take().is_some() {
            self.dropped(field);
        }
    }

    /// The texts to stop at; the wire refuses empty ones.
    fn stop_sequences(&mut self) -> Vec<&'a str> {
        let all = self.asked.sampling.stop.iter().map(String::as_str).filter(|text| !text.is_empty());
        let kept: Vec<&str> = all.take(MAX_STOPS).collect();
        if kept.len() < self.asked.sampling.stop.len() {
            self.dropped("stop");
        }
        kept
    }

    fn format(&mut self) -> Format<'a> {
        const JSON: Option<&str> = Some("application/json");
        let asked = self.asked;
        let is_plain = asked.format == OutputFormat::Text;
        if !is_plain && !asked.tools.is_empty() && self.target.has_quirk(quirks::NO_SCHEMA_WITH_TOOLS) {
            self.dropped("response_format");
            return Format::default();
        }
        match &asked.format {
            OutputFormat::Text => Format::default(),
            OutputFormat::JsonObject => Format { response_mime_type: JSON, ..Format::default() },
            // The name is a label without effect, and answers always match their schema here.
            OutputFormat::JsonSchema { name: _, description, schema, strict: _ } => {
                if description.is_some() {
                    self.dropped("response_format.json_schema.description");
                }
                if self.target.has_quirk(quirks::OPENAPI_SCHEMA) {
                    self.changes.push(Change::emulated("response_format.json_schema.schema"));
                    let response_schema = Some(schema::to_openapi(schema));
                    return Format { response_mime_type: JSON, response_schema, response_json_schema: None };
                }
                let response_json_schema = Some(schema);
                Format { response_mime_type: JSON, response_json_schema, response_schema: None }
            }
        }
    }

    /// A tool's name as the wire takes it: letters, digits, `_` and `-`.
    pub(super) fn tool_name(&self, name: &'a str) -> Cow<'a, str> {
        if self.is_own() { name.into() } else { crate::names::fit(name, MAX_NAME) }
    }
}

/// The longest name of a function that every model of the language takes.
pub(super) const MAX_NAME: usize = 64;
