//! Reads a whole request.

use types::ModelName;
use types::conversation::{
    Conversation, Delivery, Extras, OutputFormat, Reasoning, Sampling, Tool, ToolChoice,
};

use super::message_decode::messages;
use super::wire::own_kind;
use super::{ID, MAX_DEPTH};
use crate::object::{Leftovers, Object, Path, Readable, keep};
use crate::whole::WHOLE;
use crate::{DecodeError, Head};

/// Reads a whole request. What has no canonical word goes into the extras as it came.
pub(super) fn decode(head: Head<'_>, body: &[u8]) -> Result<Conversation, DecodeError> {
    let body = Readable::read(head, body, MAX_DEPTH)?;
    let leftovers = Leftovers::default();
    let root = Path::Noted(&leftovers);
    let mut object = Object::of(body.root(), &root)?;
    let model = object.require_text("model")?;
    if model.is_empty() {
        return Err(Path::Field(&root, "model").wrong("must be a non-empty string"));
    }
    let Some(list) = object.take_as("messages", "must be an array")? else {
        return Err(Path::Field(&root, "messages").wrong("is missing"));
    };
    let messages = messages(list, &root)?;
    let tools = tools(&mut object)?;
    let tool_choice = tool_choice(&mut object)?;
    let sampling = sampling(&mut object)?;
    let reasoning = reasoning(&mut object)?;
    let format = format(&mut object)?;
    let streams = object.take_as("stream", "must be a boolean")?.unwrap_or(false);
    Ok(Conversation {
        model: ModelName::from(model),
        messages,
        prompt_is_apart: false,
        tools,
        tool_choice,
        parallel_tool_calls: None,
        sampling,
        reasoning,
        format,
        delivery: if streams { Delivery::Stream { include_usage: true } } else { Delivery::Whole },
        user: None,
        extras: Extras { dialect: Some(ID), fields: object.all_left() },
    })
}

fn tools(object: &mut Object<'_, '_>) -> Result<Vec<Tool>, DecodeError> {
    let parent = Path::Field(object.path(), "tools");
    let strict: Option<bool> = object.take_as("strict_tools", "must be a boolean")?;
    let mut tools = Vec::new();
    for (index, raw) in object.take_list("tools")?.into_iter().enumerate() {
        let path = Path::Item(&parent, index);
        let inside = Path::Field(&path, "function");
        let mut tool = Object::read(raw.get(), &path)?;
        let function = match tool.take_text("type")?.as_deref() {
            None | Some("function") => tool.take("function")?,
            Some(kind) => {
                tools.push(Tool::Opaque { kind: own_kind(kind), json: keep(raw) });
                tool.kept();
                continue;
            }
        };
        let Some(function) = function else { return Err(inside.wrong("is missing")) };
        let mut function = Object::read(function.get(), &inside)?;
        tools.push(Tool::Function {
            name: function.require_text("name")?,
            description: function.take_text("description")?,
            parameters: function.take("parameters")?.map(keep),
            strict,
            cache: None,
        });
    }
    Ok(tools)
}

fn tool_choice(object: &mut Object<'_, '_>) -> Result<Option<ToolChoice>, DecodeError> {
    match object.take_text("tool_choice")?.as_deref() {
        None => Ok(None),
        Some("NONE") => Ok(Some(ToolChoice::Never)),
        Some("REQUIRED") => Ok(Some(ToolChoice::Any)),
        Some(_) => Err(Path::Field(object.path(), "tool_choice").wrong("must be `REQUIRED` or `NONE`")),
    }
}

fn sampling(object: &mut Object<'_, '_>) -> Result<Sampling, DecodeError> {
    const NUMBER: &str = "must be a number";
    Ok(Sampling {
        temperature: object.take_as("temperature", NUMBER)?,
        top_p: object.take_as("p", NUMBER)?,
        top_k: object.take_as("k", WHOLE)?,
        frequency_penalty: object.take_as("frequency_penalty", NUMBER)?,
        presence_penalty: object.take_as("presence_penalty", NUMBER)?,
        seed: object.take_as("seed", WHOLE)?,
        max_tokens: object.take_whole("max_tokens")?,
        stop: object.take_as("stop_sequences", "must be an array of strings")?.unwrap_or_default(),
        ..Sampling::default()
    })
}

fn reasoning(object: &mut Object<'_, '_>) -> Result<Option<Reasoning>, DecodeError> {
    let path = Path::Field(object.path(), "thinking");
    let Some(raw) = object.take("thinking")? else { return Ok(None) };
    let mut thinking = Object::read(raw.get(), &path)?;
    let enabled = match thinking.require_text("type")?.as_str() {
        "disabled" => false,
        "enabled" => true,
        _ => return Err(Path::Field(&path, "type").wrong("must be `enabled` or `disabled`")),
    };
    let budget_tokens = thinking.take_as("token_budget", WHOLE)?;
    Ok(Some(Reasoning { effort: None, budget_tokens, enabled: Some(enabled) }))
}

fn format(object: &mut Object<'_, '_>) -> Result<OutputFormat, DecodeError> {
    let path = Path::Field(object.path(), "response_format");
    let Some(raw) = object.take("response_format")? else { return Ok(OutputFormat::Text) };
    let mut said = Object::read(raw.get(), &path)?;
    let format = match said.require_text("type")?.as_str() {
        "text" => OutputFormat::Text,
        "json_object" => match said.take("json_schema")? {
            Some(schema) => {
                let schema = keep(schema);
                OutputFormat::JsonSchema { name: None, description: None, schema, strict: None }
            }
            None => OutputFormat::JsonObject,
        },
        _ => return Err(Path::Field(&path, "type").wrong("must be `text` or `json_object`")),
    };
    Ok(format)
}
