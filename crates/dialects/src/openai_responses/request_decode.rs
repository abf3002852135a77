//! Reads a request into the canonical conversation.

use serde_json::value::RawValue;
use types::ModelName;
use types::conversation::{
    Content, Conversation, Delivery, Effort, Extras, Message, OutputFormat, Reasoning, Role, Sampling, Tool,
    ToolChoice,
};

use super::ID;
use super::message_decode;
use super::request_encode::{ENCRYPTED_REASONING, LOGPROBS};
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
    let prompt = instructions(&mut object)?;
    let prompt_is_apart = prompt.is_some();
    let mut messages: Vec<Message> = prompt.into_iter().collect();
    messages.extend(input(&mut object)?);
    let tools = tools(&mut object)?;
    let tool_choice = tool_choice(&mut object)?;
    let format = format(&mut object)?;
    let reasoning = reasoning(&mut object)?;
    let sampling = sampling(&mut object)?;
    let parallel_tool_calls = object.take_as("parallel_tool_calls", "must be a boolean")?;
    let streams = object.take_as("stream", "must be a boolean")?.unwrap_or(false);
    let user = user(&mut object)?;
    Ok(Conversation {
        model: ModelName::from(model),
        messages,
        prompt_is_apart,
        tools,
        tool_choice,
        parallel_tool_calls,
        sampling,
        reasoning,
        format,
        delivery: if streams { Delivery::Stream { include_usage: true } } else { Delivery::Whole },
        user,
        extras: Extras { dialect: Some(ID), fields: object.all_left() },
    })
}

/// The prompt that stands apart from the input.
fn instructions(object: &mut Object<'_, '_>) -> Result<Option<Message>, DecodeError> {
    let text = object.take_text("instructions")?.filter(|text| !text.is_empty());
    Ok(text.map(|text| Message { role: Role::System, content: vec![Content::text(text)], name: None }))
}

fn input(object: &mut Object<'_, '_>) -> Result<Vec<Message>, DecodeError> {
    let Some(raw) = object.take("input")? else { return Ok(Vec::new()) };
    if let Ok(text) = serde_json::from_str::<String>(raw.get()) {
        return Ok(vec![Message { role: Role::User, content: vec![Content::text(text)], name: None }]);
    }
    let path = Path::Field(object.path(), "input");
    let items: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|_| path.wrong("must be a string or an array"))?;
    message_decode::messages(items, &path)
}

fn sampling(object: &mut Object<'_, '_>) -> Result<Sampling, DecodeError> {
    const NUMBER: &str = "must be a number";
    Ok(Sampling {
        temperature: object.take_as("temperature", NUMBER)?,
        top_p: object.take_as("top_p", NUMBER)?,
        top_k: object.take_as("top_k", WHOLE)?,
        frequency_penalty: object.take_as("frequency_penalty", NUMBER)?,
        presence_penalty: object.take_as("presence_penalty", NUMBER)?,
        logprobs: logprobs(object)?,
        top_logprobs: object.take_as("top_logprobs", WHOLE)?,
        max_tokens: object.take_whole("max_output_tokens")?,
        ..Sampling::default()
    })
}

/// Whether log probabilities are to be included. What else is to be goes back where it was, but for encrypted
/// reasoning: every language's answers hold what proves their reasoning.
fn logprobs(object: &mut Object<'_, '_>) -> Result<Option<bool>, DecodeError> {
    let Some(raw) = object.take("include")? else { return Ok(None) };
    let path = Path::Field(object.path(), "include");
    let named: Vec<String> =
        serde_json::from_str(raw.get()).map_err(|_| path.wrong("must be an array of strings"))?;
    if named.iter().any(|name| name != LOGPROBS && name != ENCRYPTED_REASONING) {
        object.put_back("include", raw);
    }
    Ok(named.iter().any(|name| name == LOGPROBS).then_some(true))
}

/// `safety_identifier`; where only the older `user` is there, that.
fn user(object: &mut Object<'_, '_>) -> Result<Option<String>, DecodeError> {
    match object.take_text("safety_identifier")? {
        Some(user) => Ok(Some(user)),
        None => object.take_text("user"),
    }
}

/// How much to think.
fn reasoning(object: &mut Object<'_, '_>) -> Result<Option<Reasoning>, DecodeError> {
    let Some(raw) = object.take("reasoning")? else { return Ok(None) };
    let path = Path::Field(object.path(), "reasoning");
    let mut said = Object::read(raw.get(), &path)?;
    let mut reasoning = Reasoning::default();
    if let Some(word) = said.take_text("effort")? {
        let words = Effort::ALL.map(Effort::as_str).join(", ");
        let wrong = || Path::Field(&path, "effort").wrong(format!("must be one of {words}"));
        reasoning.effort = Some(Effort::parse(&word).ok_or_else(wrong)?);
    }
    Ok((reasoning != Reasoning::default()).then_some(reasoning))
}

/// The form of the text.
fn format(object: &mut Object<'_, '_>) -> Result<OutputFormat, DecodeError> {
    let Some(raw) = object.take("text")? else { return Ok(OutputFormat::Text) };
    let path = Path::Field(object.path(), "text");
    let mut said = Object::read(raw.get(), &path)?;
    let format = match said.take("format")? {
        Some(raw) => output_format(raw, &Path::Field(&path, "format"))?,
        None => Some(OutputFormat::Text),
    };
    if format.is_none() {
        // A form newer than this gateway (a grammar, say) is its own dialect's business.
        said.kept();
        object.put_back("text", raw);
        return Ok(OutputFormat::Text);
    }
    Ok(format.unwrap_or_default())
}

/// A form of the answer; `None` for one that has no canonical word.
fn output_format(raw: &RawValue, path: &Path<'_>) -> Result<Option<OutputFormat>, DecodeError> {
    let mut said = Object::read(raw.get(), path)?;
    let format = match said.require_text("type")?.as_str() {
        "text" => OutputFormat::Text,
        "json_object" => OutputFormat::JsonObject,
        "json_schema" => OutputFormat::JsonSchema {
            name: said.take_text("name")?,
            description: said.take_text("description")?,
            schema: match said.take("schema")? {
                Some(schema) => keep(schema),
                None => return Err(Path::Field(path, "schema").wrong("is missing")),
            },
            strict: said.take_as("strict", "must be a boolean")?,
        },
        _ => {
            said.kept();
            return Ok(None);
        }
    };
    Ok(Some(format))
}

fn tools(object: &mut Object<'_, '_>) -> Result<Vec<Tool>, DecodeError> {
    let parent = Path::Field(object.path(), "tools");
    let mut tools = Vec::new();
    for (index, raw) in object.take_list("tools")?.into_iter().enumerate() {
        let path = Path::Item(&parent, index);
        let mut said = Object::read(raw.get(), &path)?;
        let kind = said.require_text("type")?;
        if kind != "function" {
            tools.push(Tool::Opaque { kind: message_decode::own_tool(&kind), json: keep(raw) });
            said.kept();
            continue;
        }
        tools.push(Tool::Function {
            name: said.require_text("name")?,
            description: said.take_text("description")?,
            parameters: said.take("parameters")?.map(keep),
            strict: said.take_as("strict", "must be a boolean")?,
            cache: None,
        });
    }
    Ok(tools)
}

fn tool_choice(object: &mut Object<'_, '_>) -> Result<Option<ToolChoice>, DecodeError> {
    let Some(raw) = object.take("tool_choice")? else { return Ok(None) };
    let path = Path::Field(object.path(), "tool_choice");
    if let Ok(word) = serde_json::from_str::<String>(raw.get()) {
        return match word.as_str() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::Never)),
            "required" => Ok(Some(ToolChoice::Any)),
            _ => Err(path.wrong("must be auto, none, required or an object")),
        };
    }
    let mut said = Object::read(raw.get(), &path)?;
    if said.require_text("type")? == "function" {
        return Ok(Some(ToolChoice::Named(said.require_text("name")?)));
    }
    // `allowed_tools` and the tools that are not functions have no canonical word.
    said.kept();
    object.put_back("tool_choice", raw);
    Ok(None)
}
