//! The first minute: it starts, it answers, it passes on, it ends.

use testkit::{FakeUpstream, Reply};

use crate::gateway;

const HELLO: &str = r#"{"model":"tollgate/mock","messages":[{"role":"user","content":"hi"}]}"#;

#[tokio::test]
async fn the_built_in_model_answers_with_no_file_no_key_and_no_network() {
    let gateway = gateway().start().await;
    let answer = gateway.post("/v1/chat/completions", HELLO).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["model"], "tollgate/mock");
    let refused = gateway.post("/v1/chat/completions", HELLO).without_key().send().await;
    assert_eq!(refused.status, 401);
}

#[tokio::test]
async fn a_configured_provider_is_asked_and_its_stream_comes_back() {
    let stream = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hello\"},\"finish_reason\":null}]}\n\n\
        data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
        data: [DONE]\n\n";
    let upstream = FakeUpstream::start(move |_| Reply::sse(stream)).await;
    let config =
        format!("providers: {{up: {{kind: openai, url: \"{}/v1\", key: \"sk-test\"}}}}", upstream.url());
    let mut gateway = gateway().config(&config).start().await;
    let body = r#"{"model":"up/m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut answer = gateway.stream("/v1/chat/completions", body).await;
    assert_eq!(answer.status, 200);
    let text = answer.until("hello").await + &String::from_utf8(answer.rest().await.into()).unwrap();
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    let asked = upstream.last();
    assert_eq!(
        (asked.path.as_str(), asked.header("authorization")),
        ("/v1/chat/completions", "Bearer sk-test")
    );
    gateway.terminate();
    assert!(gateway.wait().await.success());
}
