//! The features of a request: how each is said, and what has to be heard of it on the other side.

#![expect(clippy::wildcard_enum_match_arm, reason = "each looks for one kind of content among all")]

use serde_json::Value;
use types::Json;
use types::conversation::{
    CacheMark, Content, Conversation, Delivery, Effort, Extras, Media, MediaSource, Message, OutputFormat,
    Reasoning, Role, Sampling, Tool, ToolChoice,
};

/// One thing that can be asked.
pub(super) struct Asked {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// Puts it into a plain conversation.
    pub(super) say: fn(&mut Conversation),
    /// What is heard of it.
    pub(super) hear: fn(&Conversation) -> String,
}

/// One question.
pub(super) fn plain() -> Conversation {
    Conversation {
        model: "m".into(),
        messages: vec![user(vec![Content::text("What is this?")])],
        prompt_is_apart: false,
        tools: Vec::new(),
        tool_choice: None,
        parallel_tool_calls: None,
        sampling: Sampling { max_tokens: Some(1024), ..Sampling::default() },
        reasoning: None,
        format: OutputFormat::Text,
        delivery: Delivery::Whole,
        user: None,
        extras: Extras::default(),
    }
}

/// Every feature, in the order of the table.
pub(super) const FEATURES: &[Asked] = &[
    Asked { name: "stream", say: stream, hear: |said| said.delivery.is_stream().to_string() },
    Asked { name: "system prompt", say: |said| prompt(said, Role::System), hear: prompts },
    Asked { name: "developer prompt", say: |said| prompt(said, Role::Developer), hear: prompts },
    Asked { name: "system prompt in mid-conversation", say: late_prompt, hear: order },
    Asked { name: "several turns", say: turns, hear: order },
    Asked { name: "prefilled answer", say: prefill, hear: order },
    Asked { name: "speaker's name", say: name, hear: names },
    Asked { name: "refusal in the history", say: refusal, hear: refusals },
    Asked { name: "image in base64", say: |said| attach(said, Content::Image(png())), hear: media },
    Asked {
        name: "image by address",
        say: |said| attach(said, Content::Image(linked("https://example.com/a.png"))),
        hear: media,
    },
    Asked { name: "document in base64", say: |said| attach(said, Content::Document(pdf())), hear: media },
    Asked {
        name: "document by address",
        say: |said| attach(said, Content::Document(linked("https://example.com/a.pdf"))),
        hear: media,
    },
    Asked {
        name: "document as text",
        say: |said| attach(said, Content::Document(plain_document())),
        hear: media,
    },
    Asked { name: "audio in base64", say: |said| attach(said, Content::Audio(wav())), hear: media },
    Asked { name: "tools", say: |said| said.tools = vec![tool("weather", None)], hear: tools },
    Asked {
        name: "strict tools",
        say: |said| said.tools = vec![tool("weather", Some(true))],
        hear: strictness,
    },
    Asked { name: "tools without parameters", say: |said| said.tools = vec![bare_tool()], hear: tools },
    Asked { name: "tool choice: any", say: |said| choose(said, ToolChoice::Any), hear: choice },
    Asked {
        name: "tool choice: one",
        say: |said| choose(said, ToolChoice::Named("weather".to_owned())),
        hear: choice,
    },
    Asked { name: "tool choice: none", say: |said| choose(said, ToolChoice::Never), hear: choice },
    Asked { name: "one tool at a time", say: one_at_a_time, hear: parallel },
    Asked {
        name: "tool call and result",
        say: |said| called(said, 1, &[Content::text("sunny")]),
        hear: calls,
    },
    Asked {
        name: "parallel tool calls and results",
        say: |said| called(said, 2, &[Content::text("sunny")]),
        hear: calls,
    },
    Asked {
        name: "image in a tool result",
        say: |said| called(said, 1, &[Content::text("look"), Content::Image(png())]),
        hear: calls,
    },
    Asked { name: "failed tool", say: failed, hear: failures },
    Asked { name: "signed reasoning in the history", say: thought, hear: thoughts },
    Asked { name: "encrypted reasoning in the history", say: hidden_thought, hear: thoughts },
    Asked { name: "signed tool call in the history", say: signed_call, hear: proofs },
    Asked { name: "cache marker on a prompt", say: marked_prompt, hear: marks },
    Asked { name: "cache marker for an hour", say: marked_question, hear: marks },
    Asked { name: "cache marker on tools", say: marked_tools, hear: marks },
    Asked {
        name: "temperature",
        say: |said| said.sampling.temperature = Some(0.5),
        hear: |said| format!("{:?}", said.sampling.temperature),
    },
    Asked {
        name: "temperature above 1",
        say: |said| said.sampling.temperature = Some(1.5),
        hear: |said| format!("{:?}", said.sampling.temperature),
    },
    Asked {
        name: "top_p",
        say: |said| said.sampling.top_p = Some(0.5),
        hear: |said| format!("{:?}", said.sampling.top_p),
    },
    Asked {
        name: "top_k",
        say: |said| said.sampling.top_k = Some(40),
        hear: |said| format!("{:?}", said.sampling.top_k),
    },
    Asked {
        name: "frequency penalty",
        say: |said| said.sampling.frequency_penalty = Some(0.5),
        hear: |said| format!("{:?}", said.sampling.frequency_penalty),
    },
    Asked {
        name: "presence penalty",
        say: |said| said.sampling.presence_penalty = Some(0.5),
        hear: |said| format!("{:?}", said.sampling.presence_penalty),
    },
    Asked {
        name: "seed",
        say: |said| said.sampling.seed = Some(7),
        hear: |said| format!("{:?}", said.sampling.seed),
    },
    Asked {
        name: "several answers",
        say: |said| said.sampling.choices = Some(2),
        hear: |said| format!("{:?}", said.sampling.choices),
    },
    Asked {
        name: "log probabilities",
        say: logprobs,
        hear: |said| format!("{:?} {:?}", said.sampling.logprobs, said.sampling.top_logprobs),
    },
    Asked {
        name: "token limit",
        say: |said| said.sampling.max_tokens = Some(77),
        hear: |said| format!("{:?}", said.sampling.max_tokens),
    },
    Asked {
        name: "stop sequences",
        say: |said| said.sampling.stop = vec!["END".to_owned()],
        hear: |said| format!("{:?}", said.sampling.stop),
    },
    Asked { name: "six stop sequences", say: six_stops, hear: |said| format!("{:?}", said.sampling.stop) },
    Asked { name: "reasoning by effort", say: |said| effort(said, Effort::High), hear: reasoning },
    Asked { name: "reasoning by budget", say: budget, hear: reasoning },
    Asked { name: "reasoning switched on", say: switched_on, hear: reasoning },
    Asked { name: "reasoning switched off", say: |said| effort(said, Effort::None), hear: reasoning },
    Asked { name: "JSON object", say: |said| said.format = OutputFormat::JsonObject, hear: format },
    Asked { name: "JSON by schema", say: schema, hear: format },
    Asked {
        name: "end user",
        say: |said| said.user = Some("user-7".to_owned()),
        hear: |said| format!("{:?}", said.user),
    },
];

fn user(content: Vec<Content>) -> Message {
    Message { role: Role::User, content, name: None }
}

fn assistant(content: Vec<Content>) -> Message {
    Message { role: Role::Assistant, content, name: None }
}

fn stream(said: &mut Conversation) {
    said.delivery = Delivery::Stream { include_usage: true };
}

fn prompt(said: &mut Conversation, role: Role) {
    said.messages.insert(0, Message { role, content: vec![Content::text("Be brief.")], name: None });
    said.prompt_is_apart = role == Role::System;
}

fn late_prompt(said: &mut Conversation) {
    turns(said);
    let late = Message { role: Role::System, content: vec![Content::text("Now be long.")], name: None };
    said.messages.push(late);
    said.messages.push(user(vec![Content::text("Go on.")]));
}

fn turns(said: &mut Conversation) {
    said.messages.push(assistant(vec![Content::text("A boat.")]));
    said.messages.push(user(vec![Content::text("And that?")]));
}

fn prefill(said: &mut Conversation) {
    said.messages.push(assistant(vec![Content::text("It is a")]));
}

fn name(said: &mut Conversation) {
    if let Some(message) = said.messages.iter_mut().find(|message| message.role == Role::User) {
        message.name = Some("ada".to_owned());
    }
}

fn refusal(said: &mut Conversation) {
    said.messages.push(assistant(vec![Content::Refusal("I will not.".to_owned())]));
    said.messages.push(user(vec![Content::text("Please?")]));
}

fn attach(said: &mut Conversation, content: Content) {
    said.messages.push(assistant(vec![Content::text("Show me.")]));
    said.messages.push(user(vec![Content::text("Here:"), content]));
}

fn base64(mime: &str, data: &str) -> Media {
    let source = MediaSource::Base64(data.to_owned());
    Media { mime: Some(mime.to_owned()), source, title: None, detail: None, cache: None }
}

/// One pixel.
fn png() -> Media {
    base64(
        "image/png",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    )
}

fn pdf() -> Media {
    Media { title: Some("a.pdf".to_owned()), ..base64("application/pdf", "JVBERi0xLjQKJSVFT0Y=") }
}

fn wav() -> Media {
    base64("audio/wav", "UklGRiQAAABXQVZFZm10IBAAAAABAAEA")
}

fn linked(url: &str) -> Media {
    Media { mime: None, source: MediaSource::Url(url.to_owned()), title: None, detail: None, cache: None }
}

fn plain_document() -> Media {
    let source = MediaSource::Text("Once upon a time.".to_owned());
    Media {
        mime: Some("text/plain".to_owned()),
        source,
        title: Some("tale".to_owned()),
        detail: None,
        cache: None,
    }
}

fn parameters() -> Json {
    let schema = r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}"#;
    Json::parse(schema).unwrap()
}

fn tool(name: &str, strict: Option<bool>) -> Tool {
    let description = Some("Tells the weather".to_owned());
    Tool::Function { name: name.to_owned(), description, parameters: Some(parameters()), strict, cache: None }
}

fn bare_tool() -> Tool {
    Tool::Function { name: "now".to_owned(), description: None, parameters: None, strict: None, cache: None }
}

fn choose(said: &mut Conversation, choice: ToolChoice) {
    said.tools = vec![tool("weather", None)];
    said.tool_choice = Some(choice);
}

fn one_at_a_time(said: &mut Conversation) {
    said.tools = vec![tool("weather", None)];
    said.parallel_tool_calls = Some(false);
}

/// So many calls in one turn, each answered with the same.
fn called(said: &mut Conversation, count: usize, content: &[Content]) {
    said.tools = vec![tool("weather", None)];
    let ids: Vec<String> = (0..count).map(|index| format!("call_{index}")).collect();
    let call = |id: &String| Content::ToolCall {
        id: id.clone(),
        name: "weather".to_owned(),
        arguments: r#"{"city":"Lyon"}"#.to_owned(),
        signature: None,
        cache: None,
    };
    let result = |id: &String| Content::ToolResult {
        call_id: id.clone(),
        content: content.to_vec(),
        is_error: false,
        cache: None,
    };
    said.messages.push(assistant(ids.iter().map(call).collect()));
    said.messages.push(user(ids.iter().map(result).collect()));
}

fn signed_call(said: &mut Conversation) {
    called(said, 1, &[Content::text("sunny")]);
    for content in said.messages.iter_mut().flat_map(|message| &mut message.content) {
        if let Content::ToolCall { signature, .. } = content {
            *signature = Some("c2lnbmF0dXJl".to_owned());
        }
    }
}

fn failed(said: &mut Conversation) {
    called(said, 1, &[Content::text("no such city")]);
    for content in said.messages.iter_mut().flat_map(|message| &mut message.content) {
        if let Content::ToolResult { is_error, .. } = content {
            *is_error = true;
        }
    }
}

fn thought(said: &mut Conversation) {
    let signature = Some("c2lnbmF0dXJl".to_owned());
    let thinking = Content::Thinking { text: "A hull, a mast.".to_owned(), signature };
    said.messages.push(assistant(vec![thinking, Content::text("A boat.")]));
    said.messages.push(user(vec![Content::text("Sure?")]));
}

fn hidden_thought(said: &mut Conversation) {
    let thinking = Content::RedactedThinking { data: "ZW5jcnlwdGVk".to_owned() };
    said.messages.push(assistant(vec![thinking, Content::text("A boat.")]));
    said.messages.push(user(vec![Content::text("Sure?")]));
}

fn marked(text: &str, mark: CacheMark) -> Content {
    Content::Text { text: text.to_owned(), cache: Some(mark) }
}

fn marked_prompt(said: &mut Conversation) {
    let content = vec![marked("Be brief.", CacheMark::FiveMinutes)];
    said.messages.insert(0, Message { role: Role::System, content, name: None });
    said.prompt_is_apart = true;
}

fn marked_question(said: &mut Conversation) {
    said.messages.push(assistant(vec![Content::text("A boat.")]));
    said.messages.push(user(vec![marked("And that?", CacheMark::OneHour)]));
}

fn marked_tools(said: &mut Conversation) {
    let mut tool = tool("weather", None);
    if let Tool::Function { cache, .. } = &mut tool {
        *cache = Some(CacheMark::FiveMinutes);
    }
    said.tools = vec![tool];
}

fn logprobs(said: &mut Conversation) {
    said.sampling.logprobs = Some(true);
    said.sampling.top_logprobs = Some(2);
}

fn six_stops(said: &mut Conversation) {
    said.sampling.stop = (1..=6).map(|index| format!("END{index}")).collect();
}

fn effort(said: &mut Conversation, effort: Effort) {
    // Room enough to think as much as is wanted.
    said.sampling.max_tokens = Some(32_000);
    said.reasoning = Some(Reasoning { effort: Some(effort), ..Reasoning::default() });
}

fn budget(said: &mut Conversation) {
    said.sampling.max_tokens = Some(8192);
    said.reasoning = Some(Reasoning { budget_tokens: Some(2048), enabled: Some(true), effort: None });
}

fn switched_on(said: &mut Conversation) {
    said.sampling.max_tokens = Some(8192);
    said.reasoning = Some(Reasoning { budget_tokens: None, enabled: Some(true), effort: None });
}

fn schema(said: &mut Conversation) {
    said.format = OutputFormat::JsonSchema {
        name: Some("place".to_owned()),
        description: None,
        schema: parameters(),
        strict: Some(true),
    };
}

/// Every block of the conversation with the role of its message, those inside of tool results included.
fn blocks(said: &Conversation) -> Vec<(Role, &Content)> {
    let mut blocks = Vec::new();
    for message in &said.messages {
        for content in &message.content {
            blocks.push((message.role, content));
            if let Content::ToolResult { content, .. } = content {
                blocks.extend(content.iter().map(|inner| (message.role, inner)));
            }
        }
    }
    blocks
}

fn prompts(said: &Conversation) -> String {
    let is_prompt = |role: Role| matches!(role, Role::Developer | Role::System);
    let texts = blocks(said).into_iter().filter(|(role, _)| is_prompt(*role));
    format!("{:?}", texts.filter_map(|(_, content)| crate::heard::text(content)).collect::<Vec<_>>())
}

/// Who speaks and what is said, in order; two turns of one speaker are as good as one.
fn order(said: &Conversation) -> String {
    let mut heard = String::new();
    let mut last = None;
    for (role, content) in blocks(said) {
        let Some(text) = crate::heard::text(content) else { continue };
        // A developer is who the system is elsewhere.
        let speaker = match role {
            Role::Developer | Role::System => "system",
            Role::Assistant => "assistant",
            Role::User => "user",
        };
        if last.replace(speaker) != Some(speaker) {
            heard.push_str(speaker);
        }
        heard.push_str(text);
    }
    heard
}

fn names(said: &Conversation) -> String {
    format!("{:?}", said.messages.iter().filter_map(|message| message.name.as_ref()).collect::<Vec<_>>())
}

fn refusals(said: &Conversation) -> String {
    let refused =
        |content: &Content| if let Content::Refusal(text) = content { Some(text.clone()) } else { None };
    format!("{:?}", blocks(said).into_iter().filter_map(|(_, content)| refused(content)).collect::<Vec<_>>())
}

fn media(said: &Conversation) -> String {
    let one = |content: &Content| match content {
        Content::Audio(media) | Content::Document(media) | Content::Image(media) => {
            Some(media.source.clone())
        }
        Content::Opaque { .. }
        | Content::RedactedThinking { .. }
        | Content::Refusal(_)
        | Content::Text { .. }
        | Content::Thinking { .. }
        | Content::ToolCall { .. }
        | Content::ToolResult { .. } => None,
    };
    format!("{:?}", blocks(said).into_iter().filter_map(|(_, content)| one(content)).collect::<Vec<_>>())
}

fn tools(said: &Conversation) -> String {
    let one = |tool: &Tool| match tool {
        Tool::Function { name, description, parameters, .. } => {
            let properties = parameters.as_ref().and_then(Json::to::<Value>);
            let properties = properties.map(|schema| schema["properties"].clone()).filter(Value::is_object);
            let properties = properties.unwrap_or_else(|| serde_json::json!({}));
            format!("{name} {description:?} {properties}")
        }
        Tool::Opaque { kind, .. } => kind.clone(),
    };
    said.tools.iter().map(one).collect()
}

/// Whether tools are strict, which they are not where nobody says so.
fn strictness(said: &Conversation) -> String {
    let one = |tool: &Tool| match tool {
        Tool::Function { strict, .. } => strict.unwrap_or_default().to_string(),
        Tool::Opaque { .. } => String::new(),
    };
    said.tools.iter().map(one).collect()
}

fn choice(said: &Conversation) -> String {
    format!("{:?}", said.tool_choice)
}

/// Calls with what answers them, matched by id: ids themselves may be spelled otherwise.
fn calls(said: &Conversation) -> String {
    let blocks = blocks(said);
    let answer = |id: &str| {
        blocks.iter().find_map(|(_, content)| match content {
            Content::ToolResult { call_id, content, .. } if call_id == id => Some(results(content)),
            _ => None,
        })
    };
    let call = |content: &&Content| match content {
        Content::ToolCall { id, .. } => {
            Some(format!("{:?} -> {:?}; ", crate::heard::tool_call(content), answer(id)))
        }
        _ => None,
    };
    blocks.iter().map(|(_, content)| content).filter_map(call).collect()
}

/// What a tool answered: its words, and its pictures.
fn results(content: &[Content]) -> (String, Vec<MediaSource>) {
    let words = content.iter().filter_map(crate::heard::text).collect();
    let pictures = content.iter().filter_map(|content| match content {
        Content::Image(media) => Some(media.source.clone()),
        _ => None,
    });
    (words, pictures.collect())
}

fn failures(said: &Conversation) -> String {
    let failed = blocks(said).into_iter().filter_map(|(_, content)| match content {
        Content::ToolResult { is_error, .. } => Some(*is_error),
        _ => None,
    });
    format!("{:?}", failed.collect::<Vec<_>>())
}

/// The proofs on tool calls.
fn proofs(said: &Conversation) -> String {
    let signed = blocks(said).into_iter().filter_map(|(_, content)| match content {
        Content::ToolCall { signature, .. } => signature.clone(),
        _ => None,
    });
    format!("{:?}", signed.collect::<Vec<_>>())
}

fn thoughts(said: &Conversation) -> String {
    let one = |content: &Content| match content {
        Content::Thinking { text, signature } => Some(format!("{text} {signature:?}")),
        Content::RedactedThinking { data } => Some(data.clone()),
        _ => None,
    };
    blocks(said).into_iter().filter_map(|(_, content)| one(content)).collect()
}

fn marks(said: &Conversation) -> String {
    let one = |content: &Content| match content {
        Content::Text { cache, .. } | Content::ToolCall { cache, .. } | Content::ToolResult { cache, .. } => {
            *cache
        }
        _ => None,
    };
    let of_tools = said.tools.iter().filter_map(|tool| match tool {
        Tool::Function { cache, .. } => *cache,
        Tool::Opaque { .. } => None,
    });
    let marks = of_tools.chain(blocks(said).into_iter().filter_map(|(_, content)| one(content)));
    format!("{:?}", marks.collect::<Vec<_>>())
}

/// How much is to be thought; an effort of none and a switch that is off say the same.
fn reasoning(said: &Conversation) -> String {
    match &said.reasoning {
        Some(Reasoning { effort: Some(Effort::None), .. } | Reasoning { enabled: Some(false), .. }) => {
            "off".to_owned()
        }
        reasoning => format!("{reasoning:?}"),
    }
}

/// Whether several tools may be called at once, where any may be.
fn parallel(said: &Conversation) -> String {
    let may_call = said.tool_choice != Some(ToolChoice::Never);
    format!("{:?}", said.parallel_tool_calls.filter(|_| may_call))
}

fn format(said: &Conversation) -> String {
    match &said.format {
        OutputFormat::JsonSchema { schema, .. } => format!("schema {:?}", schema.to::<Value>()),
        OutputFormat::JsonObject => "object".to_owned(),
        OutputFormat::Text => "text".to_owned(),
    }
}
