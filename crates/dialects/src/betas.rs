//! What callers opt into at Anthropic's models ahead of time: a header in one language, one of the model's own fields in
//! another.

use http::HeaderMap;
use types::Json;
use types::conversation::{Extras, Target};

use crate::quirks;

/// The header, and the field among a conversation's extras that has its words as a list.
pub(crate) const BETAS: &str = "anthropic-beta";

/// How words begin that say who asks, and change nothing.
const IDENTIFYING: &[&str] = &["claude-code-", "oauth-"];

/// How words begin that a cloud's models of the generation that thinks up to a budget take, and that do something without
/// a field that belongs to them. One word too many, and these models refuse the request
/// (<https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html>).
const TAKEN: &[&str] = &["context-1m-", "interleaved-thinking-", "output-128k-", "token-efficient-tools-"];

/// How the word begins for thinking between calls, which models that think adaptively do unasked.
const INTERLEAVED: &str = "interleaved-thinking-";

/// The words of these headers that ask for something, as a field.
pub(crate) fn asked(headers: &HeaderMap) -> Option<(String, Json)> {
    let said = headers.get_all(BETAS).iter().filter_map(|value| value.to_str().ok());
    let words = said.flat_map(|value| value.split(',')).map(str::trim).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.filter(|word| !begins(word, IDENTIFYING)).collect();
    if words.is_empty() { None } else { Json::of(&words).map(|json| (BETAS.to_owned(), json)) }
}

/// The words for this target among its own fields, and whether nothing is lost with the others.
pub(crate) fn taken(extras: &Extras, target: &Target) -> (Vec<String>, bool) {
    let named = extras.fields.iter().filter(|(name, _)| name == BETAS);
    // A field of the body may have the header's name, and hold anything.
    let lists: Option<Vec<Vec<String>>> = named.map(|(_, json)| json.to()).collect();
    let is_understood = lists.is_some();
    let said = lists.into_iter().flatten().flatten();
    let is_open = target.has_quirk(quirks::BUDGET_THINKING);
    let (taken, mut others): (Vec<_>, Vec<_>) = said.partition(|word| is_open && begins(word, TAKEN));
    if target.has_quirk(quirks::ADAPTIVE_THINKING) {
        others.retain(|word| !word.starts_with(INTERLEAVED));
    }
    (taken, is_understood && others.is_empty())
}

fn begins(word: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| word.starts_with(start))
}
