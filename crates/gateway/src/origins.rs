//! Which provider gave which answer. A turn that goes on from an answer by its id has to be asked of the provider that
//! gave it: no other knows it, and with several targets every second turn would be refused.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use types::ProviderName;

/// The most answers whose providers are remembered; the oldest are forgotten first.
const MOST: usize = 65_536;

/// The providers of the latest answers, by the hashes of their ids. Nothing of the answers is kept.
#[derive(Debug, Default)]
pub struct Origins {
    hasher: RandomState,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    providers: HashMap<u64, ProviderName, RandomState>,
    order: VecDeque<u64>,
}

impl Origins {
    /// Remembers that this provider gave the answer `id`.
    pub(crate) fn remember(&self, id: &str, provider: &ProviderName) {
        let hash = self.hasher.hash_one(id);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.providers.insert(hash, provider.clone()).is_some() {
            return;
        }
        known.order.push_back(hash);
        if known.order.len() > MOST
            && let Some(oldest) = known.order.pop_front()
        {
            known.providers.remove(&oldest);
        }
    }

    /// The provider that gave the answer `id`, if that is remembered.
    pub(crate) fn of(&self, id: &str) -> Option<ProviderName> {
        let hash = self.hasher.hash_one(id);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.providers.get(&hash).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_answers_are_remembered_and_the_oldest_forgotten() {
        let origins = Origins::default();
        let provider = ProviderName::from("a");
        for number in 0..=MOST {
            origins.remember(&format!("resp_{number}"), &provider);
        }
        assert_eq!(origins.of("resp_0"), None);
        assert_eq!(origins.of("resp_1"), Some(provider.clone()));
        origins.remember("resp_1", &"b".into());
        assert_eq!(origins.of("resp_1"), Some("b".into()));
        assert_eq!(origins.known.lock().unwrap().order.len(), MOST);
    }
}
