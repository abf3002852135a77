//! What is used beside tokens: counted by what the answer says or the request is, charged by the unit, and on record.

use serde_json::{Value, json};
use testkit::{FakeUpstream, Gateway, Reply, Response};

use crate::gateway;

async fn behind(kind: &str, answer: Reply) -> (FakeUpstream, Gateway) {
    let upstream = FakeUpstream::start(move |_| answer.clone()).await;
    let config = format!("providers: {{up: {{kind: {kind}, url: \"{}/v1\", key: sk-test}}}}", upstream.url());
    let gateway = gateway().config(&config).start().await;
    (upstream, gateway)
}

/// What must be on record of one request.
struct Expect {
    units: Value,
    dollars: &'static str,
    estimated: u64,
}

async fn check(gateway: &Gateway, answer: &Response, expect: Expect) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let line =
        gateway.logged(1, |line| line["message"] == "request" && line["status"] == 200).await.remove(0);
    assert_eq!(line["units"], expect.units, "{line}");
    assert_eq!(line["cost_usd"].to_string(), expect.dollars, "{line}");
    let total = &gateway.usage()["total"];
    assert_eq!(
        (&total["usage"]["units"], &total["estimated"]),
        (&expect.units, &expect.estimated.into()),
        "{total}"
    );
    let metrics = gateway.metrics().await;
    for (unit, count) in expect.units.as_object().into_iter().flatten() {
        let kind = format!("tollgate_units_total{{kind=\"{unit}\"");
        let series = metrics.lines().find(|line| line.starts_with(&kind)).unwrap();
        assert!(series.ends_with(&format!(" {count}")), "{series}");
    }
}

fn form(fields: &[(&str, &str)], file: &[u8]) -> Vec<u8> {
    let text = |(name, value): &(&str, &str)| {
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let fields: String = fields.iter().map(text).collect();
    let head = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\n";
    [fields.as_bytes(), head.as_bytes(), file, b"\r\n--b--\r\n"].concat()
}

#[tokio::test]
async fn seconds_are_those_of_the_report_or_of_the_answer() {
    let reports = r#"{"text":"x","usage":{"type":"duration","seconds":61}}"#;
    let tells = r#"{"text":"x","duration":60.2,"segments":[]}"#;
    for answer in [reports, tells] {
        let (_upstream, gateway) = behind("openai", Reply::json(200, answer)).await;
        let answer = hear(&gateway, &vec![0; 40_000]).await;
        let units = json!({"input_second": 61});
        check(&gateway, &answer, Expect { units, dollars: "0.0061", estimated: 0 }).await;
        assert_eq!(answer.header("x-tollgate-cost-usd"), "0.006100");
    }
}

#[tokio::test]
async fn seconds_that_are_told_beside_tokens_without_a_price_are_what_is_charged() {
    let usage = json!({
        "prompt_audio_seconds": 61, "prompt_tokens": 5, "completion_tokens": 20, "total_tokens": 7_650,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 7_625}, "service_tier": "standard",
    });
    let told = json!({"model": "voxtral-mini-latest", "text": "x", "language": null, "segments": [], "usage": usage});
    let (_upstream, gateway) = behind("mistral", Reply::json(200, told.to_string())).await;
    let call = gateway.post("/v1/audio/transcriptions", form(&[("model", "up/voxtral-mini-latest")], b"abc"));
    let answer = call.header("content-type", "multipart/form-data; boundary=b").send().await;
    assert_eq!(answer.json()["usage"], usage);
    check(&gateway, &answer, Expect { units: json!({"input_second": 61}), dollars: "0.00305", estimated: 0 })
        .await;
}

#[tokio::test]
async fn a_stream_of_what_is_heard_is_charged_by_its_end() {
    let usage = r#"{"prompt_audio_seconds":3,"prompt_tokens":3,"total_tokens":389,"completion_tokens":11}"#;
    let events = format!(
        "event: transcription.language\ndata: {{\"type\":\"transcription.language\",\"audio_language\":\"en\"}}\n\n\
         event: transcription.text.delta\ndata: {{\"type\":\"transcription.text.delta\",\"text\":\"x\"}}\n\n\
         event: transcription.done\ndata: {{\"type\":\"transcription.done\",\"model\":\"voxtral-mini-latest\",\"text\":\"x\",\"language\":\"en\",\"usage\":{usage}}}\n\n"
    );
    let (_upstream, gateway) = behind("mistral", Reply::sse(events.clone())).await;
    let fields = [("model", "up/voxtral-mini-latest"), ("stream", "true")];
    let call = gateway.post("/v1/audio/transcriptions", form(&fields, b"abc"));
    let answer = call.header("content-type", "multipart/form-data; boundary=b").send().await;
    assert_eq!(answer.text(), events.replace("\"voxtral-mini-latest\"", "\"up/voxtral-mini-latest\""));
    check(&gateway, &answer, Expect { units: json!({"input_second": 3}), dollars: "0.00015", estimated: 0 })
        .await;
}

#[tokio::test]
async fn sound_that_comes_packed_is_charged_by_what_was_spoken() {
    let (upstream, gateway) = behind("mistral", Reply::json(200, r#"{"audio_data":"SUQzBAAA"}"#)).await;
    let body =
        json!({"model": "up/voxtral-mini-tts-latest", "voice": "en_paul_neutral", "input": "Grüße, Welt!"});
    let answer = gateway.post("/v1/audio/speech", body.to_string()).send().await;
    assert_eq!((&answer.body[..], answer.header("content-type")), (&b"ID3\x04\0\0"[..], "audio/mpeg"));
    let sent =
        json!({"model": "voxtral-mini-tts-latest", "voice_id": "en_paul_neutral", "input": "Grüße, Welt!"});
    assert_eq!((upstream.last().path.as_str(), upstream.last().json()), ("/v1/audio/speech", sent));
    let units = json!({"input_character": 12});
    check(&gateway, &answer, Expect { units, dollars: "0.000192", estimated: 0 }).await;
    let own = json!({"model": "up/voxtral-mini-tts-latest", "voice_id": "x", "input": "hi"});
    let answer = gateway.post("/v1/audio/speech", own.to_string()).send().await;
    assert_eq!(
        (answer.text(), answer.header("content-type")),
        (r#"{"audio_data":"SUQzBAAA"}"#, "application/json")
    );
}

#[tokio::test]
async fn sound_that_comes_packed_is_as_long_as_it_is_unpacked() {
    let sound = format!("//uQwAAA{}", "AAAA".repeat(26_664));
    let told = json!({"audio_data": sound}).to_string();
    let (_upstream, gateway) = behind("mistral", Reply::json(200, told)).await;
    let body = json!({"model": "up/voxtral-mini-tts-latest", "voice": "x", "input": "Grüße, Welt!"});
    let answer = gateway.post("/v1/audio/speech", body.to_string()).send().await;
    let units = json!({"input_character": 12, "output_second": 5});
    check(&gateway, &answer, Expect { units, dollars: "0.000192", estimated: 0 }).await;
}

#[tokio::test]
async fn sound_that_a_conversation_would_bring_is_charged_by_its_tokens() {
    let blob = json!({"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AQACAA=="});
    let told = json!({
        "candidates": [{"content": {"parts": [{"inlineData": blob}], "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 10, "candidatesTokenCount": 100, "totalTokenCount": 110,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}],
            "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 100}],
        },
        "modelVersion": "gemini-3.8-flash-tts", "responseId": "r",
    });
    let upstream = FakeUpstream::start(move |_| Reply::json(200, told.to_string())).await;
    let config = format!("providers: {{up: {{kind: gemini, url: \"{}\", key: sk-test}}}}", upstream.url());
    let gateway = gateway().config(&config).start().await;
    let mut body =
        json!({"model": "up/gemini-3.8-flash-tts", "voice": "Kore", "input": "hi", "response_format": "pcm"});
    let speak = async |body: &Value| gateway.post("/v1/audio/speech", body.to_string()).send().await;
    let answer = speak(&body).await;
    assert_eq!(
        (&answer.body[..], answer.header("content-type")),
        (&[1, 0, 2, 0][..], "audio/pcm"),
        "{}",
        answer.text()
    );
    assert_eq!(answer.header("x-tollgate-changed"), "");
    let line = gateway.logged(1, |line| line["operation"] == "speech").await.remove(0);
    // Ten tokens at half a dollar the million, a hundred at nine.
    assert_eq!((&line["cost_usd"], &line["output_tokens"]), (&json!(0.000_905), &json!(100)), "{line}");
    assert_eq!(gateway.usage()["total"]["usage"]["output_audio"], 100);
    let voice = json!({"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}});
    let sent = json!({
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"responseModalities": ["AUDIO"], "speechConfig": voice},
    });
    assert_eq!(upstream.last().path, "/v1beta/models/gemini-3.8-flash-tts:generateContent");
    assert_eq!(upstream.last().json(), sent);

    body["response_format"] = json!("mp3");
    body["speed"] = json!(2);
    let answer = speak(&body).await;
    assert_eq!(answer.header("x-tollgate-changed"), "dropped;speed, rewritten;response_format");
    assert_eq!(answer.header("content-type"), "audio/wav");
    let head =
        b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\xc0\x5d\0\0\x80\xbb\0\0\x02\0\x10\0data\x04\0\0\0";
    assert_eq!(answer.body, [&head[..], &[1, 0, 2, 0]].concat());
    body["stream_format"] = json!("sse");
    let refused = speak(&body).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["param"]),
        (400, &json!("stream_format")),
        "{}",
        refused.text()
    );
}

#[tokio::test]
async fn seconds_that_nobody_tells_are_an_estimate() {
    let (_upstream, gateway) = behind("openai", Reply::json(200, r#"{"text":"x"}"#)).await;
    let answer = hear(&gateway, &vec![0; 40_000]).await;
    let units = json!({"input_second": 10});
    check(&gateway, &answer, Expect { units, dollars: "0.001", estimated: 1 }).await;
}

#[tokio::test]
async fn sound_that_tells_too_little_is_as_long_as_its_bytes_take_at_the_least() {
    let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    wav.extend([16_000_u32.to_le_bytes(), u32::MAX.to_le_bytes(), [2, 0, 16, 0]].concat());
    wav.extend(b"data\x02\0\0\0\0\0data\xff\xff\xff\xff");
    let mpeg = b"\xff\xfb\x90\xc0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0Xing\0\0\0\x01\0\0\0\x01".to_vec();
    let mut flac = b"fLaC\x80\0\0\x22\0\0\0\0\0\0\0\0\0\0".to_vec();
    flac.extend(((44_100_u64 << 44) | (1 << 41) | (15 << 36) | 1).to_be_bytes());
    for (mut sound, per_second) in [(wav, 32_000), (mpeg, 40_000), (flac, 176_400)] {
        sound.resize(per_second * 10, 0);
        let (_upstream, gateway) = behind("openai", Reply::json(200, r#"{"text":"x"}"#)).await;
        let answer = hear(&gateway, &sound).await;
        let units = json!({"input_second": 10});
        check(&gateway, &answer, Expect { units, dollars: "0.001", estimated: 1 }).await;
    }
}

async fn hear(gateway: &Gateway, sound: &[u8]) -> Response {
    let call = gateway.post("/v1/audio/transcriptions", form(&[("model", "up/whisper-1")], sound));
    call.header("content-type", "multipart/form-data; boundary=b").send().await
}

#[tokio::test]
async fn characters_to_speak_are_those_of_the_request() {
    let (_upstream, gateway) = behind("openai", Reply::bytes("audio/mpeg", vec![7; 5_000])).await;
    let body = json!({"model": "up/tts-1", "voice": "alloy", "input": "Grüße, Welt!"});
    let answer = gateway.post("/v1/audio/speech", body.to_string()).send().await;
    let units = json!({"input_character": 12});
    check(&gateway, &answer, Expect { units, dollars: "0.00018", estimated: 0 }).await;
}

#[tokio::test]
async fn pictures_are_those_that_were_made() {
    let made = r#"{"created":1,"data":[{"url":"a"},{"url":"b"}]}"#;
    let (_upstream, gateway) = behind("xai", Reply::json(200, made)).await;
    let body = json!({"model": "up/grok-imagine-image", "prompt": "a dot", "n": 3});
    let answer = gateway.post("/v1/images/generations", body.to_string()).send().await;
    let units = json!({"output_image": 2});
    check(&gateway, &answer, Expect { units, dollars: "0.04", estimated: 0 }).await;
}

#[tokio::test]
async fn a_reranking_is_charged_by_its_searches() {
    let ranked =
        |more: &str| format!(r#"{{"id":"r","results":[{{"index":0,"relevance_score":0.9}}]{more}}}"#);
    let billed = ranked(r#","meta":{"billed_units":{"search_units":3}}"#);
    // Of what is billed nobody says: as many as the documents make.
    for (answer, searches, dollars, estimated) in [(billed, 3, "0.006", 0), (ranked(""), 2, "0.004", 1)] {
        let (_upstream, gateway) = behind("cohere", Reply::json(200, answer)).await;
        let body = json!({"model": "up/rerank-english-v3.0", "query": "a", "documents": vec!["b"; 101]});
        let answer = gateway.post("/v2/rerank", body.to_string()).send().await;
        let units = json!({"query": searches});
        check(&gateway, &answer, Expect { units, dollars, estimated }).await;
    }
}

#[tokio::test]
async fn searches_of_the_web_cost_beside_tokens() {
    let response = json!({
        "id": "resp_1", "object": "response", "model": "gpt-4.1", "status": "completed",
        "output": [
            {"type": "web_search_call", "id": "1", "status": "completed", "action": {"type": "search", "query": "a"}},
            {"type": "message", "id": "2", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
        ],
        "usage": {"input_tokens": 1000, "output_tokens": 10, "total_tokens": 1010},
    });
    let (_upstream, gateway) = behind("openai", Reply::json(200, response.to_string())).await;
    let body = json!({"model": "up/gpt-4.1", "input": "hi", "tools": [{"type": "web_search"}]});
    let answer = gateway.post("/v1/responses", body.to_string()).send().await;
    let units = json!({"web_search": 1});
    check(&gateway, &answer, Expect { units, dollars: "0.02708", estimated: 0 }).await;
}

#[tokio::test]
async fn a_search_is_charged_by_how_much_of_it_was_read() {
    for (size, unit, dollars) in [
        ("low", "web_search_low", "0.00502"),
        ("medium", "web_search", "0.00802"),
        ("high", "web_search_high", "0.01202"),
    ] {
        let answer = json!({
            "id": "1", "object": "chat.completion", "created": 1, "model": "sonar",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20, "search_context_size": size},
        });
        let (_upstream, gateway) = behind("perplexity", Reply::json(200, answer.to_string())).await;
        let body = json!({"model": "up/sonar", "messages": [{"role": "user", "content": "hi"}]});
        let answer = gateway.post("/v1/chat/completions", body.to_string()).send().await;
        let units = json!({unit: 1});
        check(&gateway, &answer, Expect { units, dollars, estimated: 0 }).await;
    }
}

#[tokio::test]
async fn seconds_that_are_spoken_are_those_of_the_sound() {
    let mut sound = b"\xff\xfb\x90\xc0".to_vec();
    sound.resize(80_000, 0);
    let (_upstream, gateway) = behind("openai", Reply::bytes("audio/mpeg", sound)).await;
    let body = json!({"model": "up/gpt-4o-mini-tts", "voice": "alloy", "input": "Gr\u{fc}\u{df}e, Welt!"});
    let answer = gateway.post("/v1/audio/speech", body.to_string()).send().await;
    // A quarter of a tenth of a cent for each second, and what is said in tokens.
    let units = json!({"input_character": 12, "output_second": 5});
    check(&gateway, &answer, Expect { units, dollars: "0.001261", estimated: 1 }).await;
}

#[tokio::test]
async fn what_is_told_in_tokens_is_not_charged_by_the_unit() {
    let made = r#"{"created":1,"data":[{"b64_json":"a"}],"usage":{"input_tokens":10,"output_tokens":1000,"total_tokens":1010}}"#;
    let (_upstream, gateway) = behind("openai", Reply::json(200, made)).await;
    let body = json!({"model": "up/gpt-image-1", "prompt": "a dot"});
    let answer = gateway.post("/v1/images/generations", body.to_string()).send().await;
    let units = json!({"output_image": 1});
    check(&gateway, &answer, Expect { units, dollars: "0.04005", estimated: 0 }).await;
}
