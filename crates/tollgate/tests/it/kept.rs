//! Files and batches, which a provider keeps: they go to the provider that has them, and belong to the caller who made
//! them.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use testkit::{Call, FakeUpstream, Gateway, Received, Reply, Response};

use crate::gateway;
use crate::keeper::keeper;

const FORM: &str = "multipart/form-data; boundary=x";

/// A provider that keeps one file and one batch, under ids that say whose they are.
fn keeping(name: &'static str) -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    move |request| {
        let path = request.path.split('?').next().unwrap_or_default();
        let (file, batch) = (format!("file-{name}"), format!("batch_{name}"));
        let described = match path.trim_start_matches("/v1") {
            "/files" if request.method == "GET" => {
                json!({"object": "list", "data": [{"id": file, "object": "file"}], "first_id": file, "last_id": file})
            }
            "/batches" | "/messages/batches" => json!({
                "id": batch, "object": "batch", "input_file_id": file, "output_file_id": null, "status": "validating",
                "metadata": {"id": "the caller's"}, "results_url": format!("https://far.invalid/v1/messages/batches/{batch}/results"),
                "usage": {"input_tokens": 5, "output_tokens": 5},
            }),
            other if other.ends_with("/content") => return Reply::json(200, r#"{"id": "the caller's own"}"#),
            other if other.ends_with("/results") => {
                return Reply::bytes("application/x-jsonl", "{\"custom_id\":\"1\"}\n{\"custom_id\":\"2\"}\n");
            }
            other if other.contains("/files") => {
                json!({"id": file, "object": "file", "bytes": request.body.len()})
            }
            _ => json!({"id": batch, "object": "batch", "output_file_id": file}),
        };
        Reply::json(200, described.to_string())
    }
}

struct Stage {
    a: FakeUpstream,
    b: FakeUpstream,
    gateway: Gateway,
}

impl Stage {
    async fn set() -> Self {
        let (a, b) = (FakeUpstream::start(keeping("a")).await, FakeUpstream::start(keeping("b")).await);
        let config = format!(
            "providers:\n  a: {{kind: openai, url: \"{}/v1\", key: sk-a}}\n  b: {{kind: openai, url: \"{}/v1\", key: sk-b, passthrough: true}}\n  c: {{kind: anthropic, url: \"{}\", key: sk-c}}\n",
            a.url(),
            b.url(),
            a.url(),
        );
        Self { a, b, gateway: gateway().config(&config).start().await }
    }

    async fn upload(&self, provider: &str) -> Response {
        let call = self.gateway.call(Method::POST, "/v1/files", Bytes::from_static(b"--x\r\n..."));
        call.header("content-type", FORM).header("x-tollgate-provider", provider).send().await
    }

    async fn uploaded(&self, provider: &str) -> String {
        let response = self.upload(provider).await;
        assert_eq!(response.status, 200, "{}", response.text());
        text(&response.json()["id"])
    }
}

/// The answer to a call with a key that has just been made, once the gateway knows it.
async fn known(call: impl Fn() -> Call) -> Response {
    let asking = async {
        loop {
            let response = call().send().await;
            if response.status != 401 {
                break response;
            }
        }
    };
    tokio::time::timeout(testkit::PATIENCE, Box::pin(asking)).await.unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_file_goes_to_the_named_provider_and_is_found_there_again() {
    let stage = Stage::set().await;
    let id = stage.uploaded("b").await;
    assert!(id.starts_with("file-b.b."), "{id}");
    let sent = stage.b.last();
    assert_eq!((sent.path.as_str(), sent.header("content-type")), ("/v1/files", FORM));
    assert_eq!((sent.header("x-tollgate-provider"), sent.header("authorization")), ("", "Bearer sk-b"));
    let found = stage.gateway.get(&format!("/v1/files/{id}")).send().await;
    assert_eq!((found.status, text(&found.json()["id"])), (200, id.clone()));
    assert_eq!(stage.b.last().path, "/v1/files/file-b");
    let content = stage.gateway.get(&format!("/v1/files/{id}/content?x=1")).send().await;
    assert_eq!(content.text(), r#"{"id": "the caller's own"}"#);
    assert_eq!(stage.b.last().path, "/v1/files/file-b/content?x=1");
    let gone = stage.gateway.call(Method::DELETE, &format!("/files/{id}"), Bytes::new()).send().await;
    assert_eq!((gone.status, stage.b.last().method.as_str()), (200, "DELETE"));
    assert!(stage.a.received().is_empty());
}

#[tokio::test]
async fn where_a_file_belongs_must_be_said_if_there_is_a_choice() {
    let stage = Stage::set().await;
    let call = stage.gateway.call(Method::POST, "/v1/files", Bytes::from_static(b"x"));
    let refused = call.header("content-type", FORM).send().await;
    assert_eq!((refused.status, refused.header("x-tollgate-code")), (400, "TG-0108"), "{}", refused.text());
    assert!(refused.text().contains("one of a, b"), "{}", refused.text());
    let call = stage.gateway.call(Method::POST, "/v1/files?provider=a", Bytes::from_static(b"x"));
    assert_eq!(call.header("content-type", FORM).send().await.status, 200);
    assert_eq!(stage.a.last().path, "/v1/files");
    assert_eq!(stage.upload("nobody").await.status, 400);
    // Only one provider speaks this language.
    let call = stage.gateway.call(Method::POST, "/v1/files", Bytes::from_static(b"x"));
    let call = call.header("content-type", FORM).header("anthropic-version", "2023-06-01");
    let response = call.header("anthropic-beta", "files-api-2025-04-14").send().await;
    assert!(text(&response.json()["id"]).starts_with("file-a.c."), "{}", response.text());
    assert_eq!(stage.a.last().header("x-api-key"), "sk-c");
    assert_eq!(stage.a.last().header("anthropic-beta"), "files-api-2025-04-14");
}

#[tokio::test]
async fn a_batch_goes_where_its_input_is() {
    let stage = Stage::set().await;
    let input = stage.uploaded("b").await;
    let body =
        json!({"input_file_id": input, "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    let made = stage.gateway.post("/v1/batches", body.to_string()).send().await;
    let batch = made.json();
    assert_eq!(made.status, 200, "{batch}");
    assert_eq!(
        (stage.b.last().json()["input_file_id"].clone(), &batch["metadata"]["id"]),
        ("file-b".into(), &"the caller's".into())
    );
    assert_eq!((text(&batch["input_file_id"]), &batch["output_file_id"]), (input, &Value::Null));
    let id = text(&batch["id"]);
    let cancelled = stage.gateway.post(&format!("/v1/batches/{id}/cancel"), "").send().await;
    assert_eq!(stage.b.last().path, "/v1/batches/batch_b/cancel");
    let output = text(&cancelled.json()["output_file_id"]);
    assert_eq!(stage.gateway.get(&format!("/v1/files/{output}/content")).send().await.status, 200);
    // What a batch has used is told with every look at it.
    assert_eq!(stage.gateway.usage()["total"]["usage"]["input"], 0);
    let lines =
        stage.gateway.logged(3, |line| line["model"] == "batches/b" || line["model"] == "files/b").await;
    assert_eq!(lines[1]["operation"], "batches");
}

#[tokio::test]
async fn every_byte_of_a_description_passes_but_for_ids() {
    const FILE: &str = "{\"object\" : \"file\",\r\n \"id\":\"file-a\", \"bytes\":1.0, \"big\":12345678901234567890123, \"a\\u0062\":\"\\u00e9\", \"metadata\":{\"id\":\"file-a\"}}\n";
    const BATCH: &str = r#"{ "status":"validating","input_file_id" : "file-a", "id":"batch_a","output_file_id":null, "zero":0e0,"errors":[ ]}"#;
    let upstream = FakeUpstream::start(|request| {
        Reply::json(200, if request.path.contains("/files") { FILE } else { BATCH })
    })
    .await;
    let config = format!("providers: {{a: {{kind: openai, url: \"{}/v1\", key: sk-a}}}}\n", upstream.url());
    let gateway = gateway().config(&config).start().await;
    let call = gateway.call(Method::POST, "/v1/files", Bytes::from_static(b"x")).header("content-type", FORM);
    let file = call.send().await;
    let id = text(&file.json()["id"]);
    assert!(id.starts_with("file-a.a."), "{id}");
    assert_eq!(file.text(), FILE.replacen("\"file-a\"", &format!("\"{id}\""), 1));
    let asked = |id: &str| {
        format!(
            "{{ \"endpoint\":\"/v1/chat/completions\",\n\"input_file_id\" :\"{id}\",\"n\":1.0 , \"completion_window\":\"24h\"}}"
        )
    };
    let batch = gateway.post("/v1/batches", asked(&id)).send().await;
    assert_eq!(String::from_utf8_lossy(&upstream.last().body), asked("file-a"));
    let made = text(&batch.json()["id"]);
    let expect = BATCH.replacen("file-a", &id, 1).replacen("\"batch_a\"", &format!("\"{made}\""), 1);
    assert_eq!(batch.text(), expect);
}

#[tokio::test]
async fn a_batch_of_messages_leads_to_its_results_here() {
    let stage = Stage::set().await;
    let body = json!({"requests": [{"custom_id": "1", "params": {}}]});
    let call = stage.gateway.post("/v1/messages/batches", body.to_string());
    let batch = call.header("anthropic-version", "2023-06-01").send().await.json();
    assert_eq!(stage.a.last().json(), body);
    let results = text(&batch["results_url"]);
    assert!(results.starts_with("/v1/messages/batches/batch_a.c."), "{results}");
    let results = stage.gateway.get(&results).send().await;
    assert_eq!(results.text(), "{\"custom_id\":\"1\"}\n{\"custom_id\":\"2\"}\n");
    assert_eq!(stage.a.last().path, "/v1/messages/batches/batch_a/results");
}

#[tokio::test]
async fn what_one_caller_keeps_is_nothing_to_another() {
    let stage = Stage::set().await;
    let id = stage.uploaded("a").await;
    let made = stage.gateway.cli(&["keys", "create", "other"]);
    let other = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let asked = stage.a.received().len();
    let response = known(|| stage.gateway.get(&format!("/v1/files/{id}")).key(&other)).await;
    assert_eq!((response.status, response.header("x-tollgate-code")), (404, "TG-1313"));
    for path in ["/v1/files/file-a".to_owned(), format!("/v1/files/{id}x"), "/v1/batches/..%2f..".to_owned()]
    {
        let response = stage.gateway.get(&path).send().await;
        assert_eq!((response.status, response.header("x-tollgate-code")), (404, "TG-1313"), "{path}");
    }
    let body = json!({"input_file_id": id}).to_string();
    assert_eq!(stage.gateway.post("/v1/batches", body).key(&other).send().await.status, 404);
    assert_eq!(stage.a.received().len(), asked);
}

#[tokio::test]
async fn no_spelling_of_a_new_batch_leads_to_what_another_caller_keeps() {
    let stage = Stage::set().await;
    let deep =
        format!(r#"{{"input_file_id":"file-a","metadata":{}}}"#, "[".repeat(10_000) + &"]".repeat(10_000));
    let raw = r#"{"input_file_id":"file-a"}"#;
    let ways = [
        (raw, "content-type", "application/json", 404),
        (raw, "content-type", "text/plain", 404),
        (raw, "x-none", "1", 404),
        (raw, "content-encoding", "identity", 404),
        (raw, "content-encoding", "gzip", 400),
        ("input_file_id=file-a", "content-type", "application/x-www-form-urlencoded", 400),
        (r#"{"input_file_id":null,"input_file_id":"file-a"}"#, "content-type", "application/json", 400),
        (r#"{"input_file_id":["file-a"]}"#, "content-type", "application/json", 400),
        (&deep, "content-type", "application/json", 400),
    ];
    for (body, name, value, status) in ways {
        let call = stage.gateway.call(Method::POST, "/v1/batches", Bytes::copy_from_slice(body.as_bytes()));
        let response = call.header("x-tollgate-provider", "a").header(name, value).send().await;
        assert_eq!(response.status, status, "{name}: {value}: {body:.80}: {}", response.text());
    }
    assert!(stage.a.received().is_empty());
}

#[tokio::test]
async fn a_cursor_is_no_way_around_either() {
    let stage = Stage::set().await;
    for query in ["after=file-b", "%61fter=file-b", "limit=2&after%5Fid=file-b"] {
        let response = stage.gateway.get(&format!("/v1/files?provider=b&{query}")).send().await;
        assert_eq!((response.status, response.header("x-tollgate-code")), (404, "TG-1313"), "{query}");
    }
    assert!(stage.b.received().is_empty());
}

#[tokio::test]
async fn who_may_keep_files_may_not_for_that_list_everybody_s() {
    let stage = Stage::set().await;
    let made = |name, models| {
        let made = stage.gateway.cli(&["keys", "create", name, "--models", models]);
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    };
    let (keeps, passes) = (made("keeps", "files/b"), made("passes", "files/b,passthrough/b"));
    let refused = known(|| stage.gateway.get("/v1/files?provider=b").key(&keeps)).await;
    assert_eq!((refused.status, refused.header("x-tollgate-code")), (403, "TG-1312"));
    assert!(refused.text().contains("passthrough/b"), "{}", refused.text());
    assert!(stage.b.received().is_empty());
    let listed = known(|| stage.gateway.get("/v1/files?provider=b").key(&passes)).await;
    assert_eq!(listed.status, 200, "{}", listed.text());
}

/// Requests that name a file in every way that a language has, the model's name and its path.
fn naming(id: &str) -> [(&'static str, &'static str, Value); 6] {
    let file = json!({"type": "input_file", "file_id": id});
    let said = |content: Value| json!([{"role": "user", "content": [content]}]);
    [
        ("/v1/responses", "a/m", json!({"input": said(file.clone())})),
        (
            "/v1/responses",
            "a/m",
            json!({"input": [{"type": "function_call_output", "call_id": "c", "output": [file]}]}),
        ),
        (
            "/v1/responses",
            "a/m",
            json!({"input": "x", "tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": [id]}}]}),
        ),
        (
            "/v1/chat/completions",
            "a/m",
            json!({"messages": said(json!({"type": "file", "file": {"file_id": id}}))}),
        ),
        (
            "/v1/messages",
            "c/m",
            json!({"max_tokens": 1, "messages": said(json!({"type": "document", "source": {"type": "file", "file_id": id}}))}),
        ),
        (
            "/v1/messages",
            "c/m",
            json!({"max_tokens": 1, "messages": said(json!({"type": "container_upload", "file_id": id}))}),
        ),
    ]
}

async fn ask(stage: &Stage, path: &str, model: &str, mut body: Value) -> Response {
    body["model"] = model.into();
    let call = stage.gateway.post(path, body.to_string());
    let call = if path == "/v1/messages" { call.header("anthropic-version", "2023-06-01") } else { call };
    call.send().await
}

#[tokio::test]
async fn a_file_is_named_in_a_conversation_by_its_id_here() {
    let stage = Stage::set().await;
    let here = stage.uploaded("a").await;
    let call =
        stage.gateway.call(Method::POST, "/v1/files", Bytes::from_static(b"x")).header("content-type", FORM);
    let there = text(&call.header("anthropic-version", "2023-06-01").send().await.json()["id"]);
    for (path, model, body) in naming("ID") {
        let id = if model == "a/m" { &here } else { &there };
        let asked = body.to_string().replace("ID", id);
        ask(&stage, path, model, serde_json::from_str(&asked).unwrap()).await;
        let sent = stage.a.last();
        let model = format!(r#""{model}""#);
        let sent = String::from_utf8(sent.body.to_vec()).unwrap().replace(r#""m""#, &model);
        let wanted = serde_json::from_str::<Value>(&asked.replace(id, "file-a")).unwrap();
        let sent: Value = serde_json::from_str(&sent).unwrap();
        for (name, value) in wanted.as_object().unwrap() {
            assert_eq!(&sent[name], value, "{path}");
        }
    }
    // Nobody else has it.
    let asked = stage.a.received().len();
    let elsewhere = ask(&stage, "/v1/responses", "b/m", naming(&here)[0].2.clone()).await;
    assert_eq!(elsewhere.status, 400, "{}", elsewhere.text());
    assert!(elsewhere.text().contains("is kept at a"), "{}", elsewhere.text());
    assert_eq!((stage.a.received().len(), stage.b.received().len()), (asked, 0));
}

#[tokio::test]
async fn no_conversation_is_about_another_caller_s_file() {
    let stage = Stage::set().await;
    let mine = stage.uploaded("a").await;
    let asked = stage.a.received().len();
    for id in ["file-a", &format!("{mine}x"), "file-a.a.AAAAAAAAAAAAAAAA"] {
        for (path, model, body) in naming(id) {
            let refused = ask(&stage, path, model, body).await;
            assert_eq!((refused.status, refused.header("x-tollgate-code")), (404, "TG-1313"), "{path}: {id}");
        }
    }
    let spelled = r#"{"model":"a/m","input":[{"role":"user","content":[{"type":"input_\u0066ile","file\u005fid":"file-a"}]}]}"#;
    assert_eq!(stage.gateway.post("/v1/responses", spelled).send().await.status, 404);
    let (_, _, message) = naming("file-a")[4].clone();
    let batch = json!({"requests": [{"custom_id": "1", "params": message}]}).to_string();
    let call = stage.gateway.post("/v1/messages/batches", batch).header("anthropic-version", "2023-06-01");
    assert_eq!(call.send().await.status, 404);
    assert_eq!(stage.a.received().len(), asked);
    // Who may ask there for anything may do so in any way.
    ask(&stage, "/v1/responses", "b/m", naming("file-a")[0].2.clone()).await;
    assert_eq!(stage.b.last().json()["input"][0]["content"][0]["file_id"], "file-a");
    // What a tool is called with is no file, whatever it is called.
    let call =
        json!({"type": "tool_use", "id": "t", "name": "f", "input": {"type": "file", "file_id": "file-a"}});
    let messages = json!([
        {"role": "user", "content": "x"}, {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "y"}]},
    ]);
    ask(&stage, "/v1/messages", "c/m", json!({"max_tokens": 1, "messages": messages})).await;
    assert_eq!(stage.a.last().json()["messages"], messages);
}

/// The form of a file with these lines; what it is for stands in front or behind.
fn file_for(purpose: &[(bool, &str)], lines: &str) -> String {
    let said = |wanted: bool| {
        purpose.iter().filter(|(is_first, _)| *is_first == wanted).fold(
            String::new(),
            |said, (_, purpose)| {
                said + &format!(
                    "--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n"
                )
            },
        )
    };
    let head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n";
    format!("{}{head}{lines}\r\n{}--x--\r\n", said(true), said(false))
}

/// A request of a batch about this file.
fn request_about(id: &str) -> String {
    let (_, _, mut body) = naming(id)[0].clone();
    body["model"] = "m".into();
    json!({"custom_id": "1", "method": "POST", "url": "/v1/responses", "body": body}).to_string()
}

async fn put(stage: &Stage, provider: &str, form: String) -> Response {
    let call = stage.gateway.call(Method::POST, "/v1/files", form.into());
    call.header("content-type", FORM).header("x-tollgate-provider", provider).send().await
}

#[tokio::test]
async fn the_requests_of_a_batch_name_files_by_their_ids_here() {
    let stage = Stage::set().await;
    let here = stage.uploaded("a").await;
    let (about, other) =
        (request_about(&here), json!({"custom_id": "2", "body": {"model": "m"}}).to_string());
    // Longer than any line that is held.
    let long = json!({"custom_id": "3", "body": {"model": "m", "input": "x".repeat(600_000)}}).to_string();
    let lines = format!("\u{feff}{about}\r\n\n{other}\n{about}\n{long}\n{about}");
    for purpose in [&[(true, "batch")][..], &[(false, "batch")], &[]] {
        let form = file_for(purpose, &lines);
        let response = put(&stage, "a", form.clone()).await;
        assert_eq!(response.status, 200, "{}", response.text());
        let sent = String::from_utf8(stage.a.last().body.to_vec()).unwrap();
        assert_eq!(
            (sent.len(), sent.replace(' ', "")),
            (form.len(), form.replace(&here, "file-a").replace(' ', ""))
        );
        let said = sent.lines().find(|line| line.contains("custom_id")).unwrap();
        let said: Value = serde_json::from_str(said.trim_start_matches('\u{feff}')).unwrap();
        assert_eq!(said.to_string(), request_about("file-a"));
    }
    // Nobody else has it.
    let elsewhere = put(&stage, "b", file_for(&[(true, "batch")], &lines)).await;
    assert_eq!(elsewhere.status, 400, "{}", elsewhere.text());
    assert!(elsewhere.text().contains("is kept at a"), "{}", elsewhere.text());
}

#[tokio::test]
async fn no_request_of_a_batch_is_about_another_caller_s_file() {
    let stage = Stage::set().await;
    let about = request_about("file-a");
    let long = about.replace("\"m\"", &format!("\"{}\"", "m".repeat(300_000)));
    let lines = [
        (about.clone(), 404),
        (format!("{{}}\n{about}\n{{}}"), 404),
        (about.replace("file_id", "file\\u005fid").replace("input_file", "\\u0069nput_file"), 404),
        (about.replace("\"body\"", "\"\\u0062ody\""), 404),
        (format!("\u{feff}{about}"), 404),
        (request_about("file-a.a.AAAAAAAAAAAAAAAA"), 404),
        // What two readers may take for different things.
        (format!("x\r{about}"), 400),
        (format!("[{about}]"), 400),
        (long, 400),
    ];
    let purposes: [&[(bool, &str)]; 5] = [
        &[(true, "batch")],
        &[(false, "batch")],
        &[],
        &[(true, "user_data"), (false, "batch")],
        &[(true, "what nobody knows")],
    ];
    for (lines, status) in &lines {
        for purpose in purposes {
            let refused = put(&stage, "a", file_for(purpose, lines)).await;
            assert_eq!(refused.status, *status, "{purpose:?}: {lines:.200}: {}", refused.text());
        }
    }
    let odd = file_for(&[(true, "user_data")], &about)
        .replace("name=\"purpose\"", "name=a; x=\"name=\\\"purpose\\\"\"");
    assert_eq!(put(&stage, "a", odd).await.status, 404);
    let packed = stage.gateway.call(Method::POST, "/v1/files", file_for(&[], &about).into());
    let packed = packed.header("content-type", FORM).header("content-encoding", "gzip");
    assert_eq!(packed.header("x-tollgate-provider", "a").send().await.status, 400);
    assert!(stage.a.received().is_empty());
    // A document may hold what it likes, and who may ask for anything may do so in a batch.
    for (provider, purpose) in [("a", "user_data"), ("b", "batch")] {
        for first in [true, false] {
            let form = file_for(&[(first, purpose)], &about);
            assert_eq!(put(&stage, provider, form.clone()).await.status, 200);
            let upstream = if provider == "a" { &stage.a } else { &stage.b };
            assert_eq!(upstream.last().body, form);
        }
    }
    // Where the requests of a batch come with it, no file holds any.
    let form = file_for(&[], &about);
    let call =
        stage.gateway.call(Method::POST, "/v1/files", form.clone().into()).header("content-type", FORM);
    assert_eq!(call.header("anthropic-version", "2023-06-01").send().await.status, 200);
    assert_eq!(stage.a.last().body, form);
}

#[tokio::test]
async fn no_form_that_two_read_differently_hides_what_a_batch_is_about() {
    let stage = Stage::set().await;
    let about = request_about("file-a");
    let (document, batch) = (file_for(&[(true, "user_data")], &about), file_for(&[(true, "batch")], &about));
    let purpose = "Content-Disposition: form-data; name=\"purpose\"\r\n\r\n";
    let ending = |end: &str| document.replace("\r\n--x--\r\n", end);
    let head = |more: &str| batch.replace("Content-Type: application/jsonl", more);
    let forms = [
        // What is no end to all, and one more purpose behind it.
        (ending(&format!("\n--x--\n\r\n--x\r\n{purpose}batch\r\n--x--\r\n")), 404),
        (ending(&format!("\r\n--x--\r\n\r\n--x\r\n{purpose}batch\r\n--x--\r\n")), 404),
        (ending(&format!("\r\n--x--y\r\n--x\r\n{purpose}batch\r\n--x--\r\n")), 404),
        (
            file_for(&[], &about).replace("--x--", &format!("--x\r\n{purpose}user_data\n--x--\n\r\n--x--")),
            404,
        ),
        // A part that is the purpose to some, and the file to others.
        (head("Content-Disposition: form-data; name=\"purpose\""), 404),
        (head(" \r\nContent-Type: application/jsonl"), 404),
        (head("Content-Type: application/jsonl\r\n\r\n--x"), 400),
        // Nobody sees what is encoded.
        (head("Content-Transfer-Encoding: base64").replace(&about, "eyJib2R5Ijp7fX0="), 400),
        (head("content-transfer-encoding:\r\n quoted-printable").replace("file_id", "file=5fid"), 400),
        (file_for(&[(true, "batch")], &format!("{{}}\r\n--x{}", "-".repeat(300_000))), 400),
    ];
    for (form, status) in forms {
        let refused = put(&stage, "a", form.clone()).await;
        assert_eq!(refused.status, status, "{form:.700}: {}", refused.text());
    }
    assert!(stage.a.received().is_empty());
    for encoding in ["7bit", "8bit", "Binary"] {
        let named = format!("Content-Transfer-Encoding: {encoding}");
        let form = head(&named).replace(&about, "{\"body\":{}}");
        assert_eq!(put(&stage, "a", form.clone()).await.status, 200, "{encoding}");
        assert_eq!(stage.a.last().body, form);
    }
    let packed = document.replace("Content-Type: application/jsonl", "Content-Transfer-Encoding: base64");
    assert_eq!(put(&stage, "a", packed).await.status, 200);
}

#[tokio::test]
async fn the_line_of_a_file_that_cannot_be_read_is_named() {
    let stage = Stage::set().await;
    let refused = put(&stage, "a", file_for(&[(true, "batch")], "{}\n[\"file_id\"]\n{}")).await;
    assert!(refused.text().contains("has a line 2 "), "{}", refused.text());
}

#[tokio::test]
async fn everything_is_listed_only_where_anything_may_be_asked() {
    let stage = Stage::set().await;
    let refused = stage.gateway.get("/v1/files").header("x-tollgate-provider", "a").send().await;
    assert_eq!((refused.status, refused.header("x-tollgate-code")), (403, "TG-1312"));
    assert!(stage.a.received().is_empty());
    let id = stage.uploaded("b").await;
    let listed = stage.gateway.get(&format!("/v1/files?provider=b&after={id}&limit=2")).send().await;
    assert_eq!(stage.b.last().path, "/v1/files?after=file-b&limit=2");
    let listed = listed.json();
    assert_eq!((text(&listed["data"][0]["id"]), text(&listed["last_id"])), (id.clone(), id));
}

#[tokio::test]
async fn answers_are_kept_nowhere_and_the_way_to_a_provider_s_own_is_named() {
    let stage = Stage::set().await;
    let asked = [
        (Method::GET, "/v1/responses/resp_1"),
        (Method::DELETE, "/v1/responses/resp_1"),
        (Method::POST, "/v1/responses/resp_1/cancel"),
        (Method::GET, "/v1/responses/resp_1/input_items?limit=2"),
        (Method::POST, "/v1/conversations"),
        (Method::GET, "/v1/chat/completions/chatcmpl-1"),
    ];
    for (method, path) in asked {
        let refused = stage.gateway.call(method, path, Bytes::new()).send().await;
        assert_eq!((refused.status, refused.header("x-tollgate-code")), (404, "TG-0106"), "{path}");
        let message = text(&refused.json()["error"]["message"]);
        assert!(message.contains("/passthrough/PROVIDER/"), "{path}: {message}");
    }
    let found = stage.gateway.get("/passthrough/b/v1/responses/resp_1").send().await;
    assert_eq!((found.status, stage.b.last().path.as_str()), (200, "/v1/responses/resp_1"));
    assert!(stage.a.received().is_empty());
}

#[tokio::test]
async fn a_turn_goes_on_where_the_answer_was_given_from_which_it_does() {
    let answered = |name: &'static str| {
        FakeUpstream::start(move |request| {
            let went_on = request.json()["previous_response_id"].as_str().unwrap_or(name).to_owned();
            let message = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": went_on, "annotations": []}]});
            let body = json!({"id": format!("{went_on}{name}"), "object": "response", "created_at": 1, "model": "m",
                "status": "completed", "output": [message],
                "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}});
            Reply::json(200, body.to_string())
        })
    };
    let (a, b) = (answered("a").await, answered("b").await);
    let provider =
        |name: &str, url: String| format!("{name}: {{kind: openai, url: \"{url}/v1\", key: sk-a}}");
    let config = format!(
        "providers: {{{}, {}}}\nmodels: {{m: {{targets: [a/m, b/m]}}}}\n",
        provider("a", a.url()),
        provider("b", b.url())
    );
    let gateway = gateway().config(&config).start().await;
    for _ in 0..4 {
        let mut chain = String::new();
        // An odd number: the next chain begins at the other provider.
        for _ in 0..3 {
            let mut asked = json!({"model": "m", "input": "hi"});
            if !chain.is_empty() {
                asked["previous_response_id"] = chain.as_str().into();
            }
            let response = gateway.post("/v1/responses", asked.to_string()).send().await;
            assert_eq!(response.status, 200, "{}", response.text());
            chain = text(&response.json()["id"]);
        }
        assert!(chain == "aaaa" || chain == "bbbb", "one provider has all of it: {chain}");
    }
    assert!(!a.received().is_empty() && !b.received().is_empty());
}

#[tokio::test]
async fn an_id_that_no_caller_has_seen_leads_nowhere() {
    let a = FakeUpstream::start(|_| {
        let body = json!({"id": "resp_2", "object": "response", "created_at": 1, "model": "m", "status": "completed",
            "output": [], "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}});
        Reply::json(200, body.to_string())
    })
    .await;
    let b = FakeUpstream::start(|_| {
        let message = json!({"role": "assistant", "content": "hi"});
        let choices = json!([{"index": 0, "message": message, "finish_reason": "stop"}]);
        Reply::json(
            200,
            json!({"id": "chatcmpl-1", "created": 1, "model": "m", "choices": choices}).to_string(),
        )
    })
    .await;
    let config = format!(
        "providers:\n  a: {{kind: openai, url: \"{}/v1\", key: k}}\n  b: {{kind: mistral, url: \"{}/v1\", key: k}}\nmodels: {{m: {{targets: b/m, fallback: a/m}}}}\n",
        a.url(),
        b.url()
    );
    let gateway = gateway().config(&config).start().await;
    let told = gateway.post("/v1/responses", json!({"model": "m", "input": "hi"}).to_string()).send().await;
    assert_eq!((told.status, b.received().len()), (200, 1), "{}", told.text());
    assert_ne!(told.json()["id"], "chatcmpl-1");
    // Its answer was translated: who goes on from an answer of that id goes on from another provider's.
    let body = json!({"model": "m", "input": "hi", "previous_response_id": "chatcmpl-1"}).to_string();
    let went_on = gateway.post("/v1/responses", body).send().await;
    assert_eq!((went_on.status, a.received().len()), (200, 1), "{}", went_on.text());
}

#[tokio::test]
async fn no_conversation_is_about_a_file_that_only_the_gateway_s_account_may_open() {
    let upstream = FakeUpstream::start(|_| Reply::json(400, "{}")).await;
    let url = upstream.url();
    let config = format!(
        "providers:\n  a: {{kind: gemini, url: \"{url}\", key: k}}\n  b: {{kind: gemini, url: \"{url}\", key: k, passthrough: true}}\n  c: {{kind: bedrock, url: \"{url}\", key: k}}\n  d: {{kind: openai, url: \"{url}/v1\", key: k}}\n  e: {{kind: openai, url: \"{url}/v1\", key: k, passthrough: true}}\n",
    );
    let gateway = gateway().config(&config).start().await;
    let gemini = |uri: &str| json!({"contents": [{"role": "user", "parts": [{"fileData": {"mimeType": "text/plain", "fileUri": uri}}]}]});
    let film = json!({"format": "mp4", "source": {"s3Location": {"uri": "s3://bucket/x"}}});
    let bedrock = json!({"messages": [{"role": "user", "content": [{"video": film}]}]});
    let chat =
        |model: &str, part: Value| json!({"model": model, "messages": [{"role": "user", "content": [part]}]});
    let picture = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let parts = [
        picture("gs://bucket/x"),
        json!({"type": "image_url", "image_url": "gs://bucket/x"}),
        json!({"type": "input_audio", "input_audio": {"data": "gs://bucket/x", "format": "wav"}}),
        json!({"type": "file", "file": {"filename": "x", "file_data": "gs://bucket/x"}}),
        json!({"type": "video_url", "video_url": {"url": "file:///etc/x"}}),
    ];
    let said = parts.map(|part| ("/v1/chat/completions", chat("d/m", part).to_string()));
    let input = json!({"model": "d/m", "input": [{"role": "user", "content": [{"type": "input_file", "file_url": "s3://bucket/x"}]}]});
    let private = [
        ("/v1/responses", input.to_string()),
        (
            "/v1/chat/completions",
            chat("d/m", picture("gs://bucket/x")).to_string().replace("gs:", "\\u0067s\\u003A"),
        ),
        ("/v1beta/models/a%2Fm:generateContent", gemini("gs://bucket/x").to_string()),
        (
            "/v1beta/models/a%2Fm:generateContent",
            gemini("gs://bucket/x").to_string().replace("fileUri", "file\\u0055ri"),
        ),
        ("/model/c%2Fm/converse", bedrock.to_string()),
    ];
    for (path, body) in private.into_iter().chain(said) {
        let refused = gateway.post(path, body.clone()).send().await;
        assert_eq!(refused.status, 400, "{path}: {body}");
        assert!(refused.text().contains("own account"), "{}", refused.text());
    }
    assert!(upstream.received().is_empty());
    let public = ("/v1beta/models/a%2Fm:generateContent", gemini("https://example.com/x"));
    let passing = ("/v1beta/models/b%2Fm:generateContent", gemini("gs://bucket/x"));
    for (path, body) in [public, passing] {
        gateway.post(path, body.to_string()).send().await;
        assert_eq!(upstream.last().json(), body);
    }
    let spoken = "the file is gs://bucket/x";
    let public = [picture("https://example.com/x"), json!({"type": "text", "text": spoken})];
    let public = public.map(|part| ("d/m", part));
    for (model, part) in public.into_iter().chain([("e/m", picture("gs://bucket/x"))]) {
        gateway.post("/v1/chat/completions", chat(model, part.clone()).to_string()).send().await;
        assert_eq!(upstream.last().json()["messages"][0]["content"][0], part);
    }
}

/// How long a line of results is.
const LINE: usize = 298;

/// What the report says of usage and cost, once the gateway has settled this many attempts.
async fn spent(gateway: &Gateway, lines: usize) -> (u64, u64, u64, u64) {
    gateway.logged(lines, |line| line["message"] == "request").await;
    let total = gateway.usage()["total"].clone();
    let of = |class: &str| total["usage"][class].as_u64().unwrap_or_default();
    (of("input"), of("cache_read"), of("output"), total["cost"].as_u64().unwrap())
}

#[tokio::test]
async fn the_results_of_a_batch_are_charged_once_at_the_price_of_batches() {
    let keeper = FakeUpstream::start(keeper()).await;
    let config = format!("providers: {{keep: {{kind: openai, url: \"{}/v1\", key: sk-a}}}}", keeper.url());
    let mut gateway = gateway().config(&config).start().await;
    let message = json!({"role": "user", "content": "hi"});
    let request = |id: &str, model: &str| json!({"custom_id": id, "method": "POST", "url": "/v1/chat/completions", "body": {"model": model, "messages": [message]}});
    let requests = format!("{}\n{}\n", request("1", "gpt-4o-mini"), request("2", "nobody-knows"));
    let form = format!(
        "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\r\n{requests}\r\n--x--\r\n"
    );
    let call = gateway.call(Method::POST, "/v1/files", form.into());
    let input = text(&call.header("content-type", FORM).send().await.json()["id"]);
    let body =
        json!({"input_file_id": input, "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    let batch = gateway.post("/v1/batches", body.to_string()).send().await.json();
    let content = format!("/v1/files/{}/content", text(&batch["output_file_id"]));
    assert_eq!(spent(&gateway, 2).await, (0, 0, 0, 0));
    let output = gateway.get(&content).header("range", "bytes=0-9").send().await;
    assert_eq!((output.status, output.text().lines().count()), (200, 2));
    assert_eq!(keeper.last().header("range"), "");
    // Two answers of a hundred tokens in, twenty of them cached, and ten out; one of them has a price: half of 0.15 and
    // of 0.6 dollars for a million, and a quarter for what is cached.
    let once = (160, 40, 20, 10);
    assert_eq!(spent(&gateway, 3).await, once);
    assert_eq!(gateway.get(&content).send().await.text(), output.text());
    assert_eq!(spent(&gateway, 4).await, once);
    gateway.restart().await;
    assert_eq!(gateway.get(&content).send().await.text(), output.text());
    assert_eq!(spent(&gateway, 1).await, once);
    // What was put there has no answers in it.
    assert_eq!(gateway.get(&format!("/v1/files/{input}/content")).send().await.text(), requests);
    assert_eq!(spent(&gateway, 2).await, once);
}

#[tokio::test]
async fn the_results_of_a_batch_of_messages_are_charged_to_who_reads_them_and_take_no_limits() {
    let keeper = FakeUpstream::start(keeper()).await;
    let config = format!(
        "providers: {{keep: {{kind: anthropic, url: \"{}\", key: sk-a}}}}\nsecurity: {{rate_limiting: {{tokens_per_minute: 150}}}}",
        keeper.url()
    );
    let gateway = gateway().config(&config).start().await;
    let message = json!({"role": "user", "content": "hi"});
    let request = |id: &str| json!({"custom_id": id, "params": {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [message]}});
    let body = json!({"requests": [request("1"), request("2"), request("3")]});
    let call = gateway.post("/v1/messages/batches", body.to_string());
    let batch = call.header("anthropic-version", "2023-06-01").send().await.json();
    let results = text(&batch["results_url"]);
    for _ in 0..2 {
        assert_eq!(gateway.get(&results).send().await.text().lines().count(), 3);
    }
    // Eighty tokens in for half a dollar a million, twenty cached for a twentieth, ten out for two and a half.
    assert_eq!(spent(&gateway, 3).await, (240, 60, 30, 3 * (40 + 1 + 25)));
    let line = gateway.logged(3, |line| line["message"] == "request").await.remove(1);
    assert_eq!((&line["operation"], &line["tokens"]["input"]), (&"batches".into(), &240.into()), "{line}");
    let row = gateway.usage()["rows"][0].clone();
    assert_eq!((&row["model"], row["key"].is_string()), (&"batches/keep".into(), true), "{row}");
}

#[tokio::test]
async fn of_results_that_break_off_what_has_passed_is_charged_and_the_rest_when_it_comes() {
    let (keep, is_cut) = (keeper(), AtomicBool::new(false));
    let upstream = FakeUpstream::start(move |request| {
        let reply = keep(request);
        let is_first = request.path.ends_with("/results") && !is_cut.swap(true, Ordering::Relaxed);
        if is_first { reply.cut_after(LINE + LINE / 2) } else { reply }
    })
    .await;
    let config = format!("providers: {{keep: {{kind: anthropic, url: \"{}\", key: sk-a}}}}", upstream.url());
    let gateway = gateway().config(&config).start().await;
    let message = json!({"role": "user", "content": "hi"});
    let request = |id: &str| json!({"custom_id": id, "params": {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [message]}});
    let body = json!({"requests": [request("1"), request("2"), request("3")]});
    let call = gateway.post("/v1/messages/batches", body.to_string());
    let batch = call.header("anthropic-version", "2023-06-01").send().await.json();
    let results = text(&batch["results_url"]);
    // The break may come before the head has gone out.
    if let Some(mut broken) = gateway.get(&results).try_stream().await {
        while let Ok(Some(_)) = broken.try_chunk().await {}
    }
    assert_eq!(spent(&gateway, 2).await.0, 80);
    let whole = gateway.get(&results).send().await;
    assert_eq!(whole.text().lines().map(str::len).collect::<Vec<_>>(), [LINE - 1; 3]);
    assert_eq!(spent(&gateway, 3).await.0, 240);
}

#[tokio::test]
async fn a_process_that_is_killed_amid_results_loses_nothing_and_doubles_nothing() {
    let (keep, is_cut) = (keeper(), AtomicBool::new(false));
    let upstream = FakeUpstream::start(move |request| {
        let reply = keep(request);
        let is_first = request.path.ends_with("/results") && !is_cut.swap(true, Ordering::Relaxed);
        if is_first { reply.silent_after(1_200 * LINE) } else { reply }
    })
    .await;
    let config = format!("providers: {{keep: {{kind: anthropic, url: \"{}\", key: sk-a}}}}", upstream.url());
    let mut gateway = gateway().config(&config).start().await;
    let message = json!({"role": "user", "content": "hi"});
    let request = json!({"custom_id": "1", "params": {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [message]}});
    let body = json!({"requests": vec![request; 1_500]});
    let call = gateway.post("/v1/messages/batches", body.to_string());
    let batch = call.header("anthropic-version", "2023-06-01").send().await.json();
    let results = text(&batch["results_url"]);
    let mut broken = gateway.get(&results).try_stream().await.unwrap();
    let mut come = 0;
    while come < 1_200 * LINE {
        come += broken.try_chunk().await.unwrap().unwrap().len();
    }
    gateway.kill_9();
    gateway.restart().await;
    // What was written down of them has its cost; what was not is counted when it is read again.
    let total = gateway.usage()["total"].clone();
    assert_eq!(
        (&total["cost"], &total["usage"]["output"]),
        (&(1_000 * 66).into(), &10_000.into()),
        "{total}"
    );
    assert_eq!(gateway.get(&results).send().await.text().lines().count(), 1_500);
    assert_eq!(spent(&gateway, 1).await, (1_500 * 80, 1_500 * 20, 1_500 * 10, 1_500 * 66));
}
