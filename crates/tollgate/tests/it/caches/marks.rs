//! Marks that the gateway sets in a prompt whose caller set none: what a turn has a provider keep, the next turn begins
//! with, and has marked again.

use std::collections::HashMap;

use dialects::Conversational;
use serde_json::{Value, json};
use types::conversation::{
    Content, Conversation, Delivery, Extras, Message, OutputFormat, Role, Sampling, Target, Tool,
};

use super::{Asked, Stage, provider_of, turns};
use crate::agents::remembering;
use crate::exchange::Exchange;
use crate::{exchange, gateway};

/// The most marks that a provider takes.
const MOST: usize = 4;
/// So many parts in front of a mark a provider still finds what it has kept. Of some recorded sessions turns are missing.
const BEHIND: usize = 20;

/// A prompt's parts in the order in which models read them, without marks, and how many parts stand before each mark.
#[derive(Debug, PartialEq)]
struct Marked {
    parts: Vec<String>,
    marks: Vec<usize>,
}

impl Marked {
    fn of(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap();
        let mut marked = Self { parts: Vec::new(), marks: Vec::new() };
        marked.add("tool", body.get("tools").or(body.pointer("/toolConfig/tools")));
        marked.add("system", body.get("system"));
        for message in body["messages"].as_array().into_iter().flatten() {
            let mut message = message.clone();
            let content = message.as_object_mut().and_then(|message| message.remove("content"));
            marked.add(&message.to_string(), content.as_ref());
        }
        marked
    }

    fn add(&mut self, role: &str, content: Option<&Value>) {
        let parts = match content {
            Some(Value::Array(parts)) => parts.clone(),
            Some(Value::String(text)) => vec![json!({"type": "text", "text": text})],
            Some(_) | None => vec![json!(null)],
        };
        for mut part in parts {
            let mark = part.as_object_mut().and_then(|part| part.remove("cache_control"));
            let point = part.get("cachePoint").is_some();
            if !point {
                self.parts.push(format!("{role}: {part}"));
            }
            if point || mark.is_some() {
                self.marks.push(self.parts.len());
            }
        }
    }

    /// Whether what `earlier` had kept is all there, with a mark at most so many parts behind its end.
    fn reads(&self, earlier: &Self, behind: usize) -> bool {
        let Some(kept) = earlier.marks.last() else { return false };
        let is_near = |mark: &usize| (*kept..=kept + behind).contains(mark);
        self.parts.starts_with(&earlier.parts[..*kept]) && self.marks.iter().any(is_near)
    }
}

fn message(role: Role, content: Vec<Content>) -> Message {
    Message { role, content, name: None }
}

fn call(id: &str, file: &str) -> Content {
    let (id, arguments) = (id.to_owned(), json!({"file": file}).to_string());
    Content::ToolCall { id, name: "read".to_owned(), arguments, signature: None, cache: None }
}

fn result(id: &str, text: &str) -> Content {
    let (call_id, content) = (id.to_owned(), vec![Content::text(text)]);
    Content::ToolResult { call_id, content, is_error: false, cache: None }
}

/// A coding agent's session: a prompt, tools, files that are read one by one and two at once, and the user again.
fn session() -> Vec<Message> {
    vec![
        message(Role::System, vec![Content::text("You write programs. Read before you write.")]),
        message(Role::User, vec![Content::text("What does main.rs do?")]),
        message(Role::Assistant, vec![Content::text("I read it."), call("call_1", "main.rs")]),
        message(Role::User, vec![result("call_1", "mod a;\nmod b;\nfn main() {}")]),
        message(Role::Assistant, vec![call("call_2", "a.rs"), call("call_3", "b.rs")]),
        message(Role::User, vec![result("call_2", "pub fn a() {}"), result("call_3", "pub fn b() {}")]),
        message(Role::Assistant, vec![Content::text("Nothing yet.")]),
        message(Role::User, vec![Content::text("Then make it greet.")]),
        message(Role::Assistant, vec![call("call_4", "main.rs")]),
        message(Role::User, vec![result("call_4", "mod a;\nmod b;\nfn main() {}")]),
    ]
}

/// The requests of the session in this language, as its callers make them.
fn requests(caller: &dyn Conversational) -> Vec<String> {
    let tool = |name: &str| Tool::Function {
        name: name.to_owned(),
        description: Some("Does what it is called.".to_owned()),
        parameters: types::Json::parse(r#"{"type":"object","properties":{"file":{"type":"string"}}}"#),
        strict: None,
        cache: None,
    };
    let messages = session();
    let ends = messages.iter().enumerate().filter(|(_, message)| message.role == Role::User);
    let asked = |end: usize| Conversation {
        model: "m".into(),
        messages: messages[..=end].to_vec(),
        prompt_is_apart: false,
        tools: vec![tool("read"), tool("write")],
        tool_choice: None,
        parallel_tool_calls: None,
        sampling: Sampling { max_tokens: Some(64), ..Sampling::default() },
        reasoning: None,
        format: OutputFormat::Text,
        delivery: Delivery::Whole,
        user: None,
        extras: Extras { dialect: Some(caller.id()), fields: Vec::new() },
    };
    let target = Target { model: "m".into(), max_output_tokens: None, quirks: [].into(), strict: true };
    let written = |(end, _)| caller.encode_request(&asked(end), &target).unwrap().body.concat();
    ends.map(written).map(|body| String::from_utf8(body).unwrap()).collect()
}

/// The languages that have marks.
const MARKS: &[&str] = &["anthropic", "bedrock", "openai_chat"];

async fn stage() -> Stage {
    Stage::start(r#"["cache_control"]"#, "{prompt_cache: true}").await
}

#[tokio::test]
async fn a_session_without_marks_of_its_own_reads_in_each_turn_what_the_turn_before_had_kept() {
    let stage = stage().await;
    for caller in dialects::conversational() {
        let requests = requests(caller);
        for upstream in MARKS {
            let upstream = dialects::by_name(upstream).unwrap().conversational().unwrap();
            let mut earlier: Option<Marked> = None;
            for (index, request) in requests.iter().enumerate() {
                let model = format!("s-{index}-{}-{}", caller.id(), upstream.id());
                let name = format!("{}/{model}", provider_of(upstream));
                let request = exchange::renamed(request, "/model", &name).unwrap_or_else(|| request.clone());
                let sent = stage
                    .sent(caller, request, Asked { model: &model, name: &name, is_streamed: false })
                    .await
                    .unwrap();
                let marked = Marked::of(&sent);
                assert!((1..=MOST).contains(&marked.marks.len()), "{marked:#?}");
                if let Some(earlier) = &earlier {
                    assert!(marked.reads(earlier, 0), "{model}: {earlier:#?} {marked:#?}");
                }
                earlier = Some(marked);
            }
        }
    }
}

#[tokio::test]
async fn marks_of_the_gateway_s_own_are_told() {
    let upstream = remembering(&dialects::anthropic::Anthropic).await;
    let config = json!({
        "providers": {"a": {"kind": "anthropic", "url": upstream.url(), "key": "sk-a", "prompt_cache": true}},
    });
    let gateway = gateway().config(&config.to_string()).start().await;
    let body = json!({
        "model": "a/claude-sonnet-4-6", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}],
    });
    let call = gateway.post("/v1/messages", body.to_string());
    let answer = call.header("anthropic-version", "2023-06-01").send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-tollgate-changed"), "emulated;cache_control");
    assert_eq!(upstream.last().json()["messages"][0]["content"][0]["cache_control"]["type"], "ephemeral");
}

/// What becomes of a recorded request; nothing of one that has no translation, or marks of its own.
async fn marked(
    stage: &Stage,
    exchange: &Exchange,
    index: usize,
    upstream: &dyn Conversational,
) -> Option<Marked> {
    if ["cache_control", "cachePoint"].iter().any(|mark| exchange.request.contains(mark)) {
        return None;
    }
    let model = format!("r-{index}-{}", upstream.id());
    let name = format!("{}/{model}", provider_of(upstream));
    let asked = Asked { model: &model, name: &name, is_streamed: exchange.is_streamed() };
    let sent = stage.sent(exchange.dialect, exchange.request_for(&name), asked).await?;
    Some(Marked::of(&sent))
}

#[tokio::test]
async fn recorded_turns_without_marks_of_their_own_read_what_the_turn_before_had_kept() {
    let exchanges = exchange::recorded();
    let stage = stage().await;
    let mut before: HashMap<usize, usize> = HashMap::new();
    for (earlier, later) in turns(&exchanges) {
        // Of all the turns before, the last.
        let last = before.entry(later).or_insert(earlier);
        if exchanges[earlier].request.len() > exchanges[*last].request.len() {
            *last = earlier;
        }
    }
    for (later, earlier) in before {
        for upstream in MARKS {
            let upstream = dialects::by_name(upstream).unwrap().conversational().unwrap();
            let before = marked(&stage, &exchanges[earlier], earlier, upstream).await;
            let after = marked(&stage, &exchanges[later], later, upstream).await;
            let (Some(before), Some(after)) = (before, after) else { continue };
            let names = (&exchanges[earlier].id, &exchanges[later].id, upstream.id());
            assert!(after.marks.len() <= MOST, "{names:?}: {after:#?}");
            assert!(after.reads(&before, BEHIND), "{names:?}: {before:#?} {after:#?}");
        }
    }
}
