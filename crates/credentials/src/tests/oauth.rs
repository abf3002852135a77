//! Tokens for a client's secret, and for a key by a grant of its own.

use http::Method;
use net::client::Reach;
use types::{FaultKind, Secret};

use super::rig::Rig;
use crate::{OauthGrant, OauthPlan, Plan};

const ENDPOINT: &str = "https://tokens.example/oidc/v1/token";

fn plan(grant: OauthGrant) -> Plan {
    Plan::Oauth(OauthPlan { endpoint: ENDPOINT.to_owned(), grant })
}

fn client() -> OauthGrant {
    let secret = Secret::new("p&ss:word".to_owned());
    OauthGrant::Client { client: "app".to_owned(), secret, scope: "all-apis".to_owned() }
}

fn key() -> OauthGrant {
    let key = Secret::new("k+1".to_owned());
    OauthGrant::Key { name: "urn:some:grant".to_owned(), parameter: "apikey".to_owned(), key }
}

fn rig(grant: OauthGrant) -> Rig {
    Rig::new(plan(grant), |_| (200, r#"{"access_token":"eyJ.good","expires_in":3600}"#.to_owned()))
}

#[tokio::test]
async fn a_client_shows_its_secret_as_a_password() {
    let rig = rig(client());
    assert_eq!(rig.authorization().await, "Bearer eyJ.good");
    let asked = rig.asked().remove(0);
    assert_eq!(
        (&asked.method, asked.url.as_str(), asked.reach),
        (&Method::POST, ENDPOINT, Reach::NotMetadata)
    );
    // `app:p%26ss%3Aword`
    assert_eq!(asked.header("authorization"), "Basic YXBwOnAlMjZzcyUzQXdvcmQ=");
    let said = ["grant_type", "scope", "client_secret"].map(|name| asked.field(name));
    assert_eq!(said, ["client_credentials", "all-apis", ""]);
}

#[tokio::test]
async fn a_key_is_exchanged_for_tokens_that_are_renewed_before_they_end() {
    let rig = rig(key());
    assert_eq!(rig.authorization().await, "Bearer eyJ.good");
    let asked = rig.asked().remove(0);
    assert_eq!([asked.field("grant_type"), asked.field("apikey")], ["urn:some:grant", "k+1"]);
    assert_eq!((asked.header("accept"), asked.header("authorization")), ("application/json", ""));
    rig.advance(3299);
    rig.authorization().await;
    rig.settled().await;
    assert_eq!(rig.asked().len(), 1);
    rig.advance(1);
    rig.authorization().await;
    rig.settled().await;
    assert_eq!(rig.asked().len(), 2);
}

#[tokio::test]
async fn a_secret_that_is_refused_is_the_gateway_s_own_fault() {
    let refused = Rig::new(plan(client()), |_| (401, r#"{"error":"invalid_client"}"#.to_owned()));
    let error = refused.headers().await.unwrap_err();
    assert_eq!(error.to_string(), "https://tokens.example gives no token: 401 invalid_client");
    assert_eq!(error.fault_kind(), FaultKind::Credential);
}

#[test]
fn a_plan_is_the_same_where_all_of_it_is() {
    assert_eq!(plan(client()), plan(client()));
    assert_eq!(plan(key()), plan(key()));
    assert_ne!(plan(client()), plan(key()));
    let other = OauthGrant::Key {
        name: "urn:some:grant".to_owned(),
        parameter: "apikey".to_owned(),
        key: Secret::new("k+2".to_owned()),
    };
    assert_ne!(plan(key()), plan(other));
}
