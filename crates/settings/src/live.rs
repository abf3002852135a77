//! The settings in force, replaced as a whole: whoever holds a generation keeps it.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::Settings;

/// Settings and which generation of them they are.
#[derive(Clone, Debug)]
pub struct Generation {
    /// Counts from one, up by one with each replacement.
    pub number: u64,
    /// The settings.
    pub settings: Arc<Settings>,
}

/// The settings in force. Reading takes no lock, so that it may happen on every request.
#[derive(Debug)]
pub struct Live {
    current: ArcSwap<Generation>,
}

impl Live {
    /// The first generation.
    pub fn new(settings: Settings) -> Self {
        let first = Generation { number: 1, settings: Arc::new(settings) };
        Self { current: ArcSwap::from_pointee(first) }
    }

    /// The generation in force now. It stays as it is when the next one comes.
    pub fn load_full(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// Puts the next generation in force and returns its number.
    pub fn replace(&self, settings: Settings) -> u64 {
        let settings = Arc::new(settings);
        let previous = self.current.rcu(|current| Generation {
            number: current.number.saturating_add(1),
            settings: Arc::clone(&settings),
        });
        previous.number.saturating_add(1)
    }
}
