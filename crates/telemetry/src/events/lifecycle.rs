//! What happens beside requests: circuits, limits, configuration, keys, recovery.

use std::fmt;
use std::time::Duration;

use types::{CircuitState, FaultKind, KeyId, ProviderName, RequestId, TargetId};

use crate::logs::LogLevel;
use crate::names::field;
use crate::telemetry::Telemetry;

/// A target's circuit has come into this state. One that never left the closed state is in no metric.
#[derive(Clone, Copy, Debug)]
pub struct CircuitChanged<'a> {
    /// The target.
    pub target: &'a TargetId,
    /// Its state.
    pub state: CircuitState,
    /// The fault that brought it there, if one did.
    pub fault: Option<FaultKind>,
}

impl CircuitChanged<'_> {
    /// Writes the log line and the metric.
    pub fn emit(&self, telemetry: &Telemetry) {
        let level = match self.state {
            CircuitState::Closed | CircuitState::HalfOpen => LogLevel::Info,
            CircuitState::Open => LogLevel::Warn,
        };
        let gauge = &telemetry.core().metrics.circuit_state;
        gauge.with(&[self.target.as_str()], |gauge| gauge.set(state_number(self.state)));
        telemetry.logs().record(level, "circuit changed", |record| {
            record.text(field::TARGET, self.target.as_str());
            record.text(field::STATE, self.state.as_str());
            if let Some(fault) = self.fault {
                record.text(field::FAULT, fault.as_str());
            }
        });
    }
}

/// A limit refused a request.
#[derive(Clone, Copy, Debug)]
pub struct LimitRefused<'a> {
    /// The limit, by its name in the configuration.
    pub limit: &'a str,
    /// Whose request.
    pub key: Option<&'a KeyId>,
    /// Which request.
    pub request_id: RequestId,
    /// When trying again can help.
    pub retry_after: Option<Duration>,
}

impl LimitRefused<'_> {
    /// Writes the log line and the metric.
    pub fn emit(&self, telemetry: &Telemetry) {
        telemetry.core().metrics.limit_rejections.with(&[self.limit], |rejections| rejections.add(1));
        telemetry.logs().record(LogLevel::Debug, "limit refused the request", |record| {
            record.display(field::REQUEST_ID, &self.request_id);
            record.text(field::LIMIT, self.limit);
            if let Some(key) = self.key {
                record.text(field::KEY, key.as_str());
            }
            if let Some(wait) = self.retry_after {
                record.millis(field::RETRY_AFTER_MS, wait);
            }
        });
    }
}

/// A configuration generation runs, the first one or a reloaded one.
#[derive(Clone, Copy, Debug)]
pub struct ConfigReloaded {
    /// Which.
    pub generation: u64,
}

impl ConfigReloaded {
    /// Writes the log line and the metrics.
    pub fn emit(&self, telemetry: &Telemetry) {
        let metrics = &telemetry.core().metrics;
        metrics.config_generation.with(&[], |gauge| gauge.set(self.generation));
        metrics.config_last_reload_successful.with(&[], |gauge| gauge.set(1));
        telemetry.logs().record(LogLevel::Info, "configuration loaded", |record| {
            record.integer(field::GENERATION, self.generation);
        });
    }
}

/// A reload was refused; the generation before it goes on.
#[derive(Clone, Copy)]
pub struct ConfigRejected<'a> {
    /// The generation that goes on.
    pub generation: u64,
    /// How many problems the new one has.
    pub problems: usize,
    /// The first of them.
    pub first: &'a dyn fmt::Display,
}

impl ConfigRejected<'_> {
    /// Writes the log line and the metric.
    pub fn emit(&self, telemetry: &Telemetry) {
        telemetry.core().metrics.config_last_reload_successful.with(&[], |gauge| gauge.set(0));
        telemetry.logs().record(LogLevel::Error, "configuration rejected", |record| {
            record.integer(field::GENERATION, self.generation);
            record.integer(field::PROBLEMS, self.problems as u64);
            record.display(field::ERROR, self.first);
        });
    }
}

/// The keys that callers are known by were read anew, because they had changed.
#[derive(Clone, Copy, Debug)]
pub struct KeyRingRefreshed<'a> {
    /// Where from.
    pub issuer: &'a str,
    /// How many there are.
    pub keys: usize,
}

impl KeyRingRefreshed<'_> {
    /// Writes the log line and the metric.
    pub fn emit(&self, telemetry: &Telemetry) {
        telemetry.core().metrics.key_ring_refreshes.with(&["ok"], |refreshes| refreshes.add(1));
        telemetry.logs().record(LogLevel::Info, "key ring refreshed", |record| {
            record.text(field::ISSUER, self.issuer);
            record.integer(field::KEYS, self.keys as u64);
        });
    }
}

/// The keys that callers are known by could not be read; the last good ones go on.
#[derive(Clone, Copy)]
pub struct KeyRingRefreshFailed<'a> {
    /// Where from.
    pub issuer: &'a str,
    /// Why.
    pub error: &'a dyn fmt::Display,
}

impl KeyRingRefreshFailed<'_> {
    /// Writes the log line and the metric.
    pub fn emit(&self, telemetry: &Telemetry) {
        telemetry.core().metrics.key_ring_refreshes.with(&["failed"], |refreshes| refreshes.add(1));
        telemetry.logs().record(LogLevel::Warn, "key ring not refreshed", |record| {
            record.text(field::ISSUER, self.issuer);
            record.display(field::ERROR, self.error);
        });
    }
}

/// A short-lived credential for a provider was obtained, the first one or one that follows it.
#[derive(Clone, Copy, Debug)]
pub struct CredentialRefreshed<'a> {
    /// For whom.
    pub provider: &'a ProviderName,
}

impl CredentialRefreshed<'_> {
    /// Writes the log line and the metric.
    pub fn emit(&self, telemetry: &Telemetry) {
        let labels = [self.provider.as_str(), "ok"];
        telemetry.core().metrics.credential_refreshes.with(&labels, |refreshes| refreshes.add(1));
        telemetry.logs().record(LogLevel::Debug, "credential refreshed", |record| {
            record.text(field::PROVIDER, self.provider.as_str());
        });
    }
}

/// A short-lived credential for a provider could not be obtained; the one there is, if there is one, goes on to its
/// end.
#[derive(Clone, Copy)]
pub struct CredentialRefreshFailed<'a> {
    /// For whom.
    pub provider: &'a ProviderName,
    /// Why.
    pub error: &'a dyn fmt::Display,
}

impl CredentialRefreshFailed<'_> {
    /// Writes the log line and the metric.
    pub fn emit(&self, telemetry: &Telemetry) {
        let labels = [self.provider.as_str(), "failed"];
        telemetry.core().metrics.credential_refreshes.with(&labels, |refreshes| refreshes.add(1));
        telemetry.logs().record(LogLevel::Warn, "credential not refreshed", |record| {
            record.text(field::PROVIDER, self.provider.as_str());
            record.display(field::ERROR, self.error);
        });
    }
}

/// The ledger has read back what it had written before the start.
#[derive(Clone, Copy, Debug)]
pub struct Recovered {
    /// How many records.
    pub records: u64,
    /// How many bytes of an unfinished last record were cut off.
    pub torn_bytes: u64,
    /// How long it took.
    pub duration: Duration,
}

impl Recovered {
    /// Writes the log line and the metric.
    pub fn emit(&self, telemetry: &Telemetry) {
        telemetry.core().metrics.ledger_recovered_records.with(&[], |records| records.add(self.records));
        telemetry.logs().record(LogLevel::Info, "ledger recovered", |record| {
            record.integer(field::RECORDS, self.records);
            record.integer(field::TORN_BYTES, self.torn_bytes);
            record.millis(field::DURATION_MS, self.duration);
        });
    }
}

/// A panic was contained to the request that caused it.
#[derive(Clone, Copy, Debug)]
pub struct PanicContained<'a> {
    /// The request; its caller's error names it too.
    pub request_id: RequestId,
    /// Where in the source, e.g. `crates/gateway/src/relay.rs:10:5`. Not what was said: it may quote a prompt.
    pub location: &'a str,
}

impl PanicContained<'_> {
    /// Writes the log line and the metric.
    pub fn emit(&self, telemetry: &Telemetry) {
        telemetry.core().metrics.panics.with(&[], |panics| panics.add(1));
        telemetry.logs().record(LogLevel::Error, "panic contained", |record| {
            record.display(field::REQUEST_ID, &self.request_id);
            record.text(field::MODULE, self.location);
        });
    }
}

/// The number in the metric.
const fn state_number(state: CircuitState) -> u64 {
    match state {
        CircuitState::Closed => 0,
        CircuitState::HalfOpen => 1,
        CircuitState::Open => 2,
    }
}
