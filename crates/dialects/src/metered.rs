//! Reads how much an answer used that is passed on without being understood: by the words that the providers have for
//! it, wherever they put them.

use memchr::memmem;
use types::{Tokens, Units, Usage};

use crate::outline::{Outline, Part};
use crate::scanner::Keep;

/// How deeply a text may be nested that is looked through.
const MAX_DEPTH: usize = 128;

/// What a text tells of the answer that it is, or that it is a part of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metered {
    /// What it used, if it says so.
    pub usage: Option<Usage>,
    /// The provider's id for the answer.
    pub id: Option<String>,
    /// The model that answered, in the provider's own word.
    pub model: Option<String>,
}

/// What is kept of a text: down to the parts of the details of a usage inside an event.
const KEEP: Keep = Keep { levels: 5, most: 1 << 16 };

impl Metered {
    /// What `text` tells; nothing where it is no JSON object.
    pub fn read(text: &[u8]) -> Self {
        let mut outline = Outline::default();
        let Ok(said) = outline.read_within(text, MAX_DEPTH, KEEP) else { return Self::default() };
        // A whole answer tells it by itself, the first or the last event of a stream inside.
        let inside = ["response", "message"].into_iter().filter_map(|name| said.field(name));
        let mut places = std::iter::once(said).chain(inside);
        let told = |name| move |place: Part<'_>| Some(place.field(name)?.text()?.into_owned());
        Self {
            usage: places
                .clone()
                .find_map(|place| usage(place.field("usage").or(place.field("usageMetadata"))?))
                .or_else(|| pages(said)),
            id: places.clone().find_map(told("id")),
            model: places.find_map(told("model")),
        }
    }
}

impl Metered {
    /// What a line of a batch's results tells of the answer that it holds, in the form of `OpenAI`
    /// (<https://platform.openai.com/docs/guides/batch>) or of Anthropic
    /// (<https://platform.claude.com/docs/en/build-with-claude/batch-processing>).
    pub fn of_batch(line: &[u8]) -> Option<Self> {
        // Most files that are fetched are no such results.
        memmem::find(line, b"\"custom_id\"")?;
        let mut outline = Outline::default();
        let said = outline.read(line, MAX_DEPTH).ok()?;
        let inside = |outer, inner| said.field(outer)?.field(inner);
        let answer = inside("response", "body").or_else(|| inside("result", "message"))?;
        Some(Self::read(answer.raw()))
    }
}

/// What reading documents tells, which is counted in pages.
fn pages(said: Part<'_>) -> Option<Usage> {
    let page = number(said.field("usage_info")?.field("pages_processed")?)?;
    Some(Usage { units: Units { page, ..Units::default() }, ..Usage::default() })
}

/// What a report counts, in disjoint classes; `None` where it counts no tokens.
fn usage(report: Part<'_>) -> Option<Usage> {
    let count = |names: &[&str]| names.iter().find_map(|name| number(report.field(name)?));
    let detail = |of: &[&str], name: &str| {
        let found = of.iter().find_map(|of| number(report.field(of)?.field(name)?));
        found.unwrap_or_default()
    };
    let input = count(&["prompt_tokens", "input_tokens", "promptTokenCount"]);
    let output = count(&["completion_tokens", "output_tokens", "candidatesTokenCount"]);
    if input.is_none() && output.is_none() {
        return None;
    }
    let mut written = count(&["cache_creation_input_tokens"]).unwrap_or_default();
    let for_an_hour = take(&mut written, detail(&["cache_creation"], "ephemeral_1h_input_tokens"));
    let beside = count(&["cache_read_input_tokens"]);
    let apart = count(&["thoughtsTokenCount"]).unwrap_or_default();
    let cached = count(&["cachedContentTokenCount"]).unwrap_or_default();
    let cached = cached.max(detail(INPUT_DETAILS, "cached_tokens"));
    let mut input = input.unwrap_or_default();
    let cached_audio = CACHED_DETAILS
        .iter()
        .find_map(|(of, inside)| number(report.field(of)?.field(inside)?.field("audio_tokens")?));
    let cached = match beside {
        // Who counts it beside the input leaves it out there.
        Some(beside) => beside,
        None => take(&mut input, cached),
    };
    let cached_audio = cached_audio.unwrap_or_default().min(cached);
    let audio = detail(INPUT_DETAILS, "audio_tokens").saturating_sub(cached_audio);
    let input_audio = take(&mut input, audio);
    let mut output = output.unwrap_or_default();
    let output_audio = take(&mut output, detail(OUTPUT_DETAILS, "audio_tokens"));
    let thought = detail(OUTPUT_DETAILS, "reasoning_tokens").max(detail(OUTPUT_DETAILS, "thinking_tokens"));
    let reasoning = take(&mut output, thought);
    let web_search =
        report.field("server_tool_use").and_then(|used| number(used.field("web_search_requests")?));
    Some(Usage {
        input: Tokens(input),
        input_audio: Tokens(input_audio),
        cache_read: Tokens(cached - cached_audio),
        cache_read_audio: Tokens(cached_audio),
        cache_write_5m: Tokens(written),
        cache_write_1h: Tokens(for_an_hour),
        output: Tokens(output),
        output_audio: Tokens(output_audio),
        reasoning: Tokens(reasoning.saturating_add(apart)),
        units: Units { web_search: web_search.unwrap_or_default(), ..Units::default() },
        ..Usage::default()
    })
}

/// Where it is told how much of what a cache served was audio.
const CACHED_DETAILS: &[(&str, &str)] = &[("input_token_details", "cached_tokens_details")];
const INPUT_DETAILS: &[&str] = &["prompt_tokens_details", "input_tokens_details", "input_token_details"];
const OUTPUT_DETAILS: &[&str] =
    &["completion_tokens_details", "output_tokens_details", "output_token_details"];

fn number(part: Part<'_>) -> Option<u64> {
    std::str::from_utf8(part.raw()).ok()?.parse().ok()
}

/// As many of `wanted` as are left.
fn take(left: &mut u64, wanted: u64) -> u64 {
    let taken = wanted.min(*left);
    *left -= taken;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Input, audio input, read from a cache, written to one, output, audio output, reasoning.
    #[track_caller]
    fn check(text: &str, expect: Option<[u64; 7]>) {
        let counts = Metered::read(text.as_bytes()).usage.map(|usage| {
            let Usage {
                input, input_audio, cache_read, cache_write_5m, output, output_audio, reasoning, ..
            } = usage;
            [input, input_audio, cache_read, cache_write_5m, output, output_audio, reasoning]
                .map(|count| count.0)
        });
        assert_eq!(counts, expect, "{text}");
    }

    #[test]
    fn usage_is_found_in_every_provider_s_words() {
        check(
            r#"{"usage":{"prompt_tokens":10,"completion_tokens":7,"total_tokens":17,
                "prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
            Some([6, 0, 4, 0, 5, 0, 2]),
        );
        check(
            r#"{"type":"response.completed","response":{"usage":{"input_tokens":10,
                "input_tokens_details":{"cached_tokens":3},"output_tokens":5,"total_tokens":15}}}"#,
            Some([7, 0, 3, 0, 5, 0, 0]),
        );
        check(
            r#"{"type":"message_start","message":{"usage":{"input_tokens":10,"cache_read_input_tokens":30,
                "cache_creation_input_tokens":5,"output_tokens":1}}}"#,
            Some([10, 0, 30, 5, 1, 0, 0]),
        );
        check(
            r#"{"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":6,"thoughtsTokenCount":4,
                "cachedContentTokenCount":2}}"#,
            Some([6, 0, 2, 0, 6, 0, 4]),
        );
        check(
            r#"{"type":"response.done","response":{"usage":{"total_tokens":100,"input_tokens":60,
                "output_tokens":40,"input_token_details":{"text_tokens":20,"audio_tokens":30,"cached_tokens":10},
                "output_token_details":{"text_tokens":10,"audio_tokens":30}}}}"#,
            Some([20, 30, 10, 0, 10, 30, 0]),
        );
    }

    #[test]
    fn caches_are_counted_by_what_they_held_and_for_how_long() {
        let session = r#"{"type":"response.done","response":{"usage":{"input_tokens":200,"output_tokens":0,
            "input_token_details":{"text_tokens":50,"audio_tokens":150,"cached_tokens":64,
                "cached_tokens_details":{"text_tokens":14,"audio_tokens":50}}}}}"#;
        let usage = Metered::read(session.as_bytes()).usage.unwrap();
        let counts = [usage.input, usage.input_audio, usage.cache_read, usage.cache_read_audio];
        assert_eq!(counts, [36, 100, 14, 50].map(Tokens));
        let hour = r#"{"usage":{"input_tokens":1,"output_tokens":1,"cache_creation_input_tokens":9,
            "cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":7}}}"#;
        let usage = Metered::read(hour.as_bytes()).usage.unwrap();
        assert_eq!((usage.cache_write_5m, usage.cache_write_1h), (Tokens(2), Tokens(7)));
    }

    #[test]
    fn searches_and_pages_are_counted_beside_tokens() {
        #[track_caller]
        fn check(text: &str, expect: Units) {
            assert_eq!(Metered::read(text.as_bytes()).usage.unwrap().units, expect, "{text}");
        }
        let searched = r#"{"usage":{"input_tokens":1,"server_tool_use":{"web_search_requests":3}}}"#;
        check(searched, Units { web_search: 3, ..Units::default() });
        let read = r#"{"pages":[],"usage_info":{"pages_processed":2,"doc_size_bytes":9}}"#;
        check(read, Units { page: 2, ..Units::default() });
    }

    #[test]
    fn a_line_of_a_batch_tells_of_its_answer() {
        #[track_caller]
        fn check(line: &str, expect: Option<(u64, u64)>) {
            let usage = Metered::of_batch(line.as_bytes()).and_then(|metered| metered.usage);
            assert_eq!(usage.map(|usage| (usage.input.0, usage.output.0)), expect, "{line}");
        }
        let body = r#"{"model":"m","usage":{"prompt_tokens":3,"completion_tokens":5}}"#;
        check(
            &format!(r#"{{"custom_id":"1","response":{{"status_code":200,"body":{body}}},"error":null}}"#),
            Some((3, 5)),
        );
        check(r#"{"custom_id":"1","response":{"status_code":400,"body":{"error":{"message":"x"}}}}"#, None);
        check(r#"{"custom_id":"1","response":null,"error":{"code":"batch_expired"}}"#, None);
        let message = r#"{"model":"m","usage":{"input_tokens":3,"output_tokens":5}}"#;
        check(
            &format!(r#"{{"custom_id":"1","result":{{"type":"succeeded","message":{message}}}}}"#),
            Some((3, 5)),
        );
        check(r#"{"custom_id":"1","result":{"type":"errored","error":{}}}"#, None);
        check(&format!(r#"{{"custom_id":"1","body":{body}}}"#), None);
        check(&format!(r#"{{"response":{{"body":{body}}}}}"#), None);
        check("\"custom_id\"", None);
    }

    #[test]
    fn what_counts_no_tokens_tells_no_usage() {
        check(r#"{"usage":{"type":"duration","seconds":3}}"#, None);
        check(r#"{"usage":null}"#, None);
        check(r#"{"usage":{"prompt_tokens":-1}}"#, None);
        check("[1]", None);
        check("", None);
    }

    #[test]
    fn ids_and_models_are_told_by_the_answer_or_its_events() {
        let metered = Metered::read(br#"{"response":{"id":"resp_1","model":"m"}}"#);
        assert_eq!((metered.id.as_deref(), metered.model.as_deref()), (Some("resp_1"), Some("m")));
    }
}
