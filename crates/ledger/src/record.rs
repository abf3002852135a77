//! What the ledger says of an attempt: what was intended, how far it came, how it ended.

use std::sync::Arc;
use std::time::Duration;

use types::{
    AttemptId, FaultKind, KeyId, MicroUsd, ModelName, Operation, ProviderName, RequestId, Tenant, Tokens,
    UnixTime, Usage,
};

/// One upstream attempt, before a byte of it is sent. Texts longer than 1,024 bytes are cut in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The attempt's own identity.
    pub attempt: AttemptId,
    /// The caller's request it serves.
    pub request: RequestId,
    /// Which attempt of the request it is, from 1.
    pub number: u32,
    /// When it began.
    pub at: UnixTime,
    /// What was asked for.
    pub operation: Operation,
    /// The key that asked, if a key did.
    pub key: Option<KeyId>,
    /// Whose data and limits it falls under.
    pub tenant: Tenant,
    /// The model's public name.
    pub model: ModelName,
    /// Who is asked.
    pub provider: ProviderName,
    /// The model's name there.
    pub upstream_model: ModelName,
    /// The version of the price table that `reserved` was computed from.
    pub price_version: Option<Arc<str>>,
    /// How much input it is thought to have.
    pub input_estimate: Tokens,
    /// The most it may cost.
    pub reserved: MicroUsd,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream answered to the end.
    Answered,
    /// The client left before the end.
    ClientGone,
    /// The upstream failed, or could not be reached.
    Failed(FaultKind),
    /// Nobody was left to say: the process was killed, or the attempt's task panicked.
    Lost,
    /// It was never sent, since the ledger could not make its intent durable.
    Unsent,
}

/// Whether usage and cost are the provider's word or the ledger's guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimated {
    /// As the provider reported, or as the gateway counted.
    No,
    /// Guessed from the intent and the last checkpoint.
    Yes,
}

/// The one terminal record of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// How it ended.
    pub outcome: Outcome,
    /// When it ended.
    pub at: UnixTime,
    /// What it used.
    pub usage: Usage,
    /// What it cost.
    pub cost: MicroUsd,
    /// Whether usage and cost are a guess.
    pub estimated: Estimated,
    /// The upstream's HTTP status, if it answered at all.
    pub status: Option<u16>,
    /// The upstream's own id of the answer.
    pub upstream_id: Option<String>,
    /// From the attempt's beginning to its first token.
    pub first_token: Option<Duration>,
    /// From the attempt's beginning to its end; zero where nobody was left to measure it.
    pub duration: Duration,
}

/// One record, as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// An attempt began.
    Begun(Intent),
    /// An attempt that began in an earlier segment was still open when this one started. Says nothing new to whoever
    /// read that segment.
    Carried(Intent),
    /// An open attempt has used this much so far.
    Checkpoint {
        /// Which attempt.
        attempt: AttemptId,
        /// What it has used since its beginning.
        usage: Usage,
    },
    /// An attempt ended.
    Settled {
        /// Which attempt.
        attempt: AttemptId,
        /// How.
        settlement: Settlement,
    },
}
