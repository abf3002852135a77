//! The parameters of a listing's query, as they are meant.

use types::{Code, Refusal};

/// What stands behind the path's question mark.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Query<'q>(&'q str);

impl<'q> Query<'q> {
    /// The parameters that stand there.
    pub(crate) fn of(query: Option<&'q str>) -> Self {
        Self(query.unwrap_or_default())
    }

    /// Whether there is a parameter of this name.
    pub(crate) fn has(self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The value of the parameter by one of its spellings. One without a value says nothing.
    pub(crate) fn find(self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.all(name).find(|value| !value.is_empty()))
    }

    /// Every value of the parameter.
    pub(crate) fn all(self, name: &str) -> impl Iterator<Item = String> {
        let pairs = self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs
            .filter(move |(known, _)| gateway::decoded(known) == name)
            .map(|(_, value)| gateway::decoded(value))
    }

    /// How many are asked for.
    ///
    /// # Errors
    /// What is no number, or less than `least`, or more than `most`.
    pub(crate) fn count(self, names: &[&str], least: usize, most: usize) -> Result<Option<usize>, Refusal> {
        let Some(value) = self.find(names) else { return Ok(None) };
        let count = value.parse().ok().filter(|count| (least..=most).contains(count));
        let [name, ..] = names else { return Ok(count) };
        match count {
            Some(count) => Ok(Some(count)),
            None if most == usize::MAX => {
                Err(wrong(name, &format!("must be a whole number from {least} on")))
            }
            None => Err(wrong(name, &format!("must be a whole number from {least} to {most}"))),
        }
    }
}

/// What is wrong with a parameter.
pub(crate) fn wrong(name: &str, problem: &str) -> Refusal {
    Refusal::new(Code::InvalidField, format!("`{name}` {problem}")).with_param(name)
}
