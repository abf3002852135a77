//! Log probabilities: the canonical conversation has them in `OpenAI`'s form.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use types::Json;

/// `logprobsResult`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct Gemini {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_candidates: Vec<Top>,
    chosen_candidates: Vec<Token>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Top {
    candidates: Vec<Token>,
}

#[expect(clippy::struct_field_names, reason = "the wire's own names")]
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_id: Option<u64>,
    #[serde(default)]
    log_probability: f64,
}

/// `logprobs`.
#[derive(Debug, Deserialize, Serialize)]
struct OpenAi {
    #[serde(default)]
    content: Option<Vec<Chosen>>,
    #[serde(default)]
    refusal: Option<Vec<Chosen>>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Chosen {
    token: String,
    logprob: f64,
    #[serde(default)]
    bytes: Option<Vec<u8>>,
    #[serde(default)]
    top_logprobs: Vec<Alternative>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Alternative {
    token: String,
    logprob: f64,
    #[serde(default)]
    bytes: Option<Vec<u8>>,
}

/// The canonical form of a `logprobsResult`; `None` of one that cannot be read or holds nothing.
pub(super) fn read(raw: &RawValue) -> Option<Json> {
    let result: Gemini = serde_json::from_str(raw.get()).ok()?;
    let mut tops = result.top_candidates.into_iter();
    let chosen = result.chosen_candidates.into_iter().map(|token| {
        let alternatives = tops.next().unwrap_or_default().candidates.into_iter();
        let alternatives = alternatives.map(|token| Alternative {
            bytes: Some(token.token.clone().into_bytes()),
            logprob: token.log_probability,
            token: token.token,
        });
        Chosen {
            bytes: Some(token.token.clone().into_bytes()),
            logprob: token.log_probability,
            token: token.token,
            top_logprobs: alternatives.collect(),
        }
    });
    let content: Vec<Chosen> = chosen.collect();
    if content.is_empty() {
        return None;
    }
    Json::of(&OpenAi { content: Some(content), refusal: None })
}

/// The `logprobsResult` that says the same; `None` of what is of another form.
pub(super) fn written(json: &Json) -> Option<Json> {
    let said: OpenAi = json.to()?;
    let token = |token, log_probability| Token { token, token_id: None, log_probability };
    let mut result = Gemini::default();
    for chosen in said.content.or(said.refusal)? {
        let alternatives = chosen.top_logprobs.into_iter();
        let candidates: Vec<Token> =
            alternatives.map(|alternative| token(alternative.token, alternative.logprob)).collect();
        if !candidates.is_empty() {
            result.top_candidates.push(Top { candidates });
        }
        result.chosen_candidates.push(token(chosen.token, chosen.logprob));
    }
    Json::of(&result)
}
