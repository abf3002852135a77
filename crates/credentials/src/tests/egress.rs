//! The way out, over real sockets.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use net::client::{Reach, SendError, SendTimers};
use net::drain::Tasks;
use net::tls::{ClientTls, Protocols};
use testkit::{FakeUpstream, Reply};
use types::{Secret, SystemClock};

use crate::{Ask, Egress, Fetch, FetchError};

fn egress() -> Egress {
    let tls = Arc::new(ClientTls::new(&[], Protocols::default()).unwrap());
    Egress::new(Arc::new(SystemClock::new()), tls, SendTimers::default(), Tasks::new())
}

fn ask(url: String, reach: Reach) -> Ask {
    let headers = vec![(HeaderName::from_static("metadata-flavor"), HeaderValue::from_static("Google"))];
    Ask { method: Method::PUT, url, headers, body: Secret::new("a=b".to_owned()), reach }
}

#[tokio::test]
async fn a_question_arrives_as_it_was_asked_and_its_answer_comes_back() {
    let endpoint = FakeUpstream::start(|_| Reply::json(418, r#"{"error":"teapot"}"#)).await;
    for reach in [Reach::Everywhere, Reach::NotMetadata] {
        let url = format!("{}/latest/roles/?scopes=a%2Fb", endpoint.url());
        let heard = egress().fetch(ask(url, reach)).await.unwrap();
        assert_eq!((heard.status, heard.body.reveal().as_slice()), (418, &br#"{"error":"teapot"}"#[..]));
        let asked = endpoint.last();
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("PUT", "/latest/roles/?scopes=a%2Fb"));
        assert_eq!((asked.header("metadata-flavor"), &asked.body[..]), ("Google", &b"a=b"[..]));
    }
}

#[tokio::test]
async fn a_metadata_service_is_reached_only_on_purpose() {
    let url = "http://169.254.169.254/latest/api/token".to_owned();
    let refused = egress().fetch(ask(url, Reach::NotMetadata)).await.unwrap_err();
    assert!(matches!(refused, FetchError::Send(SendError::OutOfReach)), "{refused}");
}

#[tokio::test]
async fn what_cannot_be_asked_says_why() {
    for url in ["nonsense", "/path", "ftp://host/", "http://user@host/"] {
        let refused = egress().fetch(ask(url.to_owned(), Reach::NotMetadata)).await.unwrap_err();
        assert!(matches!(refused, FetchError::Url(_)), "{url}: {refused}");
    }
    let endpoint = FakeUpstream::start(|_| Reply::json(200, vec![b' '; 300 << 10])).await;
    let refused = egress().fetch(ask(endpoint.url(), Reach::NotMetadata)).await.unwrap_err();
    assert!(matches!(refused, FetchError::Body(_)), "{refused}");
}
