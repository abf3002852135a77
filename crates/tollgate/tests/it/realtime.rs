//! Sessions over a WebSocket: every message passes both ways, what is used is counted as answers end, and the session
//! ends when its caller may go on no longer.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{FakeSessions, Gateway, Reply, Said, Talk};

use crate::gateway;

const REALTIME: &str = "/v1/realtime?model=gpt-realtime";

fn config(url: &str) -> String {
    let models = "[gpt-realtime, gpt-realtime-whisper]";
    format!("providers:\n  a: {{kind: openai, url: \"{url}/v1\", key: sk-a, models: {models}}}\n")
}

/// What a session of so much use says at the end of an answer.
fn done(input: u64, output: u64) -> String {
    json!({
        "type": "response.done", "event_id": "event_1",
        "response": {
            "id": "resp_1", "object": "realtime.response", "status": "completed",
            "usage": {
                "total_tokens": input + output, "input_tokens": input, "output_tokens": output,
                "input_token_details": {"text_tokens": input - 3, "audio_tokens": 2, "cached_tokens": 1},
                "output_token_details": {"text_tokens": output - 4, "audio_tokens": 4},
            },
        },
    })
    .to_string()
}

/// What a session says at the beginning of an answer.
fn begun(id: &str) -> String {
    json!({"type": "response.created", "response": {"id": id, "status": "in_progress"}}).to_string()
}

/// What it says when the caller's own words have been written down, by another model.
fn transcribed() -> String {
    json!({
        "type": "conversation.item.input_audio_transcription.completed", "transcript": "hi",
        "usage": {"type": "tokens", "total_tokens": 22, "input_tokens": 13, "output_tokens": 9},
    })
    .to_string()
}

/// Answers everything by its echo; `done` by an answer that ends, `bye` by a goodbye, `break` by breaking off.
async fn echo(mut talk: Talk) {
    talk.say(r#"{"type":"session.created"}"#).await;
    loop {
        match talk.hear().await {
            Said::Text(text) => match text.as_str() {
                "begin" => talk.say(&begun("resp_1")).await,
                "begin another" => talk.say(&begun("resp_2")).await,
                "done" => talk.say(&done(20, 10)).await,
                "done another" => talk.say(&done(20, 10).replace("resp_1", "resp_2")).await,
                "long" => talk.say(&done(30_000, 10)).await,
                "speak" => {
                    talk.say(
                        &json!({"type": "response.output_audio.delta", "delta": "A".repeat(32_000)})
                            .to_string(),
                    )
                    .await;
                }
                "write" => {
                    talk.say(r#"{"type":"response.output_text.delta","delta":"sixteen letters!"}"#).await;
                }
                "listen" => talk.say(&transcribed()).await,
                "complain" => {
                    talk.say(r#"{"type":"error","error":{"event_id":"response.done","message":"x"}}"#).await;
                }
                cancel if cancel.contains("response.cancel") => {
                    assert!(cancel.contains("resp_1"), "{cancel}");
                    talk.say(&done(20, 10)).await;
                }
                "bye" => talk.goodbye(1000, "enough").await,
                "break" => return,
                other => match other.strip_prefix("say ") {
                    Some(words) => talk.say(words).await,
                    None => talk.say(&format!("heard {other}")).await,
                },
            },
            Said::Binary(bytes) => talk.say_bytes(&bytes).await,
            Said::Pong(_) => {}
            Said::Goodbye(_) | Said::Gone => return,
        }
    }
}

async fn start(more: &str) -> (FakeSessions, Gateway) {
    let upstream = FakeSessions::start(echo).await;
    let gateway = gateway().config(&format!("{}{more}", config(&upstream.url()))).start().await;
    (upstream, gateway)
}

async fn begin(gateway: &Gateway) -> Talk {
    let mut talk = gateway.get(REALTIME).talk().await.unwrap();
    assert_eq!(talk.text().await, r#"{"type":"session.created"}"#);
    talk
}

/// The line of the one session, once it is over.
async fn line(gateway: &Gateway) -> Value {
    gateway.logged(1, |line| line["operation"] == "realtime").await.remove(0)
}

#[tokio::test]
async fn messages_pass_both_ways_and_what_answers_use_is_on_record() {
    let (upstream, gateway) = start("").await;
    let mut talk = begin(&gateway).await;
    assert!(!talk.headers["x-request-id"].is_empty());
    assert_eq!(talk.headers["x-tollgate-provider"], "a");
    talk.say("hello").await;
    assert_eq!(talk.text().await, "heard hello");
    talk.say_bytes(&[0, 255, 7]).await;
    assert_eq!(talk.hear().await, Said::Binary(vec![0, 255, 7].into()));
    talk.ping(b"there?").await;
    assert_eq!(talk.hear().await, Said::Pong(b"there?"[..].into()));
    let long = "x".repeat(200_000);
    talk.say(&long).await;
    assert_eq!(talk.text().await.len(), long.len() + "heard ".len());
    for _ in 0..2 {
        talk.say("done").await;
        assert_eq!(talk.text().await, done(20, 10));
    }
    talk.goodbye(1000, "").await;
    assert_eq!(talk.hear().await, Said::Goodbye(Some((1000, String::new()))));
    let line = line(&gateway).await;
    assert_eq!((&line["status"], &line["model"]), (&101.into(), &"a/gpt-realtime".into()), "{line}");
    let usage = gateway.usage();
    let used = &usage["total"]["usage"];
    let counts = ["input", "input_audio", "cache_read", "output", "output_audio"]
        .map(|class| used[class].as_u64().unwrap());
    assert_eq!(counts, [34, 4, 2, 12, 8], "{usage}");
    assert_eq!(
        (&usage["total"]["estimated"], &usage["total"]["attempts"]),
        (&0.into(), &1.into()),
        "{usage}"
    );
    let asked = upstream.received().remove(0);
    assert_eq!(asked.path, "/v1/realtime?model=gpt-realtime");
    assert_eq!(asked.header("authorization"), "Bearer sk-a");
}

#[tokio::test]
async fn a_browser_gives_its_key_among_the_protocols() {
    let (upstream, gateway) = start("").await;
    let offered = format!("realtime, openai-insecure-api-key.{}, openai-beta.realtime-v1", gateway.key);
    let path = "/v1/realtime?intent=transcription&model=a%2Fgpt-realtime&key=";
    let call = gateway.get(path).without_key().header("sec-websocket-protocol", &offered);
    let talk = call.talk().await.unwrap();
    assert_eq!(talk.headers["sec-websocket-protocol"], "realtime");
    let asked = upstream.received().remove(0);
    assert_eq!(asked.path, "/v1/realtime?model=gpt-realtime&intent=transcription");
    assert_eq!(asked.header("sec-websocket-protocol"), "");
}

#[tokio::test]
async fn no_spelling_of_the_query_leads_to_another_model() {
    let (upstream, gateway) = start("").await;
    for more in ["%6dodel=dear", "model=dear", "MODEL=dear", "mod%65l=a%2Fdear", "%6Dodel"] {
        let begun = gateway.get(&format!("{REALTIME}&{more}&intent=x")).talk().await;
        assert!(begun.is_ok(), "{more}");
        assert_eq!(
            upstream.received().pop().unwrap().path,
            "/v1/realtime?model=gpt-realtime&intent=x",
            "{more}"
        );
    }
    assert!(gateway.get("/v1/realtime?mod%65l=gpt-realtime").talk().await.is_ok());
}

#[tokio::test]
async fn what_begins_no_session_is_refused_with_words() {
    let (upstream, gateway) = start("").await;
    let plain = gateway.get(REALTIME).send().await;
    assert_eq!((plain.status, plain.header("x-tollgate-code")), (426, "TG-0120"), "{}", plain.text());
    assert_eq!(plain.header("upgrade"), "websocket");
    let old = gateway.get(REALTIME).header("sec-websocket-version", "8").talk().await;
    assert_eq!(old.unwrap_err().status, 426);
    let stranger = gateway.get(REALTIME).without_key().talk().await.unwrap_err();
    assert_eq!((stranger.status, stranger.json()["error"]["type"].is_string()), (401, true));
    let unknown = gateway.get("/v1/realtime?model=b/x").talk().await.unwrap_err();
    assert_eq!((unknown.status, unknown.header("x-tollgate-code")), (404, "TG-1004"));
    let none = gateway.get("/v1/realtime").talk().await.unwrap_err();
    assert_eq!((none.status, &none.json()["error"]["param"]), (400, &"model".into()));
    let posted = gateway.post(REALTIME, "{}").send().await;
    assert_eq!((posted.status, posted.header("allow")), (405, "GET"));
    let elsewhere = gateway.get("/v1/chat/completions").talk().await.unwrap_err();
    assert_eq!((elsewhere.status, elsewhere.header("x-tollgate-code")), (426, "TG-0113"));
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_provider_that_opens_no_session_is_an_upstream_that_failed() {
    let upstream = testkit::FakeUpstream::start(|request| match request.header("authorization") {
        "Bearer sk-a" => Reply::json(401, r#"{"error":{"message":"bad key"}}"#),
        _ => Reply::json(200, "{}"),
    })
    .await;
    let other = format!("  b: {{kind: anthropic, url: \"{}\", key: sk-b, models: [m]}}\n", upstream.url());
    let gateway = gateway().config(&format!("{}{other}", config(&upstream.url()))).start().await;
    let refused = gateway.get(REALTIME).talk().await.unwrap_err();
    assert_eq!((refused.status, refused.header("x-tollgate-code")), (502, "TG-1304"), "{}", refused.text());
    let other = gateway.get("/v1/realtime?model=b/m").talk().await.unwrap_err();
    assert_eq!((other.status, other.header("x-tollgate-code")), (400, "TG-1202"));
}

#[tokio::test]
async fn a_session_ends_when_its_provider_ends_it_well_or_badly() {
    let (_upstream, gateway) = start("").await;
    let mut talk = begin(&gateway).await;
    talk.say("bye").await;
    assert_eq!(talk.hear().await, Said::Goodbye(Some((1000, "enough".to_owned()))));
    let mut talk = begin(&gateway).await;
    talk.say("done").await;
    drop(talk.text().await);
    talk.say("break").await;
    let event: Value = serde_json::from_str(&talk.text().await).unwrap();
    assert_eq!(
        (&event["type"], &event["error"]["tollgate_code"]),
        (&"error".into(), &"TG-1307".into()),
        "{event}"
    );
    assert!(matches!(talk.hear().await, Said::Goodbye(Some((1011, _)))));
    gateway.logged(2, |line| line["operation"] == "realtime").await;
    let total = &gateway.usage()["total"];
    assert_eq!((&total["failures"], &total["usage"]["output"]), (&1.into(), &6.into()), "{total}");
}

#[tokio::test]
async fn a_caller_that_leaves_ends_the_session_and_is_charged_for_what_was_used() {
    let (_upstream, gateway) = start("").await;
    let mut talk = begin(&gateway).await;
    talk.say("done").await;
    drop(talk.text().await);
    drop(talk);
    let line = line(&gateway).await;
    assert_eq!(line["error"], "TG-1404", "{line}");
    assert_eq!(gateway.usage()["total"]["usage"]["output"], 6);
}

#[tokio::test]
async fn a_caller_that_leaves_an_answer_has_it_called_off_and_pays_for_it() {
    let (_upstream, gateway) = start("").await;
    let mut talk = begin(&gateway).await;
    talk.say("begin").await;
    drop(talk.text().await);
    drop(talk);
    assert_eq!(line(&gateway).await["error"], "TG-1404");
    let used = &gateway.usage()["total"]["usage"];
    assert_eq!((&used["output"], &used["output_audio"]), (&6.into(), &4.into()), "{used}");
    // A goodbye is no way around it.
    let mut talk = begin(&gateway).await;
    talk.say("begin").await;
    drop(talk.text().await);
    talk.goodbye(1000, "").await;
    while !matches!(talk.hear().await, Said::Goodbye(_)) {}
    gateway.logged(2, |line| line["operation"] == "realtime").await;
    let used = &gateway.usage()["total"]["usage"];
    assert_eq!((&used["output"], &used["output_audio"]), (&12.into(), &8.into()), "{used}");
}

#[tokio::test]
async fn an_answer_without_an_end_is_estimated_by_what_was_heard() {
    let (_upstream, gateway) = start("").await;
    let mut talk = begin(&gateway).await;
    for said in ["begin", "speak", "write"] {
        talk.say(said).await;
        drop(talk.text().await);
    }
    talk.say("break").await;
    drop(talk.text().await);
    line(&gateway).await;
    let total = &gateway.usage()["total"];
    assert_eq!(total["estimated"], 1, "{total}");
    assert_eq!(
        (&total["usage"]["output"], &total["usage"]["output_audio"]),
        (&5.into(), &11.into()),
        "{total}"
    );
}

#[tokio::test]
async fn each_answer_is_counted_by_itself_and_no_other_model_s_words() {
    let (_upstream, gateway) = start("").await;
    let mut talk = begin(&gateway).await;
    talk.say("listen").await;
    drop(talk.text().await);
    // More than any one answer can have had.
    for _ in 0..60 {
        talk.say("long").await;
        drop(talk.text().await);
    }
    talk.goodbye(1000, "").await;
    while !matches!(talk.hear().await, Said::Goodbye(_)) {}
    line(&gateway).await;
    let used = &gateway.usage()["total"]["usage"];
    let input: u64 =
        ["input", "input_audio", "cache_read"].iter().map(|class| used[class].as_u64().unwrap()).sum();
    assert_eq!(input, 60 * 30_000, "{used}");
}

/// Has the provider say this.
async fn told(talk: &mut Talk, event: &Value) {
    talk.say(&format!("say {event}")).await;
    assert_eq!(talk.text().await, event.to_string());
}

/// What a session says of itself in which this model listens.
fn about(kind: &str, listener: &str) -> Value {
    let audio = json!({"input": {"transcription": {"model": listener}}});
    json!({"type": "session.updated", "session": {"type": kind, "audio": audio}})
}

/// What it says of words that took so long.
fn sentence(seconds: f64) -> Value {
    json!({
        "type": "conversation.item.input_audio_transcription.completed", "transcript": "hi",
        "usage": {"type": "duration", "seconds": seconds},
    })
}

#[tokio::test]
async fn a_session_that_only_listens_is_charged_by_its_seconds() {
    let (_upstream, gateway) = start("").await;
    let path = "/v1/realtime?model=gpt-realtime-whisper&intent=transcription";
    let mut talk = gateway.get(path).talk().await.unwrap();
    drop(talk.text().await);
    told(&mut talk, &about("transcription", "gpt-realtime-whisper")).await;
    for seconds in [1.3, 0.4, 2.4] {
        told(&mut talk, &sentence(seconds)).await;
    }
    talk.goodbye(1000, "").await;
    while !matches!(talk.hear().await, Said::Goodbye(_)) {}
    let line = line(&gateway).await;
    // Of what has begun, only the last second counts: 1.7 cents a minute.
    assert_eq!(line["units"], json!({"input_second": 5}), "{line}");
    let total = &gateway.usage()["total"];
    assert_eq!((&total["cost"], &total["estimated"]), (&1417.into(), &0.into()), "{total}");
}

#[tokio::test]
async fn who_listens_beside_a_conversation_has_a_price_of_its_own() {
    let (_upstream, gateway) = start("").await;
    let mut talk = begin(&gateway).await;
    told(&mut talk, &about("realtime", "whisper-1")).await;
    told(&mut talk, &sentence(2.4)).await;
    talk.say("done").await;
    drop(talk.text().await);
    // What one listens with may change; nobody knows the price of the second.
    told(&mut talk, &about("realtime", "nobody-knows")).await;
    told(&mut talk, &sentence(100.0)).await;
    talk.goodbye(1000, "").await;
    while !matches!(talk.hear().await, Said::Goodbye(_)) {}
    line(&gateway).await;
    // Three seconds at a hundredth of a cent each, and the answer itself: 484.4 millionths.
    let total = &gateway.usage()["total"];
    assert_eq!((&total["cost"], &total["usage"]["output"]), (&(300 + 484).into(), &6.into()), "{total}");
}

#[tokio::test]
async fn pictures_in_a_session_are_counted_apart() {
    let (_upstream, gateway) = start("").await;
    let mut talk = begin(&gateway).await;
    let cached = json!({"text_tokens": 10, "image_tokens": 40});
    let input =
        json!({"text_tokens": 60, "image_tokens": 140, "cached_tokens": 50, "cached_tokens_details": cached});
    let usage = json!({"input_tokens": 200, "output_tokens": 5, "input_token_details": input});
    told(&mut talk, &json!({"type": "response.done", "response": {"id": "resp_1", "usage": usage}})).await;
    talk.goodbye(1000, "").await;
    while !matches!(talk.hear().await, Said::Goodbye(_)) {}
    line(&gateway).await;
    let used = &gateway.usage()["total"]["usage"];
    let counts = ["input", "input_image", "cache_read"].map(|class| used[class].as_u64().unwrap());
    assert_eq!(counts, [50, 100, 50], "{used}");
}

#[tokio::test]
async fn nobody_joins_a_call_that_another_has_begun() {
    let (upstream, gateway) = start("").await;
    for name in ["call_id", "call%5Fid"] {
        let refused = gateway.get(&format!("{REALTIME}&{name}=rtc_1")).talk().await.unwrap_err();
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &"call_id".into()));
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_session_ends_when_the_limit_is_used_up() {
    let (_upstream, gateway) = start("security: {rate_limiting: {requests_per_minute: 2}}\n").await;
    let mut talk = begin(&gateway).await;
    talk.say("done").await;
    assert_eq!(talk.text().await, done(20, 10));
    talk.say("done").await;
    assert_eq!(talk.text().await, done(20, 10));
    let event: Value = serde_json::from_str(&talk.text().await).unwrap();
    assert_eq!(
        (&event["type"], &event["error"]["code"]),
        (&"error".into(), &"rate_limit_exceeded".into()),
        "{event}"
    );
    assert!(matches!(talk.hear().await, Said::Goodbye(Some((1013, _)))));
    assert_eq!(line(&gateway).await["error"], "TG-1101");
    assert_eq!(gateway.usage()["total"]["usage"]["output"], 12);
}

#[tokio::test]
async fn a_session_ends_when_its_key_is_revoked() {
    let (_upstream, gateway) = start("").await;
    let made = gateway.cli(&["keys", "create", "brief"]);
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let asking = async {
        loop {
            if let Ok(talk) = gateway.get(REALTIME).key(&key).talk().await {
                break talk;
            }
        }
    };
    let mut talk = tokio::time::timeout(testkit::PATIENCE, Box::pin(asking)).await.unwrap();
    assert_eq!(talk.text().await, r#"{"type":"session.created"}"#);
    assert!(gateway.cli(&["keys", "revoke", "brief"]).status.success());
    let event: Value = serde_json::from_str(&talk.text().await).unwrap();
    assert_eq!(event["type"], "error", "{event}");
    assert!(matches!(talk.hear().await, Said::Goodbye(Some((1008, _)))));
}

#[tokio::test]
async fn a_drain_ends_a_session_once_its_answer_has_ended() {
    let (_upstream, mut gateway) = start("server: {drain: 20s}\n").await;
    let mut talk = begin(&gateway).await;
    // Two answers at once, of which one ends; what a caller's mistake is told with is no end.
    for said in ["begin", "begin another", "done", "complain"] {
        talk.say(said).await;
        drop(talk.text().await);
    }
    gateway.terminate();
    while gateway.get("/readyz").try_stream().await.is_some_and(|answer| answer.status == 200) {}
    talk.say("done another").await;
    assert_eq!(talk.text().await, done(20, 10).replace("resp_1", "resp_2"));
    let event: Value = serde_json::from_str(&talk.text().await).unwrap();
    assert_eq!(event["error"]["tollgate_code"], "TG-1403", "{event}");
    assert!(matches!(talk.hear().await, Said::Goodbye(Some((1001, _)))));
    assert!(tokio::time::timeout(Duration::from_secs(20), gateway.wait()).await.unwrap().success());
}
