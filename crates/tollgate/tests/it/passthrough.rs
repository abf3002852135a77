//! What is passed through to a provider: every byte as it is, with the gateway's credential for the caller's, limited,
//! counted and on record like everything else.

use bytes::Bytes;
use http::Method;
use testkit::{FakeUpstream, Gateway, Received, Reply};

use crate::gateway;

/// A provider that takes what is passed through, and one that does not.
fn config(upstream: &FakeUpstream) -> String {
    let url = upstream.url();
    format!(
        "providers:\n  a: {{kind: openai, url: \"{url}/v1\", key: sk-a, passthrough: true}}\n  b: {{kind: openai, url: \"{url}/v1\", key: sk-b}}\n"
    )
}

async fn start(script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> (FakeUpstream, Gateway) {
    let upstream = FakeUpstream::start(script).await;
    let gateway = gateway().config(&config(&upstream)).start().await;
    (upstream, gateway)
}

/// Waits until a running gateway knows of a key, whose requests are then answered like this.
async fn until_known(gateway: &Gateway, key: &str, status: u16) {
    let asking = async {
        while gateway.get("/passthrough/a/v1/models").key(key).send().await.status != status {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(testkit::PATIENCE, Box::pin(asking)).await.unwrap();
}

#[tokio::test]
async fn what_is_passed_through_arrives_as_it_was_sent_but_for_who_asks() {
    let (upstream, gateway) = start(|_| {
        Reply::bytes("audio/mpeg", &b"\xff\x00sound"[..])
            .header("openai-organization", "org-of-the-gateway")
            .header("x-ratelimit-remaining-requests", "9")
            .header("set-cookie", "a=b")
            .header("content-disposition", "attachment")
    })
    .await;
    let body = Bytes::from_static(b"--x\r\n\xff\x00\r\n--x--");
    let call = gateway.call(Method::PUT, "/passthrough/a/v1/things/7?key=KEY&order=asc%20b", body.clone());
    let call = call.header("content-type", "multipart/form-data; boundary=x").header("cookie", "session=1");
    let call = call.header("x-forwarded-for", "10.0.0.1").header("openai-beta", "things=v2");
    let response = call.without_key().header("x-api-key", &gateway.key).send().await;
    assert_eq!(response.status, 400, "two different keys: {}", response.text());
    let call = gateway.call(Method::PUT, "/passthrough/a/v1/things/7?order=asc%20b", body.clone());
    let call = call.header("content-type", "multipart/form-data; boundary=x").header("cookie", "session=1");
    let call = call.header("x-forwarded-for", "10.0.0.1").header("openai-beta", "things=v2");
    let response = call.send().await;
    assert_eq!((response.status, response.body.as_ref()), (200, &b"\xff\x00sound"[..]));
    assert_eq!(response.header("content-type"), "audio/mpeg");
    assert_eq!(response.header("content-disposition"), "attachment");
    assert_eq!(response.header("x-tollgate-provider"), "a");
    assert!(!response.header("x-request-id").is_empty());
    for name in ["openai-organization", "x-ratelimit-remaining-requests", "set-cookie"] {
        assert_eq!(response.header(name), "", "{name}");
    }
    let sent = upstream.last();
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("PUT", "/v1/things/7?order=asc%20b"));
    assert_eq!(sent.body, body);
    assert_eq!(sent.header("authorization"), "Bearer sk-a");
    assert_eq!(sent.header("content-type"), "multipart/form-data; boundary=x");
    assert_eq!(sent.header("content-length"), body.len().to_string());
    assert_eq!(sent.header("openai-beta"), "things=v2");
    for name in ["cookie", "x-forwarded-for", "x-api-key", "transfer-encoding"] {
        assert_eq!(sent.header(name), "", "{name}");
    }
}

#[tokio::test]
async fn a_key_in_the_query_stays_here() {
    let (upstream, gateway) = start(|_| Reply::json(200, "{}")).await;
    let path = format!("/passthrough/a/models?%6bey={}&limit=2", gateway.key);
    let response = gateway.get(&path).without_key().send().await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(upstream.last().path, "/v1/models?limit=2");
}

#[tokio::test]
async fn a_head_and_an_empty_answer_pass() {
    let (upstream, gateway) = start(|request| match request.method.as_str() {
        "HEAD" => Reply::json(200, "").header("etag", "\"7\""),
        _ => Reply::bytes("text/plain", "").status(204),
    })
    .await;
    let response = gateway.call(Method::HEAD, "/passthrough/a/things", Bytes::new()).send().await;
    assert_eq!((response.status, response.header("etag")), (200, "\"7\""));
    let response = gateway.call(Method::DELETE, "/passthrough/a/things/7", Bytes::new()).send().await;
    assert_eq!((response.status, response.body.len()), (204, 0));
    assert_eq!(upstream.last().method, "DELETE");
    let response = gateway.call(Method::TRACE, "/passthrough/a/things", Bytes::new()).send().await;
    assert_eq!((response.status, upstream.received().len()), (405, 2));
    assert_eq!(response.header("allow"), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
}

#[tokio::test]
async fn nothing_passes_to_a_provider_that_is_closed_or_unknown_or_without_the_right() {
    let (upstream, gateway) = start(|_| Reply::json(200, "{}")).await;
    for path in ["/passthrough/b/v1/models", "/passthrough/nobody/v1/models", "/passthrough/"] {
        let response = gateway.get(path).send().await;
        assert_eq!((response.status, response.header("x-tollgate-code")), (403, "TG-1312"), "{path}");
    }
    let response = gateway.get("/passthrough/a/v1/models").without_key().send().await;
    assert_eq!(response.status, 401);
    let made = |name, models| {
        let made = gateway.cli(&["keys", "create", name, "--models", models]);
        assert!(!String::from_utf8_lossy(&made.stderr).contains("warning: no model `passthrough"));
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    };
    let (without, with) = (made("without", "m,a/m"), made("with", "m,passthrough/a"));
    until_known(&gateway, &without, 403).await;
    until_known(&gateway, &with, 200).await;
    let call = gateway.post("/passthrough/a/v1/chat/completions", r#"{"model":"m"}"#).key(&without);
    let refused = call.send().await;
    assert!(refused.text().contains("passthrough/a"), "{}", refused.text());
    assert!(upstream.received().iter().all(|request| request.path == "/v1/models"));
}

#[tokio::test]
async fn no_path_leads_out_of_the_provider_s_address() {
    let (upstream, gateway) = start(|_| Reply::json(200, "{}")).await;
    for way in ["%2e%2e/admin", "a/%2e%2e%2f%2e%2e/admin", "..%5cadmin", "a/.%2e;x=1/admin"] {
        let response = gateway.get(&format!("/passthrough/a/{way}")).send().await;
        assert_eq!((response.status, response.header("x-tollgate-code")), (400, "TG-0108"), "{way}");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn usage_is_read_on_the_way_and_billed() {
    let (_upstream, gateway) = start(|request| match request.json()["stream"].as_bool() {
        Some(true) => Reply::sse(concat!(
            "event: response.created\ndata: {\"type\":\"response.created\"}\n\n",
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",",
            "\"usage\":{\"input_tokens\":11,\"output_tokens\":7,\"total_tokens\":18}}}\n\n",
        )),
        _ => Reply::json(200, r#"{"usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}}"#),
    })
    .await;
    let response =
        gateway.post("/passthrough/a/v1/responses", r#"{"model":"gpt-4o","stream":true}"#).send().await;
    assert_eq!(response.header("content-type"), "text/event-stream");
    assert!(response.text().ends_with("\"total_tokens\":18}}}\n\n"), "{}", response.text());
    let body = r#"{ "model": "gpt-4o" }"#;
    let response = gateway.post("/passthrough/a/v1/anything", body).send().await;
    assert!(response.text().starts_with(r#"{"usage": {"#));
}

#[tokio::test]
async fn what_is_no_text_and_the_tier_are_charged_as_they_are() {
    let answers = [
        // Sixty tokens in, of which fifty are what a tool of the provider's found, and ten out, at half the price.
        (
            r#"{"modelVersion":"gemini-2.5-pro","usageMetadata":{"promptTokenCount":10,"toolUsePromptTokenCount":50,"candidatesTokenCount":10,"serviceTier":"flex"}}"#,
            60,
            10,
        ),
        (
            r#"{"model":"gpt-5.5","service_tier":"flex","usage":{"prompt_tokens":100,"completion_tokens":10,"prompt_tokens_details":{"image_tokens":40}}}"#,
            60,
            10,
        ),
    ];
    for (answer, input, output) in answers {
        let (_upstream, gateway) = start(move |_| Reply::json(200, answer)).await;
        assert_eq!(
            gateway.post("/passthrough/a/v1/anything", r#"{"model":"gpt-5.5"}"#).send().await.status,
            200
        );
        let usage = gateway.usage();
        let counts = ["input", "output"].map(|class| usage["total"]["usage"][class].as_u64().unwrap());
        assert_eq!(counts, [input, output], "{usage}");
        assert_eq!(usage["total"]["usage"]["service_tier"], "flex", "{usage}");
    }
}

#[tokio::test]
async fn what_is_passed_through_is_in_the_ledger_the_metrics_and_the_log() {
    let (_upstream, gateway) = start(|_| {
        Reply::json(200, r#"{"usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}}"#)
    })
    .await;
    let body = r#"{"model":"gpt-4o"}"#;
    assert_eq!(gateway.post("/passthrough/a/v1/anything", body).send().await.status, 200);
    assert_eq!(gateway.get("/passthrough/a/v1/files").send().await.status, 200);
    let lines = gateway.logged(2, |line| line["operation"] == "passthrough").await;
    assert_eq!((&lines[0]["model"], &lines[0]["status"]), (&"passthrough/a".into(), &200.into()));
    let usage = gateway.usage();
    assert_eq!(usage["total"]["usage"]["input"], 200, "{usage}");
    assert_eq!(usage["total"]["usage"]["output"], 100, "{usage}");
    assert_eq!(usage["total"]["estimated"], 0, "{usage}");
    assert_eq!(usage["total"]["cost"], 750, "{usage}");
    let metrics = gateway.metrics().await;
    assert!(metrics.contains(r#"operation="passthrough",model="passthrough/a""#), "{metrics}");
}

/// What passing this through has cost.
async fn cost(more: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> (u16, u64) {
    let upstream = FakeUpstream::start(|request| {
        let model = match request.path.rsplit('/').next() {
            Some("x") | None => "gpt-4o-2024-08-06",
            Some(model) => model,
        };
        let usage = r#"{"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}"#;
        Reply::json(200, format!(r#"{{"model": "{model}", "usage": {usage}}}"#))
    })
    .await;
    let gateway = gateway().config(&format!("{more}{}", config(&upstream))).start().await;
    let call = gateway.call(Method::POST, path, Bytes::copy_from_slice(body.as_bytes()));
    let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
    let response = call.send().await;
    (response.status, gateway.usage()["total"]["cost"].as_u64().unwrap())
}

#[tokio::test]
async fn no_spelling_of_a_request_passes_for_nothing() {
    const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
    let deep = format!(r#"{{"model":"gpt-4o","x":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let plain = r#"{"model":"gpt-4o"}"#;
    let ways: [(&str, &[(&str, &str)]); 6] = [
        (plain, JSON),
        (plain, &[("content-type", "application/json"), ("content-encoding", "identity")]),
        (plain, &[("content-type", "application/json"), ("content-encoding", "br")]),
        (plain, &[("content-type", "text/plain")]),
        (&deep, JSON),
        (r#"{"prompt":"hi"}"#, JSON),
    ];
    for (body, headers) in ways {
        assert_eq!(
            cost("", "/passthrough/a/v1/x", body, headers).await,
            (200, 750),
            "{body:.80} {headers:?}"
        );
    }
    // Where the path says which model it is, the body's word for it is nothing.
    let dearer = r#"{"model":"gpt-4o-mini"}"#;
    assert_eq!(cost("", "/passthrough/a/v1/gpt-4o", dearer, JSON).await, (200, 750));
    let doubled = r#"{"model":"gpt-4o-mini","model":"gpt-4o"}"#;
    assert_eq!(cost("", "/passthrough/a/v1/x", doubled, JSON).await, (400, 0));
}

#[tokio::test]
async fn what_is_passed_to_a_model_that_nobody_knows_is_charged_as_is_configured() {
    const TEXT: &[(&str, &str)] = &[("content-type", "text/plain")];
    let path = "/passthrough/a/v1/nobody-knows";
    assert_eq!(cost("", path, "x", TEXT).await, (200, 0));
    for policy in ["ceiling", "refuse"] {
        let (status, cost) = cost(&format!("security: {{unknown_price: {policy}}}\n"), path, "x", TEXT).await;
        assert!(status == 200 && cost > 750, "{policy}: {cost}");
    }
    // What is known before is said in the answer's head.
    let (_upstream, gateway) = start(|_| Reply::json(200, "{}")).await;
    let response = gateway.post("/passthrough/a/v1/x", r#"{"model":"nobody-knows"}"#).send().await;
    assert_eq!(response.header("x-tollgate-unknown-price"), "free");
    assert_eq!(response.header("x-tollgate-cost-usd"), "");
}

#[tokio::test]
async fn refusals_of_the_provider_pass_but_not_what_concerns_the_gateway_s_account() {
    let (_upstream, gateway) = start(|request| {
        let status = request.path.rsplit('/').next().unwrap().parse().unwrap();
        Reply::json(status, r#"{"error": {"message": "sk-a is no good", "odd": 1}}"#)
            .header("retry-after", "7")
    })
    .await;
    for status in [400, 404, 429, 500, 503] {
        let response = gateway.get(&format!("/passthrough/a/x/{status}")).send().await;
        assert_eq!(response.status, status);
        assert_eq!(response.json()["error"]["odd"], 1);
        assert_eq!(response.header("retry-after"), "7");
    }
    for status in [401, 402, 403] {
        let response = gateway.get(&format!("/passthrough/a/x/{status}")).send().await;
        assert_eq!(response.status / 100, 5, "{status}: {}", response.text());
        assert!(!response.text().contains("sk-a"));
    }
    let spoken = gateway.get("/passthrough/a/x/401").header("anthropic-version", "2023-06-01").send().await;
    assert_eq!(spoken.json()["type"], "error");
    // None of this has taken the provider away.
    assert_eq!(gateway.get("/passthrough/a/x/200").send().await.status, 200);
    assert_eq!(gateway.usage()["total"]["usage"]["input"], 0);
}

#[tokio::test]
async fn a_body_larger_than_the_cap_streams_through_and_json_is_held_to_it() {
    let upstream = FakeUpstream::start(|request| Reply::json(200, request.body.len().to_string())).await;
    let caps = "server: {caps: {body: 64KiB}}\n";
    let gateway = gateway().config(&format!("{caps}{}", config(&upstream))).start().await;
    let large = vec![7; 3 << 20];
    let call = gateway.call(Method::POST, "/passthrough/a/v1/files", large.clone().into());
    let response = call.header("content-type", "application/octet-stream").send().await;
    assert_eq!((response.status, response.text()), (200, "3145728"));
    let lines = gateway.logged(1, |line| line["operation"] == "passthrough").await;
    assert_eq!(lines[0]["bytes_in"], 3_145_728, "{}", lines[0]);
    let response = gateway.post("/passthrough/a/v1/files", large).send().await;
    assert_eq!(response.status, 413);
}

#[tokio::test]
async fn an_answer_flows_as_it_comes_and_one_that_breaks_off_is_broken_off() {
    let (upstream, gateway) = start(|request| {
        let reply =
            Reply::bytes("application/x-ndjson", "{\"a\":1}\n{\"a\":2}\n").split(testkit::Split::At(vec![8]));
        if request.path.ends_with("/cut") { reply.cut_after(8) } else { reply.silent_after(8) }
    })
    .await;
    let mut streaming = gateway.get("/passthrough/a/v1/slow").stream().await;
    assert_eq!(streaming.next_chunk().await.unwrap(), "{\"a\":1}\n");
    drop(streaming);
    upstream.until_aborted(1).await;
    // Where the break comes at once, there may be no head either.
    if let Some(mut streaming) = gateway.get("/passthrough/a/v1/cut").try_stream().await {
        while let Ok(chunk) = streaming.try_chunk().await {
            assert_eq!(chunk.unwrap(), "{\"a\":1}\n");
        }
    }
}

#[tokio::test]
async fn what_is_passed_through_counts_against_the_caller_s_limit() {
    let upstream = FakeUpstream::start(|_| Reply::json(200, "{}")).await;
    let limit = "security: {rate_limiting: {requests_per_minute: 2}}\n";
    let gateway = gateway().config(&format!("{limit}{}", config(&upstream))).start().await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(gateway.get("/passthrough/a/v1/models").send().await.status);
    }
    assert_eq!(statuses, [200, 200, 429]);
    // A body that was not read is no reason to leave the caller without the answer.
    let call = gateway.call(Method::POST, "/passthrough/a/v1/files", vec![7; 4 << 20].into());
    assert_eq!(call.header("content-type", "text/plain").send().await.status, 429);
}
