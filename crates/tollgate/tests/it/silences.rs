//! An upstream that says nothing for a while: its caller hears that there will be more, once it has heard anything.

use std::time::Duration;

use testkit::{FakeUpstream, Gateway, Reply};

use crate::gateway;
use crate::samples::{CHAT, MESSAGES, ask, call, opening, stream, word};

const RESPONSES: &str = "/v1/responses";

async fn started(upstream: &FakeUpstream, timers: &str) -> Gateway {
    let provider = format!("a: {{kind: together, url: \"{}/v1\", key: sk-a}}", upstream.url());
    let timers =
        format!("server: {{timers: {{{timers}}}}}\nrouting: {{circuit_breaker: {{threshold: 1000}}}}");
    gateway().config(&format!("providers: {{{provider}}}\n{timers}\n")).start().await
}

/// The same question in the language of each path, and what its callers hear in a silence.
fn questions() -> Vec<(&'static str, String, &'static [u8])> {
    let chat = ask("a/x").replacen('{', r#"{"stream":true,"#, 1);
    let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
    vec![
        (CHAT, chat.clone(), b": keep-alive\n\n"),
        (MESSAGES, chat.clone(), b"event: ping\ndata: {\"type\": \"ping\"}\n\n"),
        (RESPONSES, r#"{"model":"a/x","stream":true,"input":"hi"}"#.to_owned(), b": keep-alive\n\n"),
        ("/v2/chat", chat.clone(), b": keep-alive\n\n"),
        ("/api/chat", chat, b" "),
        ("/v1beta/models/a%2Fx:streamGenerateContent?alt=sse", gemini.to_owned(), b"\r\n"),
        ("/v1beta/models/a%2Fx:streamGenerateContent", gemini.to_owned(), b" "),
    ]
}

/// How often this stands in an answer.
fn count(answer: &[u8], sign: &[u8]) -> usize {
    answer.windows(sign.len()).filter(|text| *text == sign).count()
}

#[tokio::test]
async fn a_caller_hears_in_a_silence_that_there_will_be_more_and_its_answer_stays_the_same() {
    let begun = format!("{}{}", opening(), word("word"));
    let whole = stream(&["word", "more"]);
    assert!(whole.starts_with(&begun));
    let pause = Duration::from_millis(600);
    let quiet = FakeUpstream::start({
        let (whole, at) = (whole.clone(), begun.len());
        move |_| Reply::sse(whole.clone()).split(testkit::Split::At(vec![at])).gap(pause)
    })
    .await;
    let lively = FakeUpstream::start(move |_| Reply::sse(whole.clone())).await;
    let gateway = started(&quiet, "keep_alive: 50ms").await;
    let plain = started(&lively, "keep_alive: 50ms").await;
    for (path, body, sign) in questions() {
        let answer = call(&gateway, path, body.clone()).send().await;
        let flowing = call(&plain, path, body).send().await;
        let signs = count(&answer.body, sign) - count(&flowing.body, sign);
        assert!((4..=12).contains(&signs), "{path}: {signs} in {}", answer.text());
        let sign = std::str::from_utf8(sign).unwrap();
        let rest = answer.text().replace(sign, "");
        assert_eq!(words(&rest), words(&flowing.text().replace(sign, "")), "{path}");
    }
}

/// An answer without its ids, its times, and the space between its words.
fn words(answer: &str) -> Vec<&str> {
    let words = answer.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.len() > 3 && !word.contains(|letter: char| letter.is_ascii_digit())).collect()
}

#[tokio::test]
async fn nothing_is_heard_before_the_first_content_or_where_nobody_wants_it() {
    let late =
        FakeUpstream::start(|_| Reply::sse(stream(&["word"])).pause_before_body(Duration::from_millis(300)))
            .await;
    let begun = format!("{}{}", opening(), word("word"));
    let silent = FakeUpstream::start(move |_| Reply::sse(begun.clone()).silent_after(begun.len())).await;
    let gateway = started(&late, "keep_alive: 20ms").await;
    let off = started(&silent, "keep_alive: 0s, event_gap: 300ms").await;
    for (path, body, sign) in questions() {
        let answer = call(&gateway, path, body.clone()).send().await;
        assert!(!answer.body.starts_with(sign), "{path}: {}", answer.text());
        let answer = call(&off, path, body).send().await;
        let (most, text) = (if sign.len() > 4 { 0 } else { 12 }, answer.text());
        assert!(text.contains("TG-1302") && count(&answer.body, sign) <= most, "{path}: {text}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_silent_for_too_long_has_still_broken_off() {
    let begun = format!("{}{}", opening(), word("word"));
    let upstream = FakeUpstream::start(move |_| Reply::sse(begun.clone()).silent_after(begun.len())).await;
    let gateway = started(&upstream, "keep_alive: 50ms, event_gap: 400ms").await;
    for (path, body, sign) in questions() {
        let answer = call(&gateway, path, body).send().await;
        let text = answer.text();
        assert!(count(&answer.body, sign) >= 3, "{path}: {text}");
        assert!(text.contains("TG-1302") && text.contains("fell silent"), "{path}: {text}");
    }
}
