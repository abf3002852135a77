//! What the tables say of one model, in the catalogue's words.

use std::fmt::Write as _;

use serde_json::Value;

use super::price::Prices;
use super::sources::{Family, Source};
use super::tables::Facts;

/// A model as it is written.
pub(super) struct Entry {
    task: &'static str,
    dialect: Option<String>,
    context_window: Option<u64>,
    max_output_tokens: Option<u64>,
    input: Vec<&'static str>,
    output: Vec<&'static str>,
    capabilities: Vec<&'static str>,
    quirks: Vec<String>,
    prices: Prices,
}

/// `LiteLLM`'s modes and what they are called here. What is missing is not for models.
const TASKS: &[(&str, &str)] = &[
    ("chat", "chat"),
    ("responses", "chat"),
    ("completion", "completion"),
    ("embedding", "embedding"),
    ("image_generation", "image"),
    ("image_edit", "image"),
    ("moderation", "moderation"),
    ("ocr", "ocr"),
    ("realtime", "realtime"),
    ("rerank", "rerank"),
    ("audio_speech", "speech"),
    ("audio_transcription", "transcription"),
    ("video_generation", "video"),
];

/// What a model can do: our word, `LiteLLM`'s, and what is meant where the table is silent.
const CAPABILITIES: &[(&str, &str)] = &[
    ("tools", "supports_function_calling"),
    ("json_schema", "supports_response_schema"),
    ("reasoning", "supports_reasoning"),
    ("prompt_caching", "supports_prompt_caching"),
    ("web_search", "supports_web_search"),
];

/// What models take besides text: our word, `LiteLLM`'s word in lists, and its flag.
const INPUTS: &[(&str, &str, &str)] = &[
    ("image", "image", "supports_vision"),
    ("document", "pdf", "supports_pdf_input"),
    ("audio", "audio", "supports_audio_input"),
    ("video", "video", "supports_video_input"),
];

/// Quirks that follow from a flag.
const TOLD: &[(&str, &str, bool)] = &[
    ("adaptive_thinking", "supports_adaptive_thinking", true),
    ("cache_control", "supports_prompt_caching", true),
    ("mid_conversation_system", "supports_mid_conversation_system", true),
    ("no_forced_tool_when_thinking", "supports_forced_tool_use", false),
    ("no_prefill", "supports_assistant_prefill", false),
    ("no_sampling", "supports_sampling_params", false),
    ("reasoning_none", "supports_none_reasoning_effort", true),
];

/// Quirks of models for which a table says yes to none of these.
const UNTOLD: &[(&str, &[&str])] = &[(
    "no_json_schema",
    &["supports_bedrock_native_structured_output", "supports_native_structured_output"],
)];

impl Entry {
    /// The model that `facts` describe; none for what is no model.
    pub(super) fn read(name: &str, facts: &Facts, source: &Source) -> Option<Self> {
        let mode = facts.get("mode").and_then(Value::as_str)?;
        let task = TASKS.iter().find(|(known, _)| *known == mode)?.1;
        let count = |name: &str| facts.get(name).and_then(number).filter(|count| *count > 0);
        let max_output_tokens = count("max_output_tokens");
        // Some windows are told without what is kept free for the output.
        let context_window =
            count("max_input_tokens").max(max_output_tokens).filter(|_| count("max_input_tokens").is_some());
        let is_talk = matches!(task, "chat" | "completion" | "realtime");
        let mut entry = Self {
            task,
            dialect: source.responses.clone().filter(|_| task == "chat" && is_for_responses(facts)),
            context_window,
            max_output_tokens: max_output_tokens.filter(|_| is_talk),
            input: input(task, facts),
            output: output(task, facts),
            capabilities: Vec::new(),
            quirks: Vec::new(),
            prices: Prices::read(facts, task, source.zero_is_free),
        };
        if is_talk {
            entry.capabilities = capabilities(facts, &entry.input);
        }
        if task == "chat" {
            entry.quirks = source.family(name).map(|family| quirks(facts, family)).unwrap_or_default();
        }
        Some(entry)
    }

    /// Whether the usual price of both is the same.
    pub(super) fn costs_as(&self, other: &Self) -> bool {
        self.task == other.task && self.prices.is_as(&other.prices)
    }

    pub(super) fn write(&self, name: &str, text: &mut String) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n[[models]]\nname = {}", quoted(name));
        if self.task != "chat" {
            let _ = writeln!(text, "task = \"{}\"", self.task);
        }
        if let Some(dialect) = &self.dialect {
            let _ = writeln!(text, "dialect = {}", quoted(dialect));
        }
        for (key, count) in
            [("context_window", self.context_window), ("max_output_tokens", self.max_output_tokens)]
        {
            if let Some(count) = count {
                let _ = writeln!(text, "{key} = {}", grouped(count));
            }
        }
        for (key, words) in [("input", &self.input), ("output", &self.output)] {
            if *words != ["text"] {
                let _ = writeln!(text, "{key} = {}", list(words));
            }
        }
        if !self.capabilities.is_empty() {
            let _ = writeln!(text, "capabilities = {}", list(&self.capabilities));
        }
        if !self.quirks.is_empty() {
            let _ = writeln!(text, "quirks = {}", list(&self.quirks));
        }
        self.prices.write(text);
    }
}

fn is(facts: &Facts, flag: &str) -> Option<bool> {
    facts.get(flag).and_then(Value::as_bool)
}

/// A whole number, as which some tables write `32000.0`.
pub(super) fn number(value: &Value) -> Option<u64> {
    let float = || value.as_f64().filter(|count| *count >= 0.0).map(|count| count.round().to_string());
    value.as_u64().or_else(|| float()?.parse().ok())
}

fn lists(facts: &Facts, key: &str, word: &str) -> bool {
    let listed = facts.get(key).and_then(Value::as_array);
    listed.is_some_and(|listed| listed.iter().any(|one| one.as_str() == Some(word)))
}

fn input(task: &str, facts: &Facts) -> Vec<&'static str> {
    let mut input = if task == "transcription" { Vec::new() } else { vec!["text"] };
    let takes = |(_, word, flag): &&(&str, &str, &str)| {
        is(facts, flag) == Some(true) || lists(facts, "supported_modalities", word)
    };
    let more = INPUTS.iter().filter(takes).map(|(own, _, _)| *own);
    input.extend(more.filter(|word| task != "transcription" || *word != "audio"));
    if task == "transcription" {
        input.push("audio");
    }
    input
}

fn output(task: &str, facts: &Facts) -> Vec<&'static str> {
    let gives = |word| lists(facts, "supported_output_modalities", word);
    match task {
        "embedding" | "moderation" | "rerank" => Vec::new(),
        "image" => vec!["image"],
        "speech" => vec!["audio"],
        "video" => vec!["video"],
        _ => {
            let mut output = vec!["text"];
            if gives("audio") || is(facts, "supports_audio_output") == Some(true) {
                output.push("audio");
            }
            if gives("image") {
                output.push("image");
            }
            output
        }
    }
}

fn capabilities(facts: &Facts, input: &[&str]) -> Vec<&'static str> {
    let can = CAPABILITIES.iter().filter(|(_, flag)| is(facts, flag) == Some(true)).map(|(word, _)| *word);
    let mut capabilities: Vec<_> = can.collect();
    if input.contains(&"image") {
        capabilities.push("vision");
    }
    if is(facts, "supports_native_streaming") != Some(false) {
        capabilities.push("streaming");
    }
    capabilities.sort_unstable();
    capabilities
}

/// Whether the model is for Responses alone. Of some a table says only that another path than the usual one is theirs.
fn is_for_responses(facts: &Facts) -> bool {
    let paths = facts.get("supported_endpoints").and_then(Value::as_array);
    let has = |path: &str| paths.is_some_and(|paths| paths.iter().any(|known| known.as_str() == Some(path)));
    facts.get("mode").and_then(Value::as_str) == Some("responses")
        || is(facts, "use_openai_responses_path") == Some(true)
        || has("/v1/responses") && !has("/v1/chat/completions")
}

fn quirks(facts: &Facts, family: &Family) -> Vec<String> {
    let reasons = is(facts, "supports_reasoning") == Some(true);
    let told = TOLD.iter().filter(|(quirk, flag, when)| {
        family.told.iter().any(|wanted| wanted == quirk) && is(facts, flag) == Some(*when)
    });
    let untold = UNTOLD.iter().filter(|(quirk, flags)| {
        family.told.iter().any(|wanted| wanted == quirk)
            && flags.iter().all(|flag| is(facts, flag) != Some(true))
    });
    let told = told.map(|(quirk, _, _)| quirk).chain(untold.map(|(quirk, _)| quirk));
    let told = told.map(|quirk| (*quirk).to_owned());
    let mut quirks: Vec<_> =
        if reasons { &family.reasoning } else { &family.unreasoning }.iter().cloned().chain(told).collect();
    quirks.sort_unstable();
    quirks.dedup();
    quirks
}

fn list(words: &[impl AsRef<str>]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{}\"", word.as_ref())).collect();
    format!("[{}]", quoted.join(", "))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `128_000`, as people read it.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_family(begin: &str, family: Family) -> Source {
        let family = Family { begins: vec![begin.to_owned()], ..family };
        Source { families: vec![family], ..Source::default() }
    }

    fn written(facts: &str, source: &Source) -> String {
        let facts: Facts = serde_json::from_str(facts).unwrap();
        let mut text = String::new();
        Entry::read("m", &facts, source).unwrap().write("m", &mut text);
        text
    }

    #[test]
    fn a_model_is_written_in_the_catalogue_s_words() {
        let source = of_family(
            "m",
            Family {
                reasoning: vec!["no_stop".to_owned()],
                told: vec!["no_sampling".to_owned()],
                ..Family::default()
            },
        );
        let facts = r#"{"mode": "chat", "max_input_tokens": 200000, "max_output_tokens": 64000.0,
            "supports_vision": true, "supports_reasoning": true, "supports_sampling_params": false,
            "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
            "input_cost_per_token_above_100k_tokens": 6e-06, "output_cost_per_token_above_100k_tokens": 2.25e-05,
            "input_cost_per_token_flex": 1.5e-06, "output_cost_per_token_flex": 7.5e-06,
            "cache_read_input_token_cost": 3e-07,
            "search_context_cost_per_query": {"search_context_size_medium": 0.01}}"#;
        assert_eq!(
            written(facts, &source),
            r#"
[[models]]
name = "m"
context_window = 200_000
max_output_tokens = 64_000
input = ["text", "image"]
capabilities = ["reasoning", "streaming", "vision"]
quirks = ["no_sampling", "no_stop"]
price = { input = "3", cache_read = "0.3", output = "15" }
rules = [
  { above = 100_000, price = { input = "6", cache_read = "0.6", output = "22.5" } },
  { service_tier = "flex", price = { input = "1.5", cache_read = "0.15", output = "7.5" } },
]
units = { web_search = "10" }
"#
        );
    }

    #[test]
    fn a_price_of_nothing_is_unknown_unless_the_provider_is_generous() {
        let facts = r#"{"mode": "embedding", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0}"#;
        assert!(!written(facts, &Source::default()).contains("price"));
        let generous = Source { zero_is_free: true, ..Source::default() };
        assert!(written(facts, &generous).contains(r#"price = { input = "0", output = "0" }"#));
    }

    #[test]
    fn what_no_flag_promises_is_told_too() {
        let told = vec!["no_json_schema".to_owned()];
        let source = of_family("m", Family { told, ..Family::default() });
        for (flag, expect) in [
            ("\"supports_native_structured_output\": true", false),
            ("\"supports_bedrock_native_structured_output\": true", false),
            ("\"supports_native_structured_output\": false", true),
            ("\"supports_response_schema\": true", true),
        ] {
            let facts = format!("{{\"mode\": \"chat\", {flag}}}");
            assert_eq!(written(&facts, &source).contains("no_json_schema"), expect, "{flag}");
        }
    }

    #[test]
    fn what_is_no_model_is_left_out() {
        let facts: Facts = serde_json::from_str(r#"{"mode": "guardrail"}"#).unwrap();
        assert!(Entry::read("m", &facts, &Source::default()).is_none());
    }

    #[test]
    fn what_is_for_responses_alone_is_asked_in_no_other_language() {
        let source = Source { responses: Some("latin".to_owned()), ..Source::default() };
        let check = |facts: &str, expect: bool| {
            assert_eq!(written(facts, &source).contains("dialect = \"latin\""), expect, "{facts}");
            assert!(!written(facts, &Source::default()).contains("dialect"), "{facts}");
        };
        check(r#"{"mode": "responses"}"#, true);
        check(r#"{"mode": "chat", "supported_endpoints": ["/v1/batch", "/v1/responses"]}"#, true);
        check(r#"{"mode": "chat", "use_openai_responses_path": true}"#, true);
        check(r#"{"mode": "chat", "supported_endpoints": ["/v1/chat/completions", "/v1/responses"]}"#, false);
        check(r#"{"mode": "chat"}"#, false);
        check(r#"{"mode": "image_generation", "supported_endpoints": ["/v1/responses"]}"#, false);
    }

    #[test]
    fn a_family_of_models_has_habits_of_its_own() {
        let quirky = |begin: &str, quirk: &str| {
            of_family(begin, Family { unreasoning: vec![quirk.to_owned()], ..Family::default() })
        };
        let mut source = quirky("n", "no_stop");
        assert!(!written(r#"{"mode": "chat"}"#, &source).contains("quirks"));
        source.families.extend(quirky("", "no_user").families);
        source.families.extend(quirky("m", "no_image").families);
        assert!(written(r#"{"mode": "chat"}"#, &source).contains(r#"quirks = ["no_user"]"#));
    }
}
