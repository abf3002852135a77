//! Writes the tools and which of them shall be called.

use std::borrow::Cow;

use serde::Serialize;
use types::Json;
use types::conversation::{CacheMark, Change, Tool, ToolChoice};

use super::request_encode::Writer;
use super::wire::{CachePoint, is_own};
use crate::calls::names_in_history;
use crate::thinking::Plan;
use crate::{names, schema};

/// The longest name of a tool that the wire takes.
const MAX_NAME: usize = 64;

/// The tools and which of them shall be called.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'a> {
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
}

/// A tool as it is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum ToolOut<'a> {
    /// A prompt-cache marker for all before it.
    CachePoint(CachePoint),
    /// A function.
    ToolSpec(ToolSpec<'a>),
    /// A tool that passes through whole.
    #[serde(untagged)]
    Opaque(&'a Json),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolSpec<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: SchemaOut,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Debug, Serialize)]
struct SchemaOut {
    json: Json,
}

/// Which tool shall be called.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Choice<'a> {
    /// At least one.
    Any {},
    /// As the model likes.
    Auto {},
    /// This one.
    Tool { name: Cow<'a, str> },
}

/// The prompt-cache mark of a tool.
pub(super) const fn mark(tool: &Tool) -> Option<CacheMark> {
    match tool {
        Tool::Function { cache, .. } => *cache,
        Tool::Opaque { .. } => None,
    }
}

impl<'a> Writer<'a> {
    /// The tools; where only the history knows tools, stubs of those, which the wire demands.
    pub(super) fn tool_config(&mut self, plan: &Plan) -> Option<ToolConfig<'a>> {
        let asked = self.asked;
        let called = names_in_history(asked.messages.iter().flat_map(|message| &message.content));
        let choice = asked.tool_choice.as_ref();
        // The wire has no word for calling none: tools that are not offered are not called.
        if choice == Some(&ToolChoice::Never) && called.is_empty() {
            if !asked.tools.is_empty() {
                self.changes.push(Change::emulated("tool_choice"));
            }
            return None;
        }
        let mut tools = self.offered();
        if tools.is_empty() {
            if matches!(choice, Some(ToolChoice::Any | ToolChoice::Named(_))) {
                self.dropped("tool_choice");
            }
            if called.is_empty() {
                return None;
            }
            self.changes.push(Change::emulated("tools"));
            tools.extend(called.into_iter().map(|name| self.stub(name)));
            return Some(ToolConfig { tools, tool_choice: None });
        }
        Some(ToolConfig { tools, tool_choice: choice.and_then(|choice| self.choice(choice, plan)) })
    }

    fn offered(&mut self) -> Vec<ToolOut<'a>> {
        let mut tools = Vec::new();
        for (index, tool) in self.asked.tools.iter().enumerate() {
            match tool {
                Tool::Function { name, description, parameters, strict, cache } => {
                    let description = description.as_deref().filter(|text| !text.is_empty());
                    let input_schema = SchemaOut { json: schema::of_arguments(parameters.as_ref()) };
                    let name = self.offered_name(name, index);
                    tools.push(ToolOut::ToolSpec(ToolSpec {
                        name,
                        description,
                        input_schema,
                        strict: *strict,
                    }));
                    if let Some(cache) = self.tool_mark(*cache, index) {
                        tools.push(ToolOut::CachePoint(cache.into()));
                    }
                }
                Tool::Opaque { kind, json } if is_own(kind) => tools.push(ToolOut::Opaque(json)),
                Tool::Opaque { .. } => self.dropped(format!("tools[{index}]")),
            }
        }
        tools
    }

    /// The mark behind a tool, if the target takes it there.
    fn tool_mark(&mut self, mark: Option<CacheMark>, index: usize) -> Option<CacheMark> {
        let path = format!("tools[{index}]");
        if self.takes_tool_marks() {
            return self.mark(mark, &path);
        }
        if mark.is_some() {
            self.dropped(format!("{path}.cache_control"));
        }
        None
    }

    /// A tool that only the history knows.
    fn stub(&self, name: &'a str) -> ToolOut<'a> {
        ToolOut::ToolSpec(ToolSpec {
            name: self.tool_name(name),
            description: Some("A tool used earlier in this conversation."),
            input_schema: SchemaOut { json: schema::of_arguments(None) },
            strict: None,
        })
    }

    /// A tool's name as it is offered, noted if it is not its own.
    fn offered_name(&mut self, name: &'a str, index: usize) -> Cow<'a, str> {
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

    fn choice(&mut self, choice: &'a ToolChoice, plan: &Plan) -> Option<Choice<'a>> {
        match choice {
            ToolChoice::Auto => Some(Choice::Auto {}),
            // The history needs the tools, and there is no word for not calling them.
            ToolChoice::Never => {
                self.dropped("tool_choice");
                None
            }
            ToolChoice::Any | ToolChoice::Named(_) if plan.thinks() => {
                // A model that thinks may not be forced to call.
                self.changes.push(Change::rewritten("tool_choice"));
                Some(Choice::Auto {})
            }
            ToolChoice::Any => Some(Choice::Any {}),
            ToolChoice::Named(name) => Some(Choice::Tool { name: self.tool_name(name) }),
        }
    }
}
