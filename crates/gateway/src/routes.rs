//! Which path asks for what, in which language. Each dialect declares its own paths; what is forgiven is here.

use std::borrow::Cow;
use std::iter::repeat;

use dialects::Dialect;
use http::HeaderMap;

use crate::arrival::{Route, Spelling};
use crate::{owned, passing};

/// Prefixes that people put in front of a path because another gateway or SDK wants them: `/openai/v1`,
/// `/anthropic/v1`, `/v1/v1`. A redirect would lose the body of a POST, so they are served.
const FORGIVEN: &[&str] = &["/openai", "/anthropic", "/api", "/v1"];
/// The most prefixes taken off one path.
const MAX_PREFIXES: usize = 3;

/// What `path` asks for, of a caller with these headers.
pub(crate) fn find(path: &str, headers: &HeaderMap) -> Option<Route> {
    let found = documented(path).or_else(|| passing::route(path, headers)).or_else(|| forgiven(path));
    found.map(|route| in_own_language(route, headers))
}

/// What is kept at a provider has the same path in more than one language.
fn in_own_language(route: Route, headers: &HeaderMap) -> Route {
    if !route.operation.is_kept() {
        return route;
    }
    let speaker = speaker(headers);
    let root = |dialect| owned::root(dialect, route.operation);
    let is_shared = root(speaker) == root(route.dialect);
    if is_shared { Route { dialect: speaker, ..route } } else { route }
}

fn forgiven(path: &str) -> Option<Route> {
    let path = &*single_slashes(path.trim_end_matches('/'));
    // `/chat/completions` (a base URL without `/v1`) and a whole path pasted as base URL.
    completed(path).or_else(|| stripped(path)).or_else(|| doubled(path))
}

/// What `path` asks for, be it without its own beginning.
fn completed(path: &str) -> Option<Route> {
    let beginnings = ["", "/v1", "/openai"];
    beginnings.into_iter().find_map(|beginning| exact(&format!("{beginning}{path}"), Spelling::Forgiven))
}

/// The path with one slash where several follow each other: a base URL that ends in one has had a path put behind it.
fn single_slashes(path: &str) -> Cow<'_, str> {
    if !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let mut last = ' ';
    let is_first = |letter: &char| std::mem::replace(&mut last, *letter) != '/' || *letter != '/';
    Cow::Owned(path.chars().filter(is_first).collect())
}

/// Whether a model is asked for something at this path.
pub fn asks_a_model(path: &str) -> bool {
    find(path, &HeaderMap::new()).is_some()
}

/// What `path` asks for, if a language has exactly this one.
pub(crate) fn documented(path: &str) -> Option<Route> {
    exact(path, Spelling::AsDocumented)
}

fn exact(path: &str, spelling: Spelling) -> Option<Route> {
    let mut known = dialects::all().iter().flat_map(|dialect| dialect.routes().iter().zip(repeat(*dialect)));
    known.find_map(|(route, dialect)| {
        let said = route.read(path)?;
        let passing = owned::passing(dialect, route.operation, path);
        Some(Route { dialect, operation: route.operation, said, takes: route.takes, spelling, passing })
    })
}

/// The path without prefixes that do no harm.
fn stripped(path: &str) -> Option<Route> {
    let mut rest = path;
    for _ in 0..MAX_PREFIXES {
        rest = strip_one(rest)?;
        let found = completed(rest);
        if found.is_some() {
            return found;
        }
    }
    None
}

/// `path` without the prefixes that do no harm, `/v1` included: for what is served beside the dialects' own paths.
pub fn without_prefixes(path: &str) -> &str {
    let mut rest = from_last_slash(path);
    for _ in 0..MAX_PREFIXES {
        match strip_one(rest) {
            Some(shorter) => rest = from_last_slash(shorter),
            None => break,
        }
    }
    rest
}

/// The path from the last of the slashes that it begins with.
fn from_last_slash(path: &str) -> &str {
    let slashes = path.bytes().take_while(|byte| *byte == b'/').count();
    path.get(slashes.saturating_sub(1)..).unwrap_or(path)
}

fn strip_one(path: &str) -> Option<&str> {
    FORGIVEN.iter().find_map(|prefix| path.strip_prefix(prefix).filter(|rest| rest.starts_with('/')))
}

/// `/v1/chat/completions/chat/completions`: a client has put its own path behind a whole one.
fn doubled(path: &str) -> Option<Route> {
    dialects::all().iter().find_map(|dialect| {
        dialect.routes().iter().find_map(|route| {
            let known = route.path;
            let tail = path.strip_prefix(known)?;
            let own = tail.strip_prefix("/v1").unwrap_or(tail);
            let is_own = known.strip_prefix("/v1") == Some(own);
            is_own.then(|| exact(known, Spelling::Forgiven)).flatten()
        })
    })
}

/// The language to answer in when the path says nothing: the one whose headers the caller sent.
pub(crate) fn speaker(headers: &HeaderMap) -> &'static dyn Dialect {
    let all = dialects::all();
    let spoken = all.iter().rev().find(|dialect| dialect.is_spoken_by(headers));
    spoken.or(all.first()).copied().unwrap_or(&dialects::openai_chat::OpenAiChat)
}

/// The language of a caller with these headers, where the path says nothing.
pub fn language_of(headers: &HeaderMap) -> &'static str {
    speaker(headers).id().as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expect: Option<(&str, &str)>) {
        let found = find(path, &HeaderMap::new())
            .map(|route| (route.dialect.id().as_str(), route.operation.as_str()));
        assert_eq!(found, expect, "{path}");
    }

    #[test]
    fn mistaken_base_urls_are_understood() {
        let chat = Some(("openai_chat", "chat"));
        let messages = Some(("anthropic", "chat"));
        check("/v1/chat/completions", chat);
        check("/chat/completions", chat);
        check("/v1/chat/completions/", chat);
        check("/v1/v1/chat/completions", chat);
        check("/openai/v1/chat/completions", chat);
        check("//v1/chat/completions", chat);
        check("/v1//chat/completions/", chat);
        check("//openai///v1//messages", messages);
        check("/openai/chat/completions", chat);
        check("/v1/chat/completions/chat/completions", chat);
        check("/v1/messages", messages);
        check("/anthropic/v1/messages", messages);
        check("/v1/messages/v1/messages", messages);
        check("/v1/messages/count_tokens", Some(("anthropic", "count_tokens")));
        check("/v1/embeddings", Some(("openai_embeddings", "embeddings")));
        check("/audio/speech", Some(("openai_speech", "speech")));
        check("/openai/deployments/a%2Fb/chat/completions", chat);
        check("/deployments/a/b/chat/completions", chat);
        check("/v1/openai/deployments/m/chat/completions", chat);
        check("/openai/deployments/chat/completions", Some(("openai_completions", "text_completion")));
        check("/openai/deployments/m/audio/speech", Some(("openai_speech", "speech")));
        check("/v1beta/models/m:generateContent", Some(("gemini", "chat")));
        check("/v1/v1beta/models/a/b:countTokens", Some(("gemini", "count_tokens")));
        check("/v1beta/models/m", None);
        check("/v1/nonsense", None);
        check("/", None);
        check("", None);
    }
}
