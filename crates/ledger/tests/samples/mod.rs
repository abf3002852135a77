//! One attempt as every test of the ledger begins and settles it. The crate's own tests share it with those that see the
//! crate from outside, so the ledger's names come from the root of whichever includes it.

use std::time::Duration;

use types::{AttemptId, KeyId, MicroUsd, Operation, RequestId, Tokens, UnixTime, Usage};

use crate::{Estimated, Intent, Outcome, Settlement};

/// A new attempt.
pub(crate) fn intent() -> Intent {
    Intent {
        attempt: AttemptId::generate(),
        request: RequestId::generate(),
        number: 1,
        at: UnixTime::from_secs(100),
        operation: Operation::Chat,
        key: Some(KeyId::from("k_one")),
        tenant: "acme".into(),
        model: "small".into(),
        provider: "mock".into(),
        upstream_model: "mock-small".into(),
        price_version: Some("2026-11".into()),
        input_estimate: Tokens(40),
        reserved: MicroUsd::from_micros(900),
    }
}

/// The end of one that was answered.
pub(crate) fn answered() -> Settlement {
    Settlement {
        outcome: Outcome::Answered,
        at: UnixTime::from_secs(101),
        usage: Usage { input: Tokens(30), output: Tokens(12), ..Usage::default() },
        cost: MicroUsd::from_micros(250),
        estimated: Estimated::No,
        status: Some(200),
        upstream_id: Some("chatcmpl-1".into()),
        first_token: Some(Duration::from_millis(200)),
        duration: Duration::from_millis(900),
    }
}
