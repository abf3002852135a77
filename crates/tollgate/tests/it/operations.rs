//! Operations that are no conversations: embeddings, completions, images, sound, moderations. What is asked and what
//! comes back passes as it is, but for the model's name; limits, the ledger and the log know of it as of any other.

mod embedded;
mod fixtures;
mod recorded;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::{FakeUpstream, Gateway, Received, Reply, Response, Split};

use crate::gateway;

/// A gateway whose provider `up`, of this kind, answers so.
async fn behind(
    kind: &str,
    script: impl Fn(&Received) -> Reply + Send + Sync + 'static,
) -> (Gateway, FakeUpstream) {
    let upstream = FakeUpstream::start(script).await;
    let config =
        format!("providers: {{up: {{kind: {kind}, url: \"{}/v1\", key: \"sk-test\"}}}}", upstream.url());
    (gateway().config(&config).start().await, upstream)
}

/// A form of these fields and of this file, with `boundary` between its parts.
fn form(fields: &[(&str, &str)], file: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--boundary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    body.extend_from_slice(
        b"--boundary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
          Content-Type: audio/wav\r\n\r\n",
    );
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--boundary--\r\n");
    body
}

async fn post_form(gateway: &Gateway, path: &str, body: Vec<u8>) -> Response {
    gateway.post(path, body).header("content-type", "multipart/form-data; boundary=boundary").send().await
}

/// The numbers of a vector in either form.
fn numbers(vector: &Value) -> Vec<f32> {
    if let Some(text) = vector.as_str() {
        let bytes = STANDARD.decode(text).unwrap();
        return bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    }
    serde_json::from_value(vector.clone()).unwrap()
}

#[tokio::test]
async fn the_built_in_model_has_every_operation() {
    let gateway = gateway().start().await;
    let model = "tollgate/mock";
    let ask = async |path: &str, body: Value| gateway.post(path, body.to_string()).send().await;

    let answer = ask("/v1/embeddings", json!({"model": model, "input": ["a", "b c"], "dimensions": 8})).await;
    let answer = answer.json();
    assert_eq!(answer["model"], model);
    assert_eq!(answer["usage"], json!({"prompt_tokens": 3, "total_tokens": 3}));
    assert_eq!([0, 1].map(|index| numbers(&answer["data"][index]["embedding"]).len()), [8, 8]);
    let asked = json!({"model": model, "input": "a", "dimensions": 8, "encoding_format": "base64"});
    let packed = ask("/v1/embeddings", asked).await.json();
    assert!(packed["data"][0]["embedding"].is_string());
    assert_eq!(numbers(&packed["data"][0]["embedding"]), numbers(&answer["data"][0]["embedding"]));

    let body = json!({"model": model, "texts": ["a", "b c"], "output_dimension": 8});
    let embedded = ask("/v2/embed", body).await.json();
    assert_eq!(embedded["embeddings"]["float"][1], answer["data"][1]["embedding"]);
    let body = json!({"requests": [{"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8}]});
    let embedded = ask("/v1beta/models/tollgate/mock:batchEmbedContents", body).await.json();
    assert_eq!(embedded["embeddings"][0]["values"], answer["data"][0]["embedding"]);
    let embedded = ask("/api/embed", json!({"model": model, "input": "a", "dimensions": 8})).await.json();
    assert_eq!(embedded["embeddings"][0], answer["data"][0]["embedding"]);

    let documents = json!(["snow falls", {"text": "Hot water boils."}, "water"]);
    let body = json!({"model": model, "query": "hot water", "documents": documents, "top_n": 2, "return_documents": true});
    let answer = ask("/v2/rerank", body).await.json();
    assert_eq!((&answer["results"][0]["index"], &answer["results"][1]["index"]), (&json!(1), &json!(2)));
    assert_eq!(answer["results"][0]["document"]["text"], "Hot water boils.");
    assert_eq!(answer["meta"]["billed_units"]["search_units"], 1);

    let answer = ask("/v1/completions", json!({"model": model, "prompt": "hi"})).await.json();
    assert_eq!(answer["choices"][0]["text"], "Hello from Tollgate. You said: hi");

    let answer = ask("/v1/moderations", json!({"model": model, "input": ["love", "violence"]})).await.json();
    assert_eq!(
        (&answer["results"][0]["flagged"], &answer["results"][1]["flagged"]),
        (&json!(false), &json!(true))
    );

    let answer =
        ask("/v1/images/generations", json!({"model": model, "prompt": "a dot", "n": 2})).await.json();
    let image = STANDARD.decode(answer["data"][1]["b64_json"].as_str().unwrap()).unwrap();
    assert!(image.starts_with(b"\x89PNG"));
    let edited = form(&[("model", model), ("prompt", "a dot")], &image);
    assert!(post_form(&gateway, "/v1/images/edits", edited).await.json()["data"][0]["b64_json"].is_string());

    let spoken = ask("/v1/audio/speech", json!({"model": model, "input": "hi", "voice": "alloy"})).await;
    assert_eq!((spoken.status, spoken.header("content-type")), (200, "audio/wav"));
    assert!(spoken.body.starts_with(b"RIFF"));
    for (format, kind) in
        [("json", "application/json"), ("text", "text/plain; charset=utf-8"), ("vtt", "text/vtt")]
    {
        let body = form(&[("model", model), ("response_format", format)], &spoken.body);
        let heard = post_form(&gateway, "/v1/audio/transcriptions", body).await;
        assert_eq!((heard.status, heard.header("content-type")), (200, kind), "{}", heard.text());
        assert!(heard.text().contains(&format!("I heard {} bytes.", spoken.body.len())), "{}", heard.text());
    }
    let body = form(&[("model", model), ("stream", "true")], b"abc");
    let heard = post_form(&gateway, "/v1/audio/translations", body).await;
    assert_eq!(heard.header("content-type"), "text/event-stream");
    assert!(heard.text().contains("transcript.text.done"), "{}", heard.text());
}

#[tokio::test]
async fn vectors_come_in_the_form_that_was_asked_for_whatever_the_upstream_sends() {
    let packed = STANDARD.encode([0.5_f32, -2.0].map(f32::to_le_bytes).concat());
    let answer = format!(
        "{{ \"object\":\"list\",\"data\":[{{\"object\":\"embedding\",\"index\":0,\"embedding\":[0.5, -2e0]}},\
         {{\"object\":\"embedding\",\"index\":1,\"embedding\":\"{packed}\"}}],\"model\":\"m-1\",\
         \"usage\":{{\"prompt_tokens\":4,\"total_tokens\":4}},\"extra\":1 }}"
    );
    let (gateway, upstream) = behind("openai", move |_| Reply::json(200, answer.clone())).await;
    for (format, is_text) in [("float", false), ("base64", true)] {
        let body = json!({"model": "up/m", "input": ["a", "b"], "encoding_format": format, "user": "u"});
        let answer = gateway.post("/v1/embeddings", body.to_string()).send().await;
        let seen = upstream.last();
        assert_eq!((seen.path.as_str(), seen.json()["model"].as_str()), ("/v1/embeddings", Some("m")));
        assert_eq!((&seen.json()["encoding_format"], &seen.json()["user"]), (&json!(format), &json!("u")));
        let answer = answer.json();
        assert_eq!((&answer["model"], &answer["extra"]), (&json!("up/m"), &json!(1)));
        for index in [0, 1] {
            let vector = &answer["data"][index]["embedding"];
            assert_eq!((vector.is_string(), numbers(vector)), (is_text, vec![0.5, -2.0]));
        }
    }
    gateway.terminate();
}

#[tokio::test]
async fn a_form_goes_on_byte_by_byte_with_another_name_for_the_model() {
    let (gateway, upstream) =
        behind("openai", |_| Reply::json(200, r#"{"text":"hello","usage":{"type":"duration","seconds":1}}"#))
            .await;
    let sound: Vec<u8> = (0..300_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
    let fields = [("language", "en"), ("model", "up/whisper-1")];
    let answer = post_form(&gateway, "/v1/audio/transcriptions", form(&fields, &sound)).await;
    assert_eq!((answer.status, answer.json()["text"].as_str()), (200, Some("hello")), "{}", answer.text());
    let seen = upstream.last();
    assert_eq!(seen.header("content-type"), "multipart/form-data; boundary=boundary");
    assert!(seen.body == form(&[("language", "en"), ("model", "whisper-1")], &sound), "another body");
}

#[tokio::test]
async fn sound_comes_through_as_it_is_and_is_cut_where_its_upstream_was() {
    let sound: Vec<u8> = (0..100_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
    let whole = sound.clone();
    let (gateway, _upstream) = behind("openai", move |request| {
        let reply = Reply::bytes("audio/mpeg", sound.clone()).split(Split::Random(7));
        if request.json()["input"] == "cut" { reply.cut_after(50_000) } else { reply }
    })
    .await;
    let body = |input: &str| json!({"model": "up/tts", "input": input, "voice": "alloy"}).to_string();
    let answer = gateway.post("/v1/audio/speech", body("hi")).send().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "audio/mpeg"));
    assert!(answer.body == whole, "other sound");
    let mut cut = gateway.stream("/v1/audio/speech", body("cut")).await;
    assert_eq!(cut.status, 200);
    let broken = loop {
        match cut.try_chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken, "a broken answer looks whole");
}

#[tokio::test]
async fn errors_are_told_in_the_callers_language() {
    let (gateway, upstream) = behind("anthropic", |_| Reply::json(200, "{}")).await;
    let speak = async |path: &str, body: Value| {
        let answer = gateway.post(path, body.to_string()).send().await;
        let error = &answer.json()["error"];
        (answer.status, error["tollgate_code"].as_str().unwrap().to_owned(), error["param"].clone())
    };
    let body = json!({"model": "up/m", "input": "a"});
    assert_eq!(speak("/v1/embeddings", body.clone()).await, (400, "TG-1202".into(), json!("model")));
    assert_eq!(speak("/v1/embeddings", json!({"input": "a"})).await, (400, "TG-0108".into(), json!("model")));
    assert_eq!(
        speak("/v1/embeddings", json!({"model": "up/m"})).await,
        (400, "TG-0108".into(), json!("input"))
    );
    assert_eq!(speak("/v1/moderations", json!({"input": "a"})).await.1, "TG-1004");
    let twice = form(&[("model", "up/m"), ("model", "up/n")], b"");
    let answer = post_form(&gateway, "/v1/audio/transcriptions", twice).await;
    assert_eq!((answer.status, answer.header("x-tollgate-code")), (400, "TG-0108"), "{}", answer.text());
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn an_error_has_the_shape_of_the_language_that_was_asked_in() {
    let (gateway, _upstream) = behind("anthropic", |_| Reply::json(200, "{}")).await;
    let check = async |path: &str, body: Value, place: &str| {
        let answer = gateway.post(path, body.to_string()).send().await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        let said = answer.json();
        assert!(said.pointer(place).is_some_and(Value::is_string), "{path}: {said}");
    };
    let ranking = json!({"model": "up/m", "query": "a", "documents": ["b"]});
    check("/v1/rerank", ranking.clone(), "/message").await;
    check("/v2/rerank", ranking, "/message").await;
    check("/v2/embed", json!({"model": "up/m", "texts": ["a"], "input_type": "classification"}), "/message")
        .await;
    check("/api/embed", json!({"model": "up/m", "input": "a"}), "/error").await;
    let content = json!({"content": {"parts": [{"text": "a"}]}});
    check("/v1beta/models/up/m:embedContent", content, "/error/status").await;
    check("/v1/embeddings", json!({"model": "up/m", "input": "a"}), "/error/message").await;
}

#[tokio::test]
async fn a_recording_that_is_larger_than_a_body_may_be_is_refused_in_words() {
    let gateway = gateway().config("server: {caps: {body: 1MiB}}").start().await;
    let body = form(&[("model", "tollgate/mock")], &vec![0; 2 << 20]);
    let answer = post_form(&gateway, "/v1/audio/transcriptions", body).await;
    assert_eq!((answer.status, answer.header("x-tollgate-code")), (413, "TG-0102"));
    assert_eq!(answer.json()["error"]["code"], "request_too_large", "{}", answer.text());
}

/// Vectors of one number, the text's own, and as much usage as there are texts.
fn embedded(request: &Received) -> Reply {
    let body = request.json();
    let texts: Vec<&str> =
        body["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    if texts.len() > 96 || texts.contains(&"150") && body["input_type"] == "classification" {
        return Reply::json(400, r#"{"message":"too many texts"}"#);
    }
    let vectors: Vec<[f32; 1]> = texts.iter().map(|text| [text.parse().unwrap()]).collect();
    let answer = json!({
        "id": "e", "embeddings": {"float": vectors}, "texts": texts,
        "meta": {"billed_units": {"input_tokens": texts.len()}},
    });
    Reply::json(200, answer.to_string())
}

#[tokio::test]
async fn more_texts_than_the_provider_takes_at_once_are_embedded_in_parts() {
    let (gateway, upstream) = behind("cohere", embedded).await;
    let texts: Vec<_> = (0..200).map(|number| number.to_string()).collect();
    let body = json!({"model": "up/embed-v4.0", "input": texts});
    let answer = gateway.post("/v1/embeddings", body.to_string()).send().await;
    let told = answer.json();
    let vectors: Vec<f32> = (0..200).map(|index| numbers(&told["data"][index]["embedding"])[0]).collect();
    assert_eq!(vectors, (0..200_u8).map(f32::from).collect::<Vec<_>>());
    assert_eq!((&told["usage"]["prompt_tokens"], told["data"].as_array().unwrap().len()), (&json!(200), 200));
    let sizes = upstream
        .received()
        .iter()
        .map(|part| part.json()["texts"].as_array().unwrap().len())
        .collect::<Vec<_>>();
    assert_eq!(sizes, [96, 96, 8]);
    let line = gateway.logged(1, |line| line["operation"] == "embeddings").await.remove(0);
    assert_eq!((&line["attempts"], &line["input_tokens"]), (&json!(1), &json!(200)), "{line}");
}

#[tokio::test]
async fn a_part_that_fails_fails_the_request_and_what_was_used_before_is_on_record() {
    let (gateway, upstream) = behind("cohere", embedded).await;
    let texts: Vec<_> = (0..200).map(|number| number.to_string()).collect();
    let content =
        |text: &String| json!({"content": {"parts": [{"text": text}]}, "taskType": "CLASSIFICATION"});
    let body = json!({"requests": texts.iter().map(content).collect::<Vec<_>>()});
    let path = "/v1beta/models/up/embed-v4.0:batchEmbedContents";
    let answer = gateway.post(path, body.to_string()).send().await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("too many texts"), "{}", answer.text());
    assert_eq!(upstream.received().len(), 2);
    let line = gateway.logged(1, |line| line["operation"] == "embeddings").await.remove(0);
    assert_eq!(line["input_tokens"], 96, "{line}");
}

#[tokio::test]
async fn what_a_part_says_went_wrong_is_understood_as_of_a_whole() {
    let error = json!({"error": {"message": "too many of them", "code": "TOO_MANY_TOKENS"}}).to_string();
    let (gateway, upstream) = behind("cohere", move |_| Reply::json(200, error.clone())).await;
    let whole = json!({"model": "up/embed-v4.0", "input": ["1"]});
    let parts = json!({"model": "up/embed-v4.0", "input": vec!["1"; 97]});
    for body in [whole, parts] {
        let answer = gateway.post("/v1/embeddings", body.to_string()).send().await;
        let told = (answer.status, answer.header("x-tollgate-code").to_owned());
        assert_eq!(told, (400, "TG-1314".to_owned()), "{}", answer.text());
    }
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test]
async fn more_texts_than_go_in_parts_are_refused_before_anything_is_sent() {
    let (gateway, upstream) = behind("cohere", |_| Reply::json(200, "{}")).await;
    let body = json!({"model": "up/embed-v4.0", "input": vec!["a"; 96 * 22 + 1]});
    let answer = gateway.post("/v1/embeddings", body.to_string()).send().await;
    let error = &answer.json()["error"];
    assert_eq!(
        (answer.status, &error["tollgate_code"], &error["param"]),
        (400, &json!("TG-1201"), &json!("input"))
    );
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn what_an_operation_uses_is_metered_limited_and_logged() {
    let answer = r#"{"object":"list","data":[{"index":0,"embedding":[1]}],"model":"text-embedding-3-small","usage":{"prompt_tokens":1000000,"total_tokens":1000000}}"#;
    let upstream = FakeUpstream::start(move |_| Reply::json(200, answer)).await;
    let config = format!(
        "providers: {{up: {{kind: openai, url: \"{}/v1\", key: \"sk-test\"}}}}\n\
         security: {{rate_limiting: {{tokens_per_minute: 900000}}}}",
        upstream.url()
    );
    let gateway = gateway().config(&config).start().await;
    let body = json!({"model": "up/text-embedding-3-small", "input": "x ".repeat(1_500_000)}).to_string();
    let first = gateway.post("/v1/embeddings", body.clone()).send().await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(gateway.post("/v1/embeddings", body).send().await.status, 429);
    let lines = gateway.logged(1, |line| line["operation"] == "embeddings" && line["status"] == 200).await;
    assert_eq!(lines[0]["input_tokens"], 1_000_000, "{}", lines[0]);
    assert!(gateway.metrics().await.contains("operation=\"embeddings\""));
}
