//! Requests and answers between the languages that rerank.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};
use types::conversation::{Delivery, Target};
use types::rerank::{Answer, Ranked, Request};
use types::{Frame, RequestId, StreamForm, Tokens, UnixTime, Usage};

use super::{INVOKED, RERANK, VOYAGE};
use crate::{Asked, Calls, Delivered, Dialect, Fields, Head, Surface, ToolNames, Vectors, conduit};

static LANGUAGES: [&Surface; 2] = [&RERANK, &VOYAGE];

fn target(quirks: &[&str]) -> Target {
    let quirks = quirks.iter().map(|quirk| (*quirk).to_owned()).collect();
    Target { model: "up".into(), max_output_tokens: None, quirks, strict: false }
}

fn asked() -> Asked {
    Asked {
        model: "public".into(),
        delivery: Delivery::Whole,
        calls: Calls::default(),
        form: StreamForm::Events,
        vectors: Vectors::default(),
        tool_names: ToolNames::default(),
        request: RequestId::generate(),
        at: UnixTime::from_secs(1),
        echo: Bytes::new(),
    }
}

fn decode(language: &Surface, body: &Value) -> Result<Request, String> {
    let headers = HeaderMap::new();
    let read = language.reranking().unwrap().decode_request(Head::of(&headers), body.to_string().as_bytes());
    read.map_err(|error| error.to_string())
}

fn encode(language: &Surface, request: &Request, quirks: &[&str]) -> (Value, Vec<String>) {
    let encoded = language.reranking().unwrap().encode_request(request, &target(quirks)).unwrap();
    let changes = encoded.changes.iter().map(ToString::to_string).collect();
    (serde_json::from_slice(&encoded.body.concat()).unwrap(), changes)
}

#[test]
fn requests_survive_between_the_languages() {
    let asks = json!({"model": "m", "query": "q", "documents": ["a", {"text": "b", "id": 1}], "top_k": 1, "return_documents": true, "truncation": true});
    let request = decode(&RERANK, &asks).unwrap();
    assert_eq!(
        (request.documents.as_slice(), request.most),
        (&["a".to_owned(), "b".to_owned()][..], Some(1))
    );
    let common = json!({"model": "up", "query": "q", "documents": ["a", "b"], "return_documents": true});
    let with = |name: &str| {
        let mut body = common.clone();
        body[name] = json!(1);
        body
    };
    assert_eq!(encode(&RERANK, &request, &[]), (with("top_n"), vec![]));
    assert_eq!(encode(&VOYAGE, &request, &[]), (with("top_k"), vec!["dropped;truncation".to_owned()]));
    let invoked = json!({"query": "q", "documents": ["a", "b"], "top_n": 1});
    let lost = vec!["dropped;truncation".to_owned(), "dropped;return_documents".to_owned()];
    assert_eq!(encode(&INVOKED, &request, &[]), (invoked.clone(), lost));
    let mut versioned = invoked;
    versioned["api_version"] = json!(2);
    assert_eq!(encode(&INVOKED, &request, &["versioned_body"]).0, versioned);
    let (plain, lost) = encode(&RERANK, &request, &["plain_documents"]);
    assert_eq!((&plain["return_documents"], lost.len()), (&Value::Null, 1));
}

#[test]
fn wanting_none_or_more_than_there_are_is_passed_on() {
    let asks = |most: u64| json!({"model": "m", "query": "q", "documents": ["a"], "top_n": most});
    for most in [0, 99] {
        assert_eq!(encode(&RERANK, &decode(&RERANK, &asks(most)).unwrap(), &[]).0["top_n"], most);
    }
    let (sent, changes) = encode(&VOYAGE, &decode(&RERANK, &asks(0)).unwrap(), &[]);
    assert_eq!((&sent["top_k"], changes), (&json!(1), vec!["rewritten;top_n".to_owned()]));
}

#[test]
fn ranks_and_what_they_cost_survive_between_the_languages() {
    let answer = Answer {
        id: None,
        model: None,
        ranked: vec![
            Ranked { index: 2, score: 0.875, text: Some("c".to_owned()) },
            Ranked { index: 0, score: -4.5, text: None },
        ],
        usage: Some(Usage { input: Tokens(7), ..Usage::default() }),
        searches: None,
    };
    for upstream in LANGUAGES {
        let body = Bytes::from(upstream.reranking().unwrap().encode_answer(&answer, &asked()));
        for caller in LANGUAGES {
            let (mut passing, mut out) =
                (conduit(upstream, caller, &asked(), Delivered::Whole).unwrap(), Vec::new());
            passing.push(Frame::Whole(body.clone()), &mut out).unwrap();
            passing.end(&mut out).unwrap();
            let read = caller.reranking().unwrap().decode_answer(&out.concat()).unwrap();
            let names = format!("{} to {}", upstream.id(), caller.id());
            assert_eq!((&read.ranked, read.usage), (&answer.ranked, answer.usage), "{names}");
            assert_eq!(
                (passing.tally().usage, read.model.as_deref()),
                (answer.usage, Some("public")),
                "{names}"
            );
        }
    }
    let billed = br#"{"results":[],"meta":{"billed_units":{"search_units":2}}}"#;
    assert_eq!(RERANK.reranking().unwrap().decode_answer(billed).unwrap().searches, Some(2));
    assert!(RERANK.reranking().unwrap().decode_answer(br#"{"error":"x"}"#).is_err());
}

#[test]
fn documents_are_written_as_the_target_takes_them() {
    let adapt = |body: &str, quirks: &[&str]| {
        let body = Bytes::from(body.to_owned());
        let fields = Fields::scan(&body, 16).unwrap();
        let adapted = RERANK.adapt_request(&body, &fields, &target(quirks)).unwrap();
        let changes: Vec<_> = adapted.changes.iter().map(ToString::to_string).collect();
        (String::from_utf8(adapted.body.concat()).unwrap(), changes)
    };
    let body = r#"{"model":"m","documents":["a", {"text":"b\u0022"}],"return_documents":true,"top_k":3}"#;
    let expect = r#"{"model":"up","documents":["a", {"text":"b\u0022"}],"return_documents":true,"top_n":3}"#;
    assert_eq!(adapt(body, &[]), (expect.to_owned(), vec![]));
    let expect = r#"{"model":"up","documents":["a", "b\""],"top_n":3}"#;
    let lost = vec!["dropped;return_documents".to_owned()];
    assert_eq!(adapt(body, &["plain_documents"]), (expect.to_owned(), lost));
}

#[test]
fn documents_without_a_text_are_named() {
    let problem = |documents: Value| {
        decode(&RERANK, &json!({"model": "m", "query": "q", "documents": documents})).unwrap_err()
    };
    assert_eq!(problem(json!([])), "`documents` must hold at least one document");
    assert_eq!(
        problem(json!(["a", {"title": "b"}])),
        "`documents[1]` must be a string or an object with a text"
    );
}
