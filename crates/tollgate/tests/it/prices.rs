//! What requests are charged by: the rules of a price list, and the policy for prices that nobody knows.

use serde_json::{Value, json};
use testkit::{FakeUpstream, Gateway, Reply};

use crate::gateway;
use crate::samples::{CHAT, MESSAGES, answer, ask, ask_stream, call, check_error, provider};

/// A gateway whose provider `a` is of a kind with known prices.
async fn with_policy(upstream: &FakeUpstream, policy: &str) -> Gateway {
    let config = format!("security: {{{policy}}}\nproviders: {{{}}}\n", provider("a", &upstream.url()));
    gateway().config(&config).start().await
}

#[tokio::test]
async fn a_model_without_a_price_costs_nothing_and_says_so_unless_otherwise_configured() {
    let upstream = FakeUpstream::start(|request| crate::samples::answer_as_asked(request, "hello")).await;
    for policy in ["", "unknown_price: free"] {
        let gateway = with_policy(&upstream, policy).await;
        for (path, body) in [(CHAT, ask("a/new")), (MESSAGES, ask("a/new")), (CHAT, ask_stream("a/new"))] {
            let response = call(&gateway, path, body).send().await;
            assert_eq!((response.status, response.header("x-tollgate-unknown-price")), (200, "free"));
            assert!(response.headers.get("x-tollgate-cost-usd").is_none());
        }
        let said = gateway.logged(1, |line| line["message"] == "price unknown").await;
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(
            (&said[0]["provider"], &said[0]["model"], &said[0]["policy"]),
            (&json!("a"), &json!("new"), &json!("free"))
        );
        let known = call(&gateway, CHAT, ask("a/gpt-4o-mini")).send().await;
        assert!(known.headers.get("x-tollgate-unknown-price").is_none());
        assert_eq!(known.header("x-tollgate-cost-usd"), "0.000003");
    }
}

#[tokio::test]
async fn a_model_without_a_price_is_charged_the_dearest_of_its_provider_where_that_is_the_policy() {
    let upstream = FakeUpstream::start(|_| answer("hello")).await;
    let gateway = with_policy(&upstream, "unknown_price: ceiling").await;
    let response = call(&gateway, CHAT, ask("a/new")).send().await;
    assert_eq!((response.status, response.header("x-tollgate-unknown-price")), (200, "ceiling"));
    let cost: f64 = response.header("x-tollgate-cost-usd").parse().unwrap();
    let dear = call(&gateway, CHAT, ask("a/gpt-6-astra")).send().await;
    assert!(cost >= dear.header("x-tollgate-cost-usd").parse().unwrap(), "{cost}");
}

#[tokio::test]
async fn a_model_without_a_price_is_refused_before_anything_is_sent_where_that_is_the_policy() {
    let upstream = FakeUpstream::start(|_| answer("hello")).await;
    let gateway = with_policy(&upstream, "unknown_price: refuse").await;
    for path in [CHAT, MESSAGES] {
        check_error(path, &call(&gateway, path, ask("a/new")).send().await, 403, "TG-1203");
    }
    assert!(upstream.received().is_empty());
    let usage = gateway.usage();
    assert_eq!(usage["total"]["attempts"], 0, "{usage}");
    assert_eq!(call(&gateway, CHAT, ask("a/gpt-4o-mini")).send().await.status, 200);
}

#[tokio::test]
async fn a_target_without_a_price_is_passed_over_for_one_that_has_one() {
    let upstream = FakeUpstream::start(|_| answer("hello")).await;
    let config = format!(
        "security: {{unknown_price: refuse}}\nproviders: {{{}}}\nmodels: {{m: {{targets: a/new, fallback: a/gpt-4o-mini}}}}\n",
        provider("a", &upstream.url())
    );
    let gateway = gateway().config(&config).start().await;
    let response = call(&gateway, CHAT, ask("m")).send().await;
    assert_eq!((response.status, response.header("x-tollgate-model")), (200, "gpt-4o-mini"));
}

#[tokio::test]
async fn what_runs_on_a_machine_of_one_s_own_costs_nothing_whatever_the_policy() {
    let upstream = FakeUpstream::start(|_| answer("hello")).await;
    let config = format!(
        "security: {{unknown_price: refuse}}\nproviders: {{gpu: {{kind: vllm, url: \"{}/v1\"}}}}\n",
        upstream.url()
    );
    let gateway = gateway().config(&config).start().await;
    let response = call(&gateway, CHAT, ask("gpu/qwen3")).send().await;
    assert_eq!((response.status, response.header("x-tollgate-cost-usd")), (200, "0.000000"));
    assert!(response.headers.get("x-tollgate-unknown-price").is_none());
}

/// An answer at this tier, with a million tokens in.
fn at_tier(tier: &str) -> Reply {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5.5", "service_tier": tier,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    });
    Reply::json(200, body.to_string())
}

#[tokio::test]
async fn the_tier_that_the_answer_names_is_the_one_that_is_charged() {
    let upstream = FakeUpstream::start(|request| {
        let body = request.json();
        // What was asked for may not be what was given.
        let given = body["service_tier"].as_str().unwrap_or("default");
        at_tier(if given == "auto" { "priority" } else { given })
    })
    .await;
    let gateway = with_policy(&upstream, "").await;
    for (asked, cost) in
        [("default", "0.000800"), ("flex", "0.000400"), ("auto", "0.002000"), ("scale", "0.000800")]
    {
        let mut body: Value = serde_json::from_str(&ask("a/gpt-5.5")).unwrap();
        body["service_tier"] = json!(asked);
        let response = call(&gateway, CHAT, body.to_string()).send().await;
        assert_eq!((response.status, response.header("x-tollgate-cost-usd")), (200, cost), "{asked}");
    }
}

#[tokio::test]
async fn an_answer_that_is_kept_to_a_place_is_charged_as_its_provider_does_there() {
    let upstream = FakeUpstream::start(|request| {
        let usage = json!({
            "input_tokens": 100_000, "output_tokens": 1_000, "service_tier": "standard",
            "inference_geo": request.json()["inference_geo"],
        });
        let message = json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "hi"}], "usage": usage,
        });
        Reply::json(200, message.to_string())
    })
    .await;
    let config = format!("providers: {{a: {{kind: anthropic, url: \"{}\", key: k}}}}\n", upstream.url());
    let gateway = gateway().config(&config).start().await;
    for (place, cost) in [("global", "0.210000"), ("us", "0.231000"), ("not_available", "0.210000")] {
        let mut body: Value = serde_json::from_str(&ask("a/claude-sonnet-5")).unwrap();
        (body["max_tokens"], body["inference_geo"]) = (json!(9), json!(place));
        let response = call(&gateway, MESSAGES, body.to_string()).send().await;
        assert_eq!((response.status, response.header("x-tollgate-cost-usd")), (200, cost), "{place}");
    }
}

#[tokio::test]
async fn the_listing_tells_what_every_model_of_a_large_catalogue_costs() {
    let config =
        "providers: {openrouter: {key: k}, openai: {key: k}, anthropic: {key: k}, fireworks: {key: k}}\n";
    let gateway = gateway().config(config).start().await;
    let listing = gateway.get("/v1/models").send().await.json();
    let models = listing["data"].as_array().unwrap();
    assert!(models.len() > 1_000, "{}", models.len());
    let one = gateway.get("/v1/models/anthropic%2Fclaude-opus-5-5").send().await.json();
    assert!(models.contains(&one));
    assert_eq!(
        one["pricing"],
        json!({
            "prompt": "0.000004", "completion": "0.00002",
            "input_cache_read": "0.0000002", "input_cache_write": "0.000005", "web_search": "0.01",
        })
    );
}
