//! Where in a request of this language the things stand that the canonical conversation names otherwise.

use types::conversation::{CacheMark, Content, Conversation, Tool};

use crate::Place;

/// Canonical fields and this language's own names for them.
const NAMES: &[(&str, &str)] = &[
    ("max_completion_tokens", "inferenceConfig.maxTokens"),
    ("reasoning", "additionalModelRequestFields.thinking"),
    ("reasoning_effort", "outputConfig.effort"),
    ("response_format", "outputConfig.textFormat"),
    ("response_format.json_schema.description", "outputConfig.textFormat.structure.jsonSchema.description"),
    ("response_format.json_schema.schema", "outputConfig.textFormat.structure.jsonSchema.schema"),
    ("stop", "inferenceConfig.stopSequences"),
    ("temperature", "inferenceConfig.temperature"),
    ("thinking", "additionalModelRequestFields.thinking"),
    ("thinking.budget_tokens", "additionalModelRequestFields.thinking.budget_tokens"),
    ("tool_choice", "toolConfig.toolChoice"),
    ("tools", "toolConfig.tools"),
    ("top_k", "additionalModelRequestFields.top_k"),
    ("top_p", "inferenceConfig.topP"),
];

/// The place in the request that was read as `conversation`: its prompt is no message there, and a prompt-cache mark is
/// a block of its own behind the one that is marked.
pub(super) fn place(conversation: &Conversation, place: Place<'_>) -> String {
    let (index, content, rest) = match place {
        Place::Field(field) => return named(conversation, field),
        Place::Message { index, content, rest } => (index, content, rest),
    };
    let message = match index.checked_sub(usize::from(conversation.prompt_is_apart)) {
        Some(index) => format!("messages[{index}]"),
        None => "system".to_owned(),
    };
    let Some(at) = content else { return format!("{message}{rest}") };
    let blocks = conversation.messages.get(index).map_or(&[][..], |message| &message.content);
    let list = if message == "system" { message } else { format!("{message}.content") };
    inside(&list, blocks, at, rest)
}

/// The place of the block `at` in this list, or of what is inside it.
fn inside(list: &str, blocks: &[Content], at: usize, rest: &str) -> String {
    let marks = blocks.iter().take(at).filter(|block| mark(block).is_some()).count();
    let index = at + marks;
    if rest == CACHE_CONTROL {
        return format!("{list}[{}]", index + 1);
    }
    let Some(Content::ToolResult { content, .. }) = blocks.get(at) else {
        return format!("{list}[{index}]{rest}");
    };
    let (inner, result) = (rest.strip_prefix(".content["), format!("{list}[{index}].toolResult"));
    match inner.and_then(|inner| inner.split_once(']')) {
        Some((number, rest)) => match number.parse() {
            Ok(number) => inside(&format!("{result}.content"), content, number, rest),
            Err(_) => format!("{list}[{index}]{rest}"),
        },
        None if rest == ".is_error" => format!("{result}.status"),
        None => format!("{list}[{index}]{rest}"),
    }
}

/// How writers name a prompt-cache mark.
const CACHE_CONTROL: &str = ".cache_control";

fn named(conversation: &Conversation, field: &str) -> String {
    if let Some((_, own)) = NAMES.iter().find(|(name, _)| *name == field) {
        return (*own).to_owned();
    }
    let tool = field.strip_prefix("tools[").and_then(|rest| rest.split_once(']'));
    let Some((number, rest)) = tool else { return field.to_owned() };
    let Ok(at) = number.parse::<usize>() else { return field.to_owned() };
    let is_marked = |tool: &&Tool| matches!(tool, Tool::Function { cache: Some(_), .. });
    let index = at + conversation.tools.iter().take(at).filter(is_marked).count();
    if rest == CACHE_CONTROL {
        return format!("toolConfig.tools[{}]", index + 1);
    }
    format!("toolConfig.tools[{index}]{}", rest.replace(".function.", ".toolSpec."))
}

/// How many prompt-cache marks a block has, on itself and inside.
pub(super) fn marks(content: &Content) -> usize {
    let inside = match content {
        Content::ToolResult { content, .. } => content.iter().map(marks).sum(),
        Content::Audio(_)
        | Content::Document(_)
        | Content::Image(_)
        | Content::Opaque { .. }
        | Content::RedactedThinking { .. }
        | Content::Refusal(_)
        | Content::Text { .. }
        | Content::Thinking { .. }
        | Content::ToolCall { .. } => 0,
    };
    inside + usize::from(mark(content).is_some())
}

/// The prompt-cache mark of a block.
const fn mark(content: &Content) -> Option<CacheMark> {
    match content {
        Content::Audio(media) | Content::Document(media) | Content::Image(media) => media.cache,
        Content::Text { cache, .. } | Content::ToolCall { cache, .. } | Content::ToolResult { cache, .. } => {
            *cache
        }
        Content::Opaque { .. }
        | Content::RedactedThinking { .. }
        | Content::Refusal(_)
        | Content::Thinking { .. } => None,
    }
}
