//! Writes a canonical conversation as a request.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use types::Json;
use types::conversation::{Change, Conversation, Delivery, OutputFormat, Sampling, Target, Tool, ToolChoice};

use super::ID;
use super::adapt;
use super::message_encode::Writer;
use super::reasoning::{self, Plan};
use super::wire::{CacheControl, WireMessage};
use crate::extras::{Carried, Named, carry};
use crate::object::Path;
use crate::openai_family::{json_bytes, shared};
use crate::place::told;
use crate::sampling::single_choice;
use crate::{EncodeError, Encoded, quirks};

/// The most texts to stop at that the language has room for.
const MAX_STOPS: usize = 4;

/// The other languages' service tiers and this language's words for them.
const TIERS: &[(&str, &str)] = &[
    ("auto", "auto"),
    ("default", "default"),
    ("flex", "flex"),
    ("priority", "priority"),
    ("standard_only", "default"),
];

/// Writes a request for an upstream that speaks this language.
pub(super) fn encode(conversation: &Conversation, target: &Target) -> Result<Encoded, EncodeError> {
    let is_own = conversation.extras.dialect == Some(ID);
    if target.has_quirk(quirks::SINGLE_CHOICE) {
        single_choice(conversation)?;
    }
    let mut writer = Writer::new(target, is_own);
    writer.write(&conversation.messages);
    if writer.messages.is_empty() && !conversation.messages.is_empty() {
        let problem = "holds nothing that Chat Completions can say".to_owned();
        return Err(EncodeError::Unsayable { field: "messages".to_owned(), problem });
    }
    let mut body = Body { model: target.model.as_str(), ..Body::default() };
    body.tools = tools(&conversation.tools, &mut writer);
    body.tool_fields(conversation, &mut writer);
    body.user = writer.end_user(conversation.user.as_deref());
    let Writer { mut changes, messages, tool_names, .. } = writer;
    body.messages = messages;
    body.sampling(&conversation.sampling, target, &mut changes);
    body.reasoning = reasoning::plan(conversation.reasoning.as_ref(), target, &mut changes);
    body.response_format = response_format(&conversation.format);
    body.delivery(conversation.delivery, target);
    let mut carried = carry(&conversation.extras, ID, TIERS)?;
    if !is_own {
        shared::carry(&conversation.extras, &[("text.verbosity", "verbosity")], &mut carried);
        body.shared_choice(conversation, &mut carried);
    }
    body.service_tier = carried.service_tier;
    body.extras(carried.fields);
    let body = adapt::restrict(json_bytes(&body), target, &mut changes);
    let changes = told(conversation, changes, carried.lost)?;
    Encoded { body, changes, tool_names, ..Encoded::default() }.checked(target)
}

/// A request on the wire.
#[derive(Default, Serialize)]
#[serde(rename_all = "snake_case")]
struct Body<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WireToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop: Vec<&'a str>,
    #[serde(flatten)]
    reasoning: Plan,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(flatten)]
    extras: Named<'a>,
}

impl<'a> Body<'a> {
    /// What only makes sense next to tools: the language refuses it without.
    fn tool_fields(&mut self, conversation: &'a Conversation, writer: &mut Writer<'a>) {
        let choice = conversation.tool_choice.as_ref();
        if self.tools.is_empty() {
            if let Some(ToolChoice::Any | ToolChoice::Named(_)) = choice {
                writer.changes.push(Change::dropped("tool_choice"));
            }
            return;
        }
        self.tool_choice = choice.map(|choice| match choice {
            ToolChoice::Any => WireToolChoice::Word("required"),
            ToolChoice::Auto => WireToolChoice::Word("auto"),
            ToolChoice::Named(name) => WireToolChoice::Named {
                r#type: "function",
                function: ChosenFunction { name: writer.tool_name(name) },
            },
            ToolChoice::Never => WireToolChoice::Word("none"),
        });
        self.parallel_tool_calls = conversation.parallel_tool_calls;
    }

    /// A choice that callers of the family's other language have too.
    fn shared_choice(&mut self, conversation: &Conversation, carried: &mut Carried<'_>) {
        let choice = shared::choice(&conversation.extras).filter(|_| !self.tools.is_empty());
        if let Some(choice) = choice {
            self.tool_choice = Some(WireToolChoice::Shared(shared::nested(choice)));
            self.parallel_tool_calls = conversation.parallel_tool_calls;
            carried.found("tool_choice");
        }
    }

    fn sampling(&mut self, sampling: &'a Sampling, target: &Target, changes: &mut Vec<Change>) {
        self.temperature = sampling.temperature;
        self.top_p = sampling.top_p;
        if target.has_quirk(quirks::TOP_K) {
            self.top_k = sampling.top_k;
        } else if sampling.top_k.is_some() {
            changes.push(Change::dropped("top_k"));
        }
        self.frequency_penalty = sampling.frequency_penalty;
        self.presence_penalty = sampling.presence_penalty;
        self.seed = sampling.seed;
        self.n = sampling.choices;
        self.logprobs = sampling.logprobs;
        self.top_logprobs = sampling.top_logprobs;
        // An empty text would stop the answer before it begins.
        let stop = sampling.stop.iter().map(String::as_str).filter(|text| !text.is_empty());
        self.stop = stop.take(MAX_STOPS).collect();
        if self.stop.len() < sampling.stop.len() {
            changes.push(Change::dropped("stop"));
        }
        if target.has_quirk(quirks::MAX_TOKENS_ONLY) {
            self.max_tokens = sampling.max_tokens;
        } else {
            self.max_completion_tokens = sampling.max_tokens;
        }
    }

    /// The gateway always wants the usage, whether or not the caller asked for it.
    fn delivery(&mut self, delivery: Delivery, target: &Target) {
        if let Delivery::Stream { .. } = delivery {
            self.stream = Some(true);
            let include_usage = !target.has_quirk(quirks::NO_STREAM_OPTIONS);
            self.stream_options =
                include_usage.then_some(StreamOptions { include_usage, include_obfuscation: None });
        }
    }

    fn extras(&mut self, mut fields: Named<'a>) {
        // Of the stream's options, whether to ask for usage was decided above.
        if let Some(at) = fields.0.iter().position(|(name, _)| *name == "stream_options") {
            let (_, said) = fields.0.remove(at);
            if let Some(options) = &mut self.stream_options {
                options.include_obfuscation =
                    said.to().and_then(|said: SaidOptions| said.include_obfuscation);
            }
        }
        self.extras = fields;
    }
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_obfuscation: Option<bool>,
}

/// What a caller's `stream_options` may hold besides the usage.
#[derive(serde::Deserialize)]
struct SaidOptions {
    include_obfuscation: Option<bool>,
}

/// The form of the answer on the wire.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat<'a> {
    JsonObject,
    JsonSchema { json_schema: WireSchema<'a> },
}

#[derive(Serialize)]
struct WireSchema<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: &'a Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

fn response_format(format: &OutputFormat) -> Option<ResponseFormat<'_>> {
    match format {
        OutputFormat::Text => None,
        OutputFormat::JsonObject => Some(ResponseFormat::JsonObject),
        OutputFormat::JsonSchema { name, description, schema, strict } => {
            // The name is mandatory here and of no consequence.
            let name = name.as_deref().unwrap_or("answer");
            let json_schema =
                WireSchema { name, description: description.as_deref(), schema, strict: *strict };
            Some(ResponseFormat::JsonSchema { json_schema })
        }
    }
}

/// A tool on the wire.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WireTool<'a> {
    Function {
        function: WireFunction<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    #[serde(untagged)]
    Raw(&'a Json),
    #[serde(untagged)]
    Shared(Value),
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Cow<'a, Json>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

fn tools<'c>(tools: &'c [Tool], writer: &mut Writer<'c>) -> Vec<WireTool<'c>> {
    let parent = Path::Field(&Path::Root, "tools");
    let mut written = Vec::with_capacity(tools.len());
    for (index, tool) in tools.iter().enumerate() {
        let path = Path::Item(&parent, index);
        match tool {
            Tool::Function { name, description, parameters, strict, cache } => {
                let description = description.as_deref();
                let parameters = parameters.as_ref().map(|schema| {
                    let whole = if writer.is_own { None } else { with_properties(schema) };
                    whole.map_or(Cow::Borrowed(schema), Cow::Owned)
                });
                let name = writer.offered(name, &path);
                let function = WireFunction { name, description, parameters, strict: *strict };
                written.push(WireTool::Function { function, cache_control: writer.mark(*cache, &path) });
            }
            Tool::Opaque { json, .. } if writer.is_own => written.push(WireTool::Raw(json)),
            Tool::Opaque { kind, json } => match json.to().filter(|_| kind == shared::CUSTOM) {
                Some(tool) => written.push(WireTool::Shared(shared::nested(tool))),
                None => writer.changes.push(Change::dropped(path.to_string())),
            },
        }
    }
    written
}

/// The schema of an object with the properties that `OpenAI` wants it to name, though it has none; `None` for any
/// other schema.
fn with_properties(schema: &Json) -> Option<Json> {
    #[derive(serde::Deserialize)]
    struct Seen<'a> {
        #[serde(borrow)]
        r#type: Option<&'a RawValue>,
        #[serde(borrow)]
        properties: Option<&'a RawValue>,
    }
    let seen = schema.to::<Seen<'_>>()?;
    let is_bare = seen.properties.is_none() && seen.r#type.is_some_and(|kind| kind.get() == "\"object\"");
    let rest = schema.as_str().trim_start().strip_prefix('{').filter(|_| is_bare)?;
    Json::parse(format!(r#"{{"properties":{{}},{rest}"#))
}

/// Which tool to call, on the wire.
#[derive(Serialize)]
#[serde(untagged)]
enum WireToolChoice<'a> {
    Named { r#type: &'static str, function: ChosenFunction<'a> },
    Shared(Value),
    Word(&'static str),
}

#[derive(Serialize)]
struct ChosenFunction<'a> {
    name: Cow<'a, str>,
}
