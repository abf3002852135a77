//! Streams, read and written.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;
use serde_json::value::RawValue;
use types::conversation::{Content, Delta, Opening, StopReason};

use super::*;

/// The data of a stream, which must obey what every such stream obeys.
#[track_caller]
pub(super) fn valid(stream: &str) -> Vec<Value> {
    let mut data = Vec::new();
    for event in split(stream).iter().filter(|event| !event.data.is_empty()) {
        let value: Value =
            serde_json::from_slice(&event.data).unwrap_or_else(|error| panic!("{error}: {event:?}"));
        assert_eq!(value["type"].as_str().unwrap().as_bytes(), event.name, "{stream}");
        assert_eq!(value["sequence_number"], data.len(), "{stream}");
        data.push(value);
    }
    let kinds: Vec<&str> = data.iter().filter_map(|data| data["type"].as_str()).collect();
    assert_eq!(kinds[..2], ["response.created", "response.in_progress"]);
    assert!(matches!(kinds.last(), Some(&("response.completed" | "response.incomplete"))), "{kinds:?}");
    let mut items: BTreeMap<u64, Value> = BTreeMap::new();
    let mut pieces: BTreeMap<(u64, u64, &str), String> = BTreeMap::new();
    for data in &data {
        let kind = data["type"].as_str().unwrap();
        let Some(index) = data["output_index"].as_u64() else { continue };
        match kind {
            "response.output_item.added" => {
                assert_eq!(index, items.len() as u64, "items are numbered without gaps");
                items.insert(index, Value::Null);
            }
            "response.output_item.done" => {
                let before = items.insert(index, data["item"].clone());
                assert_eq!(before, Some(Value::Null), "an item is done once");
            }
            _ => {
                assert_eq!(items.get(&index), Some(&Value::Null), "{kind} lies in its item");
                let place = data["content_index"].as_u64().or(data["summary_index"].as_u64()).unwrap_or(0);
                let (family, step) = kind.rsplit_once('.').unwrap();
                let said = pieces.entry((index, place, family)).or_default();
                match step {
                    "delta" => said.push_str(data["delta"].as_str().unwrap()),
                    "done" if !family.ends_with("part") => {
                        let names = ["text", "arguments", "refusal", "input"];
                        let whole = names.iter().find_map(|name| data[name].as_str());
                        assert!(said == whole.unwrap(), "{stream}");
                    }
                    _ => {}
                }
            }
        }
    }
    let output: Vec<Value> = items.into_values().collect();
    assert_eq!(
        data.last().unwrap()["response"]["output"],
        Value::Array(output),
        "the end has all of it again"
    );
    data
}

const TOOLS: &str = include_str!("../../../fixtures/openai_responses/stream.sse");

#[test]
fn a_stream_is_read_block_by_block() {
    let events = decode(TOOLS).unwrap();
    let answer = fold(events.clone());
    let content = &answer.choices[0].content;
    let call = |id: &str, name: &str, arguments: &str| Content::ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        signature: None,
        cache: None,
    };
    let proof = Some("tollgate:openai_responses:gAAABBBB==".to_owned());
    assert_eq!(content[0], Content::Thinking { text: "Two calls.".to_owned(), signature: proof });
    assert_eq!(content[1], Content::text("Looking: ☂"));
    assert!(matches!(&content[2], Content::Opaque { kind, .. } if kind == "citations"));
    assert_eq!(
        content[3..],
        [call("call_1", "get_weather", r#"{"city":"Oslo"}"#), call("call_2", "get_time", "{}")]
    );
    assert_eq!(answer.choices[0].stop, Some(StopReason::ToolUse));
    assert!(answer.choices[0].logprobs.as_ref().unwrap().as_str().contains("Looking"));
    assert_eq!(events.last(), Some(&Event::End));
}

#[test]
fn a_stream_that_is_written_obeys_its_rules_and_reads_the_same() {
    let events = decode(TOOLS).unwrap();
    let written = encode(&events, &asked(STREAM));
    let data = valid(&written);
    let kinds: Vec<&str> = data.iter().filter_map(|data| data["type"].as_str()).collect();
    let expect = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.output_text.annotation.added",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds, expect);
    let last = &data.last().unwrap()["response"];
    assert_eq!(last["output"][0]["encrypted_content"], "gAAABBBB==");
    assert_eq!(last["output"][1]["content"][0]["annotations"][0]["url"], "https://example.test");
    assert_eq!(last["output"][1]["content"][0]["logprobs"][0]["token"], "Looking");
    assert_eq!(last["usage"]["total_tokens"], 32);
    assert_eq!(last["id"], "resp_7");
    let again = fold(decode(&written).unwrap());
    assert_eq!(again.choices, fold(events).choices);
    // A whole answer says the same.
    let (_, ended) = written.trim_end().rsplit_once("data: ").unwrap();
    let ended: HashMap<&str, &RawValue> = serde_json::from_str(ended).unwrap();
    let whole = OpenAiResponses.decode_answer(ended["response"].get().as_bytes()).unwrap();
    assert_eq!(whole.choices[0].content, again.choices[0].content);
    assert_eq!(whole.choices[0].stop, again.choices[0].stop);
    // And is told as a stream with nothing missing.
    let unfolded = encode(&crate::unfold(&whole), &asked(STREAM));
    assert_eq!(valid(&unfolded).last().unwrap()["response"]["output"], last["output"]);
    assert_eq!(fold(decode(&unfolded).unwrap()).choices, whole.choices);
}

#[test]
fn log_probabilities_that_come_late_are_still_the_text_s() {
    let logprobs = json!({"content": [{"token": "hi", "logprob": -0.5, "bytes": [], "top_logprobs": []}]});
    let events = [
        Event::Start { id: None, model: None, created: None },
        Event::Open { choice: 0, block: 0, opening: Opening::Text },
        Event::Delta { choice: 0, block: 0, delta: Delta::Text("hi".to_owned()) },
        Event::Close { choice: 0, block: 0 },
        Event::Logprobs { choice: 0, json: types::Json::of(&logprobs).unwrap() },
        Event::End,
    ];
    let data = valid(&encode(&events, &asked(STREAM)));
    let content = &data.last().unwrap()["response"]["output"][0]["content"][0];
    assert_eq!(content["logprobs"], logprobs["content"]);
}

#[test]
fn an_end_without_items_is_as_good_as_one_with_them_and_so_is_the_reverse() {
    let only_end = stream(&[json!({"type": "response.completed", "response": {
        "id": "resp_1", "model": "m", "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"},
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}],
    }})]);
    let answer = fold(decode(&only_end).unwrap());
    assert_eq!(answer.choices[0].content, [Content::text("hi")]);
    assert_eq!((answer.choices[0].stop, answer.id.as_deref()), (Some(StopReason::MaxTokens), Some("resp_1")));
}

#[test]
fn pieces_need_no_announcement() {
    let text = stream(&[
        json!({"type": "response.output_text.delta", "delta": "he"}),
        json!({"type": "response.output_text.delta", "delta": "y"}),
        json!({"type": "response.output_item.done", "item": {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hey"}]}}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}}),
        json!({"type": "response.completed", "response": {"status": "completed", "output": []}}),
    ]);
    let answer = fold(decode(&text).unwrap());
    assert_eq!(answer.choices[0].content.len(), 2);
    assert_eq!(answer.choices[0].content[0], Content::text("hey"));
    assert_eq!(answer.choices[0].stop, Some(StopReason::ToolUse));
}

#[test]
fn reasoning_is_told_once_though_it_comes_with_a_summary() {
    let text = stream(&[
        json!({"type": "response.reasoning_text.delta", "delta": "whole"}),
        json!({"type": "response.reasoning_summary_text.delta", "delta": "short"}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 1, "summary_index": 0, "delta": "a"}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 1, "summary_index": 1, "delta": "b"}),
        json!({"type": "response.completed", "response": {"status": "completed", "output": []}}),
    ]);
    let thought = |text: &str| Content::Thinking { text: text.to_owned(), signature: None };
    assert_eq!(fold(decode(&text).unwrap()).choices[0].content, [thought("whole"), thought("a\n\nb")]);
}

#[test]
fn blocks_that_interleave_are_items_under_way_at_the_same_time() {
    let open = |block, opening| Event::Open { choice: 0, block, opening };
    let piece = |block, delta| Event::Delta { choice: 0, block, delta };
    let close = |block| Event::Close { choice: 0, block };
    let events = [
        open(0, Opening::Text),
        piece(0, Delta::Text("he".to_owned())),
        open(1, Opening::Thinking),
        piece(0, Delta::Text("y".to_owned())),
        piece(1, Delta::Thinking("hm".to_owned())),
        close(1),
        open(2, Opening::RedactedThinking { data: "ZGF0".to_owned() }),
        close(2),
        close(0),
        open(3, Opening::Refusal),
        piece(3, Delta::Refusal("no".to_owned())),
        close(3),
        Event::Finish { choice: 0, reason: StopReason::MaxTokens, stop_sequence: None },
        Event::End,
    ];
    let written = encode(&events, &asked(STREAM));
    let data = valid(&written);
    let last = data.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    let output = &last["response"]["output"];
    let kinds: Vec<&str> =
        output.as_array().unwrap().iter().filter_map(|item| item["type"].as_str()).collect();
    assert_eq!(kinds, ["message", "reasoning", "reasoning"]);
    assert_eq!(output[0]["status"], "incomplete");
    assert_eq!(output[0]["content"][1], json!({"type": "refusal", "refusal": "no"}));
    assert_eq!(output[2]["encrypted_content"], "tollgate:redacted:ZGF0");
}

/// What a block that is complete as it begins is written as.
fn alone(block: u32, kind: &str, json: &Value) -> [Event; 2] {
    let opening = Opening::Opaque { kind: kind.to_owned(), json: types::Json::of(json).unwrap() };
    [Event::Open { choice: 0, block, opening }, Event::Close { choice: 0, block }]
}

#[test]
fn a_call_of_a_custom_tool_is_told_in_events_of_its_own() {
    let call = json!({"id": "call_1", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}});
    let events = [alone(0, "custom_call", &call).to_vec(), vec![Event::End]].concat();
    let data = valid(&encode(&events, &asked(STREAM)));
    let id = data[2]["item"]["id"].as_str().unwrap();
    assert!(id.starts_with("ctc_"));
    let item = |status: &str, input: &str| {
        json!({
            "type": "custom_tool_call", "id": id, "status": status, "call_id": "call_1", "name": "patch", "input": input,
        })
    };
    assert_eq!(data[2]["item"], item("in_progress", ""));
    assert_eq!((&data[3]["delta"], &data[3]["item_id"]), (&json!("*** Begin"), &json!(id)));
    assert_eq!(data[4]["type"], "response.custom_tool_call_input.done");
    assert_eq!((&data[4]["input"], &data[4]["item_id"]), (&json!("*** Begin"), &json!(id)));
    assert_eq!(data[5]["item"], item("completed", "*** Begin"));
}

#[test]
fn a_message_is_one_whatever_stands_between_its_parts_that_the_language_has_no_word_for() {
    let text = |block: u32| {
        let delta = Delta::Text("a".to_owned());
        [
            Event::Open { choice: 0, block, opening: Opening::Text },
            Event::Delta { choice: 0, block, delta },
            Event::Close { choice: 0, block },
        ]
    };
    let own = json!({"type": "output_thing", "thing": 1});
    let events = [
        text(0).to_vec(),
        alone(1, "anthropic:server_tool_use", &json!({})).to_vec(),
        text(2).to_vec(),
        alone(3, "openai_responses.part.output_thing", &own).to_vec(),
        vec![Event::End],
    ]
    .concat();
    let data = valid(&encode(&events, &asked(STREAM)));
    let output = data.last().unwrap()["response"]["output"].as_array().unwrap().clone();
    assert_eq!((output.len(), &output[0]["content"][2]), (1, &own));
}

#[test]
fn each_part_of_a_message_keeps_what_it_cites() {
    let cited = |url: &str| json!({"type": "url_citation", "url": url, "title": "", "start_index": 0, "end_index": 1});
    let part =
        |text: &str, url: &str| json!({"type": "output_text", "text": text, "annotations": [cited(url)]});
    let whole = json!({"type": "message", "role": "assistant", "content": [part("a", "https://a.test/"), part("b", "https://b.test/")]});
    let delta = |index: u64, text: &str| json!({"type": "response.output_text.delta", "content_index": index, "delta": text});
    let added = |index: u64, url: &str| {
        json!({
            "type": "response.output_text.annotation.added", "content_index": index, "annotation": cited(url),
        })
    };
    let done = json!({"type": "response.output_item.done", "item": whole});
    let end = json!({"type": "response.completed", "response": {"status": "completed", "output": [whole]}});
    let answer = json!({"id": "resp_1", "status": "completed", "output": [whole]});
    let expect =
        OpenAiResponses.decode_answer(answer.to_string().as_bytes()).unwrap().choices.remove(0).content;
    assert_eq!(expect.len(), 4);
    let in_pieces = [
        delta(0, "a"),
        added(0, "https://a.test/"),
        delta(1, "b"),
        added(1, "https://b.test/"),
        done.clone(),
        end.clone(),
    ];
    for said in [&in_pieces[..], &[done, end.clone()], &[end]] {
        assert_eq!(fold(decode(&stream(said)).unwrap()).choices[0].content, expect);
    }
}

#[test]
fn what_is_cited_by_a_text_that_is_not_the_last_is_told_as_lost() {
    let delta =
        |index: u64| json!({"type": "response.output_text.delta", "content_index": index, "delta": "a"});
    let cited = json!({
        "type": "response.output_text.annotation.added", "content_index": 0,
        "annotation": {"type": "url_citation", "url": "https://a.test/", "title": "", "start_index": 0, "end_index": 1},
    });
    let end = json!({"type": "response.completed", "response": {"status": "completed", "output": []}});
    let said = stream(&[delta(0), delta(1), cited, delta(0), end]);
    let frames = split(&said).into_iter().map(Frame::Event).collect();
    let chat = crate::by_name("openai_chat").unwrap();
    let conduit =
        crate::conduit(&OpenAiResponses, chat, &asked(Delivery::Whole), crate::Delivered::Stream).unwrap();
    let (body, ended, tally) = pass(conduit, frames);
    ended.unwrap();
    assert!(body.contains(r#""content":"aaa""#), "{body}");
    assert_eq!(
        tally.changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["dropped;answer.citations"]
    );
}

#[test]
fn a_stream_that_fails_says_so_as_an_error_and_as_an_answer() {
    let mut encoder = OpenAiResponses.encoder(&asked(STREAM));
    let failed = encoder.fail(&types::Refusal::new(types::Code::UpstreamOverloaded, "wait")).unwrap();
    let events = split(str::from_utf8(&failed).unwrap());
    let data: Vec<Value> = events.iter().map(|event| serde_json::from_slice(&event.data).unwrap()).collect();
    let kinds: Vec<&str> = data.iter().filter_map(|data| data["type"].as_str()).collect();
    assert_eq!(kinds, ["response.created", "response.in_progress", "error", "response.failed"]);
    assert!(data.iter().enumerate().all(|(at, data)| data["sequence_number"] == at));
    assert_eq!(data[3]["response"]["error"], json!({"code": "rate_limit_exceeded", "message": "wait"}));
}
