//! Google: each kind of file, the metadata server, and the order they are looked for in.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use net::client::Reach;
use serde_json::{Value, json};
use tempfile::TempDir;
use types::FaultKind;

use super::rig::{Asked, BEGIN, Rig, variables};
use crate::{GooglePlan, Plan};

const SCOPE: &str = "https://scope.example/x";

/// A credential by this file.
fn by_file(folder: &TempDir, content: &Value, script: fn(&Asked) -> (u16, String)) -> Rig {
    let path = folder.path().join("file.json");
    std::fs::write(&path, content.to_string()).unwrap();
    Rig::new(Plan::Google(GooglePlan::new(Some(path), SCOPE.to_owned(), &variables(&[]))), script)
}

fn good(_: &Asked) -> (u16, String) {
    (200, r#"{"access_token":"ya29.good","expires_in":3599,"token_type":"Bearer"}"#.to_owned())
}

#[tokio::test]
async fn a_service_account_signs_an_assertion_for_a_token() {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    );
    let file = json!({"type": "service_account", "client_email": "robot@project.example", "private_key": pem,
        "private_key_id": "key-1", "token_uri": "https://tokens.example/token"});
    let rig = by_file(&tempfile::tempdir().unwrap(), &file, good);
    assert_eq!(rig.headers().await.unwrap_err().fault_kind(), FaultKind::Credential);

    let folder = tempfile::tempdir().unwrap();
    let rig = by_file(&folder, &file, good);
    assert_eq!(rig.authorization().await, "Bearer ya29.good");
    let asked = &rig.asked()[0];
    assert_eq!((&asked.method, asked.url.as_str()), (&Method::POST, "https://tokens.example/token"));
    assert_eq!(asked.field("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!(asked.reach, Reach::NotMetadata);
    let assertion = asked.field("assertion");
    let (message, signature) = assertion.rsplit_once('.').unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
    public.verify(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let part = |at: usize| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(message.split('.').nth(at).unwrap()).unwrap()).unwrap()
    };
    assert_eq!(part(0), json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"}));
    let now = BEGIN.as_secs();
    let claims = json!({"iss": "robot@project.example", "scope": SCOPE, "aud": "https://tokens.example/token",
        "iat": now, "exp": now + 3600});
    assert_eq!(part(1), claims);
}

#[tokio::test]
async fn a_person_that_signed_in_once_has_a_refresh_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = json!({"type": "authorized_user", "client_id": "id", "client_secret": "s&s", "refresh_token": "1//r"});
    let rig = by_file(&folder, &file, good);
    assert_eq!(rig.authorization().await, "Bearer ya29.good");
    let asked = &rig.asked()[0];
    assert_eq!(asked.url, "https://oauth2.googleapis.com/token");
    let fields = ["grant_type", "client_id", "client_secret", "refresh_token"].map(|name| asked.field(name));
    assert_eq!(fields, ["refresh_token", "id", "s&s", "1//r"]);
}

#[tokio::test]
async fn another_identity_provider_s_token_is_exchanged_and_acts_as_a_service_account() {
    let folder = tempfile::tempdir().unwrap();
    let subject = folder.path().join("subject.json");
    std::fs::write(&subject, r#"{"id_token":"their.token"}"#).unwrap();
    let file = json!({"type": "external_account", "audience": "//iam.example/pool", "token_url": "https://sts.example/v1/token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "service_account_impersonation_url": "https://iam.example/v1/robot:generateAccessToken",
        "credential_source": {"file": subject, "format": {"type": "json", "subject_token_field_name": "id_token"}}});
    let rig = by_file(&folder, &file, |asked| match asked.url.as_str() {
        "https://sts.example/v1/token" => {
            (200, r#"{"access_token":"exchanged","expires_in":600}"#.to_owned())
        }
        _ => (200, r#"{"accessToken":"acting","expireTime":"2026-11-22T18:30:00Z"}"#.to_owned()),
    });
    assert_eq!(rig.authorization().await, "Bearer acting");
    let [exchange, act] = <[Asked; 2]>::try_from(rig.asked()).unwrap();
    assert_eq!(
        (exchange.field("subject_token"), exchange.field("audience")),
        ("their.token".to_owned(), "//iam.example/pool".to_owned())
    );
    assert_eq!(act.header("authorization"), "Bearer exchanged");
    assert_eq!(serde_json::from_str::<Value>(&act.body).unwrap()["scope"], json!([SCOPE]));
    // An hour from the beginning, less what an arrival takes.
    rig.advance(3589);
    assert_eq!(rig.authorization().await, "Bearer acting");
    rig.settled().await;
    assert_eq!(rig.asked().len(), 4);
}

#[tokio::test]
async fn an_external_token_by_url_is_asked_for_with_its_headers() {
    let folder = tempfile::tempdir().unwrap();
    let file = json!({"type": "external_account", "audience": "a", "token_url": "https://sts.example/v1/token",
        "subject_token_type": "t",
        "credential_source": {"url": "http://169.254.169.254/token", "headers": {"Metadata": "True"}}});
    let rig = by_file(&folder, &file, |asked| match asked.url.as_str() {
        "http://169.254.169.254/token" => (200, " plain.token\n".to_owned()),
        _ => good(asked),
    });
    assert_eq!(rig.authorization().await, "Bearer ya29.good");
    let [subject, exchange] = <[Asked; 2]>::try_from(rig.asked()).unwrap();
    assert_eq!((subject.reach, subject.header("metadata")), (Reach::Everywhere, "True"));
    assert_eq!(
        (exchange.reach, exchange.field("subject_token")),
        (Reach::NotMetadata, "plain.token".to_owned())
    );
    assert_eq!(exchange.field("scope"), SCOPE);
}

#[tokio::test]
async fn a_service_account_is_acted_as_by_another_credential() {
    let folder = tempfile::tempdir().unwrap();
    let file = json!({"type": "impersonated_service_account",
        "service_account_impersonation_url": "https://iam.example/v1/robot:generateAccessToken",
        "source_credentials": {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"}});
    let rig = by_file(&folder, &file, |asked| match asked.url.as_str() {
        "https://oauth2.googleapis.com/token" => good(asked),
        _ => (403, r#"{"error":{"code":403,"status":"PERMISSION_DENIED"}}"#.to_owned()),
    });
    let error = rig.headers().await.unwrap_err();
    assert_eq!(error.to_string(), "https://iam.example gives no token: 403 PERMISSION_DENIED");
}

#[tokio::test]
async fn without_a_named_file_the_known_one_is_used_and_then_the_metadata_server() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().display().to_string();
    let pairs = [("HOME", home.as_str()), ("GCE_METADATA_HOST", "127.0.0.1:8")];
    let plan = || Plan::Google(GooglePlan::new(None, SCOPE.to_owned(), &variables(&pairs)));
    let rig = Rig::new(plan(), good);
    assert_eq!(rig.authorization().await, "Bearer ya29.good");
    let asked = &rig.asked()[0];
    let url = "http://127.0.0.1:8/computeMetadata/v1/instance/service-accounts/default/token?scopes=https%3A%2F%2Fscope.example%2Fx";
    assert_eq!((&asked.method, asked.url.as_str()), (&Method::GET, url));
    assert_eq!((asked.header("metadata-flavor"), asked.reach), ("Google", Reach::Everywhere));

    let known = folder.path().join(".config/gcloud");
    std::fs::create_dir_all(&known).unwrap();
    let file =
        json!({"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"});
    std::fs::write(known.join("application_default_credentials.json"), file.to_string()).unwrap();
    let rig = Rig::new(plan(), good);
    rig.authorization().await;
    assert_eq!(rig.asked()[0].url, "https://oauth2.googleapis.com/token");

    let pairs = [("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/file.json"), ("HOME", home.as_str())];
    let rig = Rig::new(Plan::Google(GooglePlan::new(None, SCOPE.to_owned(), &variables(&pairs))), good);
    assert_eq!(rig.headers().await.unwrap_err().to_string(), "/nowhere/file.json cannot be read");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_and_nothing_of_it_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.json").display().to_string();
    for (content, expect) in [
        (
            json!({"type": "gdch_service_account", "private_key": "hidden"}),
            "asks for `gdch_service_account`, which is not supported",
        ),
        (json!({"private_key": "hidden"}), "asks for ``, which is not supported"),
        (json!({"type": "service_account", "private_key": "hidden"}), "holds no credential of Google's"),
        (json!("hidden"), "asks for ``, which is not supported"),
    ] {
        let rig = by_file(&folder, &content, good);
        assert_eq!(rig.headers().await.unwrap_err().to_string(), format!("{path} {expect}"));
    }
    let file = json!({"type": "service_account", "client_email": "e", "private_key": "hidden"});
    let error = by_file(&folder, &file, good).headers().await.unwrap_err();
    assert_eq!(error.to_string(), "the private key cannot sign: it is no RSA key in PKCS #8");
}
