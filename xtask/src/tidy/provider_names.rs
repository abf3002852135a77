//! Providers are data: their names stand in their own folders, not in code.

use super::Finding;
use super::mask::is_word;
use super::source::Source;

/// Where a name is meant as something other than a provider to decide by.
struct Exception {
    /// A file, or a folder with a final `/`.
    place: &'static str,
    names: &'static [&'static str],
}

const EXCEPTIONS: &[Exception] = &[
    // Languages that are called like the provider who made them.
    Exception {
        place: "crates/dialects/src/",
        names: &["anthropic", "bedrock", "cohere", "gemini", "ollama", "openai", "voyage"],
    },
    // The shapes of a listing, called like the languages whose callers read them.
    Exception {
        place: "crates/admin/src/listing/",
        names: &["anthropic", "bedrock", "cohere", "gemini", "mistral", "ollama", "openai"],
    },
    // A version of a language that is called like the cloud which has it.
    Exception { place: "crates/dialects/src/anthropic/request_encode.rs", names: &["vertex"] },
    // What people put in front of a path, because clients are told to.
    Exception { place: "crates/gateway/src/routes.rs", names: &["anthropic", "openai"] },
    // The scheme of a cloud's tokens, called like what it gives access to.
    Exception { place: "crates/providers/src/check/credential.rs", names: &["azure"] },
    // Where clients of that language put a key that they can give no header.
    Exception { place: "crates/auth/src/credential.rs", names: &["openai"] },
    // The examples in the JSON Schema.
    Exception { place: "crates/settings/src/models.rs", names: &["openai"] },
    Exception { place: "crates/settings/src/providers.rs", names: &["vllm"] },
    Exception { place: "crates/settings/src/secret.rs", names: &["openai"] },
    Exception { place: "crates/settings/src/settings.rs", names: &["openai"] },
];

/// The product's own folder in the catalogue.
const OWN: &str = "tollgate";

/// Every place outside tests where code says a provider's name, as an identifier or as a literal. Prose may.
pub(crate) fn check(source: &Source, providers: &[String]) -> Vec<Finding> {
    // The product alone: the developer's tools may know what they are tried with.
    if !source.path.starts_with("crates/") || source.path.starts_with("crates/providers/catalogue/") {
        return Vec::new();
    }
    let is_provider = |word: &str| {
        let word = word.to_lowercase();
        let is_known = providers.iter().any(|provider| *provider == word && word != OWN);
        is_known && !is_excepted(&source.path, &word)
    };
    let in_code = source
        .code()
        .lines()
        .enumerate()
        .flat_map(|(index, line)| words(line).map(move |word| (index + 1, word)));
    let literals = source.masked.literals.iter().filter(|(_, literal)| is_name_like(literal));
    let in_literals = literals.flat_map(|(line, literal)| words(literal).map(move |word| (*line, word)));
    let found = in_code.chain(in_literals).filter(|(line, word)| !source.is_test(*line) && is_provider(word));
    let finding = |(line, word): (usize, &str)| {
        let what =
            format!("`{word}`: what is special about a provider is a quirk or a field in its provider.toml");
        Finding::new(&source.path, line, "provider-name", what)
    };
    found.map(finding).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_word(c)).filter(|word| !word.is_empty())
}

/// Whether a literal is something to compare or to build with rather than a sentence.
fn is_name_like(literal: &str) -> bool {
    !literal.trim_matches(['"', 'b', 'r', '#']).contains(char::is_whitespace)
}

fn is_excepted(path: &str, word: &str) -> bool {
    EXCEPTIONS.iter().any(|exception| path.starts_with(exception.place) && exception.names.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_count(path: &str, code: &str, expect: usize) {
        let providers = ["groq", "openai", "together", "tollgate"].map(str::to_owned);
        assert_eq!(check(&Source::new(path, code), &providers).len(), expect, "{code}");
    }

    #[test]
    fn code_does_not_know_providers() {
        let path = "crates/router/src/a.rs";
        check_count(path, "fn a() { b == \"groq\" }", 1);
        check_count(path, "fn a() { b == \"groq/llama\" }", 1);
        check_count(path, "struct Groq;", 1);
        check_count(path, "const A: &str = \"tollgate\";", 0);
        check_count(path, "// as groq does\nconst A: &str = \"both together are a fault\";", 0);
        check_count("crates/router/tests/a.rs", "fn a() { b == \"groq\" }", 0);
        check_count("crates/dialects/src/openai_chat/a.rs", "const A: &str = \"openai-beta\";", 0);
        check_count("crates/dialects/src/openai_chat/a.rs", "const A: &str = \"groq\";", 1);
    }
}
