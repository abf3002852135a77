//! Writes a request for an upstream that speaks this language.

use std::collections::HashMap;

use serde::Serialize;
use types::Json;
use types::conversation::{Change, Conversation, Effort, OutputFormat, Sampling, Target, Tool, ToolChoice};

use super::ID;
use super::wire::{FunctionOut, MessageOut, ToolOut, is_own};
use crate::extras::{Named, carry};
use crate::place::told;
use crate::sampling::single_choice;
use crate::{EncodeError, Encoded, quirks, schema};

/// What is being written, and what differs from what was asked.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) asked: &'a Conversation,
    pub(super) target: &'a Target,
    pub(super) changes: Vec<Change>,
    /// The names of the calls so far, by their ids: a tool's answer goes by its name.
    pub(super) called: HashMap<&'a str, &'a str>,
}

/// A request's body.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<MessageOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    think: Option<Think>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format<'a>>,
    options: Options<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u32>,
    stream: bool,
    #[serde(flatten)]
    extras: Named<'a>,
}

/// Whether to think, or how much.
#[derive(Serialize)]
#[serde(untagged)]
enum Think {
    Effort(&'static str),
    Switch(bool),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Format<'a> {
    Json(&'static str),
    Schema(&'a Json),
}

/// How tokens are drawn and when to stop.
#[derive(Serialize)]
struct Options<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_predict: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
}

impl<'a> From<&'a Sampling> for Options<'a> {
    fn from(sampling: &'a Sampling) -> Self {
        Self {
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            top_k: sampling.top_k,
            frequency_penalty: sampling.frequency_penalty,
            presence_penalty: sampling.presence_penalty,
            seed: sampling.seed,
            num_predict: sampling.max_tokens,
            stop: &sampling.stop,
        }
    }
}

/// Writes a request for an upstream that speaks this language.
pub(super) fn encode(conversation: &Conversation, target: &Target) -> Result<Encoded, EncodeError> {
    let sampling = &conversation.sampling;
    single_choice(conversation)?;
    let mut writer = Writer { asked: conversation, target, changes: Vec::new(), called: HashMap::new() };
    let messages = writer.messages();
    if messages.is_empty() && !writer.is_own() {
        return Err(EncodeError::nothing_sayable());
    }
    let carried = carry(&conversation.extras, ID, &[])?;
    let body = Body {
        model: target.model.as_str(),
        messages,
        tools: writer.tools(),
        think: writer.think(),
        format: writer.format(),
        options: sampling.into(),
        logprobs: sampling.logprobs,
        top_logprobs: sampling.top_logprobs,
        stream: conversation.delivery.is_stream(),
        extras: carried.fields,
    };
    writer.report_unsaid();
    Encoded::of(&body, told(conversation, writer.changes, carried.lost)?).checked(target)
}

impl<'a> Writer<'a> {
    /// Whether the conversation came in this dialect.
    pub(super) fn is_own(&self) -> bool {
        self.asked.extras.dialect == Some(ID)
    }

    pub(super) fn dropped(&mut self, field: impl Into<String>) {
        self.changes.push(Change::dropped(field));
    }

    /// The tools; none where none is to be called, for which the wire has no word.
    fn tools(&mut self) -> Vec<ToolOut<'a>> {
        if self.asked.tool_choice == Some(ToolChoice::Never) {
            if !self.asked.tools.is_empty() {
                self.changes.push(Change::emulated("tool_choice"));
            }
            return Vec::new();
        }
        let mut tools = Vec::with_capacity(self.asked.tools.len());
        for (index, tool) in self.asked.tools.iter().enumerate() {
            match tool {
                Tool::Function { name, description, parameters, strict, cache } => {
                    if *strict == Some(true) {
                        self.dropped(format!("tools[{index}].function.strict"));
                    }
                    if cache.is_some() {
                        self.dropped(format!("tools[{index}].cache_control"));
                    }
                    let description = description.as_deref();
                    let parameters = schema::of_arguments(parameters.as_ref());
                    let function = FunctionOut { name: name.into(), description, parameters };
                    tools.push(ToolOut::Function { r#type: "function", function });
                }
                Tool::Opaque { kind, json } if is_own(kind) => tools.push(ToolOut::Opaque(json)),
                Tool::Opaque { .. } => self.dropped(format!("tools[{index}]")),
            }
        }
        tools
    }

    /// The switch for thinking. Only few models take a word, and the others refuse it: elsewhere a word means yes.
    fn think(&mut self) -> Option<Think> {
        let reasoning = self.asked.reasoning.as_ref()?;
        let field = if reasoning.effort.is_some() { "reasoning_effort" } else { "thinking" };
        if self.target.has_quirk(quirks::NO_REASONING) {
            self.dropped(field);
            return None;
        }
        let effort = reasoning.effort.filter(|effort| *effort != Effort::None);
        if reasoning.enabled == Some(false) || (reasoning.effort.is_some() && effort.is_none()) {
            return Some(Think::Switch(false));
        }
        match effort {
            Some(effort) if self.is_own() => return Some(Think::Effort(effort.as_str())),
            Some(_) => self.changes.push(Change::emulated(field)),
            None if reasoning.budget_tokens.is_some() => {
                self.changes.push(Change::emulated("thinking.budget_tokens"));
            }
            None => {}
        }
        Some(Think::Switch(true))
    }

    fn format(&mut self) -> Option<Format<'a>> {
        match &self.asked.format {
            OutputFormat::Text => None,
            OutputFormat::JsonObject => Some(Format::Json("json")),
            // The name is a label without effect, and this wire's schemas are always strict.
            OutputFormat::JsonSchema { name: _, description, schema, strict: _ } => {
                if description.is_some() {
                    self.dropped("response_format.json_schema.description");
                }
                Some(Format::Schema(schema))
            }
        }
    }

    /// Reports what this language has no word for.
    fn report_unsaid(&mut self) {
        if matches!(self.asked.tool_choice, Some(ToolChoice::Any | ToolChoice::Named(_))) {
            self.dropped("tool_choice");
        }
        if self.asked.parallel_tool_calls == Some(false) && !self.asked.tools.is_empty() {
            self.dropped("parallel_tool_calls");
        }
        if self.asked.user.is_some() {
            self.dropped("user");
        }
    }
}
