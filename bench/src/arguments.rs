//! `--name value` pairs, and nothing else: the runner types them, not people.

use std::collections::HashMap;
use std::str::FromStr;

use anyhow::{Context, bail};

/// The program's arguments by name.
#[derive(Debug)]
pub struct Arguments(HashMap<String, String>);

impl Arguments {
    /// Reads pairs; a name at the end without a value has an empty one.
    pub fn read(words: impl IntoIterator<Item = String>) -> anyhow::Result<Self> {
        let mut pairs = HashMap::new();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else { bail!("expected --name, not {word}") };
            let value = words.next_if(|next| !next.starts_with("--"));
            pairs.insert(name.to_owned(), value.unwrap_or_default());
        }
        Ok(Self(pairs))
    }

    /// Whether the name was given, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The value as it was written.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value, if it was given.
    pub fn parsed<T>(&self, name: &str) -> anyhow::Result<Option<T>>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        let parse = |text: &str| text.parse().with_context(|| format!("--{name} {text}"));
        self.text(name).map(parse).transpose()
    }

    /// The value, or this one if it was not given.
    pub fn parsed_or<T>(&self, name: &str, otherwise: T) -> anyhow::Result<T>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        Ok(self.parsed(name)?.unwrap_or(otherwise))
    }
}
