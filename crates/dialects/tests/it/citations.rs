//! What an answer cites, in the words of each language: every place is counted in what the caller reads.

use crate::asked;
use bytes::Bytes;
use dialects::{Delivered, conduit};
use serde_json::{Value, json};
use types::conversation::Delivery;
use types::{Frame, StreamEvent};

const STREAM: Delivery = Delivery::Stream { include_usage: true };

/// What a caller of `caller` reads of an answer in `upstream`, and what is told of it.
fn read(upstream: &str, caller: &str, delivery: Delivery, answer: &Value) -> (String, Vec<String>) {
    pass((upstream, caller), delivery, Delivered::Whole, vec![Frame::Whole(answer.to_string().into())])
}

/// The same of an answer in pieces.
fn read_pieces(upstream: &str, caller: &str, delivery: Delivery, pieces: &[Value]) -> (String, Vec<String>) {
    let event = |piece: &Value| {
        let (name, data) = (Bytes::new(), Bytes::from(piece.to_string()));
        Frame::Event(StreamEvent { name, raw: format!("data: {piece}\n\n").into(), data })
    };
    pass((upstream, caller), delivery, Delivered::Stream, pieces.iter().map(event).collect())
}

fn pass(
    (upstream, caller): (&str, &str),
    delivery: Delivery,
    delivered: Delivered,
    frames: Vec<Frame>,
) -> (String, Vec<String>) {
    let asked = asked(delivery);
    let (upstream, caller) = (dialects::by_name(upstream).unwrap(), dialects::by_name(caller).unwrap());
    let mut way = conduit(upstream, caller, &asked, delivered).unwrap();
    let mut out = Vec::new();
    frames.into_iter().try_for_each(|frame| way.push(frame, &mut out)).unwrap();
    way.end(&mut out).unwrap();
    let told = way.tally().changes.iter().map(ToString::to_string).collect();
    // One language has bytes in its frames that are no text.
    (String::from_utf8_lossy(&out.concat()).into_owned(), told)
}

/// The objects of a stream, in order.
fn events(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

#[track_caller]
fn check((upstream, caller): (&str, &str), answer: &Value, place: &str, expect: &Value, told: &[&str]) {
    let (body, changes) = read(upstream, caller, Delivery::Whole, answer);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body.pointer(place), Some(expect), "{upstream} to {caller}: {body:#}");
    assert_eq!(changes, told, "{upstream} to {caller}");
}

/// Two texts, of which the second cites a page.
fn messages() -> Value {
    let found = json!({
        "type": "web_search_result_location", "url": "https://a.test/", "title": "A", "encrypted_index": "Eo8B", "cited_text": "",
    });
    json!({"id": "msg_1", "stop_reason": "end_turn", "content": [
        {"type": "text", "text": "Größe: "}, {"type": "text", "text": "drei Meter.", "citations": [found]},
    ]})
}

#[test]
fn places_move_where_texts_are_joined() {
    let page = json!([{"type": "url_citation", "url_citation": {
        "start_index": 7, "end_index": 18, "title": "A", "url": "https://a.test/",
    }}]);
    check(("anthropic", "openai_chat"), &messages(), "/choices/0/message/annotations", &page, &[]);
    let page = json!([{"type": "url_citation", "url": "https://a.test/", "title": "A", "start_index": 0, "end_index": 11}]);
    check(("anthropic", "openai_responses"), &messages(), "/output/0/content/1/annotations", &page, &[]);
    let (stream, _) = read("anthropic", "openai_chat", STREAM, &messages());
    let cited: Vec<_> = events(&stream)
        .into_iter()
        .filter_map(|event| event.pointer("/choices/0/delta/annotations/0/url_citation").cloned())
        .collect();
    assert_eq!(cited, [json!({"start_index": 7, "end_index": 18, "title": "A", "url": "https://a.test/"})]);
}

#[test]
fn places_in_bytes_and_in_characters_are_the_same_places() {
    let grounding = json!({
        "groundingChunks": [{"web": {"uri": "https://a.test/", "title": "A"}}],
        "groundingSupports": [{"segment": {"startIndex": 9, "endIndex": 13}, "groundingChunkIndices": [0]}],
    });
    let answer = json!({"candidates": [{
        "content": {"parts": [{"text": "Größe: drei."}]}, "finishReason": "STOP", "groundingMetadata": grounding,
    }]});
    let page = json!({"start_index": 7, "end_index": 11, "title": "A", "url": "https://a.test/"});
    let place = "/choices/0/message/annotations/0/url_citation";
    check(("gemini", "openai_chat"), &answer, place, &page, &[]);
    let chat = json!({"choices": [{"index": 0, "finish_reason": "stop", "message": {
        "role": "assistant", "content": "Größe: drei.", "annotations": [{"type": "url_citation", "url_citation": page}],
    }}]});
    check(("openai_chat", "gemini"), &chat, "/candidates/0/groundingMetadata", &grounding, &[]);
    let cited = json!([{
        "start": 7, "end": 11, "text": "drei", "content_index": 0, "type": "TEXT_CONTENT",
        "sources": [{"type": "document", "id": "https://a.test/", "document": {"url": "https://a.test/", "title": "A"}}],
    }]);
    check(("openai_chat", "cohere"), &chat, "/message/citations", &cited, &[]);
}

#[test]
fn a_language_that_cites_whole_texts_says_that_the_place_is_another() {
    let chat = |end: u64| {
        json!({"choices": [{"index": 0, "finish_reason": "stop", "message": {
            "role": "assistant", "content": "drei",
            "annotations": [{"type": "url_citation", "url_citation": {"start_index": 0, "end_index": end, "title": "A", "url": "https://a.test/"}}],
        }}]})
    };
    let page = json!({"title": "A", "location": {"web": {"url": "https://a.test/"}}});
    let place = "/output/message/content/0/citationsContent/citations/0";
    check(("openai_chat", "bedrock"), &chat(4), place, &page, &[]);
    check(("openai_chat", "bedrock"), &chat(2), place, &page, &["rewritten;answer.citations"]);
    check(
        ("openai_chat", "ollama"),
        &chat(4),
        "/message/content",
        &json!("drei"),
        &["dropped;answer.citations"],
    );
    let (stream, _) = read("openai_chat", "anthropic", STREAM, &chat(4));
    let kinds: Vec<_> =
        events(&stream).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    let at = kinds.iter().position(|kind| kind == "content_block_stop").unwrap();
    assert_eq!(events(&stream)[at - 1]["delta"]["citation"]["url"], "https://a.test/");
}

#[test]
fn what_comes_behind_a_text_does_not_take_its_sources() {
    let page = |number: usize| format!("https://a.test/{number}");
    let chunks: Vec<_> = (0..5_000).map(|at| json!({"web": {"uri": page(at), "title": "A"}})).collect();
    let indices: Vec<_> = (0..chunks.len()).collect();
    let grounding = json!({
        "webSearchQueries": ["size"],
        "groundingChunks": chunks,
        "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 5}, "groundingChunkIndices": indices}],
    });
    let answer = json!({"candidates": [{
        "content": {"role": "model", "parts": [{"text": "Three.", "thoughtSignature": "U0lH"}]},
        "finishReason": "STOP", "groundingMetadata": grounding,
    }]});
    let (body, _) = read("gemini", "openai_responses", Delivery::Whole, &answer);
    let body: Value = serde_json::from_str(&body).unwrap();
    let said = body["output"].as_array().unwrap().iter().find(|item| item["type"] == "message").unwrap();
    let cited = said.pointer("/content/0/annotations").unwrap().as_array().unwrap();
    let page =
        json!({"type": "url_citation", "url": page(0), "title": "A", "start_index": 0, "end_index": 5});
    assert_eq!((cited.len(), cited.first()), (1_000, Some(&page)), "no more than anybody shows");
}

/// An answer of Gemini's in two pieces, of which the last says what the text cites, behind this part.
fn grounded(behind: &Value) -> [Value; 2] {
    let grounding = json!({
        "groundingChunks": [{"web": {"uri": "https://a.test/", "title": "A"}}],
        "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 6}, "groundingChunkIndices": [0]}],
    });
    let parts = |parts: Value| json!({"role": "model", "parts": parts});
    [
        json!({"candidates": [{"content": parts(json!([{"text": "Three."}]))}]}),
        json!({"candidates": [{
            "content": parts(json!([behind])), "finishReason": "STOP", "groundingMetadata": grounding,
        }]}),
    ]
}

const CITERS: [&str; 6] = ["anthropic", "bedrock", "cohere", "openai_chat", "openai_responses", "gemini"];

#[test]
fn what_a_signed_text_cites_is_told_in_every_language_that_cites() {
    let pieces = grounded(&json!({"text": "", "thoughtSignature": "U0lH"}));
    for caller in CITERS.into_iter().filter(|caller| *caller != "gemini") {
        for delivery in [STREAM, Delivery::Whole] {
            let (said, told) = read_pieces("gemini", caller, delivery, &pieces);
            assert!(said.contains("https://a.test/"), "{caller}: {said}");
            assert!(!told.iter().any(|told| told.contains("citations")), "{caller}: {told:?}");
        }
    }
}

#[test]
fn what_is_cited_too_late_for_a_stream_is_told() {
    let pieces = grounded(&json!({"functionCall": {"name": "f", "args": {}}}));
    for caller in CITERS.into_iter().filter(|caller| *caller != "gemini") {
        let (said, told) = read_pieces("gemini", caller, Delivery::Whole, &pieces);
        assert!(said.contains("https://a.test/") && told.is_empty(), "{caller}: {told:?} of {said}");
        let (said, told) = read_pieces("gemini", caller, STREAM, &pieces);
        let is_told = told == ["dropped;answer.citations"];
        assert!(said.contains("https://a.test/") != is_told, "{caller}: {told:?} of {said}");
    }
}

#[test]
fn what_one_text_cites_in_two_places_stands_together() {
    let chunk = |delta: Value, end: Value| json!({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]});
    let cited = |url: &str| json!({"annotations": [{"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 6, "title": "A", "url": url}}]});
    let call = json!({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]});
    let pieces = [
        chunk(json!({"content": "Three."}), Value::Null),
        chunk(cited("https://a.test/"), Value::Null),
        chunk(call, Value::Null),
        chunk(cited("https://b.test/"), json!("tool_calls")),
    ];
    for caller in CITERS.into_iter().filter(|caller| *caller != "openai_chat") {
        let (said, told) = read_pieces("openai_chat", caller, Delivery::Whole, &pieces);
        let is_said = said.contains("https://a.test/") && said.contains("https://b.test/");
        assert!(is_said && told.is_empty(), "{caller}: {told:?} of {said}");
    }
}

/// A place of Cohere's in this part of its answer.
fn place(kind: &str, part: usize, url: &str) -> Value {
    json!({
        "start": 0, "end": 2, "text": "", "type": kind, "content_index": part,
        "sources": [{"type": "document", "id": url, "document": {"id": url, "url": url, "title": "A"}}],
    })
}

#[test]
fn a_place_in_a_part_of_an_answer_is_counted_there() {
    let page = |url: &str, start: u64| json!({"type": "url_citation", "url_citation": {"start_index": start, "end_index": start + 2, "title": "A", "url": url}});
    let parts = [
        json!({"type": "thinking", "thinking": "hm"}),
        json!({"type": "text", "text": "one "}),
        json!({"type": "text", "text": "two"}),
    ];
    let places = [
        place("TEXT_CONTENT", 1, "https://a.test/"),
        place("THINKING_CONTENT", 0, "https://b.test/"),
        place("TEXT_CONTENT", 2, "https://c.test/"),
    ];
    let answer = json!({
        "id": "i", "finish_reason": "COMPLETE",
        "message": {"role": "assistant", "tool_plan": "first", "content": parts, "citations": places},
    });
    let cited = json!([page("https://a.test/", 0), page("https://c.test/", 4)]);
    let lost = ["dropped;answer.citations"];
    check(("cohere", "openai_chat"), &answer, "/choices/0/message/annotations", &cited, &lost);
    let mut pieces =
        vec![json!({"type": "message-start", "id": "i", "delta": {"message": {"role": "assistant"}}})];
    for (index, part) in parts.iter().enumerate() {
        pieces
            .push(json!({"type": "content-start", "index": index, "delta": {"message": {"content": part}}}));
        let here = places.iter().filter(|place| place["content_index"] == index);
        pieces.extend(here.map(
            |place| json!({"type": "citation-start", "index": 0, "delta": {"message": {"citations": place}}}),
        ));
        pieces.push(json!({"type": "content-end", "index": index}));
    }
    pieces.push(json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}));
    let (body, told) = read_pieces("cohere", "openai_chat", Delivery::Whole, &pieces);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (body.pointer("/choices/0/message/annotations"), &told[..]),
        (Some(&cited), &lost.map(str::to_owned)[..])
    );
}

#[test]
fn a_citation_that_is_not_understood_is_told() {
    let cited = |citation: Value| json!({"content": [{"text": "hi"}], "citations": [citation]});
    let bedrock = |citation: Value| {
        json!({
            "output": {"message": {"role": "assistant", "content": [{"citationsContent": cited(citation)}]}},
            "stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        })
    };
    let anthropic = json!({"id": "msg_1", "stop_reason": "end_turn", "content": [{"type": "text", "text": "hi", "citations": [{"type": 7}]}]});
    let responses = json!({"id": "r", "status": "completed", "output": [{"type": "message", "role": "assistant", "content": [
        {"type": "output_text", "text": "hi", "annotations": [{"type": "new", "url": 7}]},
    ]}]});
    let cases = [
        ("bedrock", bedrock(json!({"title": "t", "location": {"moon": {"crater": 1}}}))),
        ("bedrock", bedrock(json!({"title": 7}))),
        ("anthropic", anthropic),
        ("openai_responses", responses),
    ];
    for (upstream, answer) in cases {
        let text = json!("hi");
        check(
            (upstream, "openai_chat"),
            &answer,
            "/choices/0/message/content",
            &text,
            &["dropped;answer.citations"],
        );
    }
}

#[test]
fn sources_beside_an_answer_are_its_text_s() {
    let results = json!([{"title": "A", "url": "https://a.test/", "date": null}, {"title": "B", "url": "https://b.test/"}]);
    let urls = json!(["https://a.test/", "https://b.test/"]);
    let answer = |name: &str, sources: &Value| json!({"id": "c", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Three [1]."}}], name: sources});
    let chunk = |delta: Value, end: Value, sources: &Value| json!({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": end}], "search_results": sources});
    let page = |url: &str, title: &str| json!({"type": "url_citation", "url": url, "title": title, "start_index": 0, "end_index": 0});
    let place = "/output/0/content/0/annotations";
    let titled = json!([page("https://a.test/", "A"), page("https://b.test/", "B")]);
    let bare = json!([page("https://a.test/", ""), page("https://b.test/", "")]);
    check(("openai_chat", "openai_responses"), &answer("search_results", &results), place, &titled, &[]);
    check(("openai_chat", "openai_responses"), &answer("citations", &urls), place, &bare, &[]);
    let pieces = [
        chunk(json!({"content": "Three"}), Value::Null, &results),
        chunk(json!({"content": " [1]."}), json!("stop"), &results),
    ];
    for caller in CITERS.into_iter().filter(|caller| *caller != "openai_chat") {
        for delivery in [STREAM, Delivery::Whole] {
            let (said, _) = read_pieces("openai_chat", caller, delivery, &pieces);
            assert_eq!(
                said.matches("https://b.test/").count(),
                said.matches("https://a.test/").count(),
                "{caller}: {said}"
            );
            assert!(said.contains("https://b.test/"), "{caller}: {said}");
        }
    }
}

#[test]
fn what_is_drawn_or_unknown_is_told_where_it_cannot_be_said() {
    let picture = json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]);
    let parts = json!([{"type": "text", "text": "Here."}, {"type": "reference", "reference_ids": [1]}]);
    let answer = json!({"id": "c", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": parts, "images": picture}}]});
    let lost = ["dropped;answer.reference", "dropped;answer.images"];
    check(("openai_chat", "anthropic"), &answer, "/content/0/text", &json!("Here."), &lost);
    let delta = json!({"content": parts, "images": picture});
    let pieces = [json!({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]})];
    let (_, told) = read_pieces("openai_chat", "anthropic", STREAM, &pieces);
    assert_eq!(told, lost);
    let (said, told) = read_pieces("openai_chat", "openai_chat", Delivery::Whole, &pieces);
    assert!(said.contains("iVBORw0KGgo=") && told == ["dropped;answer.reference"], "{told:?} of {said}");
}

#[test]
fn what_several_texts_cite_stands_in_one_field() {
    let page = |url: &str| json!([{"type": "web_search_result_location", "url": url, "title": "T", "encrypted_index": "Eo8B", "cited_text": ""}]);
    let answer = json!({"id": "msg_1", "stop_reason": "end_turn", "content": [
        {"type": "text", "text": "Größe: ", "citations": page("https://a.test/")},
        {"type": "text", "text": "drei.", "citations": page("https://b.test/")},
    ]});
    let web = |url: &str| json!({"web": {"uri": url, "title": "T"}});
    let support = |start: usize, end: usize, chunk: usize| json!({"segment": {"startIndex": start, "endIndex": end}, "groundingChunkIndices": [chunk]});
    let grounding = json!({
        "groundingChunks": [web("https://a.test/"), web("https://b.test/")],
        "groundingSupports": [support(0, 9, 0), support(9, 14, 1)],
    });
    check(("anthropic", "gemini"), &answer, "/candidates/0/groundingMetadata", &grounding, &[]);
    let (stream, _) = read("anthropic", "gemini", STREAM, &answer);
    let told: Vec<_> = events(&stream)
        .into_iter()
        .filter_map(|event| event.pointer("/candidates/0/groundingMetadata").cloned())
        .collect();
    assert_eq!(told, [grounding]);
}

#[test]
fn sources_that_are_told_again_in_a_stream_are_told_once() {
    let grounding = |pages: &[&str]| {
        let chunk = |page: &&str| json!({"web": {"uri": format!("https://{page}.test/"), "title": page}});
        let chunks: Vec<_> = pages.iter().map(chunk).collect();
        let support =
            |index| json!({"segment": {"startIndex": 0, "endIndex": 6}, "groundingChunkIndices": [index]});
        let supports: Vec<_> = (0..pages.len()).map(support).collect();
        json!({"groundingChunks": chunks, "groundingSupports": supports, "webSearchQueries": ["size"]})
    };
    let piece = |text: &str, pages: &[&str], reason: Value| {
        json!({"candidates": [{
            "content": {"role": "model", "parts": [{"text": text}]}, "finishReason": reason, "groundingMetadata": grounding(pages),
        }]})
    };
    let pieces = [
        piece("Three ", &["a"], Value::Null),
        piece("meters", &["a"], Value::Null),
        piece(".", &["a", "b"], json!("STOP")),
    ];
    let (body, told) = read_pieces("gemini", "openai_chat", Delivery::Whole, &pieces);
    let body: Value = serde_json::from_str(&body).unwrap();
    let page = |title: &str| {
        let url = format!("https://{title}.test/");
        json!({"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 6, "title": title, "url": url}})
    };
    assert_eq!(body["choices"][0]["message"]["annotations"], json!([page("a"), page("b")]));
    assert_eq!(told, ["dropped;answer.groundingMetadata"]);
}

#[test]
fn a_block_of_its_own_that_no_stream_can_tell_is_told() {
    let content = json!([{"text": "Seen."}, {"video": {"format": "mp4", "source": {"bytes": "QUJD"}}}]);
    let answer = json!({
        "output": {"message": {"role": "assistant", "content": content}}, "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
    });
    let (stream, told) = read("bedrock", "bedrock", STREAM, &answer);
    assert!(!stream.contains("QUJD"), "{stream}");
    assert_eq!(told, ["dropped;answer.video"]);
}
