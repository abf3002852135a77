//! AWS: each place that may hold keys, and the order they are looked at in.

use http::Method;
use net::client::Reach;
use tempfile::TempDir;
use types::{FaultKind, Secret};

use super::rig::{Asked, Rig, variables};
use crate::{AwsOptions, AwsPlan, Keys, NoRegion, Plan};

const STS: &str = "<R><Credentials><AccessKeyId>ASIASTS</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
    <SessionToken>sts-session</SessionToken><Expiration>2026-11-22T18:30:00Z</Expiration></Credentials></R>";
const JSON: &str = r#"{"Code":"Success","AccessKeyId":"ASIAMETA","SecretAccessKey":"s","Token":"meta-session","Expiration":"2026-11-22T18:30:00Z"}"#;

fn options() -> AwsOptions {
    AwsOptions { region: Some("eu-west-1".to_owned()), ..AwsOptions::default() }
}

fn rig(
    options: AwsOptions,
    pairs: &[(&str, &str)],
    script: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static,
) -> Rig {
    let plan = AwsPlan::new(options, "service".to_owned(), &variables(pairs)).unwrap();
    Rig::new(Plan::Aws(plan), script)
}

fn silent(asked: &Asked) -> (u16, String) {
    panic!("nobody is to be asked: {asked:?}")
}

/// What a request is signed with: the id of the key, and the session token beside it.
async fn signer(rig: &Rig) -> (String, String) {
    let headers = rig.headers().await.unwrap();
    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let authorization = text("authorization");
    let id = authorization.strip_prefix("AWS4-HMAC-SHA256 Credential=").unwrap().split('/').next().unwrap();
    assert!(
        authorization.contains("/20261122/eu-west-1/service/aws4_request, SignedHeaders="),
        "{authorization}"
    );
    (id.to_owned(), text("x-amz-security-token"))
}

#[track_caller]
fn check(found: &(String, String), expect: (&str, &str)) {
    assert_eq!((found.0.as_str(), found.1.as_str()), expect);
}

/// Writes AWS's two files; the variables that name them.
fn files<'a>(folder: &'a TempDir, config: &str, credentials: &str) -> [(&'static str, &'a str); 1] {
    let aws = folder.path().join(".aws");
    std::fs::create_dir_all(&aws).unwrap();
    std::fs::write(aws.join("config"), config).unwrap();
    std::fs::write(aws.join("credentials"), credentials).unwrap();
    [("HOME", folder.path().to_str().unwrap())]
}

#[tokio::test]
async fn configured_keys_come_before_everything() {
    let keys = Keys {
        access_key_id: "AKIACONFIG".to_owned(),
        secret_access_key: Secret::new("s".to_owned()),
        session_token: None,
    };
    let pairs = [("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let found = rig(AwsOptions { keys: Some(keys), ..options() }, &pairs, silent);
    check(&signer(&found).await, ("AKIACONFIG", ""));
}

#[tokio::test]
async fn the_environment_comes_before_the_profile_and_the_profile_before_a_web_identity() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder, "", "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = s\n");
    let environment = [
        ("AWS_ACCESS_KEY_ID", "AKIAENV"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_SESSION_TOKEN", "env-session"),
    ];
    let identity = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere"), ("AWS_ROLE_ARN", "arn")];
    let all = [environment.as_slice(), &files, &identity].concat();
    check(&signer(&rig(options(), &all, silent)).await, ("AKIAENV", "env-session"));
    let rest = [files.as_slice(), &identity].concat();
    check(&signer(&rig(options(), &rest, silent)).await, ("AKIAFILE", ""));
    let error = rig(options(), &identity, silent).headers().await.unwrap_err();
    assert_eq!(error.to_string(), "/nowhere cannot be read");
}

#[tokio::test]
async fn a_web_identity_s_token_is_exchanged_for_its_role_s_keys() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "their.token\n").unwrap();
    let pairs =
        [("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()), ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")];
    let found = rig(options(), &pairs, |_| (200, STS.to_owned()));
    check(&signer(&found).await, ("ASIASTS", "sts-session"));
    let asked = &found.asked()[0];
    assert_eq!((&asked.method, asked.url.as_str()), (&Method::POST, "https://sts.eu-west-1.amazonaws.com/"));
    let fields = ["Action", "RoleArn", "RoleSessionName", "WebIdentityToken"].map(|name| asked.field(name));
    assert_eq!(fields, ["AssumeRoleWithWebIdentity", "arn:aws:iam::1:role/r", "tollgate", "their.token"]);
    assert!(asked.header("authorization").is_empty() && asked.reach == Reach::NotMetadata);
    // The token's file is read anew with the keys.
    std::fs::write(&file, "next.token").unwrap();
    found.advance(3300);
    signer(&found).await;
    found.settled().await;
    assert_eq!(found.asked()[1].field("WebIdentityToken"), "next.token");
    // The same by the configuration.
    let by_setting = AwsOptions { token_file: Some(file), role: Some("arn:set".to_owned()), ..options() };
    let found = rig(by_setting, &[], |_| (403, "<Error><Code>AccessDenied</Code></Error>".to_owned()));
    let error = found.headers().await.unwrap_err();
    assert_eq!(error.to_string(), "https://sts.eu-west-1.amazonaws.com gives no token: 403 AccessDenied");
    assert_eq!(
        (error.fault_kind(), found.asked()[0].field("RoleArn").as_str()),
        (FaultKind::Credential, "arn:set")
    );
}

#[tokio::test]
async fn a_container_s_endpoint_is_asked_with_what_it_wants_to_see() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "shown\n").unwrap();
    let relative = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")];
    let full = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:8/v1"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap()),
    ];
    let cases = [(&relative[..], "http://169.254.170.2/v2/x", ""), (&full, "http://127.0.0.1:8/v1", "shown")];
    for (pairs, url, authorization) in cases {
        let found = rig(options(), pairs, |_| (200, JSON.to_owned()));
        check(&signer(&found).await, ("ASIAMETA", "meta-session"));
        let asked = &found.asked()[0];
        assert_eq!((asked.url.as_str(), asked.header("authorization")), (url, authorization));
        assert_eq!(asked.reach, Reach::Everywhere);
    }
    let elsewhere = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://host.example/v1")];
    let error = rig(options(), &elsewhere, silent).headers().await.unwrap_err();
    assert_eq!(error.fault_kind(), FaultKind::Credential);
}

#[tokio::test]
async fn the_instance_is_asked_last_and_in_a_session() {
    let found = rig(options(), &[], |asked| {
        match asked.url.strip_prefix("http://169.254.169.254/latest/").unwrap() {
            "api/token" => (200, "session".to_owned()),
            "meta-data/iam/security-credentials/" => (200, "role-name\n".to_owned()),
            "meta-data/iam/security-credentials/role-name" => (200, JSON.to_owned()),
            other => panic!("{other}"),
        }
    });
    check(&signer(&found).await, ("ASIAMETA", "meta-session"));
    let asked = found.asked();
    assert_eq!(
        (&asked[0].method, asked[0].header("x-aws-ec2-metadata-token-ttl-seconds")),
        (&Method::PUT, "21600")
    );
    assert!(asked[1..].iter().all(|asked| asked.header("x-aws-ec2-metadata-token") == "session"));
    assert!(asked.iter().all(|asked| asked.reach == Reach::Everywhere));
    let moved = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:8/")];
    let found = rig(options(), &moved, |_| (404, String::new()));
    assert!(found.headers().await.is_err());
    assert_eq!(found.asked()[0].url, "http://127.0.0.1:8/latest/api/token");
    let error = rig(options(), &[("AWS_EC2_METADATA_DISABLED", "true")], silent).headers().await.unwrap_err();
    assert_eq!(error.fault_kind(), FaultKind::Credential);
    assert!(error.to_string().starts_with("no credential is configured; looked at "), "{error}");
}

#[tokio::test]
async fn a_role_is_taken_on_with_other_keys() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[profile base]\nregion = eu-west-1\n[profile top]\nrole_arn = arn:top\nsource_profile = base\n\
        external_id = e1\nregion = eu-west-1\n";
    let files = files(&folder, config, "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n");
    let by_profile = AwsOptions { profile: Some("top".to_owned()), ..AwsOptions::default() };
    let found = rig(by_profile, &files, |_| (200, STS.to_owned()));
    check(&signer(&found).await, ("ASIASTS", "sts-session"));
    let asked = &found.asked()[0];
    let fields = ["Action", "RoleArn", "ExternalId"].map(|name| asked.field(name));
    assert_eq!(fields, ["AssumeRole", "arn:top", "e1"]);
    let expect = "AWS4-HMAC-SHA256 Credential=AKIABASE/20261122/eu-west-1/sts/aws4_request, \
        SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature=";
    assert!(asked.header("authorization").starts_with(expect), "{}", asked.header("authorization"));

    let pairs = [("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let by_setting = AwsOptions { role: Some("arn:set".to_owned()), ..options() };
    let found = rig(by_setting, &pairs, |_| (200, STS.to_owned()));
    check(&signer(&found).await, ("ASIASTS", "sts-session"));
    assert_eq!(found.asked()[0].field("RoleArn"), "arn:set");
}

#[tokio::test]
async fn a_profile_that_cannot_be_used_says_why_and_never_goes_round() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[profile program]\ncredential_process = secret-program\n[profile a]\nrole_arn = r\nsource_profile = b\n\
        [profile b]\nrole_arn = r\nsource_profile = a\n[profile odd]\nrole_arn = r\ncredential_source = Moon\n";
    let files = files(&folder, config, "");
    for (name, expect) in [
        ("program", "asks for `credential_process`, which is not supported"),
        ("odd", "asks for `Moon`, which is not supported"),
        ("a", "no credential is configured"),
        ("missing", "no credential is configured"),
    ] {
        let chosen = AwsOptions { profile: Some(name.to_owned()), ..options() };
        let error = rig(chosen, &files, silent).headers().await.unwrap_err();
        assert!(error.to_string().contains(expect), "{name}: {error}");
        assert_eq!(error.fault_kind(), FaultKind::Credential);
    }
}

#[test]
fn a_region_is_needed_and_found_where_awss_libraries_find_it() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&folder, "[default]\nregion = ap-south-1\n", "");
    let region = |pairs: &[(&str, &str)]| {
        let plan = AwsPlan::new(AwsOptions::default(), "service".to_owned(), &variables(pairs));
        plan.map(|plan| plan.region().to_owned())
    };
    assert_eq!(region(&[]), Err(NoRegion));
    assert_eq!(region(&[("AWS_REGION", "host.example/")]), Err(NoRegion));
    let usual = AwsOptions { usual_region: Some("us-east-1".to_owned()), ..AwsOptions::default() };
    let plan = |pairs| AwsPlan::new(usual.clone(), "service".to_owned(), &variables(pairs)).unwrap();
    assert_eq!((plan(&[]).region(), plan(&files).region()), ("us-east-1", "ap-south-1"));
    assert_eq!(region(&files).unwrap(), "ap-south-1");
    let default = [files.as_slice(), &[("AWS_DEFAULT_REGION", "us-east-2")]].concat();
    assert_eq!(region(&default).unwrap(), "us-east-2");
    let named = [default.as_slice(), &[("AWS_REGION", "us-west-2")]].concat();
    assert_eq!(region(&named).unwrap(), "us-west-2");
}

#[tokio::test]
async fn nothing_of_a_signature_is_told() {
    let pairs = [
        ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "secret-key"),
        ("AWS_SESSION_TOKEN", "env-session"),
    ];
    let found = rig(options(), &pairs, silent);
    let headers = found.headers().await.unwrap();
    let text =
        ["authorization", "x-amz-security-token"].map(|name| headers[name].to_str().unwrap()).join(" ");
    let told = found.credential.without(format!("{text} end"));
    assert!(told.starts_with("AWS4-HMAC-SHA256 Credential=<redacted>/20261122/"), "{told}");
    assert!(told.ends_with("Signature=<redacted> <redacted> end"), "{told}");
    let shown = format!("{:?} {headers:?}", found.credential);
    assert!(!shown.contains("secret-key") && !shown.contains("env-session"), "{shown}");
}
