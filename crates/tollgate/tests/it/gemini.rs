//! Gemini's paths: what they say, both forms of a stream, and where the key may stand.

use serde_json::{Value, json};
use testkit::{FakeUpstream, Reply};

use crate::{gateway, heard};

const HI: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
const MODEL: &str = "/v1beta/models/tollgate/mock%3Ftokens=5";

fn text(piece: &Value) -> &str {
    piece["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn the_built_in_model_speaks_it_whole_in_events_and_as_an_array() {
    let gateway = gateway().start().await;
    let whole = gateway.post(&format!("{MODEL}:generateContent"), HI).send().await;
    assert_eq!(whole.status, 200, "{}", whole.text());
    let said = text(&whole.json()).to_owned();
    assert_eq!(whole.json()["candidates"][0]["finishReason"], "STOP");

    let events = gateway.post(&format!("{MODEL}:streamGenerateContent?alt=sse"), HI).send().await;
    assert_eq!(events.header("content-type"), "text/event-stream");
    assert!(events.body.ends_with(b"\r\n\r\n"));
    let pieces: Vec<Value> = heard::events(&events.body)
        .iter()
        .map(|event| serde_json::from_slice(&event.data).unwrap())
        .collect();
    assert_eq!(pieces.iter().map(text).collect::<String>(), said);
    assert!(pieces.len() > 2 && pieces.last().unwrap()["usageMetadata"]["totalTokenCount"].is_number());

    let array = gateway.post(&format!("{MODEL}:streamGenerateContent"), HI).send().await;
    assert_eq!(array.header("content-type"), "application/json");
    let items = array.json();
    assert_eq!(items.as_array().unwrap().iter().map(text).collect::<String>(), said);
}

#[tokio::test]
async fn tokens_are_counted_and_the_paths_of_vertex_are_known() {
    let gateway = gateway().start().await;
    let counted = gateway.post("/v1/models/tollgate/mock:countTokens", HI).send().await;
    assert!(counted.json()["totalTokens"].as_u64().unwrap() > 0, "{}", counted.text());
    let inside = format!(
        r#"{{"generateContentRequest":{{"model":"models/x","contents":{}}}}}"#,
        &HI[12..HI.len() - 1]
    );
    let again = gateway.post("/v1beta/models/tollgate/mock:countTokens", inside).send().await;
    assert_eq!(again.json(), counted.json());
    for place in [
        "/v1beta1/projects/p/locations/l/publishers",
        "/v1/projects/p/locations/l/publishers",
        "/v1beta1/publishers",
    ] {
        let answer = gateway.post(&format!("{place}/tollgate/models/mock:generateContent"), HI).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["modelVersion"], "tollgate/mock");
    }
}

#[tokio::test]
async fn the_key_may_stand_in_its_header_or_its_query_and_is_not_logged() {
    let gateway = gateway().start().await;
    let path = format!("{MODEL}:generateContent");
    let header = gateway.post(&path, HI).without_key().header("x-goog-api-key", &gateway.key).send().await;
    assert_eq!(header.status, 200);
    let query = gateway.post(&format!("{path}?key={}", gateway.key), HI).without_key().send().await;
    assert_eq!(query.status, 200);
    let refused = gateway.post(&format!("{path}?key=tg-nobodys-key"), HI).without_key().send().await;
    assert_eq!(refused.status, 401);
    let error = &refused.json()["error"];
    assert_eq!((&error["code"], &error["status"]), (&json!(401), &json!("UNAUTHENTICATED")));
    let logged = gateway.stderr();
    assert!(!logged.contains(&gateway.key) && !logged.contains("nobodys"), "{logged}");
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_its_array_with_the_error() {
    let said = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hello\"},\"finish_reason\":null}]}\n\n";
    let upstream = FakeUpstream::start(move |_| Reply::sse(said)).await;
    let config =
        format!("providers: {{up: {{kind: openai, url: \"{}/v1\", key: \"sk-test\"}}}}", upstream.url());
    let gateway = gateway().config(&config).start().await;
    let answer = gateway.post("/v1beta/models/up/m:streamGenerateContent", HI).send().await;
    let items = answer.json();
    assert_eq!(text(&items[0]), "hello");
    assert_eq!(items.as_array().unwrap().last().unwrap()["error"]["code"], 502);
}

#[tokio::test]
async fn models_are_listed_in_its_shape_to_its_clients() {
    let gateway = gateway().start().await;
    for (path, header) in [("/v1beta/models", ""), ("/v1/models", "google-genai-sdk/3.4.0")] {
        let mut call = gateway.get(path);
        if !header.is_empty() {
            call = call.header("x-goog-api-client", header);
        }
        let listed = call.send().await.json();
        let names: Vec<&str> = listed["models"]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| model["name"].as_str().unwrap())
            .collect();
        assert!(names.contains(&"models/tollgate/mock"), "{listed}");
    }
    let one = gateway.get("/v1beta/models/tollgate/mock").send().await;
    assert_eq!(one.json()["name"], "models/tollgate/mock");
    let none = gateway.get("/v1beta/models/nobody").header("x-goog-api-key", &gateway.key).send().await;
    assert_eq!((none.status, &none.json()["error"]["status"]), (404, &json!("NOT_FOUND")));
}
