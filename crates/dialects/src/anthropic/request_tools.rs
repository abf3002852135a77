//! Writes the tools and which of them shall be called.

use std::borrow::Cow;

use serde::Serialize;
use types::Json;
use types::conversation::{Change, Tool, ToolChoice};

use super::request_encode::Writer;
use super::wire::{CacheControl, is_own};
use crate::calls::names_in_history;
use crate::thinking::Plan;
use crate::{names, schema};

/// The longest name of a tool that the wire takes.
const MAX_NAME: usize = 128;

/// A tool as it is written.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ToolOut<'a> {
    /// A function.
    Function {
        name: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        input_schema: Json,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    /// A tool that passes through whole.
    Opaque(&'a Json),
    /// A tool that only the history knows.
    Stub { name: Cow<'a, str>, description: &'static str, input_schema: Json },
}

impl ToolOut<'_> {
    /// The place for a prompt-cache mark.
    pub(super) const fn cache_control(&mut self) -> Option<&mut Option<CacheControl>> {
        match self {
            Self::Function { cache_control, .. } => Some(cache_control),
            Self::Opaque(_) | Self::Stub { .. } => None,
        }
    }
}

/// Which tool shall be called, as it is written.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Choice<'a> {
    /// At least one.
    Any(Serial),
    /// As the model likes.
    Auto(Serial),
    /// None.
    None,
    /// This one.
    Tool {
        name: Cow<'a, str>,
        #[serde(flatten)]
        serial: Serial,
    },
}

/// Whether calls come one at a time.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Serial {
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_parallel_tool_use: Option<bool>,
}

impl<'a> Writer<'a> {
    /// The tools; where only the history knows tools, stubs of those, which the wire demands.
    pub(super) fn tools(&mut self) -> Vec<ToolOut<'a>> {
        let mut tools = Vec::new();
        for (index, tool) in self.asked.tools.iter().enumerate() {
            match tool {
                Tool::Function { name, description, parameters, strict, cache } => {
                    let name = self.offered(name, index);
                    tools.push(ToolOut::Function {
                        name,
                        description: description.as_deref(),
                        input_schema: schema::of_arguments(parameters.as_ref()),
                        strict: *strict,
                        cache_control: self.mark(*cache, &format!("tools[{index}]")),
                    });
                }
                Tool::Opaque { kind, json } if is_own(kind) => tools.push(ToolOut::Opaque(json)),
                Tool::Opaque { .. } => self.dropped(format!("tools[{index}]")),
            }
        }
        if tools.is_empty() {
            let names = names_in_history(self.asked.messages.iter().flat_map(|message| &message.content));
            if !names.is_empty() {
                self.changes.push(Change::emulated("tools"));
            }
            tools.extend(names.into_iter().map(|name| ToolOut::Stub {
                name: self.tool_name(name),
                description: "A tool used earlier in this conversation.",
                input_schema: schema::of_arguments(None),
            }));
        }
        tools
    }

    /// A tool's name as it is offered, noted if it is not its own.
    fn offered(&mut self, name: &'a str, index: usize) -> Cow<'a, str> {
        if self.is_own() {
            return name.into();
        }
        let (sent, is_another) = self.tool_names.fit(name, MAX_NAME);
        if is_another {
            self.changes.push(Change::emulated(format!("tools[{index}].function.name")));
        }
        sent
    }

    /// A tool's name as the wire takes it: letters, digits, `_` and `-`.
    pub(super) fn tool_name(&self, name: &'a str) -> Cow<'a, str> {
        if self.is_own() { name.into() } else { names::fit(name, MAX_NAME) }
    }

    /// Which tool shall be called.
    pub(super) fn tool_choice(&mut self, tools: &[ToolOut<'a>], plan: &Plan) -> Option<Choice<'a>> {
        if tools.iter().any(|tool| matches!(tool, ToolOut::Stub { .. })) {
            return Some(Choice::None);
        }
        let asked = self.asked;
        if tools.is_empty() {
            if matches!(asked.tool_choice, Some(ToolChoice::Any | ToolChoice::Named(_))) {
                self.dropped("tool_choice");
            }
            return None;
        }
        let serial =
            Serial { disable_parallel_tool_use: asked.parallel_tool_calls.map(|parallel| !parallel) };
        match &asked.tool_choice {
            None => (asked.parallel_tool_calls == Some(false)).then_some(Choice::Auto(serial)),
            Some(ToolChoice::Auto) => Some(Choice::Auto(serial)),
            Some(ToolChoice::Never) => Some(Choice::None),
            Some(ToolChoice::Any | ToolChoice::Named(_)) if plan.thinks() => {
                // A model that thinks may not be forced to call.
                self.changes.push(Change::rewritten("tool_choice"));
                Some(Choice::Auto(serial))
            }
            Some(ToolChoice::Any) => Some(Choice::Any(serial)),
            Some(ToolChoice::Named(name)) => Some(Choice::Tool { name: self.tool_name(name), serial }),
        }
    }
}
