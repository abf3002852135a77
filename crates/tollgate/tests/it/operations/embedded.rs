//! Embeddings of clouds whose models are each asked in a language of their own.

use serde_json::{Value, json};
use testkit::{FakeUpstream, Gateway, Received, Reply, Response};

use crate::gateway;

/// A gateway whose provider `up`, of this kind, is there with this key.
async fn behind(kind: &str, upstream: &FakeUpstream) -> Gateway {
    let config = format!("providers: {{up: {{kind: {kind}, url: \"{}\", key: sk-test}}}}\n", upstream.url());
    gateway().config(&config).start().await
}

async fn embed(gateway: &Gateway, body: Value) -> Response {
    gateway.post("/v1/embeddings", body.to_string()).send().await
}

/// The one line of embeddings, once they are answered.
async fn line(gateway: &Gateway) -> Value {
    gateway.logged(1, |line| line["operation"] == "embeddings").await.remove(0)
}

/// Predictions: of each text its length as the vector, a token, and in all as many characters.
fn predicted(request: &Received) -> Reply {
    let body = request.json();
    let texts: Vec<&str> =
        body["instances"].as_array().unwrap().iter().map(|one| one["content"].as_str().unwrap()).collect();
    let prediction = |text: &&str| {
        let statistics = json!({"token_count": 1, "truncated": false});
        json!({"embeddings": {"values": [text.len()], "statistics": statistics}})
    };
    let predictions: Vec<Value> = texts.iter().map(prediction).collect();
    let characters: usize = texts.iter().map(|text| text.chars().count()).sum();
    let metadata = json!({"billableCharacterCount": characters});
    Reply::json(200, json!({"predictions": predictions, "metadata": metadata}).to_string())
}

#[tokio::test]
async fn predictions_answer_callers_of_every_language_and_cost_by_the_character() {
    let upstream = FakeUpstream::start(predicted).await;
    let gateway = behind("vertex", &upstream).await;
    let texts = ["x".repeat(15_000), "y".repeat(5_000), "é".repeat(10)];
    let body = json!({"model": "up/text-embedding-005", "input": texts, "dimensions": 256, "user": "u"});
    let answer = embed(&gateway, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-tollgate-changed"), "dropped;user");
    let told = answer.json();
    let vectors: Vec<&Value> = (0..3).map(|index| &told["data"][index]["embedding"][0]).collect();
    assert_eq!(
        (vectors, &told["usage"]["total_tokens"]),
        (vec![&json!(15_000.0), &json!(5_000.0), &json!(20.0)], &json!(3))
    );
    let sent = upstream.received();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].path, "/publishers/google/models/text-embedding-005:predict");
    assert_eq!(
        sent[1].json(),
        json!({"instances": [{"content": "é".repeat(10)}], "parameters": {"outputDimensionality": 256}})
    );
    // 20,010 characters at 25 millionths of a dollar by the thousand.
    let line = line(&gateway).await;
    assert_eq!(
        (&line["input_tokens"], &line["cost_usd"], &line["estimated"]),
        (&json!(3), &json!(0.0005), &Value::Null),
        "{line}"
    );
    let usage = gateway.usage();
    assert_eq!(
        (&usage["total"]["usage"]["units"]["input_character"], &usage["total"]["estimated"]),
        (&json!(20_010), &json!(0)),
        "{usage}"
    );

    let body = json!({"model": "up/text-embedding-005", "texts": ["a"], "input_type": "search_query", "truncate": "NONE"});
    let answer = gateway.post("/v2/embed", body.to_string()).send().await;
    assert_eq!((answer.status, &answer.json()["embeddings"]["float"]), (200, &json!([[1.0]])));
    let instance = json!({"content": "a", "task_type": "RETRIEVAL_QUERY"});
    assert_eq!(
        upstream.last().json(),
        json!({"instances": [instance], "parameters": {"autoTruncate": false}})
    );
    let body =
        json!({"content": {"parts": [{"text": "a"}]}, "taskType": "CODE_RETRIEVAL_QUERY", "title": "t"});
    let path = "/v1beta/models/up/text-embedding-005:embedContent";
    let answer = gateway.post(path, body.to_string()).send().await;
    assert_eq!((answer.status, &answer.json()["embedding"]["values"]), (200, &json!([1.0])));
    let instance = json!({"content": "a", "task_type": "CODE_RETRIEVAL_QUERY", "title": "t"});
    assert_eq!(upstream.last().json(), json!({"instances": [instance]}));
}

#[tokio::test]
async fn a_model_that_takes_one_text_is_asked_for_each() {
    let upstream = FakeUpstream::start(predicted).await;
    let gateway = behind("vertex", &upstream).await;
    let answer =
        embed(&gateway, json!({"model": "up/gemini-embedding-001", "input": ["a", "bb", "ccc"]})).await;
    let told = answer.json();
    let vectors: Vec<&Value> = (0..3).map(|index| &told["data"][index]["embedding"][0]).collect();
    assert_eq!(vectors, [&json!(1.0), &json!(2.0), &json!(3.0)], "{told}");
    let sent: Vec<Value> = upstream.received().iter().map(Received::json).collect();
    let expect = ["a", "bb", "ccc"].map(|text| json!({"instances": [{"content": text}]}));
    assert_eq!(sent, expect);
    assert_eq!(line(&gateway).await["input_tokens"], 3);
}

#[tokio::test]
async fn a_caller_of_the_cloud_asks_for_predictions_of_any_provider() {
    let upstream = FakeUpstream::start(predicted).await;
    let gateway = behind("vertex", &upstream).await;
    let body = json!({"instances": [{"content": "a", "mimeType": "x"}], "parameters": {"more": 1}});
    for place in ["projects/p/locations/l/publishers/up", "publishers/up"] {
        let path = format!("/v1beta1/{place}/models/text-embedding-005:predict");
        let answer = gateway.post(&path, body.to_string()).send().await;
        assert_eq!(answer.json()["predictions"][0]["embeddings"]["values"], json!([1]), "{}", answer.text());
        assert_eq!(upstream.last().json(), body);
    }
    let gateway = crate::gateway().start().await;
    let path = "/v1/publishers/google/models/tollgate/mock:predict";
    let answer = gateway
        .post(path, json!({"instances": [{"content": "a"}, {"content": "b c"}]}).to_string())
        .send()
        .await;
    let told = answer.json();
    assert_eq!(told["predictions"].as_array().map(Vec::len), Some(2), "{told}");
    assert_eq!(told["predictions"][0]["embeddings"]["statistics"]["token_count"], 3, "{told}");
    let drawing = gateway.post(path, json!({"instances": [{"prompt": "a dot"}]}).to_string()).send().await;
    assert_eq!((drawing.status, drawing.header("x-tollgate-code")), (400, "TG-0108"), "{}", drawing.text());
}

/// What a model of Amazon's or Cohere's answers that is invoked: a token for each text, told in the head as the cloud tells it.
fn invoked(request: &Received) -> Reply {
    let body = request.json();
    let (answer, count) = if request.path.contains("titan") {
        if body["inputText"] == "too much" {
            let said = r#"{"message":"Your account may not ask so much."}"#;
            return Reply::json(400, said)
                .header("x-amzn-errortype", "ServiceQuotaExceededException:http://x/");
        }
        (json!({"embedding": [body["inputText"].as_str().unwrap().len()], "inputTextTokenCount": 1}), 1)
    } else if body["documents"].is_array() {
        (json!({"results": [{"index": 1, "relevance_score": 0.5}]}), 0)
    } else {
        let texts = body["texts"].as_array().unwrap();
        let vectors: Vec<Value> = texts.iter().map(|text| json!([text.as_str().unwrap().len()])).collect();
        (json!({"id": "i", "texts": texts, "embeddings": {"float": vectors}}), texts.len())
    };
    Reply::json(200, answer.to_string()).header("x-amzn-bedrock-input-token-count", &count.to_string())
}

/// A gateway whose provider `up` signs what it asks.
async fn signing(upstream: &FakeUpstream) -> Gateway {
    let credential =
        "credential: {access_key_id: AKIAEXAMPLE, secret_access_key: s}, variables: {region: eu-west-1}";
    let config = format!("providers: {{up: {{kind: bedrock, url: \"{}\", {credential}}}}}\n", upstream.url());
    gateway().config(&config).start().await
}

#[tokio::test]
async fn a_model_that_is_invoked_for_each_text_is_asked_in_signed_requests() {
    let upstream = FakeUpstream::start(invoked).await;
    let gateway = signing(&upstream).await;
    let body =
        json!({"model": "up/amazon.titan-embed-text-v2:0", "input": ["a", "bb", "ccc"], "dimensions": 256});
    let answer = embed(&gateway, body).await;
    assert_eq!((answer.status, answer.header("x-tollgate-changed")), (200, ""), "{}", answer.text());
    let told = answer.json();
    let vectors: Vec<&Value> = (0..3).map(|index| &told["data"][index]["embedding"][0]).collect();
    assert_eq!(
        (vectors, &told["usage"]["prompt_tokens"]),
        (vec![&json!(1.0), &json!(2.0), &json!(3.0)], &json!(3))
    );
    for (sent, text) in upstream.received().iter().zip(["a", "bb", "ccc"]) {
        assert_eq!(sent.path, "/model/amazon.titan-embed-text-v2%3A0/invoke");
        assert_eq!(sent.json(), json!({"inputText": text, "dimensions": 256}));
        let signature = sent.header("authorization");
        assert!(signature.contains("/eu-west-1/bedrock/aws4_request, SignedHeaders="), "{signature}");
    }
    let line = line(&gateway).await;
    assert_eq!((&line["attempts"], &line["input_tokens"]), (&json!(1), &json!(3)), "{line}");
    let body = json!({"model": "up/amazon.titan-embed-text-v1", "input": "a", "dimensions": 256});
    let answer = embed(&gateway, body).await;
    assert_eq!((answer.status, answer.header("x-tollgate-changed")), (200, "dropped;dimensions"));
    assert_eq!(upstream.last().json(), json!({"inputText": "a"}));
    let answer =
        embed(&gateway, json!({"model": "up/amazon.titan-embed-text-v2:0", "input": "too much"})).await;
    assert_eq!((answer.status, answer.header("x-tollgate-code")), (503, "TG-1310"), "{}", answer.text());
}

#[tokio::test]
async fn what_is_told_in_heads_is_counted_over_all_parts() {
    let upstream = FakeUpstream::start(invoked).await;
    let gateway = signing(&upstream).await;
    let texts: Vec<String> = (0..100).map(|number| "x".repeat(number + 1)).collect();
    let body = json!({"model": "up/us.cohere.embed-v4:0", "texts": texts, "input_type": "search_query", "truncate": "END"});
    let answer = gateway.post("/v2/embed", body.to_string()).send().await;
    let told = answer.json();
    assert_eq!((answer.status, &told["embeddings"]["float"][99]), (200, &json!([100.0])), "{told}");
    assert_eq!(told["meta"]["billed_units"]["input_tokens"], 100);
    let sent = upstream.received();
    assert_eq!(
        sent.iter().map(|part| part.json()["texts"].as_array().unwrap().len()).collect::<Vec<_>>(),
        [96, 4]
    );
    let said = json!({"texts": texts[96..], "input_type": "search_query", "embedding_types": ["float"], "truncate": "RIGHT"});
    assert_eq!((sent[1].path.as_str(), sent[1].json()), ("/model/us.cohere.embed-v4%3A0/invoke", said));
    let line = line(&gateway).await;
    assert_eq!(line["input_tokens"], 100, "{line}");
    let usage = gateway.usage();
    assert_eq!(
        (&usage["total"]["usage"]["input"], &usage["total"]["estimated"]),
        (&json!(100), &json!(0)),
        "{usage}"
    );
}

#[tokio::test]
async fn documents_are_reranked_by_models_that_are_invoked() {
    let upstream = FakeUpstream::start(invoked).await;
    let gateway = signing(&upstream).await;
    let documents = json!(["snow falls", {"text": "a kettle boils"}]);
    for (model, expect) in [
        (
            "cohere.rerank-v3-5:0",
            json!({"query": "q", "documents": ["snow falls", "a kettle boils"], "top_n": 1, "api_version": 2}),
        ),
        (
            "amazon.rerank-v1:0",
            json!({"query": "q", "documents": ["snow falls", "a kettle boils"], "top_n": 1}),
        ),
    ] {
        let body = json!({"model": format!("up/{model}"), "query": "q", "documents": documents, "top_n": 1});
        let answer = gateway.post("/v2/rerank", body.to_string()).send().await;
        assert_eq!(
            (answer.status, &answer.json()["results"][0]["index"]),
            (200, &json!(1)),
            "{}",
            answer.text()
        );
        assert_eq!(upstream.last().json(), expect);
    }
    let lines = gateway.logged(2, |line| line["operation"] == "rerank").await;
    assert_eq!([&lines[0]["cost_usd"], &lines[1]["cost_usd"]], [&json!(0.002), &json!(0.001)]);
}
