//! What it cost: one record for every attempt, whatever became of it.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Estimated, Intent, Outcome, Record, Settlement};
use serde_json::json;
use testkit::{FakeUpstream, Gateway, Random, Reply};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};
use types::{FaultKind, Tokens, Units, Usage};

use crate::gateway;
use crate::samples::{
    CHAT, MESSAGES, answer, ask, ask_stream, call, ending, error, opening, provider, stream, word,
};

const PROVIDER: &str = r#"
title = "Priced"
docs = "https://priced.test/docs"
kind = "local"
base_url = "BASE"
semconv = "priced"

[credential]
header = "authorization"
prefix = "Bearer "
required = false

[dialects.openai_chat]
chat = "/chat"
"#;

/// Two dollars for a million tokens in, ten for a million out.
const MODELS: &str = r#"
price_version = "2026-11-22"

[[models]]
name = "x"
context_window = 8_192
max_output_tokens = 1_024
input = ["text"]
output = ["text"]
capabilities = ["streaming"]
price = { input = "2", output = "10" }
"#;

/// A gateway with provider `a` whose model `x` has a price, and provider `b` behind it as a fallback of model `m`.
async fn priced(a: &FakeUpstream, b: &FakeUpstream) -> Gateway {
    let builder = gateway()
        .file("more/priced/provider.toml", &PROVIDER.replace("BASE", &a.url()))
        .file("more/priced/models.toml", MODELS);
    let folder = builder.folder().join("more").display().to_string();
    let config = format!(
        "server: {{catalogue: \"{folder}\", timers: {{event_gap: 300ms}}}}\nproviders: {{a: {{kind: priced}}, {}}}\nmodels: {{m: {{targets: a/x, fallback: b/y}}}}\n",
        provider("b", &b.url())
    );
    builder.config(&config).start().await
}

/// Every attempt in the ledger, oldest first, when so many have ended; each has begun once and ended once.
async fn settled(gateway: &Gateway, count: usize) -> Vec<(Intent, Settlement)> {
    let began = Instant::now();
    loop {
        let attempts = attempts(gateway);
        let ended =
            attempts.iter().filter_map(|(intent, ends)| Some((intent.clone(), ends.first()?.clone())));
        let ended: Vec<_> = ended.collect();
        if ended.len() >= count {
            assert_eq!(attempts.len(), count, "{attempts:?}");
            return ended;
        }
        assert!(began.elapsed() < testkit::PATIENCE, "{attempts:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Every attempt with its terminal records.
#[track_caller]
fn attempts(gateway: &Gateway) -> Vec<(Intent, Vec<Settlement>)> {
    let mut attempts = BTreeMap::new();
    for record in ledger::read(&gateway.data.join("ledger")).unwrap() {
        match record.unwrap() {
            Record::Begun(intent) => {
                let twice = attempts.insert(intent.attempt, (intent, Vec::new()));
                assert!(twice.is_none(), "begun twice: {twice:?}");
            }
            Record::Settled { attempt, settlement } => {
                let (_, ends) = attempts.get_mut(&attempt).unwrap();
                assert!(ends.is_empty(), "ended twice: {ends:?} and {settlement:?}");
                ends.push(settlement);
            }
            Record::Carried(_) | Record::Checkpoint { .. } => {}
        }
    }
    attempts.into_values().collect()
}

/// The usage of `samples::answer`, and what it costs in millionths.
const USAGE: Usage = usage(11, 3);
const COST: u64 = 11 * 2 + 3 * 10;

const fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input: Tokens(input),
        output: Tokens(output),
        cache_read: Tokens(0),
        cache_read_audio: Tokens(0),
        cache_write_1h: Tokens(0),
        cache_write_5m: Tokens(0),
        input_audio: Tokens(0),
        input_image: Tokens(0),
        output_audio: Tokens(0),
        output_image: Tokens(0),
        reasoning: Tokens(0),
        service_tier: None,
        residency: None,
        units: Units::NONE,
    }
}

#[tokio::test]
async fn a_whole_and_a_streamed_answer_cost_what_the_upstream_reports() {
    let a = FakeUpstream::start(|request| crate::samples::answer_as_asked(request, "word")).await;
    let gateway = priced(&a, &a).await;
    for (number, (path, body)) in
        [(CHAT, ask("m")), (CHAT, ask_stream("m")), (MESSAGES, ask("m")), (MESSAGES, ask_stream("m"))]
            .into_iter()
            .enumerate()
    {
        let response = call(&gateway, path, body).send().await;
        assert_eq!(response.status, 200, "{}", response.text());
        let (intent, end) = settled(&gateway, number + 1).await.pop().unwrap();
        assert_eq!((intent.number, intent.model.as_str(), intent.upstream_model.as_str()), (1, "m", "x"));
        assert_eq!(intent.provider.as_str(), "a");
        assert_eq!(intent.price_version.as_deref(), Some("2026-11-22"));
        assert_eq!(
            (end.outcome, end.usage, end.estimated),
            (Outcome::Answered, USAGE, Estimated::No),
            "{path}"
        );
        assert_eq!((end.cost.as_micros(), end.status), (COST, Some(200)));
        assert_eq!(end.upstream_id.as_deref(), Some("chatcmpl-1"));
        assert!(intent.reserved >= end.cost);
        if response.header("content-type") == "application/json" {
            assert_eq!(response.header("x-tollgate-cost-usd"), "0.000052");
        }
    }
    let report = gateway.usage();
    let total = &report["total"];
    assert_eq!((&total["requests"], &total["attempts"], &total["open"]), (&json!(4), &json!(4), &json!(0)));
    assert_eq!((&total["cost"], &total["usage"]["input"]), (&json!(4 * COST), &json!(44)));
    let row = &report["rows"][0];
    assert_eq!((&row["model"], &row["attempts"]), (&json!("m"), &json!(4)));
    assert!(row["key"].as_str().is_some_and(|key| !key.is_empty() && !gateway.key.contains(key)), "{row}");
    let table = String::from_utf8(gateway.cli(&["usage"]).stdout).unwrap();
    assert!(table.lines().last().unwrap().ends_with("0.000208"), "{table}");
}

#[tokio::test]
async fn a_client_that_hangs_up_is_charged_for_what_was_produced_until_then() {
    let text = "x".repeat(400);
    let begun = format!("{}{}", opening(), word(&text));
    let mute = ask_stream("m").replacen("hi", "mute", 1);
    let a = FakeUpstream::start(move |request| {
        if request.body.windows(4).any(|text| text == b"mute") {
            Reply::hang()
        } else {
            Reply::sse(begun.clone()).silent_after(usize::MAX)
        }
    })
    .await;
    let gateway = priced(&a, &a).await;
    // At once, so that nothing but the first piece has been read.
    let mut streaming = call(&gateway, CHAT, ask_stream("m")).stream().await;
    streaming.until("xxx").await;
    drop(streaming);
    let (_, end) = settled(&gateway, 1).await.pop().unwrap();
    assert_eq!((end.outcome, end.estimated), (Outcome::ClientGone, Estimated::Yes));
    assert!((100..120).contains(&end.usage.output.0), "{:?}", end.usage);
    assert!(end.usage.input.0 > 0 && end.cost.as_micros() >= 1000, "{end:?}");
    // Before anything came: the input has been sent all the same.
    let waiting = tokio::time::timeout(Duration::from_millis(300), call(&gateway, CHAT, mute).send());
    drop(tokio::join!(waiting, a.until_received(2)));
    let (_, end) = settled(&gateway, 2).await.pop().unwrap();
    assert_eq!((end.outcome, end.usage.output.0), (Outcome::ClientGone, 0));
    assert!(end.usage.input.0 > 0 && end.cost.as_micros() > 0, "{end:?}");
}

#[tokio::test]
async fn each_attempt_of_a_request_that_failed_over_has_a_record_of_its_own() {
    let (a, b) = (FakeUpstream::start(|_| error(500)).await, FakeUpstream::start(|_| answer("b")).await);
    let gateway = priced(&a, &b).await;
    assert_eq!(call(&gateway, CHAT, ask("m")).send().await.status, 200);
    let ended = settled(&gateway, 2).await;
    let [(first, failed), (second, answered)] = ended.as_slice() else { panic!("{ended:?}") };
    assert_eq!((first.request, first.number, second.number), (second.request, 1, 2));
    assert_eq!((first.provider.as_str(), second.provider.as_str()), ("a", "b"));
    assert_eq!((failed.outcome, failed.status), (Outcome::Failed(FaultKind::Server), Some(500)));
    assert_eq!((failed.usage, failed.cost.as_micros()), (Usage::default(), 0));
    assert_eq!((answered.outcome, answered.usage), (Outcome::Answered, USAGE));
    let total = gateway.usage()["total"].clone();
    assert_eq!(
        (&total["requests"], &total["attempts"], &total["failures"]),
        (&json!(1), &json!(2), &json!(1))
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_costs_what_was_seen_and_a_refused_request_nothing() {
    let begun = format!("{}{}", opening(), word(&"x".repeat(400)));
    let length = begun.len();
    for (reply, kind, is_charged) in [
        (Reply::sse(begun.clone()).cut_after(length), FaultKind::Cut, true),
        (Reply::sse(begun.clone()).silent_after(length), FaultKind::Timeout, true),
        (
            Reply::sse(format!("{begun}data: {{\"error\":{{\"message\":\"boom\"}}}}\n\n")),
            FaultKind::Server,
            true,
        ),
        (error(400), FaultKind::Invalid, false),
        (error(401), FaultKind::Credential, false),
        (error(402), FaultKind::Quota, false),
    ] {
        let a = FakeUpstream::start(move |_| reply.clone()).await;
        let gateway = priced(&a, &a).await;
        call(&gateway, CHAT, ask_stream("a/x")).send().await;
        let (_, end) = settled(&gateway, 1).await.pop().unwrap();
        assert_eq!((end.outcome, end.estimated), (Outcome::Failed(kind), Estimated::Yes));
        assert_eq!(end.usage.output.0 >= 100, is_charged, "{end:?}");
        assert_eq!(end.cost.as_micros() > 0, is_charged, "{end:?}");
    }
}

#[tokio::test]
async fn what_never_reached_an_upstream_leaves_no_record() {
    let a = FakeUpstream::start(|_| answer("hi")).await;
    let gateway = priced(&a, &a).await;
    call(&gateway, CHAT, "{").send().await;
    call(&gateway, CHAT, ask("nonsense")).send().await;
    call(&gateway, CHAT, ask("m")).without_key().send().await;
    assert_eq!(call(&gateway, CHAT, ask("m")).send().await.status, 200);
    settled(&gateway, 1).await;
}

#[tokio::test]
async fn a_stream_that_reports_no_usage_is_estimated() {
    let text = stream(&["word"]);
    let without: String = text.split_inclusive("\n\n").filter(|event| !event.contains("\"usage\"")).collect();
    assert!(ending().len() < text.len() && without.len() < text.len());
    let a = FakeUpstream::start(move |_| Reply::sse(without.clone())).await;
    let gateway = priced(&a, &a).await;
    assert_eq!(call(&gateway, CHAT, ask_stream("m")).send().await.status, 200);
    let (_, end) = settled(&gateway, 1).await.pop().unwrap();
    assert_eq!((end.outcome, end.estimated), (Outcome::Answered, Estimated::Yes));
    assert!(end.usage.input.0 > 0 && end.usage.output.0 > 0, "{end:?}");
}

/// A whole answer with the usage of `samples::answer`.
const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"word"},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14}}"#;

#[tokio::test]
async fn usage_beyond_reason_is_cut_down_marked_and_told() {
    // As many as a number holds, and more than that in both directions together.
    let endless = "18446744073709551615";
    let claim = move |body: &str| {
        body.replace(":11,", &format!(":{endless},")).replace(":3,", &format!(":{endless},"))
    };
    let a = FakeUpstream::start(move |request| {
        if request.json()["stream"] == true {
            Reply::sse(claim(&stream(&["word"])))
        } else {
            Reply::json(200, claim(ANSWER))
        }
    })
    .await;
    let gateway = priced(&a, &a).await;
    // Thirty-two times what the catalogue says of the model.
    let (input, output) = (32 * 8_192, 32 * 1_024);
    let cost = input * 2 + output * 10;
    for (number, body) in [ask("a/x"), ask_stream("a/x"), ask("b/unknown")].into_iter().enumerate() {
        let response = call(&gateway, CHAT, body).send().await;
        assert_eq!(response.status, 200, "{}", response.text());
        let (intent, end) = settled(&gateway, number + 1).await.pop().unwrap();
        assert_eq!((end.outcome, end.estimated), (Outcome::Answered, Estimated::Yes), "{end:?}");
        if intent.provider.as_str() == "a" {
            assert_eq!((end.usage, end.cost.as_micros()), (usage(input, output), cost));
        } else {
            assert!(end.usage.total().0 < 200_000_000, "{end:?}");
        }
        let request = intent.request.to_string();
        let told =
            gateway.logged(1, |line| line["message"] == "usage disbelieved" && line["request_id"] == request);
        let line = told.await.remove(0);
        assert_eq!((&line["level"], &line["input_tokens"]), (&json!("warn"), &json!(u64::MAX)), "{line}");
    }
    let report = gateway.usage();
    assert_eq!(report["total"]["cost"], 2 * cost);
    let models: Vec<_> = report["rows"].as_array().unwrap().iter().map(|row| &row["model"]).collect();
    assert_eq!(models, ["a/x", "b/unknown"]);
    assert!(!gateway.metrics().await.contains("unknown\""), "labels are bounded");
}

#[tokio::test]
async fn records_are_kept_for_as_long_as_the_configuration_says() {
    let a = FakeUpstream::start(|_| answer("hi")).await;
    let config = format!("providers: {{{}}}\n", provider("a", &a.url()));
    let mut gateway = gateway().config(&config).start().await;
    for _ in 0..2 {
        assert_eq!(call(&gateway, CHAT, ask("a/x")).send().await.status, 200);
        gateway.terminate();
        gateway.wait().await;
        gateway.restart().await;
    }
    let first = gateway.data.join("ledger/00000001.log");
    let file = std::fs::File::options().append(true).open(&first).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    gateway.restart().await;
    assert_eq!(gateway.usage()["total"]["attempts"], 2);
    gateway.write_config(&format!("{config}store: {{ledger: {{retention: 90d}}}}\n"));
    gateway.restart().await;
    let began = Instant::now();
    while first.exists() {
        assert!(began.elapsed() < testkit::PATIENCE, "the segment is still there");
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(gateway.usage()["total"]["attempts"], 1);
    assert_eq!(call(&gateway, CHAT, ask("a/x")).send().await.status, 200);
    assert_eq!(gateway.usage()["total"]["attempts"], 2);
}

/// How often the gateway is killed, and how many streams are open when it is.
const KILLS: u64 = 50;
const STREAMS: u64 = 50;

#[tokio::test]
async fn a_gateway_that_is_killed_with_streams_open_has_lost_no_attempt_and_has_none_twice() {
    let endless = opening() + &word("word").repeat(1000);
    let upstream =
        FakeUpstream::start(move |_| Reply::sse(endless.clone()).gap(Duration::from_millis(5))).await;
    let config = format!("providers: {{{}}}", provider("a", &upstream.url()));
    let mut gateway = gateway().config(&config).start().await;
    let mut random = Random::new(1);
    for round in 0..KILLS {
        let before = upstream.received().len();
        let mut clients = JoinSet::new();
        for number in 0..STREAMS {
            // The model's name, which the ledger keeps, says which request it was.
            let call = gateway.post(CHAT, ask_stream(&format!("a/{round}-{number}")));
            clients.spawn(async move {
                let Some(mut streaming) = call.try_stream().await else { return };
                while let Ok(Some(_)) = streaming.try_chunk().await {}
            });
        }
        // Killed somewhere between the first request and a while after the last.
        upstream.until_received(before + 1 + random.below(50)).await;
        sleep(Duration::from_millis(random.below(30) as u64)).await;
        gateway.kill_9();
        clients.join_all().await;
        gateway.restart().await;
    }
    let attempts = attempts(&gateway);
    let named = |name: &str| name.strip_prefix("a/").unwrap_or(name).to_owned();
    let recorded: BTreeSet<_> =
        attempts.iter().map(|(intent, _)| named(intent.upstream_model.as_str())).collect();
    assert_eq!(recorded.len(), attempts.len(), "an attempt is there twice");
    let received = upstream.received();
    let asked: BTreeSet<_> =
        received.iter().map(|request| named(request.json()["model"].as_str().unwrap())).collect();
    assert!(asked.len() > 1000, "only {} requests", asked.len());
    let missing: Vec<_> = asked.difference(&recorded).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for (intent, ends) in &attempts {
        assert_eq!(ends.len(), 1, "{intent:?}");
        assert!(matches!(ends[0].outcome, Outcome::ClientGone | Outcome::Lost), "{:?}", ends[0]);
    }
    let total = gateway.usage()["total"].clone();
    assert_eq!((&total["attempts"], &total["open"]), (&json!(attempts.len()), &json!(0)));
}
