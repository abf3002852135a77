//! Writes a canonical conversation as a request.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use types::Json;
use types::conversation::{
    Change, Content, Conversation, Message, OutputFormat, Sampling, Target, Tool, ToolChoice,
};

use super::ID;
use super::adapt;
use super::message_encode::Writer;
use super::reasoning::{self, Plan};
use super::wire::WireItem;
use crate::extras::{Carried, Named, carry};
use crate::object::Path;
use crate::openai_family::{json_bytes, shared};
use crate::place::told;
use crate::sampling::single_choice;
use crate::{EncodeError, Encoded, quirks};

/// What is included where log probabilities are asked for.
pub(super) const LOGPROBS: &str = "message.output_text.logprobs";
/// What is included where the provider shall keep nothing and the reasoning shall go on all the same.
pub(super) const ENCRYPTED_REASONING: &str = "reasoning.encrypted_content";

/// How much is said; a field of `text`.
const VERBOSITY: &str = "verbosity";

/// The other languages' service tiers and this one's words for them.
const TIERS: &[(&str, &str)] = &[
    ("auto", "auto"),
    ("default", "default"),
    ("flex", "flex"),
    ("priority", "priority"),
    ("standard_only", "default"),
];

/// Writes a request for an upstream that speaks this language.
pub(super) fn encode(conversation: &Conversation, target: &Target) -> Result<Encoded, EncodeError> {
    single_choice(conversation)?;
    let is_own = conversation.extras.dialect == Some(ID);
    let mut carried = carry(&conversation.extras, ID, TIERS)?;
    let inside = Inside::of(conversation, is_own);
    if !is_own {
        shared::carry(&conversation.extras, &[], &mut carried);
    }
    carried.lost.retain(|change| !inside.names.contains(&change.field.as_str()));
    let mut writer = Writer::new(target, is_own);
    let (instructions, first, messages) = prompt(conversation, &mut writer);
    writer.write(messages, first);
    if writer.items.is_empty() && !conversation.messages.is_empty() && instructions.is_none() {
        let problem = "holds nothing that Responses can say".to_owned();
        return Err(EncodeError::Unsayable { field: "messages".to_owned(), problem });
    }
    let mut body = Body { model: target.model.as_str(), instructions, ..Body::default() };
    body.tools = tools(&conversation.tools, &mut writer);
    body.tool_fields(conversation, &mut writer);
    if !is_own {
        body.shared_choice(conversation, &mut carried);
    }
    body.safety_identifier = writer.end_user(conversation.user.as_deref());
    let Writer { mut changes, items, tool_names, .. } = writer;
    body.input = items;
    body.sampling(&conversation.sampling, (target, is_own), &mut changes);
    let Inside { reasoning, text, .. } = inside;
    body.reasoning =
        reasoning::plan(conversation.reasoning.as_ref(), reasoning, (target, is_own), &mut changes);
    body.text = WireText::of(&conversation.format, text);
    body.stream = conversation.delivery.is_stream().then_some(true);
    body.service_tier = carried.service_tier;
    body.kept(is_own, &carried.fields);
    body.extras = carried.fields;
    let body = adapt::restrict(json_bytes(&body), target, &mut changes);
    let changes = told(conversation, changes, carried.lost)?;
    Encoded { body, changes, tool_names, ..Encoded::default() }.checked(target)
}

/// What a caller of this language says inside two fields that are otherwise written anew.
struct Inside<'a> {
    reasoning: Vec<(&'a str, &'a Json)>,
    text: Vec<(&'a str, &'a Json)>,
    /// The names under which they stand among the extras.
    names: Vec<&'a str>,
}

impl<'a> Inside<'a> {
    fn of(conversation: &'a Conversation, is_own: bool) -> Self {
        let (mut reasoning, mut text, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (name, json) in &conversation.extras.fields {
            match name.split_once('.') {
                Some(("reasoning", inner)) if is_own => reasoning.push((inner, json)),
                Some(("text", inner)) if is_own => text.push((inner, json)),
                // The family's other language has it at the top.
                None if !is_own && name == VERBOSITY => text.push((VERBOSITY, json)),
                Some(_) | None => continue,
            }
            names.push(name.as_str());
        }
        Self { reasoning, text, names }
    }
}

/// The prompt that stands apart, and the messages behind it with the number of the first. A prompt of several texts is
/// a message, which keeps them apart.
fn prompt<'c>(
    conversation: &'c Conversation,
    writer: &mut Writer<'c>,
) -> (Option<&'c str>, usize, &'c [Message]) {
    let messages = &conversation.messages[..];
    let split = messages.split_first().filter(|_| conversation.prompt_is_apart);
    let Some((Message { content, .. }, rest)) = split else { return (None, 0, messages) };
    let [Content::Text { text, cache }] = &content[..] else { return (None, 0, messages) };
    let path = Path::Field(&Path::Root, "messages");
    let path = Path::Item(&path, 0);
    let path = Path::Field(&path, "content");
    writer.unmark(*cache, &Path::Item(&path, 0));
    (Some(text), 1, rest)
}

/// A request on the wire.
#[derive(Default, Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include: Option<Vec<&'static str>>,
    input: Vec<WireItem<'a>>,
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
    top_logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Plan<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<WireText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(flatten)]
    extras: Named<'a>,
}

impl<'a> Body<'a> {
    /// What only makes sense next to tools.
    fn tool_fields(&mut self, conversation: &'a Conversation, writer: &mut Writer<'a>) {
        let choice = conversation.tool_choice.as_ref();
        if self.tools.is_empty() && !writer.is_own {
            if let Some(ToolChoice::Any | ToolChoice::Named(_)) = choice {
                writer.changes.push(Change::dropped("tool_choice"));
            }
            return;
        }
        self.tool_choice = choice.map(|choice| match choice {
            ToolChoice::Any => WireToolChoice::Word("required"),
            ToolChoice::Auto => WireToolChoice::Word("auto"),
            ToolChoice::Named(name) => {
                WireToolChoice::Named { r#type: "function", name: writer.tool_name(name) }
            }
            ToolChoice::Never => WireToolChoice::Word("none"),
        });
        self.parallel_tool_calls = conversation.parallel_tool_calls;
    }

    /// A choice that callers of the family's other language have too.
    fn shared_choice(&mut self, conversation: &Conversation, carried: &mut Carried<'_>) {
        let choice = shared::choice(&conversation.extras).filter(|_| !self.tools.is_empty());
        if let Some(choice) = choice {
            self.tool_choice = Some(WireToolChoice::Shared(shared::flat(choice)));
            carried.found("tool_choice");
        }
    }

    fn sampling(
        &mut self,
        sampling: &Sampling,
        (target, is_own): (&Target, bool),
        changes: &mut Vec<Change>,
    ) {
        self.temperature = sampling.temperature;
        self.top_p = sampling.top_p;
        self.top_logprobs = sampling.top_logprobs;
        self.max_output_tokens = sampling.max_tokens;
        if is_own || target.has_quirk(quirks::TOP_K) {
            self.top_k = sampling.top_k;
        } else if sampling.top_k.is_some() {
            changes.push(Change::dropped("top_k"));
        }
        // Only Open Responses knows them.
        if is_own {
            self.frequency_penalty = sampling.frequency_penalty;
            self.presence_penalty = sampling.presence_penalty;
        }
        let penalises = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty.abs() > f64::EPSILON);
        let unknown = [
            ("frequency_penalty", !is_own && penalises(sampling.frequency_penalty)),
            ("presence_penalty", !is_own && penalises(sampling.presence_penalty)),
            ("seed", sampling.seed.is_some()),
            ("stop", !sampling.stop.is_empty()),
        ];
        let lost = unknown.into_iter().filter(|(_, asked)| *asked);
        changes.extend(lost.map(|(field, _)| Change::dropped(field)));
        if sampling.logprobs == Some(true) {
            self.include.get_or_insert_default().push(LOGPROBS);
        }
    }

    /// What the provider shall keep of it. Callers of other languages expect that it keeps nothing; who has nothing
    /// kept needs the reasoning itself.
    fn kept(&mut self, is_own: bool, extras: &Named<'a>) {
        let said =
            |name: &str| extras.0.iter().find(|(known, _)| *known == name).map(|(_, json)| json.as_str());
        let is_unsaid = !is_own && said("store").is_none();
        let keeps_nothing = is_unsaid || said("store") == Some("false");
        if is_unsaid {
            self.store = Some(false);
        }
        if said("include").is_some() {
            // It stands there as the caller wrote it.
            self.include = None;
        } else if keeps_nothing && self.reasoning.is_some() {
            self.include.get_or_insert_default().push(ENCRYPTED_REASONING);
        }
    }
}

/// The field `text`.
#[derive(Serialize)]
struct WireText<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<WireFormat<'a>>,
    #[serde(flatten)]
    rest: Named<'a>,
}

impl<'a> WireText<'a> {
    fn of(format: &'a OutputFormat, rest: Vec<(&'a str, &'a Json)>) -> Option<Self> {
        let format = match format {
            OutputFormat::Text => None,
            OutputFormat::JsonObject => Some(WireFormat::JsonObject),
            OutputFormat::JsonSchema { name, description, schema, strict } => Some(WireFormat::JsonSchema {
                // The name is mandatory here and of no consequence.
                name: name.as_deref().unwrap_or("answer"),
                description: description.as_deref(),
                schema,
                strict: *strict,
            }),
        };
        (format.is_some() || !rest.is_empty()).then_some(Self { format, rest: Named(rest) })
    }
}

/// The form of the answer on the wire.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WireFormat<'a> {
    JsonObject,
    JsonSchema {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        schema: &'a Json,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}

/// A tool on the wire.
#[derive(Serialize)]
#[serde(untagged)]
enum WireTool<'a> {
    Function(WireFunction<'a>),
    Raw(&'a Json),
    Shared(Value),
}

#[derive(Serialize)]
struct WireFunction<'a> {
    r#type: &'static str,
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Option<&'a Json>,
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
                writer.unmark(*cache, &path);
                let name = writer.offered(name, &path);
                let (description, parameters) = (description.as_deref(), parameters.as_ref());
                // Who says nothing here gets a strict schema; in the other languages, one that is not.
                let strict = strict.or_else(|| (!writer.is_own).then_some(false));
                let function = WireFunction { r#type: "function", name, description, parameters, strict };
                written.push(WireTool::Function(function));
            }
            Tool::Opaque { json, .. } if writer.is_own => written.push(WireTool::Raw(json)),
            Tool::Opaque { kind, json } => match json.to().filter(|_| kind == shared::CUSTOM) {
                Some(tool) => written.push(WireTool::Shared(shared::flat(tool))),
                None => writer.changes.push(Change::dropped(path.to_string())),
            },
        }
    }
    written
}

/// Which tool to call, on the wire.
#[derive(Serialize)]
#[serde(untagged)]
enum WireToolChoice<'a> {
    Named { r#type: &'static str, name: Cow<'a, str> },
    Shared(Value),
    Word(&'static str),
}
