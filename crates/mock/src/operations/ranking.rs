//! Documents by how many of the query's words they hold.

use std::collections::HashSet;

use types::rerank::{Answer, Ranked, Request};
use types::{Refusal, Tokens, Usage};

use super::{Ask, not_offered, unreadable};
use crate::{Script, script, speech};

/// The documents of a request in any language that has them reranked, the best first.
pub(super) fn reranked(ask: &Ask<'_>) -> Result<Script, Refusal> {
    let Some(language) = ask.dialect().reranking() else { return not_offered() };
    let request = language.decode_request(ask.head, &ask.asked.body).map_err(|error| unreadable(&error))?;
    let body = language.encode_answer(&answer(&request), &ask.for_answer());
    Ok(script::body("application/json", body.into(), 0, &ask.program))
}

fn answer(request: &Request) -> Answer {
    let query = words(&request.query);
    let repeats = request.repeats == Some(true);
    let rank = |(index, document): (u64, &String)| Ranked {
        index,
        score: share(&query, &words(document)),
        text: repeats.then(|| document.clone()),
    };
    let mut ranked: Vec<_> = (0..).zip(&request.documents).map(rank).collect();
    ranked.sort_by(|left, right| right.score.total_cmp(&left.score));
    ranked.truncate(request.most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX));
    let texts = request.documents.iter().chain([&request.query]);
    let tokens: usize = texts.map(|text| speech::pieces(text).count()).sum();
    Answer {
        id: None,
        model: Some(request.model.to_string()),
        ranked,
        usage: Some(Usage { input: Tokens(tokens as u64), ..Usage::default() }),
        searches: Some(1),
    }
}

fn words(text: &str) -> HashSet<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// How large a share of the query's words the document holds.
fn share(query: &HashSet<String>, document: &HashSet<String>) -> f64 {
    let count = |words: usize| f64::from(u32::try_from(words).unwrap_or(u32::MAX));
    count(query.intersection(document).count()) / count(query.len().max(1))
}
