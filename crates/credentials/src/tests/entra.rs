//! Entra: an application's secret, a federated identity, and managed identities.

use http::Method;
use net::client::Reach;
use types::{FaultKind, Secret};

use super::rig::{Asked, BEGIN, Rig, variables};
use crate::{EntraOptions, EntraPlan, NoApplication, Plan};

const SCOPE: &str = "https://cognitiveservices.example/.default";
const RESOURCE: &str = "resource=https%3A%2F%2Fcognitiveservices.example";

fn rig(options: EntraOptions, pairs: &[(&str, &str)]) -> Rig {
    let plan = EntraPlan::new(options, SCOPE.to_owned(), &variables(pairs)).unwrap();
    Rig::new(Plan::Entra(plan), |_| (200, r#"{"access_token":"eyJ.good","expires_in":"3599"}"#.to_owned()))
}

async fn asked(rig: &Rig) -> Asked {
    assert_eq!(rig.authorization().await, "Bearer eyJ.good");
    rig.asked().remove(0)
}

#[track_caller]
fn check(asked: &Asked, fields: &[(&str, &str)]) {
    assert_eq!((&asked.method, asked.reach), (&Method::POST, Reach::NotMetadata));
    for (name, value) in fields {
        assert_eq!(asked.field(name), *value, "{name}");
    }
}

#[tokio::test]
async fn an_application_proves_itself_by_its_secret() {
    let environment =
        [("AZURE_TENANT_ID", "tenant"), ("AZURE_CLIENT_ID", "app"), ("AZURE_CLIENT_SECRET", "p&ss")];
    let found = asked(&rig(EntraOptions::default(), &environment)).await;
    assert_eq!(found.url, "https://login.microsoftonline.com/tenant/oauth2/v2.0/token");
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", "app"),
        ("client_secret", "p&ss"),
        ("scope", SCOPE),
    ];
    check(&found, &fields);
    let configured = EntraOptions {
        tenant: Some("other".to_owned()),
        secret: Some(Secret::new("set".to_owned())),
        ..EntraOptions::default()
    };
    let found = asked(&rig(configured, &environment)).await;
    assert_eq!(found.url, "https://login.microsoftonline.com/other/oauth2/v2.0/token");
    check(&found, &[("client_id", "app"), ("client_secret", "set")]);
}

#[tokio::test]
async fn a_federated_identity_s_token_is_read_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "their.token\n").unwrap();
    let environment = [
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_CLIENT_ID", "app"),
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
        ("AZURE_AUTHORITY_HOST", "https://login.example/"),
    ];
    let found = asked(&rig(EntraOptions::default(), &environment)).await;
    assert_eq!(found.url, "https://login.example/tenant/oauth2/v2.0/token");
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    check(
        &found,
        &[("client_assertion", "their.token"), ("client_assertion_type", kind), ("client_secret", "")],
    );
}

#[tokio::test]
async fn without_an_application_the_machine_s_identity_is_asked_for() {
    let found = asked(&rig(EntraOptions::default(), &[])).await;
    let url =
        format!("http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&{RESOURCE}");
    assert_eq!((&found.method, &found.url), (&Method::GET, &url));
    assert_eq!((found.header("metadata"), found.reach), ("true", Reach::Everywhere));
    let one = EntraOptions { client: Some("id-1".to_owned()), ..EntraOptions::default() };
    let moved = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:8/")];
    let found = asked(&rig(one, &moved)).await;
    let url = format!(
        "http://127.0.0.1:8/metadata/identity/oauth2/token?api-version=2018-02-01&{RESOURCE}&client_id=id-1"
    );
    assert_eq!(found.url, url);
}

#[tokio::test]
async fn an_app_s_own_endpoint_says_when_its_token_ends() {
    let environment = [("IDENTITY_ENDPOINT", "http://127.0.0.1:8/msi/token"), ("IDENTITY_HEADER", "shown")];
    let plan = EntraPlan::new(EntraOptions::default(), SCOPE.to_owned(), &variables(&environment)).unwrap();
    let end = BEGIN.as_secs() + 3600;
    let answer = format!(r#"{{"access_token":"eyJ.good","expires_on":"{end}"}}"#);
    let found = Rig::new(Plan::Entra(plan), move |_| (200, answer.clone()));
    let first = asked(&found).await;
    assert_eq!(first.url, format!("http://127.0.0.1:8/msi/token?api-version=2019-08-01&{RESOURCE}"));
    assert_eq!(first.header("x-identity-header"), "shown");
    found.advance(3299);
    asked(&found).await;
    found.settled().await;
    assert_eq!(found.asked().len(), 1);
    found.advance(1);
    asked(&found).await;
    found.settled().await;
    assert_eq!(found.asked().len(), 2);
}

#[tokio::test]
async fn a_secret_of_nobody_s_is_noticed_before_the_start_and_a_wrong_one_by_the_first_request() {
    let secret = || EntraOptions { secret: Some(Secret::new("s".to_owned())), ..EntraOptions::default() };
    let plan = EntraPlan::new(secret(), SCOPE.to_owned(), &variables(&[("AZURE_TENANT_ID", "t")]));
    assert_eq!(plan.unwrap_err(), NoApplication);
    let environment = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c")];
    let plan = EntraPlan::new(secret(), SCOPE.to_owned(), &variables(&environment)).unwrap();
    let refused = r#"{"error":"invalid_client","error_description":"AADSTS7000215: secret s is wrong"}"#;
    let error = Rig::new(Plan::Entra(plan), move |_| (401, refused.to_owned())).headers().await.unwrap_err();
    assert_eq!(error.to_string(), "https://login.microsoftonline.com gives no token: 401 invalid_client");
    assert_eq!(error.fault_kind(), FaultKind::Credential);
}
