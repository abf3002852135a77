//! Keys and tokens as the gateway and the command line use them: one data directory, two programs, a clock by hand.

use std::fs;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use store::Allowed;
use types::{Classify as _, Code, KeyId, Monotonic};

use super::*;
use crate::{CreateKeyError, CreatedKey, Issuer, Keys, NewKey, OpenError};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const DAY: Duration = Duration::from_hours(24);

/// A server and a command line on one data directory.
struct Site {
    data: tempfile::TempDir,
    ring: Arc<KeyRing>,
    tokens: Arc<Tokens>,
    authenticator: Authenticator,
}

impl Site {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let ring = Arc::new(KeyRing::new(Arc::new(Keys::open(data.path()).unwrap())));
        let tokens = Arc::new(tokens_in(data.path(), NOW));
        ring.refresh(Monotonic::default()).unwrap();
        let authenticator = Authenticator::keys_and_tokens(Arc::clone(&ring), Arc::clone(&tokens));
        Self { data, ring, tokens, authenticator }
    }

    /// Another process: its own handle on the same files.
    fn command_line(&self) -> Keys {
        Keys::open(self.data.path()).unwrap()
    }

    fn create(&self, name: &str) -> CreatedKey {
        let created = self.command_line().create(new_key(name), NOW).unwrap();
        self.ring.refresh(Monotonic::default()).unwrap();
        created
    }

    fn identify(&self, credential: &str, now: UnixTime) -> Result<Arc<Principal>, IdentifyError> {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {credential}").parse().unwrap());
        self.authenticator.identify(&Presented::read(&headers, None).unwrap(), now)
    }

    #[track_caller]
    fn check_refused(&self, credential: &str, now: UnixTime, reason: Reason) {
        let refused = self.identify(credential, now).expect_err("refused");
        assert_eq!(refused, IdentifyError::BadCredential(reason));
        assert_eq!(refused.verdict().code, Code::BadCredential);
        let same = IdentifyError::BadCredential(Reason::Unknown);
        assert_eq!(refused.to_string(), same.to_string(), "the caller reads the same whatever is wrong");
    }

    fn exchange(&self, form: &str, now: UnixTime) -> Result<AccessToken, GrantError> {
        let body = format!("grant_type=client_credentials&{form}");
        self.authenticator.exchange(&Grant::read(&HeaderMap::new(), body.as_bytes())?, None, now)
    }

    fn token_for(&self, key: &CreatedKey, now: UnixTime) -> String {
        let issued = self.exchange(&format!("client_secret={}", key.secret.reveal()), now).unwrap();
        issued.token.reveal().clone()
    }
}

fn tokens_in(data: &Path, now: UnixTime) -> Tokens {
    Tokens::open(data, Issuer::new("https://gateway.test/"), Duration::from_mins(15), now).unwrap()
}

fn new_key(name: &str) -> NewKey {
    NewKey {
        name: name.to_owned(),
        models: Allowed::Only(["smart".into()].into()),
        lifetime: Some(DAY),
        created_by: "test".to_owned(),
    }
}

#[test]
fn a_key_created_and_revoked_by_another_process_is_noticed_at_the_next_refresh() {
    let site = Site::start();
    let command_line = site.command_line();
    let key = command_line.create(new_key("blue"), NOW).unwrap();
    site.check_refused(key.secret.reveal(), NOW, Reason::Unknown);
    site.ring.refresh(Monotonic::default()).unwrap();
    let principal = site.identify(key.secret.reveal(), NOW).unwrap();
    assert_eq!((&principal.key, &*principal.name), (&key.record.id, "blue"));
    assert!(principal.may_use("smart") && !principal.may_use("cheap"));

    assert_eq!(command_line.revoke("blue", NOW).unwrap(), Some(key.record.id));
    assert!(site.identify(key.secret.reveal(), NOW).is_ok());
    site.ring.refresh(Monotonic::default()).unwrap();
    site.check_refused(key.secret.reveal(), NOW, Reason::Disabled);
}

#[test]
fn every_bad_credential_is_refused_alike() {
    let site = Site::start();
    let key = site.create("blue");
    let nobodys = secret_of_another_site();
    site.check_refused("", NOW, Reason::Missing);
    site.check_refused("sk-1234", NOW, Reason::Malformed);
    site.check_refused(&key.secret.reveal()[..41], NOW, Reason::Malformed);
    site.check_refused(&nobodys, NOW, Reason::Unknown);
    site.check_refused(key.secret.reveal(), NOW.plus(DAY), Reason::Expired);
    assert!(site.identify(key.secret.reveal(), NOW.plus(Duration::from_secs(86_399))).is_ok());
}

fn secret_of_another_site() -> String {
    Site::start().create("red").secret.reveal().clone()
}

#[test]
fn before_the_keys_are_loaded_nobody_is_told_that_a_key_is_bad() {
    let data = tempfile::tempdir().unwrap();
    let ring = KeyRing::new(Arc::new(Keys::open(data.path()).unwrap()));
    let refused = Authenticator::keys(Arc::new(ring)).identify(&Presented::default(), NOW).unwrap_err();
    assert_eq!(refused.verdict().code, Code::AuthenticationDown);
}

#[test]
fn while_the_store_fails_known_keys_work_for_an_hour_and_unknown_ones_are_not_called_bad() {
    let site = Site::start();
    let key = site.create("blue");
    break_database(site.data.path());
    let start = Monotonic::default();
    site.ring.refresh(start.plus(Duration::from_secs(1))).unwrap_err();
    assert!(site.identify(key.secret.reveal(), NOW).is_ok());
    assert_eq!(site.identify(&secret_of_another_site(), NOW), Err(IdentifyError::Unavailable));
    site.check_refused("sk-1234", NOW, Reason::Malformed);
    site.ring.refresh(start.plus(Duration::from_hours(2))).unwrap_err();
    assert_eq!(site.identify(key.secret.reveal(), NOW), Err(IdentifyError::Unavailable));
}

/// Takes the counter that every refresh reads away, as a damaged or half-restored database would.
fn break_database(data: &Path) {
    let database = rusqlite::Connection::open(data.join("tollgate.db")).unwrap();
    database.execute_batch("ALTER TABLE change RENAME TO lost").unwrap();
}

#[test]
fn no_file_and_no_debug_output_holds_a_key_or_a_token() {
    let site = Site::start();
    let key = site.create("blue");
    let token = site.exchange(&format!("client_secret={}", key.secret.reveal()), NOW).unwrap();
    let random = &key.secret.reveal()[3..36];
    let mut files = 0;
    for file in fs::read_dir(site.data.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        for secret in [random, token.token.reveal()] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
        files += 1;
    }
    assert!(files >= 3, "the database, the pepper and the signing keys");
    let debug = format!("{key:?} {token:?} {:?} {:?} {:?}", site.ring, site.authenticator, site.tokens);
    let seeds = fs::read_to_string(site.data.path().join("signing-keys.json")).unwrap();
    let seed = seeds.split('"').find(|piece| piece.len() == 43).unwrap();
    for secret in [random, token.token.reveal(), seed] {
        assert!(!debug.contains(secret), "{debug}");
    }
}

#[test]
fn a_lost_pepper_is_named_and_not_silently_replaced() {
    let site = Site::start();
    site.create("blue");
    fs::remove_file(site.data.path().join("key-pepper")).unwrap();
    assert!(matches!(Keys::open(site.data.path()).unwrap_err(), OpenError::PepperMissing { .. }));
    fs::write(site.data.path().join("key-pepper"), b"").unwrap();
    make_private(&site.data.path().join("key-pepper"));
    assert!(matches!(Keys::open(site.data.path()).unwrap_err(), OpenError::Damaged { .. }));
}

fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_name_that_would_spoil_a_log_line_is_refused() {
    let keys = Site::start();
    let keys = keys.command_line();
    for name in ["", "a\nb", &"x".repeat(129)] {
        assert!(matches!(keys.create(new_key(name), NOW), Err(CreateKeyError::InvalidName)), "{name:?}");
    }
    keys.create(new_key("blue"), NOW).unwrap();
    let taken = keys.create(new_key("blue"), NOW).unwrap_err();
    assert_eq!(taken.verdict().code, Code::InvalidField);
}

#[test]
fn without_authentication_everyone_is_one_anonymous_caller() {
    let principal = Authenticator::anonymous().identify(&Presented::default(), NOW).unwrap();
    assert_eq!(*principal, Principal::anonymous());
}

#[test]
fn a_token_stands_for_its_key_until_it_or_the_key_ends() {
    let site = Site::start();
    let key = site.create("blue");
    let token = site.token_for(&key, NOW);
    let later = |seconds| NOW.plus(Duration::from_secs(seconds));
    assert_eq!(site.identify(&token, NOW).unwrap().key, key.record.id);
    assert!(site.identify(&token, later(15 * 60 + 29)).is_ok(), "clocks may differ by half a minute");
    site.check_refused(&token, later(15 * 60 + 30), Reason::Expired);
    let early = UnixTime::from_secs(NOW.as_secs() - 31);
    site.check_refused(&token, early, Reason::Unknown);

    site.command_line().revoke("blue", NOW).unwrap();
    site.ring.refresh(Monotonic::default()).unwrap();
    site.check_refused(&token, NOW, Reason::Disabled);
}

#[test]
fn a_token_outlives_a_restart_and_not_a_change_of_issuer() {
    let site = Site::start();
    let token = site.token_for(&site.create("blue"), NOW);
    let restarted = tokens_in(site.data.path(), NOW);
    assert!(restarted.verify(token.as_bytes(), NOW).is_ok());
    let renamed =
        Tokens::open(site.data.path(), Issuer::new("https://other.test"), Duration::from_mins(15), NOW)
            .unwrap();
    assert_eq!(renamed.verify(token.as_bytes(), NOW), Err(Reason::Unknown));
}

#[track_caller]
fn check_forgery(site: &Site, token: &str, header: &str, reason: Reason) {
    let (_, rest) = token.split_once('.').unwrap();
    let (claims, _) = rest.split_once('.').unwrap();
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
    let forger = Ed25519KeyPair::generate().unwrap();
    let signature = URL_SAFE_NO_PAD.encode(forger.sign(signed.as_bytes()));
    site.check_refused(&format!("{signed}.{signature}"), NOW, reason);
    site.check_refused(&format!("{signed}."), NOW, reason);
}

#[test]
fn a_tokens_header_chooses_neither_the_algorithm_nor_the_key() {
    let site = Site::start();
    let token = site.token_for(&site.create("blue"), NOW);
    let jwks: serde_json::Value = serde_json::from_str(&site.tokens.jwks()).unwrap();
    let kid = jwks["keys"][0]["kid"].as_str().unwrap();
    let header = |rest: &str| format!(r#"{{"typ":"at+jwt","kid":"{kid}",{rest}}}"#);
    check_forgery(&site, &token, &header(r#""alg":"EdDSA""#), Reason::Unknown);
    check_forgery(&site, &token, &header(r#""alg":"none""#), Reason::Unknown);
    check_forgery(&site, &token, &header(r#""alg":"HS256""#), Reason::Unknown);
    check_forgery(&site, &token, &header(r#""alg":"EdDSA","jku":"https://evil.test""#), Reason::Unknown);
    check_forgery(&site, &token, r#"{"typ":"at+jwt","kid":"nobody","alg":"EdDSA"}"#, Reason::Unknown);
    check_forgery(&site, &token, r#"{"typ":"at+jwt","alg":"EdDSA"}"#, Reason::Malformed);
}

#[test]
fn a_token_with_any_byte_changed_is_refused() {
    let site = Site::start();
    let token = site.token_for(&site.create("blue"), NOW);
    assert!(site.identify(&token, NOW).is_ok(), "verified and remembered");
    for place in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(site.identify(&changed, NOW).is_err(), "changed at {place}");
    }
    assert!(site.identify(&format!("{token}A"), NOW).is_err());
    assert!(site.identify(&token[..token.len() - 1], NOW).is_err());
}

#[test]
fn signing_keys_rotate_after_thirty_days_and_old_ones_verify_until_their_tokens_end() {
    let site = Site::start();
    let kids = || {
        let jwks: serde_json::Value = serde_json::from_str(&site.tokens.jwks()).unwrap();
        let keys = jwks["keys"].as_array().unwrap().clone();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let key = KeyId::from("k_1");
    let issue = |now| site.tokens.issue(&key, None, now).unwrap().token.reveal().clone();
    let old = kids();
    site.tokens.rotate(NOW.plus(29 * DAY)).unwrap();
    assert_eq!(kids(), old);

    let turn = NOW.plus(30 * DAY);
    site.tokens.rotate(turn).unwrap();
    let both = kids();
    assert_eq!((both.len(), &both[1]), (2, &old[0]));
    let last_of_old = issue(turn.plus(Duration::from_secs(299)));
    let first_of_new = issue(turn.plus(Duration::from_mins(5)));
    let header_of = |token: &str| URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let names = |token: &str, kid: &str| String::from_utf8(header_of(token)).unwrap().contains(kid);
    assert!(names(&last_of_old, &both[1]), "a new key is published before it signs");
    assert!(names(&first_of_new, &both[0]));

    let end = turn.plus(Duration::from_secs(299 + 15 * 60 + 29));
    site.tokens.rotate(end).unwrap();
    assert!(site.tokens.verify(last_of_old.as_bytes(), end).is_ok());
    site.tokens.rotate(turn.plus(Duration::from_hours(1))).unwrap();
    assert_eq!(kids(), both[..1]);
    assert_eq!(site.tokens.verify(last_of_old.as_bytes(), end), Err(Reason::Unknown));
    assert!(site.tokens.verify(first_of_new.as_bytes(), end).is_ok());
}

#[track_caller]
fn check_exchange_refused(site: &Site, form: &str, expect: GrantError) {
    assert_eq!(site.exchange(form, NOW).expect_err("refused"), expect, "{form}");
}

#[test]
fn only_a_good_key_of_the_named_client_is_exchanged() {
    let site = Site::start();
    let key = site.create("blue");
    let secret = key.secret.reveal();
    for client in [key.record.id.as_str(), "blue", ""] {
        assert!(site.exchange(&format!("client_id={client}&client_secret={secret}"), NOW).is_ok());
    }
    let refused = GrantError::InvalidClient;
    check_exchange_refused(&site, &format!("client_id=red&client_secret={secret}"), refused(Reason::Unknown));
    check_exchange_refused(&site, "client_secret=nonsense", refused(Reason::Malformed));
    let token = site.token_for(&key, NOW);
    check_exchange_refused(&site, &format!("client_secret={token}"), refused(Reason::Malformed));
    let expired = site.exchange(&format!("client_secret={secret}"), NOW.plus(DAY)).unwrap_err();
    assert_eq!(expired, refused(Reason::Expired));
}

#[test]
fn the_token_endpoints_answer_and_the_documents_have_the_standards_fields() {
    let site = Site::start();
    let key = site.create("blue");
    let issued = site.exchange(&format!("client_secret={}", key.secret.reveal()), NOW).unwrap();
    let answer: serde_json::Value = serde_json::from_str(&issued.to_json()).unwrap();
    assert_eq!(answer["access_token"].as_str(), Some(issued.token.reveal().as_str()));
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&"Bearer".into(), &900.into()));

    let claims = issued.token.reveal().split('.').nth(1).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["iss"], "https://gateway.test");
    assert_eq!(claims["aud"], "tollgate");
    assert_eq!(claims["sub"], key.record.id.as_str());
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 900);
    assert!(claims["jti"].as_str().is_some_and(|id| id.len() == 22));

    let jwks: serde_json::Value = serde_json::from_str(&site.tokens.jwks()).unwrap();
    let published = &jwks["keys"][0];
    assert_eq!((&published["kty"], &published["crv"]), (&"OKP".into(), &"Ed25519".into()));
    assert_eq!((&published["alg"], &published["use"]), (&"EdDSA".into(), &"sig".into()));
    assert!(published.get("d").is_none(), "only the public part");

    let metadata: serde_json::Value = serde_json::from_str(&site.tokens.metadata(None)).unwrap();
    assert_eq!(metadata["issuer"], "https://gateway.test");
    assert_eq!(metadata["token_endpoint"], "https://gateway.test/oauth/token");
    assert_eq!(metadata["jwks_uri"], "https://gateway.test/.well-known/jwks.json");
}
