//! TLS for both sides: rustls with aws-lc-rs, certificates from files or from a local authority.

mod authority;
mod certificates;
mod client;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::version::{TLS12, TLS13};
use types::UnixTime;

pub use self::authority::LocalAuthority;
pub use self::certificates::{CertificateSource, Certificates, Reload};
pub use self::client::{ClientTls, Protocols};

/// The oldest TLS version a listener speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMin {
    /// TLS 1.2 and 1.3.
    #[default]
    Tls12,
    /// TLS 1.3 only.
    Tls13,
}

impl TlsMin {
    fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        static NEWEST: [&SupportedProtocolVersion; 1] = [&TLS13];
        match self {
            Self::Tls12 => &BOTH,
            Self::Tls13 => &NEWEST,
        }
    }
}

/// What a listener offers above TLS (ALPN), in its order of preference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2, else HTTP/1.1.
    #[default]
    Http2AndHttp1,
}

impl Alpn {
    fn names(self) -> Vec<Vec<u8>> {
        match self {
            Self::Http1 => vec![b"http/1.1".to_vec()],
            Self::Http2AndHttp1 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
    }
}

/// What is wrong with the TLS material. Each variant says where.
#[derive(Debug)]
pub enum TlsError {
    /// A certificate cannot be made.
    Authority(rcgen::Error),
    /// Certificate and key do not make a usable pair.
    Material {
        /// The certificate's file, if it is one.
        path: Option<PathBuf>,
        /// What rustls says.
        cause: rustls::Error,
    },
    /// A file is not PEM, or holds none of what is looked for.
    Pem {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        cause: rustls::pki_types::pem::Error,
    },
    /// The platform's certificates cannot be used.
    Roots(rustls::Error),
    /// A file cannot be read or written.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A private key can be read by others than its owner.
    WorldReadable {
        /// The key's file.
        path: PathBuf,
    },
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authority(_) => f.write_str("a certificate cannot be made"),
            Self::Material { path: Some(path), .. } => {
                write!(f, "the certificate in {} cannot be used with its key", path.display())
            }
            Self::Material { path: None, .. } => f.write_str("a certificate cannot be used with its key"),
            Self::Pem { path, .. } => write!(f, "{} holds no usable pem section", path.display()),
            Self::Roots(_) => f.write_str("the trusted certificates cannot be used"),
            Self::Unreadable { path, .. } => write!(f, "{} cannot be read or written", path.display()),
            Self::WorldReadable { path } => write!(f, "others can read the key {}", path.display()),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Authority(cause) => Some(cause),
            Self::Material { cause, .. } | Self::Roots(cause) => Some(cause),
            Self::Pem { cause, .. } => Some(cause),
            Self::Unreadable { cause, .. } => Some(cause),
            Self::WorldReadable { .. } => None,
        }
    }
}

/// A listener's TLS: the configuration, and its certificates, which can be renewed while it runs.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// For [`crate::listener::Server`].
    pub config: Arc<rustls::ServerConfig>,
    /// Call its `reload_if_changed` now and then.
    pub certificates: Arc<Certificates>,
}

/// Loads the certificate and builds a listener's TLS.
///
/// # Errors
/// See [`TlsError`]: nothing half-usable is returned.
pub fn server_config(
    min: TlsMin,
    source: CertificateSource,
    alpn: Alpn,
    now: UnixTime,
) -> Result<ServerTls, TlsError> {
    let certificates = Arc::new(Certificates::load(source, now)?);
    let material = |cause| TlsError::Material { path: None, cause };
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(min.versions())
        .map_err(material)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::<Certificates>::clone(&certificates));
    config.alpn_protocols = alpn.names();
    Ok(ServerTls { config: Arc::new(config), certificates })
}

/// The one provider of cryptography, passed explicitly so that no process-wide default matters.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
