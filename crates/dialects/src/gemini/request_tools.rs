//! Writes the tools and which of them shall be called.

use std::borrow::Cow;

use serde::Serialize;
use types::Json;
use types::conversation::{Change, Tool, ToolChoice};

use super::request_encode::{MAX_NAME, Writer};
use super::schema;
use super::wire::is_own;
use crate::quirks;

/// A tool as it is written.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ToolOut<'a> {
    /// All functions.
    #[serde(rename_all = "camelCase")]
    Functions { function_declarations: Vec<Function<'a>> },
    /// A tool that passes through whole.
    Opaque(&'a Json),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Function<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Json>,
}

/// Which functions shall be called.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'a> {
    function_calling_config: Calling<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Calling<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_function_names: Vec<Cow<'a, str>>,
}

impl<'a> Writer<'a> {
    /// The tools: the functions in one.
    pub(super) fn tools(&mut self) -> Vec<ToolOut<'a>> {
        let mut functions = Vec::new();
        let mut others = Vec::new();
        for (index, tool) in self.asked.tools.iter().enumerate() {
            match tool {
                Tool::Function { name, description, parameters, strict: _, cache } => {
                    let (json, openapi) = self.parameters(parameters.as_ref(), index);
                    functions.push(Function {
                        name: self.offered(name, index),
                        description: description.as_deref(),
                        parameters_json_schema: json,
                        parameters: openapi,
                    });
                    if cache.is_some() {
                        self.dropped(format!("tools[{index}].cache_control"));
                    }
                }
                Tool::Opaque { kind, json } if is_own(kind) => others.push(ToolOut::Opaque(json)),
                Tool::Opaque { .. } => self.dropped(format!("tools[{index}]")),
            }
        }
        let functions =
            (!functions.is_empty()).then_some(ToolOut::Functions { function_declarations: functions });
        functions.into_iter().chain(others).collect()
    }

    /// The schema of a function's arguments, as JSON Schema or as `OpenAPI` has it. Of a function without arguments the
    /// wire wants none.
    fn parameters(&mut self, schema: Option<&'a Json>, index: usize) -> (Option<&'a Json>, Option<Json>) {
        let Some(schema) = schema.filter(|schema| self.is_own() || schema.as_str() != "{}") else {
            return (None, None);
        };
        if !self.target.has_quirk(quirks::OPENAPI_SCHEMA) {
            return (Some(schema), None);
        }
        self.changes.push(Change::emulated(format!("tools[{index}].function.parameters")));
        (None, Some(schema::to_openapi(schema)))
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

    /// Which functions shall be called. It only makes sense next to some.
    pub(super) fn tool_config(&mut self, tools: &[ToolOut<'a>]) -> Option<ToolConfig<'a>> {
        let asked = self.asked;
        if !tools.iter().any(|tool| matches!(tool, ToolOut::Functions { .. })) {
            if matches!(asked.tool_choice, Some(ToolChoice::Any | ToolChoice::Named(_))) {
                self.dropped("tool_choice");
            }
            return None;
        }
        if asked.parallel_tool_calls == Some(false) {
            self.dropped("parallel_tool_calls");
        }
        let is_validated = self.strictness();
        let mut names = Vec::new();
        let mode = match &asked.tool_choice {
            Some(ToolChoice::Auto) | None if is_validated => "VALIDATED",
            Some(ToolChoice::Auto) => "AUTO",
            Some(ToolChoice::Any) => "ANY",
            Some(ToolChoice::Never) => "NONE",
            Some(ToolChoice::Named(name)) => {
                names.push(self.tool_name(name));
                "ANY"
            }
            None => return None,
        };
        let function_calling_config = Calling { mode, allowed_function_names: names };
        Some(ToolConfig { function_calling_config })
    }

    /// Whether calls have to match their schemas, which the wire says of all functions at once.
    fn strictness(&mut self) -> bool {
        let asked = self.asked;
        let is_strict = |tool: &Tool| matches!(tool, Tool::Function { strict: Some(true), .. });
        let is_loose = |tool: &Tool| matches!(tool, Tool::Function { strict: None | Some(false), .. });
        let is_said = matches!(asked.tool_choice, None | Some(ToolChoice::Auto));
        if !is_said || asked.tools.iter().any(is_loose) {
            let strict = (0..).zip(&asked.tools).filter(|(_, tool)| is_strict(tool));
            self.changes.extend(
                strict.map(|(index, _): (usize, _)| {
                    Change::emulated(format!("tools[{index}].function.strict"))
                }),
            );
        }
        is_said && asked.tools.iter().any(is_strict)
    }
}
