//! Models as `OpenAI`'s clients read them (<https://platform.openai.com/docs/api-reference/models>), in a body that
//! Anthropic's and Codex read too.

use std::fmt::Write as _;

use providers::Model;
use serde_json::{Map, Value, json};
use types::{PerMillion, Refusal, TokenClass, Unit, UnixTime};

use super::page::{Asked, Page, Start};
use super::query::{Query, wrong};
use super::{Listed, ListingConfig, join, with};

/// The most models that a page may be asked for.
const MOST: usize = 1000;

/// The list, or a page of it, with an entry for each; and for Codex, which reads another field, what it reads.
pub(super) fn list(
    models: Vec<&Listed>,
    entry: fn(&Listed) -> &str,
    codex: Option<fn(&Listed) -> &str>,
    query: Query<'_>,
) -> Result<String, Refusal> {
    let page = Page::of(models, asked(query)?)?;
    let mut body = String::from(r#"{"object":"list","data":["#);
    join(&mut body, page.models.iter().map(|listed| entry(listed)));
    let name = |listed: Option<&&Listed>| json!(listed.map(|listed| listed.name.as_str()));
    let (first, last, more) = (name(page.models.first()), name(page.models.last()), page.has_more);
    // Writing to a String cannot fail.
    let _ = write!(body, r#"],"first_id":{first},"last_id":{last},"has_more":{more}"#);
    if let Some(codex) = codex {
        body.push_str(r#","models":["#);
        join(&mut body, page.models.iter().map(|listed| codex(listed)));
        body.push(']');
    }
    body.push('}');
    Ok(body)
}

/// The page in Anthropic's words: `OpenAI` has none.
fn asked(query: Query<'_>) -> Result<Asked, Refusal> {
    let from = match (query.find(&["after_id"]), query.find(&["before_id"])) {
        (None, None) => Start::First,
        (Some(after), None) => Start::After("after_id", after),
        (None, Some(before)) => Start::Before("before_id", before),
        (Some(_), Some(_)) => return Err(wrong("before_id", "cannot be given together with `after_id`")),
    };
    Ok(Asked { from, most: query.count(&["limit"], 1, MOST)? })
}

/// The entry for OpenAI's clients (`object`, `created`, `owned_by`), Anthropic's (`type`, `display_name`,
/// `created_at`), and those that read `OpenRouter`'s names for windows and prices.
pub(super) fn entry(config: &ListingConfig<'_>, since: UnixTime) -> Value {
    let model = config.model;
    let entry = json!({
        "id": config.name,
        "object": "model",
        "created": since.as_secs(),
        "owned_by": config.provider,
        "type": "model",
        "display_name": config.name,
        "created_at": since.to_string(),
    });
    let known = [
        ("context_length", model.and_then(|model| model.context_window).map(Value::from)),
        ("max_output_tokens", model.and_then(|model| model.max_output_tokens).map(Value::from)),
        ("pricing", model.and_then(pricing)),
        ("capabilities", model.map(|model| json!(capabilities(model)))),
    ];
    with(entry, known)
}

/// Dollars for one token, picture, request or search as decimal strings, by the names that `OpenRouter` gives them.
fn pricing(model: &Model) -> Option<Value> {
    let price = model.price.as_ref()?;
    let mut pricing = Map::new();
    let mut name = |name: &str, rate| pricing.insert(name.to_owned(), decimal(rate).into());
    for (word, class) in [
        ("prompt", TokenClass::Input),
        ("completion", TokenClass::Output),
        ("input_cache_read", TokenClass::CacheRead),
        ("input_cache_write", TokenClass::CacheWrite5m),
    ] {
        name(word, price.rate(class));
    }
    let units = [("image", Unit::OutputImage), ("request", Unit::Request), ("web_search", Unit::WebSearch)];
    for (word, rate) in units.into_iter().filter_map(|(word, unit)| Some((word, price.unit(unit)?))) {
        name(word, rate);
    }
    Some(pricing.into())
}

/// Micro-dollars per million tokens as dollars per token.
fn decimal(rate: PerMillion) -> String {
    let digits = format!("{:013}", rate.0);
    let (whole, fraction) = digits.split_at(digits.len() - 12);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

fn capabilities(model: &Model) -> Vec<&'static str> {
    model.capabilities.iter().map(|capability| capability.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_decimals_per_token() {
        assert_eq!(decimal(PerMillion(150_000)), "0.00000015");
        assert_eq!(decimal(PerMillion(15_000_000)), "0.000015");
        assert_eq!(decimal(PerMillion(0)), "0");
        assert_eq!(decimal(PerMillion(2_000_000_000_000)), "2");
    }
}
