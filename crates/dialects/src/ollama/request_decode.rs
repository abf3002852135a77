//! Reads a whole request.

use serde_json::value::RawValue;
use types::ModelName;
use types::conversation::{Conversation, Delivery, Effort, Extras, OutputFormat, Reasoning, Sampling, Tool};

use super::message_decode::messages;
use super::peek::limit;
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
    let messages = messages(object.take_list("messages")?, &root)?;
    let tools = tools(&mut object)?;
    let sampling = sampling(&mut object)?;
    let reasoning = reasoning(&mut object)?;
    let format = format(&mut object)?;
    let streams = object.take_as("stream", "must be a boolean")?.unwrap_or(true);
    Ok(Conversation {
        model: ModelName::from(model),
        messages,
        prompt_is_apart: false,
        tools,
        tool_choice: None,
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
    let mut tools = Vec::new();
    for (index, raw) in object.take_list("tools")?.into_iter().enumerate() {
        let path = Path::Item(&parent, index);
        let inside = Path::Field(&path, "function");
        let mut tool = Object::read(raw.get(), &path)?;
        let kind = tool.take_text("type")?;
        let function = match kind.as_deref() {
            None | Some("" | "function") => tool.take("function")?,
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
            strict: None,
            cache: None,
        });
    }
    Ok(tools)
}

fn sampling(object: &mut Object<'_, '_>) -> Result<Sampling, DecodeError> {
    const NUMBER: &str = "must be a number";
    let mut sampling = Sampling {
        logprobs: object.take_as("logprobs", "must be a boolean")?,
        top_logprobs: object.take_as("top_logprobs", WHOLE)?,
        ..Sampling::default()
    };
    let path = Path::Field(object.path(), "options");
    let Some(raw) = object.take("options")? else { return Ok(sampling) };
    let mut options = Object::read(raw.get(), &path)?;
    sampling.temperature = options.take_as("temperature", NUMBER)?;
    sampling.top_p = options.take_as("top_p", NUMBER)?;
    sampling.top_k = options.take_as("top_k", WHOLE)?;
    sampling.frequency_penalty = options.take_as("frequency_penalty", NUMBER)?;
    sampling.presence_penalty = options.take_as("presence_penalty", NUMBER)?;
    sampling.seed = options.take_as("seed", WHOLE)?;
    sampling.max_tokens = options.take_whole("num_predict")?.and_then(limit);
    sampling.stop = stop(&mut options)?;
    Ok(sampling)
}

fn stop(options: &mut Object<'_, '_>) -> Result<Vec<String>, DecodeError> {
    let path = Path::Field(options.path(), "stop");
    let Some(raw) = options.take("stop")? else { return Ok(Vec::new()) };
    let one = serde_json::from_str(raw.get()).map(|text| vec![text]);
    one.or_else(|_| serde_json::from_str(raw.get()))
        .map_err(|_| path.wrong("must be a string or an array of strings"))
}

/// Whether to think, or how much.
fn reasoning(object: &mut Object<'_, '_>) -> Result<Option<Reasoning>, DecodeError> {
    let Some(raw) = object.take("think")? else { return Ok(None) };
    if let Ok(enabled) = serde_json::from_str::<bool>(raw.get()) {
        return Ok(Some(Reasoning { enabled: Some(enabled), ..Reasoning::default() }));
    }
    let word: Option<String> = serde_json::from_str(raw.get()).ok();
    match word.and_then(|word| Effort::parse(&word)) {
        Some(effort) => Ok(Some(Reasoning { effort: Some(effort), ..Reasoning::default() })),
        None => Err(Path::Field(object.path(), "think").wrong("must be a boolean or a word of effort")),
    }
}

/// `json`, or a schema.
fn format(object: &mut Object<'_, '_>) -> Result<OutputFormat, DecodeError> {
    let Some(raw) = object.take("format")? else { return Ok(OutputFormat::Text) };
    match raw.get() {
        "\"\"" => Ok(OutputFormat::Text),
        "\"json\"" => Ok(OutputFormat::JsonObject),
        text if text.starts_with('{') => Ok(schema(raw)),
        _ => Err(Path::Field(object.path(), "format").wrong("must be `json` or a JSON schema")),
    }
}

fn schema(raw: &RawValue) -> OutputFormat {
    OutputFormat::JsonSchema { name: None, description: None, schema: keep(raw), strict: None }
}
