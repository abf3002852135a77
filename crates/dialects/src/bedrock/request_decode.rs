//! Reads a whole request.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use types::Json;
use types::conversation::{
    Conversation, Effort, Extras, Message, OutputFormat, Reasoning, Role, Sampling, Tool, ToolChoice,
};

use super::blocks::{blocks, cache_point};
use super::peek::{delivery, model};
use super::wire::{member, own_kind, text};
use super::{ID, MAX_DEPTH};
use crate::object::{Leftovers, Object, Path, Readable, keep};
use crate::{DecodeError, Head};

const NUMBER: &str = "must be a number";

/// Reads a whole request.
pub(super) fn decode(head: Head<'_>, body: &[u8]) -> Result<Conversation, DecodeError> {
    let body = Readable::read(head, body, MAX_DEPTH)?;
    let leftovers = Leftovers::default();
    let root = Path::Noted(&leftovers);
    let mut object = Object::of(body.root(), &root)?;
    let (messages, prompt_is_apart) = messages(&mut object)?;
    let (tools, tool_choice) = tools(&mut object)?;
    let mut sampling = sampling(&mut object)?;
    let mut reasoning = Reasoning::default();
    own_fields(&mut object, &mut sampling, &mut reasoning)?;
    let format = output(&mut object, &mut reasoning)?;
    Ok(Conversation {
        model: model(head)?,
        messages,
        prompt_is_apart,
        tools,
        tool_choice,
        parallel_tool_calls: None,
        sampling,
        reasoning: (reasoning != Reasoning::default()).then_some(reasoning),
        format,
        delivery: delivery(head),
        user: None,
        extras: Extras { dialect: Some(ID), fields: object.all_left() },
    })
}

/// The messages, and whether the first of them is the prompt from its own field.
fn messages(object: &mut Object<'_, '_>) -> Result<(Vec<Message>, bool), DecodeError> {
    let mut messages = Vec::new();
    if let Some(raw) = object.take("system")? {
        let content = blocks(raw, &Path::Field(object.path(), "system"))?;
        messages.push(Message { role: Role::System, content, name: None });
    }
    let is_apart = !messages.is_empty();
    let parent = Path::Field(object.path(), "messages");
    for (index, raw) in object.take_list("messages")?.into_iter().enumerate() {
        let path = Path::Item(&parent, index);
        let mut message = Object::read(raw.get(), &path)?;
        let role = match message.require_text("role")?.as_str() {
            "assistant" => Role::Assistant,
            "system" => Role::System,
            "user" => Role::User,
            _ => return Err(Path::Field(&path, "role").wrong("must be `user`, `assistant` or `system`")),
        };
        let inside = Path::Field(&path, "content");
        let Some(content) = message.take("content")? else { return Err(inside.wrong("is missing")) };
        let content = blocks(content, &inside)?;
        messages.push(Message { role, content, name: None });
    }
    Ok((messages, is_apart))
}

fn tools(object: &mut Object<'_, '_>) -> Result<(Vec<Tool>, Option<ToolChoice>), DecodeError> {
    let path = Path::Field(object.path(), "toolConfig");
    let Some(raw) = object.take("toolConfig")? else { return Ok((Vec::new(), None)) };
    let mut config = Object::read(raw.get(), &path)?;
    let mut tools: Vec<Tool> = Vec::new();
    let parent = Path::Field(&path, "tools");
    for (index, raw) in config.take_list("tools")?.into_iter().enumerate() {
        let item = Path::Item(&parent, index);
        let (kind, value) = member(raw, &item)?;
        let inside = Path::Field(&item, &kind);
        match (kind.as_ref(), tools.last_mut()) {
            ("toolSpec", _) => tools.push(function(value, &inside)?),
            ("cachePoint", Some(Tool::Function { cache: cache @ None, .. })) => {
                *cache = Some(cache_point(value, &inside)?);
            }
            (kind, _) => tools.push(Tool::Opaque { kind: own_kind(kind), json: keep(raw) }),
        }
    }
    let choice = choice(&mut config)?;
    Ok((tools, choice))
}

fn function(raw: &RawValue, path: &Path<'_>) -> Result<Tool, DecodeError> {
    let mut spec = Object::read(raw.get(), path)?;
    let inside = Path::Field(path, "inputSchema");
    let parameters = match spec.take("inputSchema")? {
        Some(schema) => Object::read(schema.get(), &inside)?.take("json")?.map(keep),
        None => None,
    };
    let tool = Tool::Function {
        name: spec.require_text("name")?,
        description: spec.take_text("description")?,
        parameters,
        strict: spec.take_as("strict", "must be a boolean")?,
        cache: None,
    };
    Ok(tool)
}

fn choice(config: &mut Object<'_, '_>) -> Result<Option<ToolChoice>, DecodeError> {
    let path = Path::Field(config.path(), "toolChoice");
    let Some(raw) = config.take("toolChoice")? else { return Ok(None) };
    let (kind, value) = member(raw, &path)?;
    let inside = Path::Field(&path, &kind);
    let mut said = Object::read(value.get(), &inside)?;
    match kind.as_ref() {
        "any" => Ok(Some(ToolChoice::Any)),
        "auto" => Ok(Some(ToolChoice::Auto)),
        "tool" => Ok(Some(ToolChoice::Named(said.require_text("name")?))),
        _ => Err(path.wrong("must be `auto`, `any` or `tool`")),
    }
}

fn sampling(object: &mut Object<'_, '_>) -> Result<Sampling, DecodeError> {
    let path = Path::Field(object.path(), "inferenceConfig");
    let Some(raw) = object.take("inferenceConfig")? else { return Ok(Sampling::default()) };
    let mut config = Object::read(raw.get(), &path)?;
    let sampling = Sampling {
        temperature: config.take_as("temperature", NUMBER)?,
        top_p: config.take_as("topP", NUMBER)?,
        max_tokens: config.take_whole("maxTokens")?,
        stop: config.take_as("stopSequences", "must be an array of strings")?.unwrap_or_default(),
        ..Sampling::default()
    };
    Ok(sampling)
}

/// The switch for thinking, in the models' own words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Thinking<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    budget_tokens: Option<u64>,
}

/// Reads what the models' own fields say that has a canonical word; the rest is left over, whatever it is.
fn own_fields(
    object: &mut Object<'_, '_>,
    sampling: &mut Sampling,
    reasoning: &mut Reasoning,
) -> Result<(), DecodeError> {
    let path = Path::Field(object.path(), OWN_FIELDS);
    let Some(raw) = object.take(OWN_FIELDS)? else { return Ok(()) };
    let mut own = Object::read(raw.get(), &path)?;
    for name in ["thinking", "reasoning_config"] {
        let Some(raw) = own.take(name)? else { continue };
        match serde_json::from_str::<Thinking<'_>>(raw.get()) {
            Ok(thinking) => {
                reasoning.enabled = Some(thinking.r#type != "disabled");
                reasoning.budget_tokens = thinking.budget_tokens;
            }
            Err(_) => own.put_back(name, raw),
        }
    }
    if let Some(raw) = own.take("top_k")? {
        match serde_json::from_str(raw.get()) {
            Ok(top_k) => sampling.top_k = Some(top_k),
            Err(_) => own.put_back("top_k", raw),
        }
    }
    Ok(())
}

/// The field for what only one family of models understands.
const OWN_FIELDS: &str = "additionalModelRequestFields";

/// The form of the answer, and how much to think about it.
fn output(object: &mut Object<'_, '_>, reasoning: &mut Reasoning) -> Result<OutputFormat, DecodeError> {
    let path = Path::Field(object.path(), "outputConfig");
    let Some(raw) = object.take("outputConfig")? else { return Ok(OutputFormat::Text) };
    let mut config = Object::read(raw.get(), &path)?;
    if let Some(raw) = config.take("effort")? {
        match text(raw, &Path::Field(&path, "effort")).map(|word| Effort::parse(&word))? {
            Some(effort) => reasoning.effort = Some(effort),
            None => config.put_back("effort", raw),
        }
    }
    let inside = Path::Field(&path, "textFormat");
    let format = match config.take("textFormat")? {
        Some(raw) => schema(&mut Object::read(raw.get(), &inside)?)?,
        None => OutputFormat::Text,
    };
    Ok(format)
}

/// The schema of an answer, which stands there as text.
fn schema(format: &mut Object<'_, '_>) -> Result<OutputFormat, DecodeError> {
    let path = Path::Field(format.path(), "structure");
    if format.require_text("type")? != "json_schema" {
        return Err(Path::Field(format.path(), "type").wrong("must be `json_schema`"));
    }
    let Some(raw) = format.take("structure")? else { return Err(path.wrong("is missing")) };
    let inside = Path::Field(&path, "jsonSchema");
    let Some(raw) = Object::read(raw.get(), &path)?.take("jsonSchema")? else {
        return Err(inside.wrong("is missing"));
    };
    let mut said = Object::read(raw.get(), &inside)?;
    let Some(schema) = Json::parse(said.require_text("schema")?) else {
        return Err(Path::Field(&inside, "schema").wrong("must be a JSON schema, as text"));
    };
    let (name, description) = (said.take_text("name")?, said.take_text("description")?);
    Ok(OutputFormat::JsonSchema { name, description, schema, strict: None })
}
