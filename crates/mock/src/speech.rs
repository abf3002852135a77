//! What the model says.

use std::collections::HashSet;

use types::conversation::{
    Answer, Choice, Content, Conversation, Message, OutputFormat, Role, StopReason, Tool, ToolChoice,
};
use types::{Tokens, Usage};

use crate::program::{Echo, Json, Program};
use crate::sample;

/// Words to fill a longer answer with.
const WORDS: &[&str] = &[
    "the", "gateway", "stands", "between", "those", "who", "ask", "and", "those", "who", "answer", "and",
    "keeps", "count", "of", "what", "passes",
];

/// What the model answers.
pub(crate) fn answer(conversation: &Conversation, program: &Program) -> Answer {
    let mut content = Vec::new();
    if program.think > 0 {
        content.push(Content::Thinking {
            text: filler(program.think),
            signature: Some(format!("mock-signature-{}", program.think)),
        });
    }
    let calls = calls(conversation, program);
    let limit = conversation.sampling.max_tokens.and_then(|limit| usize::try_from(limit).ok());
    let stop = if calls.is_empty() {
        let (text, stop) = shortened(text(conversation, program), limit);
        content.push(Content::text(text));
        stop
    } else {
        content.extend(calls);
        StopReason::ToolUse
    };
    let usage = usage(conversation, &content);
    let choice = Choice { content, stop: Some(stop), stop_sequence: None, logprobs: None };
    let choices = conversation.sampling.choices.unwrap_or(1).clamp(1, 16) as usize;
    Answer {
        id: None,
        model: Some(conversation.model.to_string()),
        created: None,
        choices: vec![choice; choices],
        usage: Some(usage),
    }
}

/// Text cut into the pieces that count as tokens: words with the space before them.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end =
            rest.get(first.len_utf8()..)?.find(' ').map_or(rest.len(), |space| space + first.len_utf8());
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        Some(piece)
    })
}

/// How many tokens the input is, by the same measure as the output.
pub(crate) fn input_tokens(conversation: &Conversation) -> Tokens {
    let said = conversation.messages.iter().flat_map(|message| &message.content).map(tokens_of);
    let tools = conversation.tools.iter().map(|tool| match tool {
        Tool::Function { name, description, parameters, .. } => {
            let schema = parameters.as_ref().map_or(0, |schema| schema.as_str().len());
            (name.len() + description.as_ref().map_or(0, String::len) + schema) / 4 + 1
        }
        Tool::Opaque { json, .. } => json.as_str().len() / 4 + 1,
    });
    Tokens(said.chain(tools).sum::<usize>() as u64)
}

fn usage(conversation: &Conversation, content: &[Content]) -> Usage {
    let is_thinking = |content: &&Content| matches!(content, Content::Thinking { .. });
    let reasoning: usize = content.iter().filter(is_thinking).map(tokens_of).sum();
    let output: usize = content.iter().map(tokens_of).sum();
    Usage {
        input: input_tokens(conversation),
        output: Tokens((output - reasoning) as u64),
        reasoning: Tokens(reasoning as u64),
        ..Usage::default()
    }
}

fn tokens_of(content: &Content) -> usize {
    match content {
        Content::Text { text, .. } | Content::Refusal(text) | Content::Thinking { text, .. } => {
            pieces(text).count()
        }
        Content::ToolCall { arguments, .. } => 1 + arguments.len() / 4,
        Content::ToolResult { content, .. } => content.iter().map(tokens_of).sum(),
        Content::Audio(_) | Content::Document(_) | Content::Image(_) => 85,
        Content::Opaque { json, .. } => json.as_str().len() / 4,
        Content::RedactedThinking { data } => data.len() / 4,
    }
}

/// The tools to call: those the program names, the one the request demands, or else the one that its question names.
/// None once a tool has answered.
fn calls(conversation: &Conversation, program: &Program) -> Vec<Content> {
    let answered = conversation.messages.last().is_some_and(|message| {
        message.content.iter().any(|content| matches!(content, Content::ToolResult { .. }))
    });
    if answered {
        return Vec::new();
    }
    let demanded = match &conversation.tool_choice {
        Some(ToolChoice::Named(name)) => Some(name.clone()),
        Some(ToolChoice::Any) => conversation.tools.iter().find_map(name_of).map(str::to_owned),
        Some(ToolChoice::Never) => None,
        Some(ToolChoice::Auto) | None => meant(conversation, program).map(str::to_owned),
    };
    let names = if program.tools.is_empty() { demanded.into_iter().collect() } else { program.tools.clone() };
    let call = |(index, name): (usize, &String)| Content::ToolCall {
        id: format!("call_mock_{index}"),
        name: name.clone(),
        arguments: program.arguments.clone().unwrap_or_else(|| sampled(conversation, name)),
        signature: None,
        cache: None,
    };
    names.iter().enumerate().map(call).collect()
}

/// A longer message is no question that names a tool: those of coding agents speak of everything.
const SHORT: usize = 200;
/// Shorter words say nothing: `get`, `a`, `in`.
const TELLING: usize = 4;

/// The first tool that a short question names: all the telling words of its name stand in it. A program that says what
/// to answer, or a request that wants an object, wants no call.
fn meant<'a>(conversation: &'a Conversation, program: &Program) -> Option<&'a str> {
    let is_free = program.echo == Echo::Greet && program.tokens.is_none() && program.json == Json::AsAsked;
    let last = conversation.messages.last().filter(|message| message.role == Role::User)?;
    let [Content::Text { text, .. }] = last.content.as_slice() else { return None };
    if !is_free || conversation.format != OutputFormat::Text || text.len() > SHORT {
        return None;
    }
    let asked: HashSet<String> = words(text).collect();
    let is_named = |name: &&str| {
        let mut telling = words(name).filter(|word| word.len() >= TELLING).peekable();
        telling.peek().is_some() && telling.all(|word| asked.contains(&word))
    };
    conversation.tools.iter().filter_map(name_of).find(is_named)
}

/// The words of a text or of a name, in lower case: `getWeather` has two, as `get_weather` has.
fn words(text: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::with_capacity(text.len());
    let mut follows_small = false;
    for letter in text.chars() {
        if (letter.is_uppercase() && follows_small) || !letter.is_alphanumeric() {
            spaced.push(' ');
        }
        follows_small = letter.is_lowercase();
        spaced.extend(letter.is_alphanumeric().then_some(letter).into_iter().flat_map(char::to_lowercase));
    }
    spaced.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn name_of(tool: &Tool) -> Option<&str> {
    match tool {
        Tool::Function { name, .. } => Some(name),
        Tool::Opaque { .. } => None,
    }
}

/// Arguments that fit the tool's schema.
fn sampled(conversation: &Conversation, wanted: &str) -> String {
    let schema = conversation.tools.iter().find_map(|tool| match tool {
        Tool::Function { name, parameters, .. } if name == wanted => parameters.as_ref()?.to(),
        Tool::Function { .. } | Tool::Opaque { .. } => None,
    });
    schema.map_or_else(|| "{}".to_owned(), |schema| sample::of_schema(&schema).to_string())
}

fn text(conversation: &Conversation, program: &Program) -> String {
    let heard = conversation.messages.iter().rev().find(|message| message.role == Role::User);
    let heard = heard.map(heard_text).unwrap_or_default();
    if program.echo == Echo::Repeat {
        return heard;
    }
    if let Some(tokens) = program.tokens {
        return filler(tokens);
    }
    match &conversation.format {
        OutputFormat::JsonSchema { schema, .. } => {
            schema.to().map_or_else(|| "{}".to_owned(), |schema| sample::of_schema(&schema).to_string())
        }
        OutputFormat::JsonObject => serde_json::json!({"you_said": heard}).to_string(),
        OutputFormat::Text if program.json == Json::Always => {
            serde_json::json!({"you_said": heard}).to_string()
        }
        OutputFormat::Text => greeting(&heard),
    }
}

/// What goes on after `heard`, cut to the caller's limit.
pub(crate) fn continuation(heard: &str, limit: Option<u64>, program: &Program) -> (String, StopReason) {
    let text = match program.tokens {
        _ if program.echo == Echo::Repeat => heard.to_owned(),
        Some(tokens) => filler(tokens),
        None => greeting(heard),
    };
    shortened(text, limit.and_then(|limit| usize::try_from(limit).ok()))
}

fn greeting(heard: &str) -> String {
    format!("Hello from Tollgate. You said: {heard}")
}

/// What a message says, with a word for what is not text.
fn heard_text(message: &Message) -> String {
    let parts = message.content.iter().map(|content| match content {
        Content::Text { text, .. } | Content::Refusal(text) | Content::Thinking { text, .. } => text.clone(),
        Content::Image(_) => "[image]".to_owned(),
        Content::Audio(_) => "[audio]".to_owned(),
        Content::Document(_) => "[document]".to_owned(),
        Content::ToolResult { content, .. } => {
            let inner = Message { role: Role::User, content: content.clone(), name: None };
            format!("[tool result: {}]", heard_text(&inner))
        }
        Content::ToolCall { name, .. } => format!("[call of {name}]"),
        Content::Opaque { kind, .. } => format!("[{kind}]"),
        Content::RedactedThinking { .. } => String::new(),
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// So many words.
fn filler(tokens: usize) -> String {
    WORDS.iter().cycle().take(tokens).copied().collect::<Vec<_>>().join(" ")
}

/// The text, cut to the caller's limit.
fn shortened(text: String, limit: Option<usize>) -> (String, StopReason) {
    match limit {
        Some(limit) if pieces(&text).count() > limit => {
            (pieces(&text).take(limit).collect(), StopReason::MaxTokens)
        }
        Some(_) | None => (text, StopReason::EndTurn),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_to_the_text() {
        for text in ["", "one", "two words", " led by a space", "é  double "] {
            assert_eq!(pieces(text).collect::<String>(), text);
        }
        assert_eq!(pieces("a bc  d").count(), 4);
    }

    #[test]
    fn a_name_has_words_however_it_is_written() {
        for name in ["get_weather", "getWeather", "Get-Weather", "weather.get's"] {
            assert!(words(name).any(|word| word == "weather"), "{name}");
        }
        assert_eq!(words("What's HTTP2 like?").collect::<Vec<_>>(), ["what", "s", "http2", "like"]);
    }
}
