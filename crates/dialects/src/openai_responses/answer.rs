//! Whole answers, both ways, and the words for why an answer ended.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use types::conversation::{Answer, Choice, Content, StopReason};
use types::{Fault, FaultKind, Json, ServiceTier, Usage};

use super::answer_id;
use super::cited;
use super::echo::Echo;
use super::error::{cancelled, fault_of};
use super::message_decode::{answered, is_call, is_item, is_part, logprobs};
use super::message_encode::written_proof;
use super::resource::{Ending, Resource};
use super::usage::ReadUsage;
use super::wire::{Call, Part, WireContent, WireItem, WireMessage, WireReasoning};
use crate::object::{Object, Path, lenient};
use crate::openai_family::error::{fault_inside, unreadable};
use crate::openai_family::{answered_text, json_bytes, shared};
use crate::surrogates::mend;
use crate::vocabulary::Said;
use crate::{Asked, citations, proofs};

/// Reads a whole answer.
pub(super) fn decode(body: &[u8]) -> Result<Answer, Fault> {
    let text = mend(answered_text(body)?);
    let response = Response::read(&text)?;
    let Some(output) = response.output else {
        let silent = || Fault::new(FaultKind::Unreadable, "the provider's answer has no output");
        return Err(fault_inside(body).unwrap_or_else(silent));
    };
    let path = Path::Field(&Path::Root, "output");
    let mut content = Vec::new();
    for (index, item) in output.iter().enumerate() {
        content.extend(answered(item, &Path::Item(&path, index)).map_err(|error| unreadable(&error))?);
    }
    proofs::move_to_calls(&mut content);
    let stop = Some(response.ending.reason(Said::of(&content, is_call)));
    let logprobs = output.iter().find_map(|item| logprobs(item));
    Ok(Answer {
        id: response.id,
        model: response.model,
        created: response.created,
        choices: vec![Choice { content, stop, stop_sequence: None, logprobs }],
        usage: response.usage,
    })
}

/// What is read of an answer as an object, whole or at the end of a stream.
pub(super) struct Response<'a> {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) created: Option<u64>,
    pub(super) ending: ReadEnding,
    pub(super) output: Option<Vec<&'a RawValue>>,
    pub(super) usage: Option<Usage>,
}

impl<'a> Response<'a> {
    /// Reads it; an answer that has failed is a fault.
    pub(super) fn read(text: &'a str) -> Result<Self, Fault> {
        let mut object = Object::read(text, &Path::Root).map_err(|error| unreadable(&error))?;
        let status: Option<String> = lenient(&mut object, "status");
        match status.as_deref() {
            Some("failed") => return Err(fault_of(text.as_bytes())),
            Some("cancelled") => return Err(cancelled()),
            Some(_) | None => {}
        }
        let details = object.take("incomplete_details").ok().flatten();
        let reason = details.and_then(|raw| {
            let mut details = Object::read(raw.get(), &Path::Root).ok()?;
            lenient::<String>(&mut details, "reason")
        });
        let output = object.take("output").ok().flatten();
        let output: Option<Vec<&RawValue>> = output.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let items = output.iter().flatten();
        let searches = items.filter(|item| is_search(item.get().as_bytes())).count() as u64;
        let usage: Option<ReadUsage> = lenient(&mut object, "usage");
        let tier: Option<String> = lenient(&mut object, "service_tier");
        let tier = tier.and_then(|word| ServiceTier::of_word(word.as_bytes()));
        Ok(Self {
            id: lenient(&mut object, "id"),
            model: lenient(&mut object, "model"),
            created: lenient(&mut object, "created_at").map(whole_seconds),
            ending: ReadEnding::of(status.as_deref(), reason.as_deref()),
            output,
            usage: usage.map(|usage| usage.to_usage(tier, searches)),
        })
    }
}

/// Whether an item is a search of the web that is charged for: opening a page that was found is none
/// (<https://platform.openai.com/docs/guides/tools-web-search>).
pub(super) fn is_search(item: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
        #[serde(borrow, default)]
        action: Option<Action<'a>>,
    }
    #[derive(Deserialize)]
    struct Action<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
    }
    const SEARCH: &str = "web_search_call";
    // Most items are none, and long.
    memmem::find(item, SEARCH.as_bytes()).is_some()
        && serde_json::from_slice::<Item<'_>>(item)
            .is_ok_and(|item| item.kind == SEARCH && item.action.is_none_or(|action| action.kind == "search"))
}

/// Some servers tell the time in fractions.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from float saturates, which is what a time out of range should do"
)]
const fn whole_seconds(seconds: f64) -> u64 {
    seconds as u64
}

/// How an answer says that it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ReadEnding {
    /// As it should.
    #[default]
    Complete,
    /// By the provider's policy.
    Filtered,
    /// At a limit.
    Limited,
}

impl ReadEnding {
    /// The ending that these two words tell of.
    pub(super) fn of(status: Option<&str>, reason: Option<&str>) -> Self {
        match (status, reason) {
            (Some("incomplete"), Some("content_filter")) => Self::Filtered,
            (Some("incomplete"), _) => Self::Limited,
            (_, _) => Self::Complete,
        }
    }

    /// Why the answer ended. The wire says no more than that it did where it calls a tool or refuses.
    pub(super) const fn reason(self, said: Said) -> StopReason {
        match self {
            Self::Filtered => StopReason::Filtered,
            Self::Limited => StopReason::MaxTokens,
            Self::Complete if said.tool_call => StopReason::ToolUse,
            Self::Complete if said.refusal => StopReason::Refusal,
            Self::Complete => StopReason::EndTurn,
        }
    }
}

/// Writes a whole answer. The wire has one answer per request: the first.
pub(super) fn encode(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let id = answer_id(answer.id.as_deref(), asked);
    let reason = choice.stop.unwrap_or(StopReason::EndTurn);
    let ending = Ending::of(reason, Said::of(&choice.content, is_call).refusal);
    let echo = Echo::new(&asked.echo);
    let output = items(choice, asked, ending.status);
    let created_at = answer.created.unwrap_or(asked.at.as_secs());
    json_bytes(&Resource {
        created_at,
        completed_at: ending.incomplete.is_none().then_some(created_at.max(asked.at.as_secs())),
        status: ending.status,
        incomplete_details: ending.incomplete,
        ..Resource::begun(&id, asked.model.as_str(), &echo, output).with_usage(answer.usage.as_ref())
    })
}

/// The id of an item, by its number among those of the answer.
pub(super) fn item_id(kind: &str, asked: &Asked, number: usize) -> String {
    format!("{kind}_{}{number:02}", asked.request)
}

/// What the ids of calls of custom tools begin with.
pub(super) const CUSTOM_ITEM: &str = "ctc";

/// A call of a custom tool as an item of an answer: `id` is its id where it has none of its own. None of what is no call.
pub(super) fn custom_call(call: &Json, id: &str) -> Option<Map<String, Value>> {
    let mut item: Map<String, Value> = shared::flat_call(call)?.to()?;
    item.entry("id").or_insert_with(|| id.into());
    item.insert("status".to_owned(), "completed".into());
    Some(item)
}

/// The items of an answer. The last of one that is not complete is not either.
fn items<'a>(choice: &'a Choice, asked: &Asked, status: &'static str) -> Vec<WireItem<'a>> {
    let mut items: Vec<WireItem<'a>> = Vec::new();
    let mut logprobs = choice.logprobs.as_ref().map(listed_logprobs).unwrap_or_default();
    for content in &choice.content {
        if let Some(part) = part(content, &mut logprobs) {
            let count = items.len();
            if let Some(parts) = parts_of_last(&mut items) {
                parts.push(part);
            } else {
                let id = Some(item_id("msg", asked, count).into());
                items.push(WireItem::Message(message(id, vec![part])));
            }
        } else if let Content::Opaque { kind, json } = content
            && let Some(said) = citations::of(kind, json)
        {
            if let Some(annotations) = last_annotations(&mut items) {
                annotations.extend(said.iter().filter_map(cited::written));
            }
        } else {
            let carrier = carried(content, asked, items.len());
            items.extend(carrier);
            let item = item(content, asked, items.len());
            items.extend(item);
        }
    }
    match items.last_mut() {
        Some(
            WireItem::Message(WireMessage { status: last, .. }) | WireItem::Call(Call { status: last, .. }),
        ) => {
            *last = Some(status);
        }
        Some(WireItem::Output(_) | WireItem::Raw(_) | WireItem::Reasoning(_)) | None => {}
    }
    items
}

/// Where the sources of the last text stand: reasoning or calls may have come behind it.
fn last_annotations<'i>(items: &'i mut [WireItem<'_>]) -> Option<&'i mut Vec<Json>> {
    items.iter_mut().rev().find_map(|item| {
        let WireItem::Message(WireMessage { content: WireContent::Parts(parts), .. }) = item else {
            return None;
        };
        parts.iter_mut().rev().find_map(|part| {
            if let Part::OutputText { annotations, .. } = part { Some(annotations) } else { None }
        })
    })
}

/// The parts of the last item, if it is a message.
fn parts_of_last<'i, 'a>(items: &'i mut [WireItem<'a>]) -> Option<&'i mut Vec<Part<'a>>> {
    match items.last_mut() {
        Some(WireItem::Message(WireMessage { content: WireContent::Parts(parts), .. })) => Some(parts),
        Some(_) | None => None,
    }
}

fn message<'a>(id: Option<Cow<'a, str>>, parts: Vec<Part<'a>>) -> WireMessage<'a> {
    WireMessage {
        kind: Some("message"),
        id,
        status: Some("completed"),
        role: "assistant",
        content: WireContent::Parts(parts),
    }
}

/// A part of a message; none for what is an item of its own. The first text takes the log probabilities.
fn part<'a>(content: &'a Content, logprobs: &mut Vec<Json>) -> Option<Part<'a>> {
    match content {
        Content::Refusal(refusal) => Some(Part::Refusal { refusal: Cow::Borrowed(refusal) }),
        Content::Text { text, .. } => Some(Part::OutputText {
            text: Cow::Borrowed(text),
            annotations: Vec::new(),
            logprobs: std::mem::take(logprobs),
        }),
        Content::Opaque { kind, json } if is_part(kind) => Some(Part::Raw(json)),
        Content::Audio(_)
        | Content::Document(_)
        | Content::Image(_)
        | Content::Opaque { .. }
        | Content::RedactedThinking { .. }
        | Content::Thinking { .. }
        | Content::ToolCall { .. }
        | Content::ToolResult { .. } => None,
    }
}

/// The reasoning that carries the proof of a call, which itself has no place for one.
fn carried<'a>(content: &'a Content, asked: &Asked, number: usize) -> Option<WireItem<'a>> {
    let Content::ToolCall { signature: Some(proof), .. } = content else { return None };
    Some(WireItem::Reasoning(WireReasoning {
        id: Some(item_id("rs", asked, number).into()),
        encrypted_content: Some(proofs::of_call(proof).into()),
        ..WireReasoning::summarised("")
    }))
}

fn item<'a>(content: &'a Content, asked: &Asked, number: usize) -> Option<WireItem<'a>> {
    match content {
        Content::ToolCall { id, name, arguments, .. } => Some(WireItem::Call(Call {
            id: Some(item_id("fc", asked, number).into()),
            status: Some("completed"),
            call_id: id.into(),
            name: name.into(),
            arguments: if arguments.is_empty() { "{}".into() } else { arguments.into() },
            ..Call::default()
        })),
        Content::Thinking { text, signature } => Some(WireItem::Reasoning(WireReasoning {
            id: Some(item_id("rs", asked, number).into()),
            encrypted_content: signature.as_deref().map(written_proof),
            ..WireReasoning::summarised(text)
        })),
        Content::RedactedThinking { data } => Some(WireItem::Reasoning(WireReasoning {
            id: Some(item_id("rs", asked, number).into()),
            encrypted_content: Some(proofs::of_redacted(data).into()),
            ..WireReasoning::summarised("")
        })),
        Content::Opaque { kind, json } if kind == shared::CUSTOM_CALL => {
            let call = custom_call(json, &item_id(CUSTOM_ITEM, asked, number))?;
            Json::of(&call).map(|call| WireItem::Raw(Cow::Owned(call)))
        }
        Content::Opaque { kind, json } if is_item(kind) => Some(WireItem::Raw(Cow::Borrowed(json))),
        // Another language's blocks, and what no model answers with.
        Content::Audio(_)
        | Content::Document(_)
        | Content::Image(_)
        | Content::Opaque { .. }
        | Content::Refusal(_)
        | Content::Text { .. }
        | Content::ToolResult { .. } => None,
    }
}

/// The log probabilities of a text as the list that the wire has.
pub(super) fn listed_logprobs(canonical: &Json) -> Vec<Json> {
    #[derive(serde::Deserialize)]
    struct Lists {
        content: Option<Vec<Json>>,
    }
    canonical.to::<Lists>().and_then(|lists| lists.content).unwrap_or_default()
}
