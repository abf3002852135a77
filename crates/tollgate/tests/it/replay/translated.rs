//! Two languages: what is asked and what is answered keeps its text, its tool calls and its usage.

use std::sync::Arc;

use bytes::Bytes;
use dialects::{Conversational, Head, PathSaid, Streams};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use types::conversation::{Content, Conversation, StopReason, Target, Tool, ToolChoice};

use super::packages::Translated;
use super::{Stage, Way, answer_of_error, spoken_headers};
use crate::exchange::Exchange;
use crate::heard::{self, gist};
use crate::language::{self, Language};
use crate::{question, specs};

/// The languages that the exchange is translated into.
pub(super) fn callers(exchange: &Exchange) -> impl Iterator<Item = &'static dyn Conversational> + use<> {
    let own = exchange.dialect.id();
    language::all().map(|(caller, _)| caller).filter(move |caller| caller.id() != own)
}

/// Asks in another language and compares what is understood on both sides; says what was answered, if it was no error.
pub(super) async fn check(
    stage: &Stage,
    index: usize,
    caller: &'static dyn Conversational,
) -> Result<Option<Translated>, String> {
    let exchange = &stage.exchanges[index];
    let way = Way::Into(caller.id());
    let model = stage.public_name(way, index);
    let mut asked = exchange.read(&spoken_headers(exchange), exchange.request.as_bytes())?;
    // A caller of Messages has no word for several answers.
    asked.sampling.choices = None;
    describe_unshown(&mut asked, exchange.dialect, caller);
    let request = in_other_words(&asked, caller, &model)?;
    let (answer, received) = stage.call((way, index), caller, request).await?;
    kept(&asked, exchange, &received.body)?;
    specs::judge(&question::path(caller, &model, exchange.is_streamed()), &answer)?;
    let original = heard::answer(exchange.dialect, exchange.is_streamed(), &exchange.body);
    let original = match original {
        Ok(original) if exchange.status == 200 => original,
        original => {
            return answer_of_error(exchange, caller, original.err(), &answer).map(|()| None);
        }
    };
    if answer.status != 200 {
        return Err(format!("{} {:?}", answer.status, answer.body));
    }
    let is_streamed = asked.delivery.is_stream();
    if is_streamed {
        language::of(caller).check_stream(&answer.body, &model)?;
    } else {
        language::of(caller).check_whole(&answer.body, &model)?;
    }
    let read = heard::answer(caller, is_streamed, &answer.body)
        .map_err(|fault| format!("{fault}: {:?}", answer.body))?;
    let (mut expect, mut found) = (gist(&original), gist(&read));
    if expect.usage.is_none() {
        // Messages cannot leave the usage out.
        found.usage = None;
    }
    if language::of(caller).has_objects(is_streamed) {
        expect.tool_calls.iter_mut().for_each(|(_, arguments)| wrap(arguments));
    }
    if expect.usage == Some((0, 0)) {
        // Where nothing is counted, some languages say nothing.
        found.usage = expect.usage;
    }
    let plainer = |stop| plainer(stop, language::of(caller));
    (expect.stop, found.stop) = (expect.stop.map(plainer), found.stop.map(plainer));
    if expect != found {
        return Err(format!("expected {expect:?}\n  found    {found:?}"));
    }
    Ok(Some(Translated {
        id: exchange.id.clone(),
        caller: caller.id(),
        content_type: answer.header("content-type").to_owned(),
        is_streamed,
        body: answer.body,
        gist: found,
    }))
}

/// Puts words in the place of what is shown, where one of the two languages cannot show all of it: a question about
/// something that is not shown is refused.
fn describe_unshown(asked: &mut Conversation, upstream: &dyn Conversational, caller: &dyn Conversational) {
    let headers = HeaderMap::from_iter([(
        HeaderName::from_static("anthropic-version"),
        HeaderValue::from_static("2023-06-01"),
    )]);
    let path = PathSaid { model: Some("m".into()), streams: Streams::Never, ..PathSaid::default() };
    let head = Head { path: &path, ..Head::of(&headers) };
    let said = in_other_words(asked, caller, "m").ok();
    let said = said.and_then(|body| caller.decode_request(head, body.as_bytes()).ok());
    if said.is_some_and(|said| in_other_words(&said, upstream, "m").is_ok()) {
        return;
    }
    for content in asked.messages.iter_mut().flat_map(|message| &mut message.content) {
        if matches!(content, Content::Audio(_) | Content::Document(_) | Content::Image(_)) {
            *content = Content::text("Something that is shown.");
        }
    }
}

/// The reason that both languages have a word for.
const fn plainer(reason: StopReason, caller: &Language) -> StopReason {
    match reason {
        StopReason::Filtered | StopReason::Refusal if !caller.refuses => StopReason::EndTurn,
        StopReason::ContextFull | StopReason::MaxTokens => StopReason::MaxTokens,
        StopReason::EndTurn | StopReason::Pause | StopReason::StopSequence => StopReason::EndTurn,
        StopReason::Filtered | StopReason::Refusal => StopReason::Refusal,
        StopReason::ToolUse => StopReason::ToolUse,
    }
}

/// Arguments that the token limit cut off are no JSON; some languages put them into an object.
fn wrap(arguments: &mut Value) {
    if !arguments.is_object() {
        *arguments = json!({ "arguments": arguments.take() });
    }
}

/// The same request in the caller's language.
fn in_other_words(asked: &Conversation, caller: &dyn Conversational, model: &str) -> Result<String, String> {
    let target =
        Target { model: model.into(), max_output_tokens: Some(4096), quirks: Arc::default(), strict: false };
    let encoded = caller.encode_request(asked, &target).map_err(|error| error.to_string())?;
    String::from_utf8(encoded.body.concat()).map_err(|error| error.to_string())
}

/// What the upstream was sent still says what the original said.
fn kept(asked: &Conversation, exchange: &Exchange, sent: &Bytes) -> Result<(), String> {
    let sent = exchange.read(&spoken_headers(exchange), sent)?;
    let (expect, found) = (Request::of(asked), Request::of(&sent));
    if let Some(lost) = expect.texts.iter().find(|text| !found.all_text.contains(text.trim())) {
        return Err(format!("the request lost {lost:?} of {expect:?}:\n{found:?}"));
    }
    // Messages wants every tool declared that the history calls.
    let is_known =
        |tool: &String| expect.tools.contains(tool) || found.calls.iter().any(|(name, _)| name == tool);
    let has_tools =
        expect.wanted.iter().all(|tool| found.tools.contains(tool)) && found.tools.iter().all(is_known);
    if !has_tools || expect.calls != found.calls {
        return Err(format!("the request asks {expect:?}\n{found:?}"));
    }
    if sent.sampling.max_tokens.is_none() && asked.sampling.max_tokens.is_some() {
        return Err("the request lost its token limit".to_owned());
    }
    Ok(())
}

/// What matters of a request in any language.
#[derive(Debug)]
struct Request {
    texts: Vec<String>,
    all_text: String,
    tools: Vec<String>,
    /// Those of the tools that may be called: some languages leave the others out, having no word for not calling them.
    wanted: Vec<String>,
    calls: Vec<(String, Value)>,
}

impl Request {
    fn of(conversation: &Conversation) -> Self {
        let content: Vec<&Content> =
            conversation.messages.iter().flat_map(|message| flattened(&message.content)).collect();
        let texts: Vec<String> =
            content.iter().filter_map(|content| heard::text(content)).map(str::to_owned).collect();
        let tools: Vec<String> = conversation.tools.iter().filter_map(function).collect();
        let is_wanted = |tool: &&String| match &conversation.tool_choice {
            Some(ToolChoice::Named(name)) => *tool == name,
            Some(ToolChoice::Never) => false,
            Some(ToolChoice::Any | ToolChoice::Auto) | None => true,
        };
        Self {
            all_text: texts.concat(),
            texts,
            wanted: tools.iter().filter(is_wanted).cloned().collect(),
            tools,
            calls: content.iter().filter_map(|content| heard::tool_call(content)).collect(),
        }
    }
}

/// The blocks, those inside of tool results included.
fn flattened(content: &[Content]) -> Vec<&Content> {
    let mut all = Vec::new();
    for block in content {
        all.push(block);
        if let Content::ToolResult { content, .. } = block {
            all.extend(flattened(content));
        }
    }
    all
}

/// A function's name: other tools are one language's own.
fn function(tool: &Tool) -> Option<String> {
    match tool {
        Tool::Function { name, .. } => Some(name.clone()),
        Tool::Opaque { .. } => None,
    }
}
