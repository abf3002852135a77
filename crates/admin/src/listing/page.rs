//! One page of a list: where it begins, how much it holds, and whether there is more behind it.
//!
//! A page begins beside a model, which the caller names. As long as the models that stay keep their order, which a reload
//! of the configuration may change, none of them is listed twice and none is left out, whatever comes and goes meanwhile.

use types::Refusal;

use super::Listed;
use super::query::wrong;

/// Which page is asked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Where it begins.
    pub(super) from: Start,
    /// How many models it may hold; all that there are where nothing is said.
    pub(super) most: Option<usize>,
}

/// Where a page begins.
#[derive(Debug, Default)]
pub(super) enum Start {
    /// With the first model.
    #[default]
    First,
    /// Behind this model, which this parameter names.
    After(&'static str, String),
    /// In front of it; the page ends there.
    Before(&'static str, String),
}

/// A page.
#[derive(Debug)]
pub(super) struct Page<'l> {
    pub(super) models: Vec<&'l Listed>,
    /// Whether there are more in the direction that was asked for.
    pub(super) has_more: bool,
}

impl<'l> Page<'l> {
    /// The page of these models that is asked for.
    ///
    /// # Errors
    /// A model that is none of them.
    pub(super) fn of(mut models: Vec<&'l Listed>, asked: Asked) -> Result<Self, Refusal> {
        let find = |models: &[&Listed], parameter, name: &str| {
            let at = models.iter().position(|listed| listed.name.as_str() == name);
            at.ok_or_else(|| wrong(parameter, &format!("names no model of this list: `{name}`")))
        };
        let most = asked.most.unwrap_or(usize::MAX);
        let has_more;
        match asked.from {
            Start::First => has_more = models.len() > most,
            Start::After(parameter, name) => {
                let at = find(&models, parameter, &name)?;
                models.drain(..=at);
                has_more = models.len() > most;
            }
            Start::Before(parameter, name) => {
                models.truncate(find(&models, parameter, &name)?);
                has_more = models.len() > most;
                models.drain(..models.len().saturating_sub(most));
            }
        }
        models.truncate(most);
        Ok(Self { models, has_more })
    }

    /// The model behind which the next page begins, if there is one.
    pub(super) fn next(&self) -> Option<&str> {
        self.models.last().filter(|_| self.has_more).map(|listed| listed.name.as_str())
    }
}
