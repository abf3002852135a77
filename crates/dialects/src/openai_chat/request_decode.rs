//! Reads a request into the canonical conversation.

use serde_json::value::RawValue;
use types::conversation::{
    CacheMark, Conversation, Delivery, Effort, Extras, OutputFormat, Reasoning, Sampling, Tool, ToolChoice,
};
use types::{Json, ModelName};

use super::ID;
use super::message_decode::{cache_mark, messages};
use crate::object::{Leftovers, Object, Path, Readable, keep};
use crate::openai_family::MAX_DEPTH;
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
    let said = object.take_part("messages")?;
    let path = Path::Field(&root, "messages");
    let said = said.ok_or_else(|| path.wrong("is missing"))?;
    let said = said.list().ok_or_else(|| path.wrong("must be an array"))?;
    let functions = object.take_list("functions")?;
    // A caller that knows functions can be told of one call at a time.
    let serial = (!functions.is_empty()).then_some(false);
    let parallel = object.take_as("parallel_tool_calls", "must be a boolean")?;
    Ok(Conversation {
        model: ModelName::from(model),
        messages: messages(said, &path)?,
        prompt_is_apart: false,
        tools: tools(&object.take_list("tools")?, &functions, &root)?,
        tool_choice: tool_choice(&mut object)?,
        parallel_tool_calls: parallel.or(serial),
        sampling: sampling(&mut object)?,
        reasoning: reasoning(&mut object)?,
        format: format(&mut object)?,
        delivery: delivery(&mut object)?,
        user: user(&mut object)?,
        extras: Extras { dialect: Some(ID), fields: object.all_left() },
    })
}

fn sampling(object: &mut Object<'_, '_>) -> Result<Sampling, DecodeError> {
    const NUMBER: &str = "must be a number";
    let newer = object.take_whole("max_completion_tokens")?;
    let older = object.take_whole("max_tokens")?;
    Ok(Sampling {
        temperature: object.take_as("temperature", NUMBER)?,
        top_p: object.take_as("top_p", NUMBER)?,
        top_k: object.take_as("top_k", WHOLE)?,
        frequency_penalty: object.take_as("frequency_penalty", NUMBER)?,
        presence_penalty: object.take_as("presence_penalty", NUMBER)?,
        seed: object.take_as("seed", WHOLE)?,
        choices: object.take_as("n", WHOLE)?,
        logprobs: object.take_as("logprobs", "must be a boolean")?,
        top_logprobs: object.take_as("top_logprobs", WHOLE)?,
        max_tokens: newer.or(older),
        stop: stop(object)?,
    })
}

fn stop(object: &mut Object<'_, '_>) -> Result<Vec<String>, DecodeError> {
    const EXPECTED: &str = "must be a string or an array of strings";
    let Some(raw) = object.take("stop")? else { return Ok(Vec::new()) };
    let one = serde_json::from_str(raw.get()).map(|text| vec![text]);
    one.or_else(|_| serde_json::from_str(raw.get()))
        .map_err(|_| Path::Field(object.path(), "stop").wrong(EXPECTED))
}

/// `user`; where only the newer `safety_identifier` is there, that.
fn user(object: &mut Object<'_, '_>) -> Result<Option<String>, DecodeError> {
    match object.take_text("user")? {
        Some(user) => Ok(Some(user)),
        None => object.take_text("safety_identifier"),
    }
}

fn delivery(object: &mut Object<'_, '_>) -> Result<Delivery, DecodeError> {
    let streams = object.take_as("stream", "must be a boolean")?.unwrap_or(false);
    let path = Path::Field(object.path(), "stream_options");
    let mut include_usage = None;
    if let Some(raw) = object.take("stream_options")? {
        let mut options = Object::read(raw.get(), &path)?;
        include_usage = options.take_as("include_usage", "must be a boolean")?;
    }
    let include_usage = include_usage.unwrap_or(false);
    Ok(if streams { Delivery::Stream { include_usage } } else { Delivery::Whole })
}

/// How much to think: `reasoning_effort`, or the widespread `reasoning` and `thinking` objects.
fn reasoning(object: &mut Object<'_, '_>) -> Result<Option<Reasoning>, DecodeError> {
    let mut reasoning = Reasoning::default();
    if let Some(word) = object.take_text("reasoning_effort")? {
        let path = Path::Field(object.path(), "reasoning_effort");
        reasoning.effort = Some(effort(&word, &path)?);
    }
    if let Some(raw) = object.take("reasoning")? {
        let path = Path::Field(object.path(), "reasoning");
        let mut said = Object::read(raw.get(), &path)?;
        if let Some(word) = said.take_text("effort")? {
            reasoning.effort.get_or_insert(effort(&word, &Path::Field(&path, "effort"))?);
        }
        reasoning.budget_tokens = said.take_as("max_tokens", WHOLE)?;
        reasoning.enabled = said.take_as("enabled", "must be a boolean")?;
    }
    if let Some(raw) = object.take("thinking")? {
        let path = Path::Field(object.path(), "thinking");
        let mut said = Object::read(raw.get(), &path)?;
        let kind = said.take_text("type")?;
        reasoning.enabled = kind.map(|kind| kind != "disabled").or(reasoning.enabled);
        let budget = said.take_as("budget_tokens", WHOLE)?;
        reasoning.budget_tokens = budget.or(reasoning.budget_tokens);
    }
    Ok((reasoning != Reasoning::default()).then_some(reasoning))
}

fn effort(word: &str, path: &Path<'_>) -> Result<Effort, DecodeError> {
    let words = Effort::ALL.map(Effort::as_str).join(", ");
    Effort::parse(word).ok_or_else(|| path.wrong(format!("must be one of {words}")))
}

fn format(object: &mut Object<'_, '_>) -> Result<OutputFormat, DecodeError> {
    let Some(raw) = object.take("response_format")? else { return Ok(OutputFormat::Text) };
    let path = Path::Field(object.path(), "response_format");
    let mut said = Object::read(raw.get(), &path)?;
    match said.require_text("type")?.as_str() {
        "text" => Ok(OutputFormat::Text),
        "json_object" => Ok(OutputFormat::JsonObject),
        "json_schema" => json_schema(&mut said),
        // A form newer than this gateway (a grammar, say) is its own dialect's business.
        _ => {
            said.kept();
            object.put_back("response_format", raw);
            Ok(OutputFormat::Text)
        }
    }
}

fn json_schema(said: &mut Object<'_, '_>) -> Result<OutputFormat, DecodeError> {
    let parent = said.path();
    let path = Path::Field(parent, "json_schema");
    let Some(raw) = said.take("json_schema")? else { return Err(path.wrong("is missing")) };
    let mut form = Object::read(raw.get(), &path)?;
    let any = || Json::parse("{}").ok_or_else(|| path.wrong("is missing"));
    Ok(OutputFormat::JsonSchema {
        name: form.take_text("name")?,
        description: form.take_text("description")?,
        // A name without a schema asks for any JSON.
        schema: form.take("schema")?.map(keep).map_or_else(any, Ok)?,
        strict: form.take_as("strict", "must be a boolean")?,
    })
}

/// The tools, and the functions of callers that know no tools yet.
fn tools(listed: &[&RawValue], functions: &[&RawValue], root: &Path<'_>) -> Result<Vec<Tool>, DecodeError> {
    let mut tools = Vec::with_capacity(listed.len() + functions.len());
    let parent = Path::Field(root, "tools");
    for (index, raw) in listed.iter().enumerate() {
        tools.push(tool(raw, &Path::Item(&parent, index))?);
    }
    let parent = Path::Field(root, "functions");
    for (index, raw) in functions.iter().enumerate() {
        let path = Path::Item(&parent, index);
        tools.push(function(Object::read(raw.get(), &path)?, None)?);
    }
    Ok(tools)
}

fn tool(raw: &RawValue, path: &Path<'_>) -> Result<Tool, DecodeError> {
    let mut said = Object::read(raw.get(), path)?;
    // Some clients leave the type out; a `function` object says it as well.
    let kind = said.take_text("type")?.unwrap_or_else(|| "function".to_owned());
    if kind != "function" {
        said.kept();
        return Ok(Tool::Opaque { kind, json: keep(raw) });
    }
    let path = Path::Field(path, "function");
    let Some(inner) = said.take("function")? else { return Err(path.wrong("is missing")) };
    function(Object::read(inner.get(), &path)?, cache_mark(&mut said)?)
}

fn function(mut said: Object<'_, '_>, cache: Option<CacheMark>) -> Result<Tool, DecodeError> {
    Ok(Tool::Function {
        name: said.require_text("name")?,
        description: said.take_text("description")?,
        parameters: said.take("parameters")?.map(keep),
        strict: said.take_as("strict", "must be a boolean")?,
        cache: cache.or(cache_mark(&mut said)?),
    })
}

fn tool_choice(object: &mut Object<'_, '_>) -> Result<Option<ToolChoice>, DecodeError> {
    let Some(raw) = object.take("tool_choice")? else { return function_choice(object) };
    let path = Path::Field(object.path(), "tool_choice");
    if let Ok(word) = serde_json::from_str::<String>(raw.get()) {
        return match word.as_str() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::Never)),
            "any" | "required" => Ok(Some(ToolChoice::Any)),
            _ => Err(path.wrong("must be auto, none, required or an object")),
        };
    }
    let mut said = Object::read(raw.get(), &path)?;
    said.take("type")?;
    let Some(function) = said.take("function")? else {
        // `allowed_tools` and custom tools have no canonical word.
        said.kept();
        object.put_back("tool_choice", raw);
        return Ok(None);
    };
    let path = Path::Field(&path, "function");
    let name = Object::read(function.get(), &path)?.require_text("name")?;
    Ok(Some(ToolChoice::Named(name)))
}

/// Which function to call, as callers say it that know no tools yet.
fn function_choice(object: &mut Object<'_, '_>) -> Result<Option<ToolChoice>, DecodeError> {
    let Some(raw) = object.take("function_call")? else { return Ok(None) };
    let path = Path::Field(object.path(), "function_call");
    match serde_json::from_str::<String>(raw.get()).as_deref() {
        Ok("auto") => Ok(Some(ToolChoice::Auto)),
        Ok("none") => Ok(Some(ToolChoice::Never)),
        Ok(_) => Err(path.wrong("must be auto, none or an object")),
        Err(_) => Ok(Some(ToolChoice::Named(Object::read(raw.get(), &path)?.require_text("name")?))),
    }
}
