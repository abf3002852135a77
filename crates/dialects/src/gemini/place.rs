//! Where in a request of this language the things stand that the canonical conversation names otherwise.

use std::borrow::Cow;

use types::conversation::{Content, Conversation, Tool};

use crate::Place;

/// Canonical fields and this language's own names for them, all of which may have something behind them.
const NAMES: &[(&str, &str)] = &[
    ("frequency_penalty", "generationConfig.frequencyPenalty"),
    ("logprobs", "generationConfig.responseLogprobs"),
    ("max_completion_tokens", "generationConfig.maxOutputTokens"),
    ("n", "generationConfig.candidateCount"),
    ("presence_penalty", "generationConfig.presencePenalty"),
    ("reasoning", "generationConfig.thinkingConfig"),
    ("reasoning_effort", "generationConfig.thinkingConfig.thinkingLevel"),
    ("response_format", "generationConfig.responseMimeType"),
    ("response_format.json_schema.schema", "generationConfig.responseSchema"),
    ("seed", "generationConfig.seed"),
    ("stop", "generationConfig.stopSequences"),
    ("temperature", "generationConfig.temperature"),
    ("thinking", "generationConfig.thinkingConfig"),
    ("thinking.budget_tokens", "generationConfig.thinkingConfig.thinkingBudget"),
    ("tool_choice", "toolConfig.functionCallingConfig"),
    ("top_k", "generationConfig.topK"),
    ("top_logprobs", "generationConfig.logprobs"),
    ("top_p", "generationConfig.topP"),
];

/// The place in the request that was read as `conversation`: its prompt is no content there.
pub(super) fn place(conversation: &Conversation, place: Place<'_>) -> String {
    match place {
        Place::Field(field) => field_place(conversation, field).into_owned(),
        Place::Message { index, content, rest } => {
            let part = content.map_or_else(String::new, |at| {
                let blocks = conversation.messages.get(index).map_or(&[][..], |message| &message.content);
                format!(".parts[{}]", part(blocks, at))
            });
            match index.checked_sub(usize::from(conversation.prompt_is_apart)) {
                None => format!("systemInstruction{part}{rest}"),
                Some(index) => format!("contents[{index}]{part}{rest}"),
            }
        }
    }
}

fn field_place<'f>(conversation: &Conversation, field: &'f str) -> Cow<'f, str> {
    if let Some((_, own)) = NAMES.iter().find(|(name, _)| *name == field) {
        return Cow::Borrowed(own);
    }
    let item = field.strip_prefix("tools[").and_then(|rest| rest.split_once(']'));
    let Some((Ok(index), rest)) = item.map(|(index, rest)| (index.parse::<usize>(), rest)) else {
        return Cow::Borrowed(field);
    };
    let is_function = |tool: &&Tool| matches!(tool, Tool::Function { .. });
    let before = conversation.tools.iter().take(index).filter(is_function).count();
    // Clients put all functions into one tool.
    Cow::Owned(match conversation.tools.get(index) {
        Some(Tool::Opaque { .. }) => format!("tools[{index}]{rest}"),
        Some(Tool::Function { .. }) | None => {
            format!("tools[0].functionDeclarations[{before}]{}", rest.replacen(".function.", ".", 1))
        }
    })
}

/// Which part a block was: the proof of a text stood on the text.
fn part(blocks: &[Content], at: usize) -> usize {
    let is_proof = |pair: &&[Content]| matches!(pair, [Content::Text { .. }, Content::Thinking { text, signature: Some(_) }] if text.is_empty());
    let proofs = blocks.get(..=at).map_or(0, |before| before.windows(2).filter(is_proof).count());
    at - proofs
}
