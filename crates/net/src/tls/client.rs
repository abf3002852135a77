//! The TLS of the upstream client: the platform's trusted certificates, and extra ones from files.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

use super::{TlsError, TlsMin, provider};

/// What the client speaks above TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/1.1 only: a connection per request in flight.
    Http1,
    /// HTTP/2 where the upstream takes it, else HTTP/1.1.
    #[default]
    Http2AndHttp1,
}

/// The client's TLS configuration, to be shared by all clients of a process.
///
/// The platform's certificates are read on the first `https` connection: reading them takes longer than starting.
#[derive(Debug)]
pub struct ClientTls {
    extra_roots: Vec<CertificateDer<'static>>,
    protocols: Protocols,
    config: OnceLock<Arc<rustls::ClientConfig>>,
}

impl ClientTls {
    /// A configuration that also trusts the authorities in these PEM files.
    ///
    /// # Errors
    /// [`TlsError::Pem`] for a file that cannot be read or holds no certificate.
    pub fn new(extra_root_files: &[PathBuf], protocols: Protocols) -> Result<Self, TlsError> {
        let mut extra_roots = Vec::new();
        for path in extra_root_files {
            extra_roots.extend(read_certificates(path)?);
        }
        Ok(Self { extra_roots, protocols, config: OnceLock::new() })
    }

    pub(crate) fn config(&self) -> Result<Arc<rustls::ClientConfig>, TlsError> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let built = self.build()?;
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(built))))
    }

    fn build(&self) -> Result<rustls::ClientConfig, TlsError> {
        let extra = self.extra_roots.iter().cloned();
        let verifier = Verifier::new_with_extra_roots(extra, provider()).map_err(TlsError::Roots)?;
        let mut config = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(TlsMin::Tls12.versions())
            .map_err(TlsError::Roots)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = match self.protocols {
            Protocols::Http1 => vec![b"http/1.1".to_vec()],
            Protocols::Http2AndHttp1 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        Ok(config)
    }
}

/// All certificates of a PEM file, at least one.
pub(super) fn read_certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = |cause| TlsError::Pem { path: path.clone(), cause };
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(pem)?.collect::<Result<_, _>>().map_err(pem)?;
    if certificates.is_empty() {
        return Err(pem(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(certificates)
}
