//! A token's life: obtained once, renewed before its end, kept while that fails.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::uri::PathAndQuery;
use types::{Classify, Code, FaultKind, Secret};

use super::rig::{Asked, NEVER, Rig, variables};
use crate::{GooglePlan, Plan, QueryKey};

fn plan() -> Plan {
    Plan::Google(GooglePlan::new(None, "scope".to_owned(), &variables(&[])))
}

/// Tokens `token-secret-1`, `-2`, … of an hour each, and failures where `fails` says so of a number.
fn numbered(
    fails: impl Fn(usize) -> Option<u16> + Send + Sync,
) -> impl Fn(&Asked) -> (u16, String) + Send + Sync {
    let count = AtomicUsize::new(0);
    move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        match fails(number) {
            Some(status) => (status, r#"{"error":"invalid_client"}"#.to_owned()),
            None => (200, format!(r#"{{"access_token":"token-secret-{number}","expires_in":3600}}"#)),
        }
    }
}

#[tokio::test]
async fn requests_that_come_at_once_share_one_attempt() {
    let rig = Rig::new(plan(), numbered(|_| None));
    let mut sent = Vec::new();
    for _ in 0..50 {
        let credential = std::sync::Arc::clone(&rig.credential);
        sent.push(rig.tasks.spawn("request", async move { credential.grant().await.is_ok() }));
    }
    for request in sent {
        assert!(request.await.unwrap());
    }
    assert_eq!(rig.authorization().await, "Bearer token-secret-1");
    assert_eq!((rig.asked().len(), rig.reports()), (1, vec![None]));
}

#[tokio::test]
async fn a_token_is_renewed_beside_a_request_before_it_ends() {
    let rig = Rig::new(plan(), numbered(|_| None));
    assert_eq!(rig.authorization().await, "Bearer token-secret-1");
    rig.advance(3299);
    assert_eq!(rig.authorization().await, "Bearer token-secret-1");
    rig.settled().await;
    assert_eq!(rig.asked().len(), 1);
    rig.advance(1);
    assert_eq!(rig.authorization().await, "Bearer token-secret-1");
    rig.settled().await;
    assert_eq!(rig.authorization().await, "Bearer token-secret-2");
    assert_eq!(rig.asked().len(), 2);
}

#[tokio::test]
async fn a_request_after_a_tokens_end_waits_for_the_next() {
    let rig = Rig::new(plan(), numbered(|_| None));
    assert_eq!(rig.authorization().await, "Bearer token-secret-1");
    rig.advance(3600);
    assert_eq!(rig.authorization().await, "Bearer token-secret-2");
}

#[tokio::test]
async fn while_renewing_fails_the_old_token_goes_on_to_its_end_and_no_further() {
    let rig = Rig::new(plan(), numbered(|number| (number > 1).then_some(503)));
    assert_eq!(rig.authorization().await, "Bearer token-secret-1");
    rig.advance(3300);
    for _ in 0..10 {
        assert_eq!(rig.authorization().await, "Bearer token-secret-1");
        rig.settled().await;
    }
    // One attempt: the pause after a failure is a second, then two.
    assert_eq!(rig.asked().len(), 2);
    rig.advance(1);
    assert_eq!(rig.authorization().await, "Bearer token-secret-1");
    rig.settled().await;
    rig.advance(1);
    assert_eq!(rig.authorization().await, "Bearer token-secret-1");
    rig.settled().await;
    assert_eq!(rig.asked().len(), 3);
    rig.advance(300);
    let error = rig.headers().await.unwrap_err();
    assert_eq!(error.fault_kind(), FaultKind::Unreachable);
    assert_eq!(error.verdict().code, Code::UpstreamUnreachable);
}

#[tokio::test]
async fn after_a_failure_requests_are_told_at_once_until_the_pause_is_over() {
    let rig = Rig::new(plan(), numbered(|number| (number < 3).then_some(401)));
    for _ in 0..3 {
        let error = rig.headers().await.unwrap_err();
        assert_eq!(error.fault_kind(), FaultKind::Credential);
        assert_eq!(error.verdict().code, Code::UpstreamCredential);
        assert_eq!(error.to_string(), "http://metadata.google.internal gives no token: 401 invalid_client");
    }
    assert_eq!(rig.asked().len(), 1);
    rig.advance(1);
    assert!(rig.headers().await.is_err());
    assert_eq!(rig.asked().len(), 2);
    rig.advance(2);
    assert_eq!(rig.authorization().await, "Bearer token-secret-3");
    assert_eq!(rig.reports().iter().filter(|report| report.is_none()).count(), 1);
}

#[tokio::test]
async fn a_token_that_a_provider_refuses_is_obtained_anew_but_not_for_each_request() {
    let rig = Rig::new(plan(), numbered(|number| (number == 3).then_some(503)));
    assert_eq!(rig.authorization().await, "Bearer token-secret-1");
    rig.credential.doubt();
    assert_eq!(rig.authorization().await, "Bearer token-secret-1");
    rig.advance(10);
    assert_eq!(rig.authorization().await, "Bearer token-secret-2");
    rig.credential.doubt();
    assert_eq!(rig.authorization().await, "Bearer token-secret-2");
    assert_eq!(rig.asked().len(), 2);
    // Where there is none to be had, the one that was refused for whatever reason goes on.
    rig.advance(10);
    assert_eq!(rig.authorization().await, "Bearer token-secret-2");
    assert_eq!(rig.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_given_up() {
    let rig = Rig::new(plan(), |_| (NEVER, String::new()));
    let error = rig.headers().await.unwrap_err();
    assert_eq!(
        (error.fault_kind(), error.to_string().as_str()),
        (FaultKind::Timeout, "no token came in time")
    );
}

#[tokio::test]
async fn a_token_that_ends_at_once_serves_those_who_waited_for_it() {
    let rig = Rig::new(plan(), |_| (200, r#"{"access_token":"brief","expires_in":0}"#.to_owned()));
    for count in 1..4 {
        assert_eq!(rig.authorization().await, "Bearer brief");
        assert_eq!(rig.asked().len(), count);
    }
}

#[tokio::test]
async fn an_attempt_that_breaks_off_is_a_failure_like_others() {
    let rig = Rig::new(plan(), |_| panic!("on purpose"));
    for _ in 0..2 {
        let error = rig.headers().await.unwrap_err();
        assert_eq!(error.to_string(), "the attempt to obtain a token was interrupted");
        assert_eq!(error.fault_kind(), FaultKind::Unreachable);
    }
    assert_eq!(rig.asked().len(), 1);
}

#[tokio::test]
async fn a_request_that_goes_away_leaves_the_attempt_to_the_others() {
    let rig = Rig::new(plan(), numbered(|_| None));
    let credential = std::sync::Arc::clone(&rig.credential);
    let gone = rig.tasks.spawn("request", async move { credential.grant().await.is_ok() });
    tokio::task::yield_now().await;
    gone.abort();
    assert_eq!(rig.authorization().await, "Bearer token-secret-1");
    assert_eq!(rig.asked().len(), 1);
}

#[tokio::test]
async fn a_text_that_quotes_a_token_is_told_without_it() {
    let rig = Rig::new(plan(), numbered(|_| None));
    rig.authorization().await;
    rig.advance(3300);
    rig.authorization().await;
    rig.settled().await;
    let text = "you sent Bearer token-secret-1 and token-secret-2".to_owned();
    assert_eq!(rig.credential.without(text), "you sent Bearer <redacted> and <redacted>");
    let shown = format!("{:?} {:?}", rig.credential, rig.headers().await.unwrap());
    assert!(!shown.contains("token-secret"), "{shown}");
}

#[tokio::test]
async fn a_key_in_the_query_stands_behind_what_is_there() {
    let key = QueryKey { name: "key".to_owned(), key: Secret::new("secret/key+1".to_owned()) };
    let rig = Rig::new(Plan::Query(key), |_| (500, String::new()));
    for (path, expect) in
        [("/a", "/a?key=secret%2Fkey%2B1"), ("/a?alt=sse", "/a?alt=sse&key=secret%2Fkey%2B1")]
    {
        let mut path: PathAndQuery = path.parse().unwrap();
        assert!(rig.sent(&mut path).await.unwrap().is_empty());
        assert_eq!(path, expect);
        assert_eq!(
            rig.credential.without(format!("POST {path}")),
            format!("POST {expect}").replace("secret%2Fkey%2B1", "<redacted>")
        );
    }
    assert_eq!(rig.credential.without("secret/key+1".to_owned()), "<redacted>");
    assert!(!format!("{:?}", rig.credential).contains("secret"), "{:?}", rig.credential);
}
