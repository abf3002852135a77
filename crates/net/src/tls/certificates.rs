//! A listener's certificate, replaced while it runs when its files change or it is about to expire.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use types::UnixTime;

use super::client::read_certificates;
use super::{LocalAuthority, TlsError, provider};

/// How long a certificate of the local authority is valid.
const LEAF_LIFETIME: Duration = Duration::from_hours(397 * 24);
/// How long before its end it is replaced.
const RENEW_BEFORE: Duration = Duration::from_hours(30 * 24);

/// Where a listener's certificate comes from.
#[derive(Debug)]
pub enum CertificateSource {
    /// From two PEM files.
    Files {
        /// The certificate, followed by its chain.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// Issued by the local authority, for these names besides the local ones. It never touches the disk.
    Local {
        /// Who signs.
        authority: Box<LocalAuthority>,
        /// Host names or addresses.
        names: Vec<String>,
    },
}

/// What a look at the certificate's source led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// A new certificate is in use.
    Replaced,
    /// Nothing has changed.
    Unchanged,
}

/// The certificate in use, and where the next one comes from.
#[derive(Debug)]
pub struct Certificates {
    current: ArcSwap<CertifiedKey>,
    source: CertificateSource,
    seen: Mutex<Seen>,
}

/// What the current certificate was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Files { certificate: Stamp, key: Stamp },
    Local { expires: UnixTime },
}

/// A file's identity as far as a change is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    length: u64,
    inode: u64,
}

impl Certificates {
    pub(super) fn load(source: CertificateSource, now: UnixTime) -> Result<Self, TlsError> {
        let seen = look(&source, now)?;
        let current = ArcSwap::from_pointee(make(&source, now)?);
        Ok(Self { current, source, seen: Mutex::new(seen) })
    }

    /// Replaces the certificate if its files have changed, or if it was issued here and ends within 30 days.
    ///
    /// # Errors
    /// What is wrong with the new material. The current certificate stays in use, and the next call tries again.
    pub fn reload_if_changed(&self, now: UnixTime) -> Result<Reload, TlsError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = look(&self.source, now)?;
        let unchanged = match (*seen, fresh) {
            (Seen::Local { expires }, Seen::Local { .. }) => now.plus(RENEW_BEFORE) < expires,
            (before, after) => before == after,
        };
        if unchanged {
            return Ok(Reload::Unchanged);
        }
        self.current.store(Arc::new(make(&self.source, now)?));
        *seen = fresh;
        Ok(Reload::Replaced)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn look(source: &CertificateSource, now: UnixTime) -> Result<Seen, TlsError> {
    Ok(match source {
        CertificateSource::Files { certificate, key } => {
            Seen::Files { certificate: stamp(certificate)?, key: stamp(key)? }
        }
        CertificateSource::Local { .. } => Seen::Local { expires: now.plus(LEAF_LIFETIME) },
    })
}

fn stamp(path: &Path) -> Result<Stamp, TlsError> {
    let unreadable = |cause| TlsError::Unreadable { path: path.to_owned(), cause };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    Ok(Stamp {
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        length: metadata.len(),
        inode: metadata.ino(),
    })
}

fn make(source: &CertificateSource, now: UnixTime) -> Result<CertifiedKey, TlsError> {
    let (chain, key, path) = match source {
        CertificateSource::Files { certificate, key } => {
            (read_certificates(certificate)?, read_key(key)?, Some(certificate.clone()))
        }
        CertificateSource::Local { authority, names } => {
            let (chain, key) = authority.issue(names, now, now.plus(LEAF_LIFETIME))?;
            (chain, key, None)
        }
    };
    CertifiedKey::from_der(chain, key, &provider()).map_err(|cause| TlsError::Material { path, cause })
}

fn read_key(path: &PathBuf) -> Result<PrivateKeyDer<'static>, TlsError> {
    refuse_world_readable(path)?;
    PrivateKeyDer::from_pem_file(path).map_err(|cause| TlsError::Pem { path: path.clone(), cause })
}

/// A key that everyone on the machine can read is no secret: refused rather than served with.
pub(super) fn refuse_world_readable(path: &Path) -> Result<(), TlsError> {
    let unreadable = |cause| TlsError::Unreadable { path: path.to_owned(), cause };
    let mode = fs::metadata(path).map_err(unreadable)?.mode();
    if mode & 0o004 != 0 {
        return Err(TlsError::WorldReadable { path: path.to_owned() });
    }
    Ok(())
}
