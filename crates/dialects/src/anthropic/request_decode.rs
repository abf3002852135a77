//! Reads a whole request.

use types::conversation::{
    Conversation, Delivery, Effort, Extras, Message, OutputFormat, Reasoning, Role, Sampling, Tool,
    ToolChoice,
};
use types::{Json, ModelName};

use super::ID;
use super::blocks::{Reader, cache};
use super::error::PREVIOUS;
use super::peek::{SAMPLING, Version, not_in_new_version};
use super::wire::{Object, own_kind, wrong};
use crate::object::{Readable, keep_part};
use crate::outline::Part;
use crate::whole::{WHOLE, Whole};
use crate::{DecodeError, Head, ScanError, betas};

/// Deeper than any request the gateway lets in.
pub(super) const MAX_DEPTH: usize = 512;

/// Reads a whole request.
pub(super) fn decode(head: Head<'_>, body: &[u8]) -> Result<Conversation, DecodeError> {
    let version = Version::of(head.headers)?;
    let body = Readable::read(head, body, MAX_DEPTH)?;
    let mut object = Object::parse(body.root(), String::new())?;
    if let Some(field) = object.duplicate() {
        return Err(DecodeError::Json(ScanError::Duplicate { field: field.to_owned() }));
    }
    let mut reader = Reader::new(Role::User, version);
    let model = object.required_text("model")?;
    let system = object.take("system");
    let messages = messages(system, &mut object, &mut reader)?;
    let tools = tools(&mut object, &mut reader.leftovers)?;
    let (tool_choice, parallel_tool_calls) = tool_choice(&mut object, &mut reader.leftovers)?;
    let sampling = sampling(&mut object, version)?;
    let (reasoning, format) = reasoning_and_format(&mut object, &mut reader.leftovers)?;
    let user = user(&mut object, &mut reader.leftovers)?;
    let stream: Option<bool> = object.value("stream", "must be true or false")?;
    thread(&mut object, &mut reader.leftovers);
    object.leftovers(&mut reader.leftovers);
    reader.leftovers.extend(betas::asked(head.headers));
    Ok(Conversation {
        model: ModelName::from(model),
        messages,
        prompt_is_apart: system.is_some(),
        tools,
        tool_choice,
        parallel_tool_calls,
        sampling,
        reasoning,
        format,
        delivery: match stream {
            Some(true) => Delivery::Stream { include_usage: true },
            Some(false) | None => Delivery::Whole,
        },
        user,
        extras: Extras { dialect: Some(ID), fields: reader.leftovers },
    })
}

/// A conversation that the provider is to keep, or that it has kept and that is gone on with: the former can be done
/// without.
fn thread(object: &mut Object<'_>, leftovers: &mut Vec<(String, Json)>) {
    #[derive(serde::Deserialize)]
    struct Kept<'a> {
        #[serde(borrow)]
        previous_message_id: Option<&'a serde_json::value::RawValue>,
    }
    let Some(raw) = object.take("thread") else { return };
    let kept = serde_json::from_str::<Kept<'_>>(raw.written()).ok();
    let goes_on = kept.and_then(|kept| kept.previous_message_id).is_some();
    let name = if goes_on { PREVIOUS } else { "thread" };
    leftovers.push((name.to_owned(), keep_part(raw)));
}

fn messages(
    system: Option<Part<'_>>,
    object: &mut Object<'_>,
    reader: &mut Reader,
) -> Result<Vec<Message>, DecodeError> {
    let mut messages = Vec::new();
    if let Some(system) = system {
        reader.role = Role::System;
        messages.push(Message { role: Role::System, content: reader.content(system, "system")?, name: None });
    }
    let list = object.take("messages").ok_or_else(|| wrong("messages", "is required"))?;
    let list = list.list().ok_or_else(|| wrong("messages", "must be a list"))?;
    for (index, part) in list.enumerate() {
        let mut message = Object::parse(part, format!("messages[{index}]"))?;
        let role = match message.required_text("role")?.as_str() {
            "assistant" => Role::Assistant,
            "system" => Role::System,
            "user" => Role::User,
            _ => return Err(wrong(message.path("role"), "must be `user`, `assistant` or `system`")),
        };
        reader.role = role;
        let Some(content) = message.take("content") else {
            return Err(wrong(message.path("content"), "is required"));
        };
        let content = reader.content(content, &message.path("content"))?;
        message.leftovers(&mut reader.leftovers);
        messages.push(Message { role, content, name: None });
    }
    Ok(messages)
}

fn tools(object: &mut Object<'_>, leftovers: &mut Vec<(String, Json)>) -> Result<Vec<Tool>, DecodeError> {
    let mut tools = Vec::new();
    for (index, part) in object.list("tools")?.into_iter().enumerate() {
        let mut tool = Object::parse(part, format!("tools[{index}]"))?;
        match tool.text("type")?.as_deref() {
            None | Some("custom") => {}
            Some(kind) => {
                tools.push(Tool::Opaque { kind: own_kind(kind), json: keep_part(part) });
                continue;
            }
        }
        tools.push(Tool::Function {
            name: tool.required_text("name")?,
            description: tool.text("description")?,
            parameters: tool.take("input_schema").map(keep_part),
            strict: tool.value("strict", "must be true or false")?,
            cache: cache(&mut tool, leftovers)?,
        });
        tool.leftovers(leftovers);
    }
    Ok(tools)
}

fn tool_choice(
    object: &mut Object<'_>,
    leftovers: &mut Vec<(String, Json)>,
) -> Result<(Option<ToolChoice>, Option<bool>), DecodeError> {
    let Some(mut choice) = object.object("tool_choice")? else { return Ok((None, None)) };
    let kind = choice.required_text("type")?;
    let serial: Option<bool> = choice.value("disable_parallel_tool_use", "must be true or false")?;
    let said = match kind.as_str() {
        "any" => ToolChoice::Any,
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::Never,
        "tool" => ToolChoice::Named(choice.required_text("name")?),
        _ => return Err(wrong("tool_choice.type", "must be `auto`, `any`, `tool` or `none`")),
    };
    choice.leftovers(leftovers);
    Ok((Some(said), serial.map(|serial| !serial)))
}

fn sampling(object: &mut Object<'_>, version: Version) -> Result<Sampling, DecodeError> {
    let sampling = Sampling {
        temperature: object.value("temperature", "must be a number")?,
        top_p: object.value("top_p", "must be a number")?,
        top_k: object.value("top_k", WHOLE)?,
        max_tokens: object.value("max_tokens", WHOLE)?.map(|Whole(number)| number),
        stop: object.value("stop_sequences", "must be a list of strings")?.unwrap_or_default(),
        ..Sampling::default()
    };
    let said = [sampling.temperature.is_some(), sampling.top_p.is_some(), sampling.top_k.is_some()];
    match SAMPLING.into_iter().zip(said).find(|(_, said)| *said) {
        Some((name, _)) if version == Version::V20261021 => Err(not_in_new_version(name)),
        Some(_) | None => Ok(sampling),
    }
}

fn reasoning_and_format(
    object: &mut Object<'_>,
    leftovers: &mut Vec<(String, Json)>,
) -> Result<(Option<Reasoning>, OutputFormat), DecodeError> {
    let mut reasoning = Reasoning::default();
    if let Some(mut thinking) = object.object("thinking")? {
        reasoning.enabled = match thinking.required_text("type")?.as_str() {
            "adaptive" | "enabled" => Some(true),
            "disabled" => Some(false),
            _ => return Err(wrong("thinking.type", "must be `enabled`, `adaptive` or `disabled`")),
        };
        reasoning.budget_tokens = thinking.value("budget_tokens", WHOLE)?;
        thinking.leftovers(leftovers);
    }
    let mut format = OutputFormat::Text;
    if let Some(mut config) = object.object("output_config")? {
        if let Some(word) = config.text("effort")? {
            let effort = Effort::parse(&word);
            reasoning.effort =
                Some(effort.ok_or_else(|| wrong("output_config.effort", "is not a known effort"))?);
        }
        if let Some(mut wanted) = config.object("format")? {
            format = output_format(&mut wanted)?;
            wanted.leftovers(leftovers);
        }
        config.leftovers(leftovers);
    }
    let said = reasoning != Reasoning::default();
    Ok((said.then_some(reasoning), format))
}

fn output_format(wanted: &mut Object<'_>) -> Result<OutputFormat, DecodeError> {
    if wanted.required_text("type")? != "json_schema" {
        return Err(wrong("output_config.format.type", "must be `json_schema`"));
    }
    let Some(schema) = wanted.take("schema") else {
        return Err(wrong("output_config.format.schema", "is required"));
    };
    let schema = keep_part(schema);
    Ok(OutputFormat::JsonSchema { name: None, description: None, schema, strict: None })
}

fn user(object: &mut Object<'_>, leftovers: &mut Vec<(String, Json)>) -> Result<Option<String>, DecodeError> {
    let Some(mut metadata) = object.object("metadata")? else { return Ok(None) };
    let user = metadata.text("user_id")?;
    metadata.leftovers(leftovers);
    Ok(user)
}
