//! What clients ask and upstreams answer in these tests: the smallest true examples of both languages.

use testkit::{Call, FakeUpstream, Gateway, Reply, Response};

/// Where OpenAI's clients ask.
pub(crate) const CHAT: &str = "/v1/chat/completions";
/// Where Anthropic's clients ask.
pub(crate) const MESSAGES: &str = "/v1/messages";

/// A question for a whole answer; both languages read it.
pub(crate) fn ask(model: &str) -> String {
    format!(r#"{{"model":"{model}","max_tokens":64,"messages":[{{"role":"user","content":"hi"}}]}}"#)
}

/// The same for a stream.
pub(crate) fn ask_stream(model: &str) -> String {
    ask(model).replacen('{', r#"{"stream":true,"#, 1)
}

/// A call as clients of the path's language make it.
pub(crate) fn call(gateway: &Gateway, path: &str, body: impl Into<String>) -> Call {
    let call = gateway.post(path, body.into());
    if path.contains("messages") { call.header("anthropic-version", "2023-06-01") } else { call }
}

/// A provider that speaks OpenAI's language.
pub(crate) fn provider(name: &str, url: &str) -> String {
    format!(r#"{name}: {{kind: openai, url: "{url}/v1", key: "sk-{name}"}}"#)
}

/// A configuration with model `m` at provider `a`, and at `b` when that fails.
pub(crate) fn pair(a: &FakeUpstream, b: &FakeUpstream) -> String {
    let (a, b) = (provider("a", &a.url()), provider("b", &b.url()));
    format!("providers: {{{a}, {b}}}\nmodels: {{m: {{targets: a/x, fallback: b/y}}}}\n")
}

/// A configuration with model `m` at provider `a` alone.
pub(crate) fn single(a: &FakeUpstream) -> String {
    format!("providers: {{{}}}\nmodels: {{m: a/x}}\n", provider("a", &a.url()))
}

/// OpenAI's whole answer: eleven tokens in, three out.
pub(crate) fn answer(text: &str) -> Reply {
    Reply::json(
        200,
        format!(
            r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"x","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14}}}}"#
        ),
    )
}

/// OpenAI's error answer.
pub(crate) fn error(status: u16) -> Reply {
    let body = format!(
        r#"{{"error":{{"message":"upstream says {status}","type":"some_error","param":null,"code":null}}}}"#
    );
    Reply::json(status, body)
}

/// One chunk of OpenAI's stream.
pub(crate) fn chunk(delta: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"x\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
    )
}

/// A chunk with text.
pub(crate) fn word(text: &str) -> String {
    chunk(&format!(r#"{{"content":"{text}"}}"#), "null")
}

/// The chunk that opens OpenAI's stream and says nothing yet.
pub(crate) fn opening() -> String {
    chunk(r#"{"role":"assistant","content":""}"#, "null")
}

/// The end of OpenAI's stream, with the same usage as [`answer`].
pub(crate) fn ending() -> String {
    let usage = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"x\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":3,\"total_tokens\":14}}\n\n";
    format!("{}{usage}data: [DONE]\n\n", chunk("{}", "\"stop\""))
}

/// A whole stream of these words.
pub(crate) fn stream(words: &[&str]) -> String {
    let words: String = words.iter().map(|text| word(text)).collect();
    format!("{}{words}{}", opening(), ending())
}

/// An answer as the upstream gives it to this request: streamed where a stream was asked for.
pub(crate) fn answer_as_asked(request: &testkit::Received, text: &str) -> Reply {
    if request.json()["stream"] == true { Reply::sse(stream(&[text])) } else { answer(text) }
}

/// Checks an error answer: its status and code, and that it is what clients of the path's language read.
#[track_caller]
pub(crate) fn check_error(path: &str, response: &Response, status: u16, code: &str) {
    let body = response.json();
    assert_eq!((response.status, response.header("x-tollgate-code")), (status, code), "{path}: {body}");
    check_error_body(path, &body, code);
}

/// Checks an error's JSON in the path's language.
#[track_caller]
pub(crate) fn check_error_body(path: &str, body: &serde_json::Value, code: &str) {
    let error = &body["error"];
    if path.starts_with("/api/") {
        assert!(error.is_string() && body["tollgate_code"] == code, "{body}");
        return;
    }
    assert_eq!(error["tollgate_code"], code, "{body}");
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    assert!(error["type"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    if path.contains("messages") {
        assert_eq!(body["type"], "error", "{body}");
        assert!(body["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{body}");
    } else {
        assert!(error.get("param").is_some() && error.get("code").is_some(), "{body}");
    }
}
