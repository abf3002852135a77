//! The ids of what callers keep at providers, as callers know them: each names its provider and proves whose it is, so
//! that nothing has to be remembered. Such an id is worth nothing to anybody else.

use std::fmt;
use std::path::Path;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::private;
use subtle::ConstantTimeEq;
use types::{ProviderName, Tenant};

use crate::{OpenError, secret_text};

/// The file with the key, in the data directory.
const FILE: &str = "ids.key";
const KEY_LENGTH: usize = 32;
/// How much of a digest an id carries: 96 bits are more than anybody can try.
const PROOF_LENGTH: usize = 12;
/// What stands between an id, its provider and the proof.
const SEPARATOR: char = '.';

/// The longest id that is read.
const LONGEST: usize = 1024;
/// How many separators a provider's name may hold: each that is looked behind costs a digest.
const MOST_READINGS: usize = 8;

/// Marks ids, and reads what it has marked.
pub struct Marks {
    key: Key,
}

impl Marks {
    /// With the key in this data directory, which is made if there is none.
    pub fn open(data: &Path) -> Result<Self, OpenError> {
        let path = data.join(FILE);
        if private::read(&path)?.is_none() {
            let fresh = secret_text::random_bytes::<KEY_LENGTH>()?;
            private::create(&path, fresh.reveal())?;
        }
        let stored = private::read(&path)?.filter(|stored| stored.reveal().len() == KEY_LENGTH);
        let stored = stored.ok_or(OpenError::Damaged { path })?;
        Ok(Self { key: Key::new(HMAC_SHA256, stored.reveal()) })
    }

    /// A provider's id as a caller gets it: `ID.PROVIDER.PROOF`.
    pub fn mark(&self, provider: &ProviderName, id: &str, tenant: &Tenant) -> String {
        let proof = URL_SAFE_NO_PAD.encode(self.proof(provider.as_str(), id, tenant));
        format!("{id}{SEPARATOR}{provider}{SEPARATOR}{proof}")
    }

    /// The provider and its id of what has been marked for this caller.
    pub fn read<'m>(&self, marked: &'m str, tenant: &Tenant) -> Option<(&'m str, &'m str)> {
        if marked.len() > LONGEST {
            return None;
        }
        let (rest, proof) = marked.rsplit_once(SEPARATOR)?;
        let proof = URL_SAFE_NO_PAD.decode(proof).ok()?;
        // An id or a provider's name may hold the separator itself: the proof fits one reading only.
        let places = rest.rmatch_indices(SEPARATOR).take(MOST_READINGS);
        let mut readings = places.map(|(at, _)| rest.split_at(at));
        readings.find_map(|(id, rest)| {
            let provider = rest.strip_prefix(SEPARATOR)?;
            let fits = bool::from(self.proof(provider, id, tenant).as_slice().ct_eq(&proof));
            fits.then_some((provider, id))
        })
    }

    fn proof(&self, provider: &str, id: &str, tenant: &Tenant) -> [u8; PROOF_LENGTH] {
        let said = [provider, id, tenant.as_str()].join("\0");
        let tag = sign(&self.key, said.as_bytes());
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Marks(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_by_its_caller_and_nobody_else() {
        let data = tempfile::tempdir().unwrap();
        let (mine, other) = (Tenant::from("mine"), Tenant::from("other"));
        let marks = Marks::open(data.path()).unwrap();
        for (provider, id) in [("openai", "file-1a_2"), ("my.gpu-1", "file.1"), ("a", "b")] {
            let marked = marks.mark(&ProviderName::from(provider), id, &mine);
            let again = Marks::open(data.path()).unwrap();
            assert_eq!(again.read(&marked, &mine), Some((provider, id)));
            assert_eq!(marks.read(&marked, &other), None);
            assert_eq!(marks.read(id, &mine), None);
            assert_eq!(marks.read(&format!("x{marked}"), &mine), None);
            let swapped = marked.replace(provider, "z");
            assert_eq!(marks.read(&swapped, &mine), None);
        }
        assert_eq!(marks.read("", &mine), None);
        assert_eq!(marks.read("a.b.", &mine), None);
        assert_eq!(marks.read("...", &mine), None);
    }
}
