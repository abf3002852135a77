//! How a text goes on.

use serde_json::{Value, json};
use types::conversation::{Delivery, StopReason};

use super::Ask;
use crate::script::CREATED;
use crate::{Script, speech};

/// The continuation, whole or token by token.
pub(super) fn completed(ask: &Ask<'_>) -> Script {
    let prompt = prompt(&ask.field("prompt"));
    let (text, stop) = speech::continuation(&prompt, ask.peek.max_tokens, &ask.program);
    let reason = if stop == StopReason::MaxTokens { "length" } else { "stop" };
    let tokens = speech::pieces(&text).count() as u64;
    let prompt = speech::pieces(&prompt).count() as u64;
    let usage = json!({
        "prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens,
    });
    let answer = |choices: Value, usage: &Value| {
        json!({
            "id": "cmpl-mock", "object": "text_completion", "created": CREATED,
            "model": ask.peek.model, "choices": choices, "usage": usage,
        })
    };
    let choice = |text: &str, reason: Value| json!([{"text": text, "index": 0, "logprobs": null, "finish_reason": reason}]);
    let Delivery::Stream { include_usage } = ask.peek.delivery else {
        return ask.whole(&answer(choice(&text, json!(reason)), &usage), tokens);
    };
    let mut events: Vec<_> =
        speech::pieces(&text).map(|piece| answer(choice(piece, Value::Null), &Value::Null)).collect();
    events.push(answer(choice("", json!(reason)), &Value::Null));
    if include_usage {
        events.push(answer(json!([]), &usage));
    }
    ask.events(events).followed_by("data: [DONE]\n\n")
}

/// The text of a prompt: one text, or the first of several; tokens say nothing here.
fn prompt(prompt: &Value) -> String {
    let first = prompt.as_str().or_else(|| prompt.get(0)?.as_str());
    first.unwrap_or_default().to_owned()
}
