//! Reads a whole request.

use serde_json::value::RawValue;
use types::conversation::{
    Conversation, Effort, Extras, OutputFormat, Reasoning, Sampling, Tool, ToolChoice,
};

use super::contents::{self, IsApart};
use super::parts::{Reader, Speaker};
use super::wire::{listed, object, own_kind};
use super::{ID, MAX_DEPTH, peek, schema};
use crate::object::{Leftovers, Object, Path, Readable, keep};
use crate::whole::WHOLE;
use crate::{DecodeError, Head};

const NUMBER: &str = "must be a number";

/// Reads a whole request. What has no canonical word goes into the extras as it came.
pub(super) fn decode(head: Head<'_>, body: &[u8]) -> Result<Conversation, DecodeError> {
    let body = Readable::read(head, body, MAX_DEPTH)?;
    let leftovers = Leftovers::default();
    let root = Path::Noted(&leftovers);
    let mut request = Object::of(body.root(), &root)?.in_camel_case();
    // A request to count tokens may hold the request that is meant.
    if let Some(counted) = request.take("generateContentRequest")? {
        request = object(counted, &root)?;
        request.take("model")?;
    }
    let mut reader = Reader::new(Speaker::InHistory);
    let (messages, IsApart(prompt_is_apart)) = contents::messages(&mut request, &mut reader)?;
    let mut tools = tools(&mut request)?;
    let tool_choice = tool_choice(&mut request, &mut tools)?;
    let (sampling, reasoning, format) = generation(&mut request)?;
    Ok(Conversation {
        model: peek::model(head.path)?,
        messages,
        prompt_is_apart,
        tools,
        tool_choice,
        parallel_tool_calls: None,
        sampling,
        reasoning,
        format,
        delivery: peek::delivery(head.path),
        user: None,
        extras: Extras { dialect: Some(ID), fields: request.all_left() },
    })
}

/// The functions, and every other tool by itself.
fn tools(request: &mut Object<'_, '_>) -> Result<Vec<Tool>, DecodeError> {
    let path = Path::Field(request.path(), "tools");
    let Some(raw) = request.take("tools")? else { return Ok(Vec::new()) };
    let mut tools = Vec::new();
    for (index, raw) in listed(raw, &path)?.into_iter().enumerate() {
        let path = Path::Item(&path, index);
        let mut tool = object(raw, &path)?;
        let functions = tool.take("functionDeclarations")?;
        let path = Path::Field(&path, "functionDeclarations");
        for (index, raw) in
            functions.map_or(Ok(Vec::new()), |raw| listed(raw, &path))?.into_iter().enumerate()
        {
            tools.push(function(raw, &Path::Item(&path, index))?);
        }
        tools.extend(tool.rest().map(|(name, json)| Tool::Opaque {
            kind: own_kind(&name),
            json: super::wire::wrapped(&name, &json),
        }));
    }
    Ok(tools)
}

fn function(raw: &RawValue, path: &Path<'_>) -> Result<Tool, DecodeError> {
    let mut function = object(raw, path)?;
    let of_openapi = function.take("parameters")?;
    let parameters = match function.take("parametersJsonSchema")? {
        Some(schema) => Some(keep(schema)),
        None => of_openapi.map(schema::from_openapi),
    };
    let tool = Tool::Function {
        name: function.require_text("name")?,
        description: function.take_text("description")?,
        parameters,
        strict: None,
        cache: None,
    };
    Ok(tool)
}

fn tool_choice(request: &mut Object<'_, '_>, tools: &mut [Tool]) -> Result<Option<ToolChoice>, DecodeError> {
    let path = Path::Field(request.path(), "toolConfig");
    let Some(raw) = request.take("toolConfig")? else { return Ok(None) };
    let mut config = object(raw, &path)?;
    let calling = config.take("functionCallingConfig")?;
    let path = Path::Field(&path, "functionCallingConfig");
    let Some(raw) = calling else { return Ok(None) };
    let mut calling = object(raw, &path)?;
    let mode = calling.take_text("mode")?.unwrap_or_default();
    let allowed = calling.take("allowedFunctionNames")?;
    let names: Vec<String> = allowed
        .map_or(Ok(Vec::new()), |raw| serde_json::from_str(raw.get()))
        .map_err(|_| Path::Field(&path, "allowedFunctionNames").wrong("must be an array of strings"))?;
    let choice = match (mode.to_ascii_uppercase().as_str(), &names[..]) {
        ("ANY", [name]) => Some(ToolChoice::Named(name.clone())),
        ("ANY", _) => Some(ToolChoice::Any),
        ("AUTO", _) => Some(ToolChoice::Auto),
        ("VALIDATED", _) => {
            tools.iter_mut().for_each(hold_to_schema);
            Some(ToolChoice::Auto)
        }
        ("NONE", _) => Some(ToolChoice::Never),
        ("" | "MODE_UNSPECIFIED", _) => None,
        _ => return Err(Path::Field(&path, "mode").wrong("must be AUTO, ANY, NONE or VALIDATED")),
    };
    if let Some(allowed) = allowed.filter(|_| names.len() > 1) {
        calling.put_back("allowedFunctionNames", allowed);
    }
    Ok(choice)
}

/// Calls of a function have to match its schema.
fn hold_to_schema(tool: &mut Tool) {
    if let Tool::Function { strict, .. } = tool {
        *strict = Some(true);
    }
}

type Generation = (Sampling, Option<Reasoning>, OutputFormat);

fn generation(request: &mut Object<'_, '_>) -> Result<Generation, DecodeError> {
    let path = Path::Field(request.path(), "generationConfig");
    let Some(raw) = request.take("generationConfig")? else { return Ok(Generation::default()) };
    let mut config = object(raw, &path)?;
    let top_k: Option<f64> = config.take_as("topK", NUMBER)?;
    let sampling = Sampling {
        temperature: config.take_as("temperature", NUMBER)?,
        top_p: config.take_as("topP", NUMBER)?,
        top_k: top_k.and_then(whole),
        frequency_penalty: config.take_as("frequencyPenalty", NUMBER)?,
        presence_penalty: config.take_as("presencePenalty", NUMBER)?,
        seed: config.take_as("seed", WHOLE)?,
        choices: config.take_as("candidateCount", WHOLE)?,
        logprobs: config.take_as("responseLogprobs", "must be a boolean")?,
        top_logprobs: config.take_as("logprobs", WHOLE)?,
        max_tokens: config.take_whole("maxOutputTokens")?,
        stop: config.take_as("stopSequences", "must be an array of strings")?.unwrap_or_default(),
    };
    let reasoning = reasoning(&mut config)?;
    let format = format(&mut config)?;
    // Text is what every model answers in unasked.
    if let Some(kinds) = config.take("responseModalities")?.filter(|kinds| kinds.get() != r#"["TEXT"]"#) {
        config.put_back("responseModalities", kinds);
    }
    Ok((sampling, reasoning, format))
}

/// A number that clients write with or without a fraction.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from float saturates")]
fn whole(number: f64) -> Option<u64> {
    (number >= 1.0).then_some(number as u64)
}

fn reasoning(config: &mut Object<'_, '_>) -> Result<Option<Reasoning>, DecodeError> {
    let parent = config.path();
    let path = Path::Field(parent, "thinkingConfig");
    let Some(raw) = config.take("thinkingConfig")? else { return Ok(None) };
    let mut thinking = object(raw, &path)?;
    let mut reasoning = Reasoning::default();
    match thinking.take_as::<i64>("thinkingBudget", WHOLE)? {
        Some(0) => reasoning.enabled = Some(false),
        Some(budget) if budget > 0 => {
            reasoning.enabled = Some(true);
            reasoning.budget_tokens = u64::try_from(budget).ok();
        }
        // As much as the model likes.
        Some(_) => reasoning.enabled = Some(true),
        None => {}
    }
    if let Some(level) = thinking.take_text("thinkingLevel")? {
        let level = level.to_ascii_lowercase();
        let known = Effort::parse(&level).filter(|_| level != "thinking_level_unspecified");
        let unknown = || Path::Field(&path, "thinkingLevel").wrong("must be MINIMAL, LOW, MEDIUM or HIGH");
        reasoning.effort = Some(known.ok_or_else(unknown)?);
    }
    if thinking.take_as("includeThoughts", "must be a boolean")? == Some(true) {
        reasoning.enabled.get_or_insert(true);
    }
    Ok((reasoning != Reasoning::default()).then_some(reasoning))
}

fn format(config: &mut Object<'_, '_>) -> Result<OutputFormat, DecodeError> {
    let of_openapi = config.take("responseSchema")?;
    let schema = match config.take("responseJsonSchema")? {
        Some(schema) => Some(keep(schema)),
        None => of_openapi.map(schema::from_openapi),
    };
    let mime = config.take("responseMimeType")?;
    let kind: Option<String> = mime.and_then(|mime| serde_json::from_str(mime.get()).ok());
    Ok(match (kind.as_deref(), schema) {
        (Some("application/json") | None, Some(schema)) => {
            OutputFormat::JsonSchema { name: None, description: None, schema, strict: None }
        }
        (Some("application/json"), None) => OutputFormat::JsonObject,
        (Some("text/plain") | None, _) => OutputFormat::Text,
        (Some(_), _) => {
            if let Some(mime) = mime {
                config.put_back("responseMimeType", mime);
            }
            OutputFormat::Text
        }
    })
}
