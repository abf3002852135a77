//! Where problems gather, and the small checks that several fields share.

use serde::de::DeserializeOwned;

use crate::{Problem, quirks};

/// The problems of one file.
pub(super) struct Findings {
    file: String,
    problems: Vec<Problem>,
}

impl Findings {
    pub(super) fn new(file: String) -> Self {
        Self { file, problems: Vec::new() }
    }

    pub(super) fn report(&mut self, field: &str, message: impl Into<String>) {
        let problem = Problem { file: self.file.clone(), field: field.to_owned(), message: message.into() };
        self.problems.push(problem);
    }

    /// The file's content, if it has the right shape.
    pub(super) fn parse<T: DeserializeOwned>(&mut self, text: &str) -> Option<T> {
        toml::from_str(text)
            .map_err(|error| {
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                self.report("", format!("line {line}: {}", error.message()));
            })
            .ok()
    }

    /// What `word` stands for in `table`.
    pub(super) fn word<T: Copy>(&mut self, field: &str, word: &str, table: &[(&str, T)]) -> Option<T> {
        let found = table.iter().find(|(known, _)| *known == word).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = table.iter().map(|(known, _)| *known).collect();
            self.report(field, format!("`{word}` is none of {}", known.join(", ")));
        }
        found
    }

    /// What each of `words` stands for.
    pub(super) fn words<T: Copy>(&mut self, field: &str, words: &[String], table: &[(&str, T)]) -> Vec<T> {
        words.iter().filter_map(|word| self.word(field, word, table)).collect()
    }

    pub(super) fn filled(&mut self, field: &str, value: &str) {
        if value.trim().is_empty() {
            self.report(field, "is empty");
        }
    }

    pub(super) fn path(&mut self, field: &str, path: &str) {
        if !path.starts_with('/') {
            self.report(field, format!("`{path}` does not begin with a slash"));
        }
    }

    pub(super) fn header(&mut self, field: &str, name: &str) {
        let fits =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        if name.is_empty() || !name.bytes().all(fits) {
            self.report(field, format!("`{name}` is not a header name in lower case"));
        }
    }

    pub(super) fn variables(&mut self, field: &str, names: &[String]) {
        let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        for name in names {
            if name.is_empty() || !name.bytes().all(fits) {
                self.report(field, format!("`{name}` is not the name of an environment variable"));
            }
        }
    }

    pub(super) fn quirks(&mut self, field: &str, names: &[String]) {
        for name in names.iter().filter(|name| !quirks::is_known(name)) {
            self.report(field, format!("there is no quirk `{name}`"));
        }
    }
}

impl IntoIterator for Findings {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.problems.into_iter()
    }
}
