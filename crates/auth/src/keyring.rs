//! The keys as requests see them: an immutable snapshot in memory, replaced when the store has changed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use foldhash::fast::RandomState;
use store::{KeyDigest, KeyRecord, StoreError, Version};
use subtle::ConstantTimeEq as _;
use types::{KeyId, Monotonic, Tenant, UnixTime};

use crate::{IdentifyError, Keys, Principal, Reason, secret_text};

/// How long the last good snapshot serves while the store fails. A key revoked meanwhile works until then.
const LONGEST_OUTAGE: Duration = Duration::from_hours(1);

/// What a presented key is compared with where nobody has its digest, so that the comparison is always made.
const NOBODY: KeyDigest = KeyDigest([0; 32]);

/// What a look at the store has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// The keys were read anew.
    Renewed {
        /// How many there are, revoked ones included.
        keys: usize,
    },
    /// Nobody has changed them.
    Unchanged,
}

/// Every key in memory. Looking one up touches neither the disk nor a lock.
#[derive(Debug)]
pub struct KeyRing {
    keys: Arc<Keys>,
    snapshot: ArcSwapOption<Snapshot>,
    /// Whether the last refresh failed, so that an unknown key may be one that could not be read yet.
    stale: AtomicBool,
    progress: Mutex<Progress>,
}

impl KeyRing {
    /// An empty ring: it identifies nobody until the first [`KeyRing::refresh`].
    pub fn new(keys: Arc<Keys>) -> Self {
        Self {
            keys,
            snapshot: ArcSwapOption::empty(),
            stale: AtomicBool::new(false),
            progress: Mutex::default(),
        }
    }

    /// Takes in what has changed in the store since the last call, by whichever process, and says whether. Blocks on the disk, for
    /// microseconds when nothing has changed; meant to be called a few times a second off the requests' path.
    ///
    /// # Errors
    /// While the store fails, the last good snapshot goes on serving for an hour; then nobody is identified.
    pub fn refresh(&self, now: Monotonic) -> Result<Refresh, StoreError> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = self.load_newer_than(progress.version);
        self.stale.store(loaded.is_err(), Ordering::Relaxed);
        match loaded {
            Ok(newer) => {
                progress.good_at = now;
                let Some((version, snapshot)) = newer else { return Ok(Refresh::Unchanged) };
                progress.version = version;
                let keys = snapshot.by_id.len();
                self.snapshot.store(Some(Arc::new(snapshot)));
                Ok(Refresh::Renewed { keys })
            }
            Err(failure) => {
                if now.since(progress.good_at) > LONGEST_OUTAGE {
                    progress.version = Version::default();
                    self.snapshot.store(None);
                }
                Err(failure)
            }
        }
    }

    /// Whose key this is. The digest and the comparison are made whatever is presented, and every refusal costs the
    /// same, so that the time taken tells nothing.
    pub(crate) fn identify(&self, presented: &[u8], now: UnixTime) -> Result<Arc<Principal>, IdentifyError> {
        let digest = self.keys.digest(presented);
        let snapshot = self.snapshot.load();
        let entry = snapshot.as_ref().and_then(|snapshot| snapshot.by_digest.get(&digest));
        let expected = entry.map_or(&NOBODY, |entry| &entry.digest);
        let same = bool::from(expected.0.ct_eq(&digest.0));
        let standing = entry.filter(|_| same).map(|entry| entry.principal_at(now));
        if let Some(Ok(principal)) = standing {
            return Ok(principal);
        }
        let key_shaped = secret_text::is_key_shaped(presented);
        Err(match standing {
            _ if snapshot.is_none() => IdentifyError::Unavailable,
            Some(Err(reason)) => IdentifyError::BadCredential(reason),
            Some(Ok(_)) | None if presented.is_empty() => IdentifyError::BadCredential(Reason::Missing),
            Some(Ok(_)) | None if !key_shaped => IdentifyError::BadCredential(Reason::Malformed),
            Some(Ok(_)) | None => self.unknown(),
        })
    }

    /// Who the key with this identity stands for, if it is still good.
    pub(crate) fn holder_of(&self, key: &str, now: UnixTime) -> Result<Arc<Principal>, IdentifyError> {
        let snapshot = self.snapshot.load();
        let Some(snapshot) = snapshot.as_ref() else { return Err(IdentifyError::Unavailable) };
        let Some(entry) = snapshot.by_id.get(key) else { return Err(self.unknown()) };
        entry.principal_at(now).map_err(IdentifyError::BadCredential)
    }

    /// A key that is not in an old snapshot may be in the store by now: that is not the caller's fault.
    fn unknown(&self) -> IdentifyError {
        if self.stale.load(Ordering::Relaxed) {
            IdentifyError::Unavailable
        } else {
            IdentifyError::BadCredential(Reason::Unknown)
        }
    }

    /// The version is read before the keys: a write in between is seen again, never missed.
    fn load_newer_than(&self, seen: Version) -> Result<Option<(Version, Snapshot)>, StoreError> {
        let store = self.keys.store();
        let Some(version) = store.changed_since(seen)? else { return Ok(None) };
        Ok(Some((version, Snapshot::of(store.keys()?))))
    }
}

/// How far the ring has followed the store.
#[derive(Debug, Default)]
struct Progress {
    version: Version,
    good_at: Monotonic,
}

#[derive(Debug)]
struct Snapshot {
    by_digest: HashMap<KeyDigest, Arc<Entry>, RandomState>,
    by_id: HashMap<KeyId, Arc<Entry>, RandomState>,
}

impl Snapshot {
    fn of(records: Vec<KeyRecord>) -> Self {
        let entries: Vec<Arc<Entry>> =
            records.into_iter().map(|record| Arc::new(Entry::of(record))).collect();
        Self {
            by_digest: entries.iter().map(|entry| (entry.digest, Arc::clone(entry))).collect(),
            by_id: entries.into_iter().map(|entry| (entry.principal.key.clone(), entry)).collect(),
        }
    }
}

#[derive(Debug)]
struct Entry {
    digest: KeyDigest,
    principal: Arc<Principal>,
    expires: Option<UnixTime>,
    disabled: Option<UnixTime>,
}

impl Entry {
    /// A key is its own tenant: nothing of one key's is another's.
    fn of(record: KeyRecord) -> Self {
        let KeyRecord { id, name, digest, models, expires, disabled, .. } = record;
        let tenant = Tenant::from(id.as_str());
        Self { digest, principal: Arc::new(Principal { key: id, name, tenant, models }), expires, disabled }
    }

    fn principal_at(&self, now: UnixTime) -> Result<Arc<Principal>, Reason> {
        if self.disabled.is_some() {
            return Err(Reason::Disabled);
        }
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err(Reason::Expired);
        }
        Ok(Arc::clone(&self.principal))
    }
}
