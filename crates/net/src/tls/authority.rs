//! A certificate authority of this machine's own, made once, so that TLS works before anyone has bought a certificate.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use types::UnixTime;

use super::TlsError;
use super::certificates::refuse_world_readable;

/// How long the authority itself is valid: ten years.
const LIFETIME: Duration = Duration::from_hours(3650 * 24);
/// Clocks of clients may lag this much.
const LEEWAY: Duration = Duration::from_hours(1);
/// What every certificate is good for.
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A local certificate authority: `ca.pem` for clients to trust, `ca.key` for this program alone.
pub struct LocalAuthority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    certificate_path: PathBuf,
}

impl LocalAuthority {
    /// Opens the authority in `directory`, or makes it there if there is none.
    ///
    /// # Errors
    /// [`TlsError::WorldReadable`] if others can read its key, and whatever is wrong with files half there.
    pub fn open_or_create(directory: &Path, now: UnixTime) -> Result<Self, TlsError> {
        let certificate_path = directory.join("ca.pem");
        let key_path = directory.join("ca.key");
        if !exists(&key_path)? {
            create(&certificate_path, &key_path, now)?;
        }
        refuse_world_readable(&key_path)?;
        let unreadable = |cause| TlsError::Unreadable { path: key_path.clone(), cause };
        let key = KeyPair::from_pem(&fs::read_to_string(&key_path).map_err(unreadable)?)
            .map_err(TlsError::Authority)?;
        if !exists(&certificate_path)? {
            // A start that was cut off between the two files: the same key gives an equally good certificate.
            write_certificate(&certificate_path, &key, now)?;
        }
        let pem = |cause| TlsError::Pem { path: certificate_path.clone(), cause };
        let certificate = CertificateDer::from_pem_file(&certificate_path).map_err(pem)?;
        let issuer = Issuer::new(parameters(&key, now), key);
        Ok(Self { certificate, issuer, certificate_path })
    }

    /// The file to give to clients.
    pub fn certificate_path(&self) -> &Path {
        &self.certificate_path
    }

    /// A new key and a certificate for the local names and `names`, with the chain behind it.
    pub(super) fn issue(
        &self,
        names: &[String],
        from: UnixTime,
        until: UnixTime,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let key = KeyPair::generate().map_err(TlsError::Authority)?;
        let mut all: Vec<String> = LOCAL_NAMES.map(str::to_owned).to_vec();
        all.extend(names.iter().filter(|name| !LOCAL_NAMES.contains(&name.as_str())).cloned());
        let mut leaf = CertificateParams::new(all).map_err(TlsError::Authority)?;
        let epoch = date_time_ymd(1970, 1, 1);
        (leaf.not_before, leaf.not_after) = (epoch + since_epoch(from) - LEEWAY, epoch + since_epoch(until));
        leaf.distinguished_name = common_name("Tollgate".to_owned());
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let signed = leaf.signed_by(&key, &self.issuer).map_err(TlsError::Authority)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok((vec![signed.der().clone(), self.certificate.clone()], key.into()))
    }
}

impl fmt::Debug for LocalAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalAuthority").field("certificate", &self.certificate_path).finish_non_exhaustive()
    }
}

fn create(certificate_path: &Path, key_path: &Path, now: UnixTime) -> Result<(), TlsError> {
    let key = KeyPair::generate().map_err(TlsError::Authority)?;
    // The key first: a certificate without its key would be trusted by clients and of no use.
    write_new(key_path, 0o600, &key.serialize_pem())?;
    write_certificate(certificate_path, &key, now)
}

fn write_certificate(path: &Path, key: &KeyPair, now: UnixTime) -> Result<(), TlsError> {
    let certificate = parameters(key, now).self_signed(key).map_err(TlsError::Authority)?;
    write_new(path, 0o644, &certificate.pem())
}

/// The authority's own certificate. Its name follows from the key, so that it is the same when only the key is read.
fn parameters(key: &KeyPair, now: UnixTime) -> CertificateParams {
    let mut authority = CertificateParams::default();
    let mut name = "Tollgate local authority ".to_owned();
    for byte in authority.key_identifier(key).iter().take(4) {
        for nibble in [byte >> 4, byte & 0xf] {
            name.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    let epoch = date_time_ymd(1970, 1, 1);
    (authority.not_before, authority.not_after) =
        (epoch + since_epoch(now) - LEEWAY, epoch + since_epoch(now.plus(LIFETIME)));
    authority.distinguished_name = common_name(name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
}

fn common_name(common: String) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// rcgen's date type cannot be named here; a date is made by adding this to the epoch.
fn since_epoch(time: UnixTime) -> Duration {
    Duration::from_secs(time.as_secs())
}

fn exists(path: &Path) -> Result<bool, TlsError> {
    path.try_exists().map_err(|cause| TlsError::Unreadable { path: path.to_owned(), cause })
}

/// Writes a file that must not exist yet, whole or not at all, and makes it last.
fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), TlsError> {
    let write = || -> io::Result<()> {
        let mut half = path.as_os_str().to_owned();
        half.push(".new");
        let half = PathBuf::from(half);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&half)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&half, path)
    };
    write().map_err(|cause| TlsError::Unreadable { path: path.to_owned(), cause })
}
