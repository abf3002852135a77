//! By which price list a request is charged: its model's own, or what stands in for one that nobody knows.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use providers::Price;
use types::ModelName;

use crate::destination::{Destination, KnownModel};

/// What becomes of a request whose price nobody knows.
#[derive(Clone, Debug)]
pub enum UnknownPrice {
    /// It is charged by this list, which is nowhere cheaper than what its provider is known to ask.
    Ceiling(Arc<Price>),
    /// It costs nothing, and its answer says that nobody knows.
    Free,
    /// It costs nothing: it is served on a machine of one's own.
    Own,
    /// It is refused before anything is sent. Where only an answer tells that there was a model, that is charged by
    /// this list as by a ceiling, if there is one.
    Refuse(Option<Arc<Price>>),
}

/// How a request is charged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge<'d> {
    /// By which list; by none where it costs nothing.
    pub(crate) price: Option<&'d Arc<Price>>,
    /// What was assumed because nobody knows.
    pub(crate) assumed: Option<Assumed>,
}

/// What is assumed of a price that nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assumed {
    /// That it is the dearest of the provider.
    Ceiling,
    /// That it is nothing.
    Free,
}

impl Assumed {
    /// The word in the header and in the log.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::Free => "free",
        }
    }
}

/// Nobody knows the price, and that is reason enough to refuse.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unpriced;

impl Destination {
    /// How a request to a model of which this is known is charged.
    pub(crate) fn charge<'d>(&'d self, known: &'d KnownModel) -> Result<Charge<'d>, Unpriced> {
        let price = known.model.as_ref().and_then(|model| model.price.as_ref());
        if price.is_some() {
            return Ok(Charge { price, assumed: None });
        }
        match &self.unknown_price {
            UnknownPrice::Ceiling(price) => {
                Ok(Charge { price: Some(price), assumed: Some(Assumed::Ceiling) })
            }
            UnknownPrice::Free => Ok(Charge { price: None, assumed: Some(Assumed::Free) }),
            UnknownPrice::Own => Ok(Charge { price: None, assumed: None }),
            UnknownPrice::Refuse(_) => Err(Unpriced),
        }
    }

    /// How an answer is charged that was passed on, and that says itself which model it is from. That is believed more
    /// than the request, whose path may be one that only the provider understands.
    pub(crate) fn charge_answered<'d>(
        &'d self,
        answered: Option<&ModelName>,
        asked: Option<&'d Arc<Price>>,
    ) -> Charge<'d> {
        let listed = answered.and_then(|model| self.known(model).model.as_ref()?.price.as_ref());
        if let Some(price) = listed.or(asked) {
            return Charge { price: Some(price), assumed: None };
        }
        match &self.unknown_price {
            UnknownPrice::Ceiling(price) | UnknownPrice::Refuse(Some(price)) => {
                Charge { price: Some(price), assumed: Some(Assumed::Ceiling) }
            }
            UnknownPrice::Free | UnknownPrice::Refuse(None) => {
                Charge { price: None, assumed: Some(Assumed::Free) }
            }
            UnknownPrice::Own => Charge { price: None, assumed: None },
        }
    }
}

/// The models of which it has been said that nobody knows their price. Callers choose names, so it is bounded: beyond
/// that nothing more is said.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<HashSet<ModelName>>);

impl Told {
    /// Whether it is news that nobody knows the price of this model. It is none afterwards.
    pub(crate) fn is_news(&self, model: &ModelName) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() < MAX_TOLD && !told.contains(model) && told.insert(model.clone())
    }
}

/// The most models of a provider that the log names.
const MAX_TOLD: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_news_once_and_not_without_end() {
        let told = Told::default();
        assert!(told.is_news(&ModelName::from("m")));
        assert!(!told.is_news(&ModelName::from("m")));
        for number in 0..MAX_TOLD {
            told.is_news(&ModelName::from(number.to_string()));
        }
        assert!(!told.is_news(&ModelName::from("another")));
    }
}
