//! Whether content is harmful: what speaks of violence is.

use serde_json::{Map, Value, json};

use super::Ask;
use crate::Script;

/// The categories (<https://platform.openai.com/docs/api-reference/moderations/object>).
const CATEGORIES: &[&str] = &[
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];
/// The category there is a word for.
const WORD: &str = "violence";

/// One judgement for each text.
pub(super) fn moderated(ask: &Ask<'_>) -> Script {
    let input = ask.field("input");
    let is_one = input.is_string() || input.pointer("/0/type").is_some();
    let each = if is_one { vec![&input] } else { input.as_array().into_iter().flatten().collect() };
    let results: Vec<_> = each.into_iter().map(judged).collect();
    ask.whole(&json!({"id": "modr-mock", "model": ask.peek.model, "results": results}), 0)
}

fn judged(input: &Value) -> Value {
    let is_flagged = input.to_string().to_lowercase().contains(WORD);
    let by_category = |value: fn(bool) -> Value| -> Map<String, Value> {
        CATEGORIES.iter().map(|name| ((*name).to_owned(), value(is_flagged && *name == WORD))).collect()
    };
    json!({
        "flagged": is_flagged,
        "categories": by_category(Value::Bool),
        "category_scores": by_category(|is_it| json!(if is_it { 0.9 } else { 0.0 })),
        "category_applied_input_types": by_category(|_| json!(["text"])),
    })
}
