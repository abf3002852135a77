//! A conversation made shorter: what the user said, and everything that was said as one item that only this model reads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use types::{Code, Refusal};

use super::Ask;
use crate::script::CREATED;
use crate::{Script, bounds, speech};

/// The user's messages, and the conversation in one item.
pub(super) fn compacted(ask: &Ask<'_>) -> Result<Script, Refusal> {
    let input = ask.field("input");
    let messages: Vec<(bool, String)> = match &input {
        Value::Array(items) => items.iter().map(message).collect::<Result<_, _>>()?,
        Value::String(text) => vec![(true, text.clone())],
        // What is kept at a provider may stand in for an input, and nothing is kept here.
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) => {
            return Err(bounds::not_kept("previous_response_id"));
        }
    };
    let all = messages.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n");
    let users = messages.iter().filter(|(is_user, _)| *is_user).enumerate().map(|(index, (_, text))| {
        json!({
            "type": "message", "id": format!("msg_mock_{index}"), "status": "completed", "role": "user",
            "content": [{"type": "input_text", "text": text}],
        })
    });
    let compaction =
        json!({"type": "compaction", "id": "cmp_mock", "encrypted_content": STANDARD.encode(&all)});
    let tokens = speech::pieces(&all).count();
    let answer = json!({
        "id": "resp_mock", "object": "response.compaction", "created_at": CREATED,
        "output": users.chain([compaction]).collect::<Vec<_>>(),
        "usage": {
            "input_tokens": tokens, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": tokens, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 2 * tokens,
        },
    });
    Ok(ask.whole(&answer, tokens as u64))
}

/// Whether an item is the user's, and what it says: a text, or parts that may be texts.
fn message(item: &Value) -> Result<(bool, String), Refusal> {
    let Value::Object(item) = item else {
        let message = "an item of `input` must be an object";
        return Err(Refusal::new(Code::InvalidField, message).with_param("input"));
    };
    let text = match item.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
            texts.collect::<Vec<_>>().join(" ")
        }
        Some(_) | None => String::new(),
    };
    Ok((item.get("role").is_some_and(|role| role == "user"), text))
}
