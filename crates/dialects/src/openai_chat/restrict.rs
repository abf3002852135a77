//! What a target's quirks forbid in a request, whoever wrote it: fields that are left out or named otherwise, and
//! the few values that have to give way.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use types::conversation::{Change, Effort};

use crate::openai_family::edit::Edit;
use crate::splice::quoted;
use crate::thinking::budget_of;
use crate::{quirks, shape};

/// A quirk, a field that is a 4xx under it, and the values of the field that ask for nothing.
const REFUSED: &[(&str, &str, &[&str])] = &[
    (quirks::NO_LOGIT_BIAS, "logit_bias", &["{}"]),
    (quirks::NO_LOGPROBS, "logprobs", &["false"]),
    (quirks::NO_LOGPROBS, "top_logprobs", &["0"]),
    (quirks::NO_PARALLEL_TOOL_CALLS, "parallel_tool_calls", &["true"]),
    (quirks::NO_PENALTIES, "frequency_penalty", &["0", "0.0"]),
    (quirks::NO_PENALTIES, "presence_penalty", &["0", "0.0"]),
    (quirks::NO_REASONING, "reasoning", &[r#"{"enabled":false}"#]),
    (quirks::NO_REASONING, "reasoning_effort", &[r#""none""#]),
    (quirks::NO_REASONING, "thinking", &[r#"{"type":"disabled"}"#]),
    (quirks::NO_SAMPLING, "temperature", &["1", "1.0"]),
    (quirks::NO_SAMPLING, "top_k", &[]),
    (quirks::NO_SAMPLING, "top_p", &["1", "1.0"]),
    (quirks::NO_STOP, "stop", &["[]"]),
    (quirks::NO_USER, "safety_identifier", &[]),
    (quirks::NO_USER, "user", &[]),
    (quirks::SINGLE_CHOICE, "n", &["1"]),
];

/// A quirk, the name it does not know, and its own name for the same.
const RENAMED: &[(&str, &str, &str)] = &[
    (quirks::MAX_COMPLETION_TOKENS_ONLY, "max_tokens", "max_completion_tokens"),
    (quirks::MAX_TOKENS_ONLY, "max_completion_tokens", "max_tokens"),
    (quirks::RANDOM_SEED, "seed", "random_seed"),
];

/// How thinking is switched off where it is a switch.
const SWITCHED_OFF: &str = r#"{"type":"disabled"}"#;

/// Whether the model will think.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thinking {
    Off,
    On,
    /// As it does when nobody says anything.
    Unsaid,
}

/// What is looked at of a `response_format`.
#[derive(Deserialize)]
struct Format<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow, default)]
    json_schema: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Schema<'a> {
    #[serde(borrow, default)]
    schema: Option<&'a RawValue>,
}

/// What is looked at of `thinking`.
#[derive(Deserialize)]
struct Switch<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
}

/// Takes everything out of a written request that would be a certain 4xx, and sets the marks that the target wants.
pub(super) fn restrict_fields(edit: &mut Edit<'_>) {
    edit.restrict();
    edit.prefix();
}

impl Edit<'_> {
    /// The same, of these changes.
    pub(super) fn restrict(&mut self) {
        for (quirk, field, idle) in REFUSED {
            if self.target.has_quirk(quirk) {
                self.remove(field, idle);
            }
        }
        for (quirk, unknown, known) in RENAMED {
            if self.target.has_quirk(quirk) {
                self.rename(unknown, known);
            }
        }
        self.json_schema();
        self.thinking_switch();
        self.thinking_budget();
        self.forced_tool();
    }

    fn rename(&mut self, unknown: &'static str, known: &str) {
        let Some((_, value)) = self.find(unknown) else { return };
        if value == b"null" || self.find(known).is_some() {
            self.remove(unknown, &[]);
        } else if let Some(span) = self.fields.key_span(self.body, unknown) {
            self.splice.replace(span, known.to_owned());
            self.changes.push(Change::emulated(unknown));
        }
    }

    /// Asks for JSON, and for the schema in words, where the target cannot be held to a schema.
    fn json_schema(&mut self) {
        if !self.target.has_quirk(quirks::NO_JSON_SCHEMA) {
            return;
        }
        let Some((span, value)) = self.find("response_format") else { return };
        let Some(format) = shape::object::<Format<'_>>(value) else { return };
        if format.r#type != "json_schema" {
            return;
        }
        let named = format.json_schema.map(|raw| shape::object::<Schema<'_>>(raw.get().as_bytes()));
        // What is not understood is not replaced: the target says what is wrong with it.
        let Some(schema) = named.map_or(Some(None), |schema| schema.map(|schema| schema.schema)) else {
            return;
        };
        self.splice.replace(span, r#"{"type":"json_object"}"#);
        self.changes.push(Change::rewritten("response_format"));
        let (Some(schema), Some((messages, list))) = (schema, self.find("messages")) else { return };
        let Some(rest) = list.strip_prefix(b"[") else { return };
        let comma = if rest.trim_ascii_start().starts_with(b"]") { "" } else { "," };
        let words = quoted(&format!("Answer in JSON that matches this JSON schema: {schema}"));
        let message = [br#"{"role":"system","content":"#, words.as_ref(), b"}", comma.as_bytes()].concat();
        self.splice.replace(messages.start + 1..messages.start + 1, message);
    }

    /// Says `reasoning_effort: "none"` with the switch where there is one.
    fn thinking_switch(&mut self) {
        if !self.has_switch() {
            return;
        }
        let Some((value, br#""none""#)) = self.find("reasoning_effort") else { return };
        if self.find("thinking").is_some() {
            self.remove("reasoning_effort", &[]);
        } else if let Some(key) = self.fields.key_span(self.body, "reasoning_effort") {
            self.splice.replace(key, "thinking");
            self.splice.replace(value, SWITCHED_OFF);
            self.changes.push(Change::emulated("reasoning_effort"));
        }
    }

    /// Says `reasoning_effort` with the switch and the budget that stands for it where there is one.
    fn thinking_budget(&mut self) {
        let is_budget =
            self.target.has_quirk(quirks::ENABLE_THINKING) && !self.target.has_quirk(quirks::NO_REASONING);
        let Some((span, value)) = self.find("reasoning_effort").filter(|_| is_budget) else { return };
        let word = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        let known = Effort::ALL.into_iter().find(|effort| Some(effort.as_str().as_bytes()) == word);
        let Some(effort) = known else { return };
        let is_said = ["enable_thinking", "thinking_budget"].iter().any(|name| self.find(name).is_some());
        let Some(key) = self.fields.key_span(self.body, "reasoning_effort").filter(|_| !is_said) else {
            self.remove("reasoning_effort", &[]);
            return;
        };
        self.splice.replace(key, "enable_thinking");
        let said = if effort == Effort::None {
            "false".to_owned()
        } else {
            format!(r#"true,"thinking_budget":{}"#, budget_of(Some(effort)))
        };
        self.splice.replace(span, said);
        self.changes.push(Change::emulated("reasoning_effort"));
    }

    /// Where thinking and a forced call exclude each other, what the caller asked for goes first: thinking that
    /// nobody asked for is switched off, and a model that shall think is only allowed to call.
    fn forced_tool(&mut self) {
        if !self.target.has_quirk(quirks::NO_FORCED_TOOL_WHEN_THINKING) {
            return;
        }
        let Some((choice, value)) = self.find("tool_choice") else { return };
        if !matches!(value, [b'{', ..] | br#""required""# | br#""any""#) {
            return;
        }
        match self.thinking() {
            Thinking::On => {
                self.splice.replace(choice, r#""auto""#);
                self.changes.push(Change::rewritten("tool_choice"));
            }
            Thinking::Unsaid if self.has_switch() => {
                if let Some((null, _)) = self.find("thinking") {
                    self.splice.replace(null, SWITCHED_OFF);
                } else {
                    let at = self.fields.start();
                    self.splice.replace(at..at, format!(r#""thinking":{SWITCHED_OFF},"#));
                }
                self.changes.push(Change::emulated("tool_choice"));
            }
            Thinking::Off | Thinking::Unsaid => {}
        }
    }

    /// Whether thinking is a switch. A target that refuses every word about reasoning has none.
    fn has_switch(&self) -> bool {
        self.target.has_quirk(quirks::THINKING_SWITCH) && !self.target.has_quirk(quirks::NO_REASONING)
    }

    fn thinking(&self) -> Thinking {
        let said = |name| self.find(name).map(|(_, value)| value).filter(|value| *value != b"null");
        match (said("thinking"), said("reasoning_effort")) {
            (Some(switch), _) => match shape::object::<Switch<'_>>(switch) {
                Some(switch) if switch.r#type == "disabled" => Thinking::Off,
                Some(_) | None => Thinking::On,
            },
            (None, Some(br#""none""#)) => Thinking::Off,
            (None, Some(_)) => Thinking::On,
            (None, None) => Thinking::Unsaid,
        }
    }
}
