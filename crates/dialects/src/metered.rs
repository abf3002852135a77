//! Reads how much an answer used that is passed on without being understood: by the words that the providers have for
//! it, wherever they put them.

use std::time::Duration;

use memchr::memmem;
use types::{Residency, ServiceTier, Tokens, Units, Usage};

use crate::gemini;
use crate::outline::{Outline, Part};
use crate::scanner::Keep;

/// How deeply a text may be nested that is looked through.
const MAX_DEPTH: usize = 128;

/// What a text tells of the answer that it is, or that it is a part of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metered {
    /// What it used, if it says so.
    pub usage: Option<Usage>,
    /// How much was listened to, where that is counted in time. In `usage` a second that has begun counts.
    pub heard: Duration,
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
            usage: places.clone().find_map(used).or_else(|| pages(said)),
            heard: places.clone().find_map(|place| heard(place.field("usage")?)).unwrap_or_default(),
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

/// What the report of an answer counts, at the tier that it or the answer names.
fn used(answer: Part<'_>) -> Option<Usage> {
    if let Some(report) = answer.field("usageMetadata") {
        return gemini::counted(report);
    }
    let report = answer.field("usage")?;
    let told = |place: Part<'_>, name| ServiceTier::of_word(place.field(name)?.text()?.as_bytes());
    let tier = told(report, "service_tier").or_else(|| told(report, "speed"));
    let place = || Residency::of_word(report.field("inference_geo")?.text()?.as_bytes());
    Some(Usage {
        service_tier: tier.or_else(|| told(answer, "service_tier")),
        residency: place(),
        ..counted(report)?
    })
}

/// How much was listened to, where a report counts time instead of tokens.
fn heard(report: Part<'_>) -> Option<Duration> {
    let seconds = report.field("seconds")?.written().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// What reading documents tells, which is counted in pages.
fn pages(said: Part<'_>) -> Option<Usage> {
    let page = number(said.field("usage_info")?.field("pages_processed")?)?;
    Some(Usage { units: Units { page, ..Units::default() }, ..Usage::default() })
}

/// What a report counts, in disjoint classes; `None` where it counts nothing.
fn counted(report: Part<'_>) -> Option<Usage> {
    let count = |names: &[&str]| names.iter().find_map(|name| number(report.field(name)?));
    let detail = |of: &[&str], name: &str| {
        let found = of.iter().find_map(|of| number(report.field(of)?.field(name)?));
        found.unwrap_or_default()
    };
    let input = count(&["prompt_tokens", "input_tokens"]);
    let output = count(&["completion_tokens", "output_tokens"]);
    if input.is_none() && output.is_none() {
        let units = Units { input_second: Units::begun_seconds(heard(report)?), ..Units::default() };
        return Some(Usage { units, ..Usage::default() });
    }
    let mut written = count(&["cache_creation_input_tokens"]).unwrap_or_default();
    let for_an_hour = take(&mut written, detail(&["cache_creation"], "ephemeral_1h_input_tokens"));
    let beside = count(&["cache_read_input_tokens"]);
    let cached = detail(INPUT_DETAILS, "cached_tokens");
    let mut input = input.unwrap_or_default();
    let of_cached = |name: &str| {
        let mut found =
            CACHED_DETAILS.iter().map(|(of, inside)| report.field(of)?.field(inside)?.field(name));
        found.find_map(|count| number(count?)).unwrap_or_default()
    };
    let cached = match beside {
        // Who counts it beside the input leaves it out there.
        Some(beside) => beside,
        None => take(&mut input, cached),
    };
    let cached_audio = of_cached("audio_tokens").min(cached);
    let audio = detail(INPUT_DETAILS, "audio_tokens").saturating_sub(cached_audio);
    let input_audio = take(&mut input, audio);
    let image = detail(INPUT_DETAILS, "image_tokens").saturating_sub(of_cached("image_tokens"));
    let input_image = take(&mut input, image);
    let mut output = output.unwrap_or_default();
    let output_audio = take(&mut output, detail(OUTPUT_DETAILS, "audio_tokens"));
    let output_image = take(&mut output, detail(OUTPUT_DETAILS, "image_tokens"));
    let thought = detail(OUTPUT_DETAILS, "reasoning_tokens").max(detail(OUTPUT_DETAILS, "thinking_tokens"));
    let reasoning = take(&mut output, thought);
    let web_search =
        report.field("server_tool_use").and_then(|used| number(used.field("web_search_requests")?));
    Some(Usage {
        input: Tokens(input),
        input_audio: Tokens(input_audio),
        input_image: Tokens(input_image),
        cache_read: Tokens(cached - cached_audio),
        cache_read_audio: Tokens(cached_audio),
        cache_write_5m: Tokens(written),
        cache_write_1h: Tokens(for_an_hour),
        output: Tokens(output),
        output_audio: Tokens(output_audio),
        output_image: Tokens(output_image),
        reasoning: Tokens(reasoning),
        units: Units { web_search: web_search.unwrap_or_default(), ..Units::default() },
        ..Usage::default()
    })
}

/// Where it is told how much of what a cache served was no text.
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
    fn pictures_are_counted_apart_where_they_are_told_apart() {
        let session = r#"{"type":"response.done","response":{"usage":{"input_tokens":200,"output_tokens":90,
            "input_token_details":{"text_tokens":50,"audio_tokens":20,"image_tokens":130,"cached_tokens":64,
                "cached_tokens_details":{"text_tokens":14,"image_tokens":50}},
            "output_tokens_details":{"image_tokens":80}}}}"#;
        let usage = Metered::read(session.as_bytes()).usage.unwrap();
        let counts = [usage.input, usage.input_audio, usage.input_image, usage.cache_read];
        assert_eq!(
            (counts, usage.output, usage.output_image),
            ([36, 20, 80, 64].map(Tokens), Tokens(10), Tokens(80))
        );
        let tools = r#"{"usageMetadata":{"promptTokenCount":8,"toolUsePromptTokenCount":100,"candidatesTokenCount":6,
            "promptTokensDetails":[{"modality":"IMAGE","tokenCount":5},{"modality":"TEXT","tokenCount":3}]}}"#;
        let usage = Metered::read(tools.as_bytes()).usage.unwrap();
        assert_eq!([usage.input, usage.input_image, usage.output], [103, 5, 6].map(Tokens));
    }

    #[test]
    fn tiers_and_places_that_have_prices_of_their_own_are_told() {
        #[track_caller]
        fn check(text: &str, tier: Option<ServiceTier>, place: Option<Residency>) {
            let usage = Metered::read(text.as_bytes()).usage.unwrap();
            assert_eq!((usage.service_tier, usage.residency), (tier, place), "{text}");
        }
        check(r#"{"service_tier":"flex","usage":{"input_tokens":1}}"#, Some(ServiceTier::Flex), None);
        check(
            r#"{"usageMetadata":{"promptTokenCount":1,"serviceTier":"priority"}}"#,
            Some(ServiceTier::Priority),
            None,
        );
        let message = r#"{"message":{"usage":{"input_tokens":1,"service_tier":"standard","speed":"fast","inference_geo":"us"}}}"#;
        check(message, Some(ServiceTier::Fast), Some(Residency::Us));
        check(
            r#"{"usage":{"input_tokens":1,"service_tier":"standard","inference_geo":"global"}}"#,
            None,
            None,
        );
    }

    #[test]
    fn time_that_was_listened_to_is_counted_in_seconds() {
        let heard = r#"{"type":"conversation.item.input_audio_transcription.completed","usage":{"type":"duration","seconds":2.4}}"#;
        let metered = Metered::read(heard.as_bytes());
        assert_eq!(metered.heard, Duration::from_millis(2400));
        assert_eq!(metered.usage.unwrap().units, Units { input_second: 3, ..Units::default() });
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
    fn what_counts_nothing_tells_no_usage() {
        check(r#"{"usage":{"type":"duration","seconds":-3}}"#, None);
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
