//! What a path asks of the listing, and in whose words: some languages share a path, and headers or the query tell them
//! apart.

use http::{HeaderMap, header};

use super::query::Query;

/// Where the models of a local server are listed.
const TAGS_PATH: &str = "/api/tags";
/// Where those of a cloud are.
const FOUNDATION: &str = "/foundation-models";
/// The version segments of Gemini's paths.
const BETA: &str = "/v1beta";
const VERSIONS: [&str; 3] = ["/v1beta1", BETA, "/v1"];
/// The publisher whose models go by their names alone.
const OWN_PUBLISHER: &str = "google";

/// The listing, or a part of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    place: Place,
    pub(crate) wanted: Wanted,
}

/// Which models are asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    One(String),
}

/// Where it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Beta,
    Foundation,
    Publishers,
    Shared,
    Tags,
}

/// In whose words models are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Anthropic,
    Bedrock,
    Codex,
    Cohere,
    Gemini,
    Mistral,
    /// A local server's.
    Local,
    OpenAi,
    /// Gemini's, where models have publishers.
    Publishers,
}

impl Asked {
    /// What this path asks for, if it is one of the listing's.
    pub(crate) fn of(path: &str) -> Option<Self> {
        if path == TAGS_PATH {
            return Some(Self { place: Place::Tags, wanted: Wanted::All });
        }
        let path = path.trim_end_matches('/');
        let below = |place, list: &str, path: &str| {
            let wanted = match path.strip_prefix(list)? {
                "" => Wanted::All,
                rest => Wanted::One(gateway::decoded(rest.strip_prefix('/')?)),
            };
            Some(Self { place, wanted })
        };
        let shared = || below(Place::Shared, "/models", gateway::without_prefixes(path));
        let beta = || below(Place::Beta, "/models", path.strip_prefix(BETA)?);
        below(Place::Foundation, FOUNDATION, path).or_else(|| published(path)).or_else(beta).or_else(shared)
    }

    /// The words to answer in.
    pub(crate) fn style(&self, headers: &HeaderMap, query: Query<'_>) -> Style {
        match self.place {
            Place::Beta => Style::Gemini,
            Place::Foundation => Style::Bedrock,
            Place::Publishers => Style::Publishers,
            Place::Tags => Style::Local,
            Place::Shared => shared(headers, query),
        }
    }
}

/// What is below a publisher, whose own part of the name is left out for one of them.
fn published(path: &str) -> Option<Asked> {
    let versioned = VERSIONS.iter().find_map(|version| path.strip_prefix(version))?;
    let rest = match versioned.strip_prefix("/projects/") {
        Some(project) => {
            let (_, location) = project.split_once("/locations/")?;
            location.split_at_checked(location.find('/')?)?.1
        }
        None => versioned,
    };
    let (publisher, list) = rest.strip_prefix("/publishers/")?.split_once('/')?;
    let wanted = match list.strip_prefix("models")? {
        "" | "/" => Wanted::All,
        rest => {
            let name = gateway::decoded(rest.strip_prefix('/')?);
            Wanted::One(if publisher == OWN_PUBLISHER { name } else { format!("{publisher}/{name}") })
        }
    };
    Some(Asked { place: Place::Publishers, wanted })
}

/// The words of whoever asks at the path that most languages have.
fn shared(headers: &HeaderMap, query: Query<'_>) -> Style {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let is_of = |word: &str| agent.to_ascii_lowercase().contains(word);
    match gateway::language_of(headers) {
        "anthropic" => Style::Anthropic,
        "cohere" => Style::Cohere,
        "gemini" => Style::Gemini,
        _ if query.has("client_version") || is_of("codex") => Style::Codex,
        _ if is_of("mistral") => Style::Mistral,
        // Nobody else has these here, and a request by hand may have nothing but them.
        _ if super::cohere::PARAMETERS.iter().any(|name| query.has(name)) => Style::Cohere,
        _ => Style::OpenAi,
    }
}

impl Style {
    /// The language that what is wrong is told in, where it does not depend on who asks.
    pub(crate) const fn language(self) -> Option<&'static str> {
        match self {
            Self::Bedrock => Some("bedrock"),
            Self::Cohere => Some("cohere"),
            Self::Gemini | Self::Publishers => Some("gemini"),
            Self::Local => Some("ollama"),
            Self::Anthropic | Self::Codex | Self::Mistral | Self::OpenAi => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_which_model_it_asks_for() {
        #[track_caller]
        fn check(path: &str, place: Place, name: Option<&str>) {
            let wanted = name.map_or(Wanted::All, |name| Wanted::One(name.into()));
            assert_eq!(Asked::of(path), Some(Asked { place, wanted }), "{path}");
        }
        check("/v1/models", Place::Shared, None);
        check("/models/", Place::Shared, None);
        check("/v1/models/a/b/", Place::Shared, Some("a/b"));
        check("/openai/v1/models/a%2Fb", Place::Shared, Some("a/b"));
        check("/v1beta/models/a/b", Place::Beta, Some("a/b"));
        check("/v1beta1/publishers/google/models", Place::Publishers, None);
        check("/v1beta1/publishers/google/models/a/b", Place::Publishers, Some("a/b"));
        check("/v1/projects/p/locations/l/publishers/a/models/b", Place::Publishers, Some("a/b"));
        check("/foundation-models/a%3A0", Place::Foundation, Some("a:0"));
        check("/api/tags", Place::Tags, None);
        for path in ["/v1/modelsx", "/v1beta1/publishers/google", "/v1/projects/p/locations/l", "/foundation"]
        {
            assert_eq!(Asked::of(path), None, "{path}");
        }
    }
}
