//! Tokens whose signature has been checked: a client sends the same one for minutes, and checking is the dear part.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use types::UnixTime;

/// Tokens per generation. Only tokens that we signed get in, so nobody can fill this from outside.
const GENERATION: usize = 8_192;

/// What a verified token says. Whether that still holds is looked at on every request.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedToken {
    pub(crate) subject: Arc<str>,
    pub(crate) issued: UnixTime,
    pub(crate) expires: UnixTime,
}

/// Verified tokens by the SHA-256 of their whole text: two generations, of which the older is forgotten at once when
/// the younger is full.
#[derive(Default)]
pub(crate) struct Verified(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    younger: HashMap<[u8; 32], VerifiedToken, RandomState>,
    older: HashMap<[u8; 32], VerifiedToken, RandomState>,
}

impl Verified {
    pub(crate) fn find(&self, digest: &[u8; 32]) -> Option<VerifiedToken> {
        let generations = self.generations();
        generations.younger.get(digest).or_else(|| generations.older.get(digest)).cloned()
    }

    /// Remembers the token and hands it back.
    pub(crate) fn keep(&self, digest: [u8; 32], token: VerifiedToken) -> VerifiedToken {
        let mut generations = self.generations();
        if generations.younger.len() >= GENERATION {
            generations.older = std::mem::take(&mut generations.younger);
        }
        generations.younger.insert(digest, token.clone());
        token
    }

    pub(crate) fn clear(&self) {
        *self.generations() = Generations::default();
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
