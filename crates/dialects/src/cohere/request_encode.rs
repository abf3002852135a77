//! Writes a request for an upstream that speaks this language.

use std::ops::RangeInclusive;

use serde::Serialize;
use types::Json;
use types::conversation::{Change, Conversation, Effort, OutputFormat, Target, Tool, ToolChoice};

use super::ID;
use super::wire::{FunctionOut, MessageOut, Part, ToolOut, is_own};
use crate::extras::{Named, carry};
use crate::place::told;
use crate::sampling::{single_choice, unsaid};
use crate::thinking::budget_of;
use crate::{EncodeError, Encoded, quirks, schema};

/// The most texts to stop at.
const MAX_STOPS: usize = 5;
/// What nucleus sampling may be.
const P: RangeInclusive<f64> = 0.01..=0.99;
/// The most of the likeliest to draw from.
const MAX_K: u64 = 500;

/// What is being written, and what differs from what was asked.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) asked: &'a Conversation,
    pub(super) target: &'a Target,
    pub(super) changes: Vec<Change>,
    /// What the last answers of tools have shown, which only a person's message can show.
    pub(super) shown: Vec<Part<'a>>,
}

/// A request's body.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<MessageOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict_tools: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Format<'a>>,
    #[serde(flatten)]
    drawing: Drawing<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(flatten)]
    extras: Named<'a>,
}

#[derive(Serialize)]
struct Thinking {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_budget: Option<u64>,
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<&'a Json>,
}

/// How tokens are drawn and when to stop.
#[derive(Serialize)]
struct Drawing<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
}

/// Writes a request for an upstream that speaks this language.
pub(super) fn encode(conversation: &Conversation, target: &Target) -> Result<Encoded, EncodeError> {
    single_choice(conversation)?;
    let mut writer = Writer { asked: conversation, target, changes: Vec::new(), shown: Vec::new() };
    let messages = writer.messages();
    if messages.is_empty() && !writer.is_own() {
        return Err(EncodeError::nothing_sayable());
    }
    let carried = carry(&conversation.extras, ID, &[])?;
    let tools = writer.tools();
    let body = Body {
        model: target.model.as_str(),
        messages,
        strict_tools: writer.strict_tools(&tools),
        tool_choice: writer.tool_choice(&tools),
        tools,
        thinking: writer.thinking(),
        response_format: writer.format(),
        drawing: writer.drawing(),
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

    /// The tool that is to be called, if it is one of the tools.
    fn wanted(&self) -> Option<&'a str> {
        let Some(ToolChoice::Named(wanted)) = &self.asked.tool_choice else { return None };
        let is_wanted = |tool: &Tool| matches!(tool, Tool::Function { name, .. } if name == wanted);
        self.asked.tools.iter().any(is_wanted).then_some(wanted)
    }

    /// The tools; where one is to be called, it alone.
    fn tools(&mut self) -> Vec<ToolOut<'a>> {
        let asked = self.asked;
        let wanted = self.wanted();
        let mut tools = Vec::with_capacity(asked.tools.len());
        for (index, tool) in asked.tools.iter().enumerate() {
            match tool {
                Tool::Function { name, description, parameters, strict: _, cache } => {
                    if cache.is_some() {
                        self.dropped(format!("tools[{index}].cache_control"));
                    }
                    if wanted.is_some_and(|wanted| wanted != name.as_str()) {
                        continue;
                    }
                    let description = description.as_deref();
                    let parameters = schema::of_arguments(parameters.as_ref());
                    let function = FunctionOut { name, description, parameters };
                    tools.push(ToolOut::Function { r#type: "function", function });
                }
                Tool::Opaque { kind, json } if is_own(kind) => tools.push(ToolOut::Opaque(json)),
                Tool::Opaque { .. } => self.dropped(format!("tools[{index}]")),
            }
        }
        tools
    }

    /// Whether arguments must match their schemas exactly: of all tools or of none.
    fn strict_tools(&mut self, tools: &[ToolOut<'_>]) -> Option<bool> {
        if tools.is_empty() {
            return None;
        }
        let mut said = self.asked.tools.iter().filter_map(|tool| match tool {
            Tool::Function { strict, .. } => Some(*strict),
            Tool::Opaque { .. } => None,
        });
        let first = said.next()?;
        if said.all(|strict| strict == first) {
            return first;
        }
        for index in 0..self.asked.tools.len() {
            let tool = self.asked.tools.get(index);
            if matches!(tool, Some(Tool::Function { strict: Some(true), .. })) {
                self.dropped(format!("tools[{index}].function.strict"));
            }
        }
        None
    }

    fn tool_choice(&mut self, tools: &[ToolOut<'_>]) -> Option<&'static str> {
        let choice = self.asked.tool_choice.as_ref()?;
        if tools.is_empty() {
            if matches!(choice, ToolChoice::Any | ToolChoice::Named(_)) {
                self.dropped("tool_choice");
            }
            return None;
        }
        match choice {
            ToolChoice::Any => Some("REQUIRED"),
            ToolChoice::Auto => None,
            ToolChoice::Named(_) => {
                // The one tool is the only one that is offered, unless nobody knows it.
                self.changes.push(match self.wanted() {
                    Some(_) => Change::emulated("tool_choice"),
                    None => Change::rewritten("tool_choice"),
                });
                Some("REQUIRED")
            }
            ToolChoice::Never => Some("NONE"),
        }
    }

    /// Whether to think, and up to which budget.
    fn thinking(&mut self) -> Option<Thinking> {
        let reasoning = self.asked.reasoning.as_ref()?;
        let field = if reasoning.effort.is_some() { "reasoning_effort" } else { "thinking" };
        if self.target.has_quirk(quirks::NO_REASONING) {
            self.dropped(field);
            return None;
        }
        if reasoning.enabled == Some(false) || reasoning.effort == Some(Effort::None) {
            return Some(Thinking { r#type: "disabled", token_budget: None });
        }
        let of_effort = reasoning.effort.map(|effort| budget_of(Some(effort)));
        if reasoning.budget_tokens.is_none() && of_effort.is_some() {
            self.changes.push(Change::emulated(field));
        }
        Some(Thinking { r#type: "enabled", token_budget: reasoning.budget_tokens.or(of_effort) })
    }

    fn format(&mut self) -> Option<Format<'a>> {
        match &self.asked.format {
            OutputFormat::Text => None,
            OutputFormat::JsonObject => Some(Format { r#type: "json_object", json_schema: None }),
            // The name is a label without effect, and this wire's schemas are always strict.
            OutputFormat::JsonSchema { name: _, description, schema, strict: _ } => {
                if description.is_some() {
                    self.dropped("response_format.json_schema.description");
                }
                Some(Format { r#type: "json_object", json_schema: Some(schema) })
            }
        }
    }

    /// How tokens are drawn, within the wire's bounds.
    fn drawing(&mut self) -> Drawing<'a> {
        let sampling = &self.asked.sampling;
        let stops = if self.is_own() { usize::MAX } else { MAX_STOPS };
        if sampling.stop.len() > stops {
            self.dropped("stop");
        }
        let top_k = if self.is_own() { u64::MAX } else { MAX_K };
        if sampling.top_k.is_some_and(|k| k > top_k) {
            self.changes.push(Change::rewritten("top_k"));
        }
        Drawing {
            temperature: sampling.temperature,
            p: self.bounded("top_p", sampling.top_p, P),
            k: sampling.top_k.map(|k| k.min(top_k)),
            frequency_penalty: self.bounded("frequency_penalty", sampling.frequency_penalty, 0.0..=1.0),
            presence_penalty: self.bounded("presence_penalty", sampling.presence_penalty, 0.0..=1.0),
            seed: sampling.seed,
            max_tokens: sampling.max_tokens,
            stop_sequences: sampling.stop.get(..stops).unwrap_or(&sampling.stop),
        }
    }

    /// A number within what the wire takes; what came in this language is said as it came.
    fn bounded(&mut self, field: &str, value: Option<f64>, taken: RangeInclusive<f64>) -> Option<f64> {
        let value = value?;
        if self.is_own() || taken.contains(&value) {
            return Some(value);
        }
        self.changes.push(Change::rewritten(field));
        Some(value.clamp(*taken.start(), *taken.end()))
    }

    /// Reports what this language has no word for.
    fn report_unsaid(&mut self) {
        self.changes.extend(unsaid(&self.asked.sampling, &["logprobs", "top_logprobs"]));
        if self.asked.parallel_tool_calls == Some(false) && !self.asked.tools.is_empty() {
            self.dropped("parallel_tool_calls");
        }
        if self.asked.user.is_some() {
            self.dropped("user");
        }
    }
}
