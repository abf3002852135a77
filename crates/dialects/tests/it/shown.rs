//! What a question shows arrives, or the question is refused where it stands.

use dialects::{Conversational, EncodeError, Head, PathSaid, Streams};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use types::conversation::Target;

fn language(name: &str) -> &'static dyn Conversational {
    dialects::by_name(name).unwrap().conversational().unwrap()
}

/// What `upstream` is asked, or why not, and what is told.
fn ask(
    (caller, upstream): (&str, &str),
    quirks: &[&str],
    body: &Value,
) -> Result<Vec<String>, (String, String)> {
    let version = (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
    let headers = HeaderMap::from_iter([version]);
    let read = language(caller).decode_request(Head::of(&headers), body.to_string().as_bytes()).unwrap();
    let quirks = quirks.iter().map(|quirk| (*quirk).to_owned()).collect::<Vec<_>>();
    let target =
        Target { model: "m".into(), max_output_tokens: Some(9), quirks: quirks.into(), strict: false };
    match language(upstream).encode_request(&read, &target) {
        Ok(encoded) => Ok(encoded.changes.iter().map(ToString::to_string).collect()),
        Err(EncodeError::Unsayable { field, problem }) => Err((field, problem)),
        Err(error @ EncodeError::Lossy(_)) => Err((String::new(), error.to_string())),
    }
}

#[test]
fn what_is_refused_is_named_as_the_caller_has_it() {
    let gemini =
        json!({"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"candidateCount": 2}});
    let path = PathSaid { model: Some("m".into()), streams: Streams::Never, ..PathSaid::default() };
    let headers = HeaderMap::new();
    let head = Head { path: &path, ..Head::of(&headers) };
    let read = language("gemini").decode_request(head, gemini.to_string().as_bytes()).unwrap();
    let target = Target { model: "m".into(), max_output_tokens: None, quirks: [].into(), strict: false };
    let Err(EncodeError::Unsayable { field, .. }) = language("bedrock").encode_request(&read, &target) else {
        unreachable!("it is refused");
    };
    assert_eq!(field, "generationConfig.candidateCount");
}

fn chat(content: &[Value], behind: &[Value]) -> Value {
    let question = json!({"role": "user", "content": content});
    let messages = [&[question], behind].concat();
    json!({"model": "m", "messages": messages})
}

fn picture(url: &str) -> Value {
    json!({"type": "image_url", "image_url": {"url": url}})
}

#[test]
fn a_question_about_something_that_cannot_be_shown_is_refused_by_its_place() {
    let text = json!({"type": "text", "text": "What is this?"});
    let web = picture("https://example.com/a.png");
    let pdf = json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}});
    let sound = json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}});
    let cases: [(&str, &[&str], &Value, &str); 8] = [
        ("bedrock", &[], &web, "is a picture by its address"),
        ("ollama", &[], &web, "is a picture by its address"),
        ("cohere", &[], &pdf, "is a document of the type application/pdf by its bytes"),
        ("anthropic", &[], &sound, "is a sound of the type audio/wav by its bytes"),
        ("gemini", &[], &picture("data:image/png;base64,no!"), "is a picture whose bytes are no base64"),
        ("anthropic", &[], &picture("cat.png"), "is a picture at an address that is none of the web"),
        ("openai_responses", &["no_image"], &web, "is a picture by its address"),
        ("openai_chat", &["no_image"], &web, "is a picture by its address"),
    ];
    for (upstream, quirks, shown, expect) in cases {
        let caller = if upstream == "openai_chat" { "openai_responses" } else { "openai_chat" };
        let body = if caller == "openai_chat" {
            chat(&[text.clone(), shown.clone()], &[])
        } else {
            json!({"model": "m", "input": [{"role": "user", "content": [
                {"type": "input_text", "text": "?"}, {"type": "input_image", "image_url": "https://example.com/a.png"},
            ]}]})
        };
        let (field, problem) = ask((caller, upstream), quirks, &body).unwrap_err();
        let place = if caller == "openai_chat" { "messages[0].content[1]" } else { "input[0].content[1]" };
        assert_eq!(field, place, "{upstream}: {problem}");
        assert!(problem.starts_with(expect), "{upstream}: {problem}");
    }
}

#[test]
fn what_an_earlier_turn_has_shown_is_left_out_by_name() {
    let shown = [json!({"type": "text", "text": "What is this?"}), picture("https://example.com/a.png")];
    let answer = json!({"role": "assistant", "content": "A boat."});
    let next = json!({"role": "user", "content": "And its colour?"});
    let dropped = vec!["dropped;messages[0].content[1]".to_owned()];
    let earlier = chat(&shown, &[answer.clone(), next]);
    assert_eq!(ask(("openai_chat", "bedrock"), &[], &earlier), Ok(dropped));
    // What the answer shall begin with does not make its question an earlier one.
    let prefilled = ask(("openai_chat", "bedrock"), &[], &chat(&shown, &[answer]));
    assert_eq!(prefilled.unwrap_err().0, "messages[0].content[1]");
    let result = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [
            {"type": "text", "text": "seen"}, {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        ]}]},
    ]});
    let told = ask(("anthropic", "bedrock"), &[], &result).unwrap();
    assert!(told.contains(&"dropped;messages[2].content[0].content[1]".to_owned()), "{told:?}");
}
