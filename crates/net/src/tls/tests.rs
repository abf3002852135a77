//! Certificates from the local authority and from files, seen from a client.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use types::{Clock, SystemClock};

use super::*;

/// The verifier reads the real clock, so the certificates have to be valid by it.
fn now() -> UnixTime {
    SystemClock::new().wall()
}

fn local(directory: &Path, names: &[&str]) -> CertificateSource {
    let authority = LocalAuthority::open_or_create(directory, now()).unwrap();
    CertificateSource::Local {
        authority: Box::new(authority),
        names: names.iter().map(ToString::to_string).collect(),
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A handshake in memory; the negotiated protocol.
async fn shake(
    server: &ServerTls,
    client: Arc<rustls::ClientConfig>,
    name: &str,
) -> io::Result<Option<Vec<u8>>> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let connect = TlsConnector::from(client).connect(ServerName::try_from(name.to_owned()).unwrap(), near);
    let accept = TlsAcceptor::from(Arc::clone(&server.config)).accept(far);
    let (connected, _accepted) = tokio::join!(connect, accept);
    Ok(connected?.get_ref().1.alpn_protocol().map(<[u8]>::to_vec))
}

fn client(directory: &Path) -> Arc<rustls::ClientConfig> {
    ClientTls::new(&[directory.join("ca.pem")], Protocols::Http2AndHttp1).unwrap().config().unwrap()
}

#[tokio::test]
async fn a_client_that_trusts_the_local_authority_reaches_every_name() {
    let directory = TempDir::new().unwrap();
    let source = local(directory.path(), &["gateway.internal", "10.1.2.3"]);
    let server = server_config(TlsMin::Tls12, source, Alpn::Http2AndHttp1, now()).unwrap();
    let client = client(directory.path());
    for name in ["localhost", "127.0.0.1", "::1", "gateway.internal", "10.1.2.3"] {
        let alpn = shake(&server, Arc::clone(&client), name).await.unwrap();
        assert_eq!(alpn.as_deref(), Some(&b"h2"[..]), "{name}");
    }
    assert!(shake(&server, client, "other.internal").await.is_err());
}

#[tokio::test]
async fn the_authority_is_made_once_and_its_key_is_private() {
    let directory = TempDir::new().unwrap();
    drop(local(directory.path(), &[]));
    let (certificate, key) = (directory.path().join("ca.pem"), directory.path().join("ca.key"));
    assert_eq!((mode(&certificate), mode(&key)), (0o644, 0o600));
    let before = std::fs::read(&certificate).unwrap();
    let client = client(directory.path());
    let again = server_config(TlsMin::Tls12, local(directory.path(), &[]), Alpn::Http1, now()).unwrap();
    assert_eq!(std::fs::read(&certificate).unwrap(), before);
    assert_eq!(shake(&again, client, "localhost").await.unwrap().as_deref(), Some(&b"http/1.1"[..]));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = LocalAuthority::open_or_create(directory.path(), now());
    assert!(matches!(refused, Err(TlsError::WorldReadable { .. })));
}

#[tokio::test]
async fn a_listener_for_tls_1_3_refuses_1_2() {
    let directory = TempDir::new().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    for (min, accepts) in [(TlsMin::Tls12, true), (TlsMin::Tls13, false)] {
        let server = server_config(min, local(directory.path(), &[]), Alpn::Http1, now()).unwrap();
        for root in client::read_certificates(&directory.path().join("ca.pem")).unwrap() {
            roots.add(root).unwrap();
        }
        let old = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS12])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        assert_eq!(shake(&server, Arc::new(old), "localhost").await.is_ok(), accepts, "{min:?}");
    }
}

#[test]
fn a_certificate_issued_here_is_renewed_in_its_last_thirty_days() {
    let directory = TempDir::new().unwrap();
    let server = server_config(TlsMin::Tls12, local(directory.path(), &[]), Alpn::Http1, now()).unwrap();
    let start = now();
    let after = |days: u64| start.plus(Duration::from_hours(days * 24));
    for (days, expect) in [(0, Reload::Unchanged), (366, Reload::Unchanged), (368, Reload::Replaced)] {
        assert_eq!(server.certificates.reload_if_changed(after(days)).unwrap(), expect, "{days}");
    }
    assert_eq!(server.certificates.reload_if_changed(after(700)).unwrap(), Reload::Unchanged);
}

/// Writes a certificate and its key, signed by the authority in `directory`.
fn write_pair(directory: &Path, name: &str, key_mode: u32) -> CertificateSource {
    let authority = LocalAuthority::open_or_create(directory, now()).unwrap();
    let until = now().plus(Duration::from_hours(24));
    let (chain, key) = authority.issue(&[name.to_owned()], now(), until).unwrap();
    let (certificate, key_path) = (directory.join("site.pem"), directory.join("site.key"));
    std::fs::write(&certificate, pem("CERTIFICATE", &chain[0])).unwrap();
    std::fs::write(&key_path, pem("PRIVATE KEY", key.secret_der())).unwrap();
    std::fs::set_permissions(&key_path, std::fs::Permissions::from_mode(key_mode)).unwrap();
    CertificateSource::Files { certificate, key: key_path }
}

fn pem(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in der.chunks(3) {
        let word =
            group.iter().chain([&0; 2]).take(3).fold(0_usize, |word, byte| word << 8 | usize::from(*byte));
        for place in 0..4 {
            let digit = char::from(DIGITS[word >> (18 - 6 * place) & 63]);
            text.push(if place <= group.len() { digit } else { '=' });
        }
    }
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

#[tokio::test]
async fn certificate_files_are_read_again_when_they_change() {
    let directory = TempDir::new().unwrap();
    let source = write_pair(directory.path(), "one.internal", 0o600);
    let server = server_config(TlsMin::Tls13, source, Alpn::Http1, now()).unwrap();
    let client = client(directory.path());
    assert!(shake(&server, Arc::clone(&client), "one.internal").await.is_ok());
    assert_eq!(server.certificates.reload_if_changed(now()).unwrap(), Reload::Unchanged);

    std::fs::write(directory.path().join("site.pem"), "half a file").unwrap();
    assert!(server.certificates.reload_if_changed(now()).is_err());
    assert!(shake(&server, Arc::clone(&client), "one.internal").await.is_ok());

    write_pair(directory.path(), "second.internal", 0o600);
    assert_eq!(server.certificates.reload_if_changed(now()).unwrap(), Reload::Replaced);
    assert!(shake(&server, Arc::clone(&client), "second.internal").await.is_ok());
    assert!(shake(&server, client, "one.internal").await.is_err());
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let directory = TempDir::new().unwrap();
    let source = write_pair(directory.path(), "one.internal", 0o644);
    let refused = server_config(TlsMin::Tls13, source, Alpn::Http1, now());
    assert!(matches!(refused, Err(TlsError::WorldReadable { .. })));
}
