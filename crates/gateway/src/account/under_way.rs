//! The attempt under way: on record before a byte leaves, told to the router and to whoever watches when it ends.

use std::sync::Arc;
use std::time::Duration;

use dialects::Tally;
use ledger::{Estimated, Intent, LedgerError, OpenAttempt, Outcome, Settlement};
use providers::Price;
use router::Claim;
use telemetry::events::{AttemptFinished, CircuitChanged, PriceUnknown, UsageDisbelieved};
use types::{
    AttemptId, Fault, FaultKind, Foreseen, MicroUsd, ModelName, Monotonic, Operation, SpanId, Tokens, Units,
    Usage,
};

use super::{Account, Served};
use crate::counting::{self, Believable};
use crate::pricing::Charge;

/// The attempt under way.
pub(super) struct UnderWay {
    record: OpenAttempt,
    claim: Claim,
    price: Option<Arc<Price>>,
    believable: Believable,
    foreseen: Foreseen,
    at: Monotonic,
    /// From its beginning to the first content of its answer.
    first_chunk: Option<Duration>,
    span: SpanId,
    seen: Seen,
    /// The model that the answer says it is from, where the request did not say it for sure.
    answered: Option<ModelName>,
}

/// Usage, bytes of visible output and cost as last seen, for the record of an answer that breaks off.
#[derive(Clone, Copy, Default)]
struct Seen {
    usage: Option<Usage>,
    output_bytes: u64,
    cost: Option<MicroUsd>,
    units: Units,
}

impl UnderWay {
    fn is_by_unit(&self) -> bool {
        self.price.as_ref().is_some_and(|price| price.is_by_unit())
    }
}

/// What an attempt is begun with.
pub(crate) struct Begin<'a> {
    pub(crate) served: Served,
    pub(crate) claim: Claim,
    pub(crate) charge: Charge<'a>,
    pub(crate) most_output: Tokens,
    pub(crate) believable: Believable,
    pub(crate) foreseen: Foreseen,
    pub(crate) span: SpanId,
}

struct Ending<'a> {
    outcome: Outcome,
    usage: Usage,
    estimated: Estimated,
    status: Option<u16>,
    tally: &'a Tally,
}

impl Account {
    /// Writes down that a request is about to be sent. Nothing may be sent unless this succeeds; if it does not, the
    /// claim on the target is given back.
    pub(crate) fn begin_attempt(&mut self, begin: Begin<'_>) -> Result<AttemptId, LedgerError> {
        let number = self.facts.attempts + 1;
        let (input, units) = (self.facts.input_estimate, begin.foreseen.all());
        let reserved = begin.charge.price.map(|price| price.ceiling(input, begin.most_output, &units));
        let recorded = self.gateway.ledger.begin(Intent {
            attempt: AttemptId::generate(),
            request: self.id,
            number,
            at: self.wall,
            operation: self.facts.operation.unwrap_or(Operation::Chat),
            key: self.facts.key.clone(),
            tenant: self.facts.tenant.clone(),
            model: self.label(),
            provider: begin.served.candidate.provider.clone(),
            upstream_model: begin.served.candidate.model.clone(),
            price_version: begin.charge.price.map(|price| Arc::clone(&price.version)),
            input_estimate: self.facts.input_estimate,
            reserved: reserved.unwrap_or_default(),
        });
        let record = recorded.inspect_err(|_| {
            self.tell(self.gateway.router.release(&begin.served.candidate.target, self.now));
        })?;
        let id = record.id();
        self.facts.attempts = number;
        self.facts.assumed_price = begin.charge.assumed;
        self.attempt = Some(UnderWay {
            record,
            claim: begin.claim,
            price: begin.charge.price.cloned(),
            believable: begin.believable,
            foreseen: begin.foreseen,
            at: self.now,
            first_chunk: None,
            span: begin.span,
            seen: Seen::default(),
            answered: None,
        });
        self.facts.served_by = Some(begin.served);
        Ok(id)
    }

    /// The attempt under way.
    pub(crate) fn attempt_id(&self) -> Option<AttemptId> {
        self.attempt.as_ref().map(|attempt| attempt.record.id())
    }

    /// The first content of the answer is there.
    pub(crate) fn answer_begun(&mut self) {
        let now = self.now;
        self.facts.begun = Some(self.age());
        if let Some(attempt) = &mut self.attempt {
            attempt.first_chunk = Some(now.since(attempt.at));
            if attempt.claim == Claim::Probe {
                self.report(Claim::Probe, router::Outcome::Begun);
            }
        }
    }

    /// Notes how far an answer has come; long ones leave a checkpoint in the ledger now and then.
    pub(crate) fn note(&mut self, tally: &Tally) {
        let Some(attempt) = &mut self.attempt else { return };
        attempt.seen = Seen {
            usage: tally.usage,
            output_bytes: tally.output_bytes,
            cost: tally.cost,
            units: tally.units,
        };
        if self.facts.operation == Some(Operation::Passthrough) && attempt.answered.is_none() {
            attempt.answered = tally.model.as_deref().map(ModelName::from);
        }
        let usage = counting::so_far(tally.usage, self.facts.input_estimate, tally.output_bytes);
        let cut = attempt.believable.cut(&usage, self.facts.input_estimate, tally.output_bytes);
        attempt.record.checkpoint(cut.unwrap_or(usage));
    }

    /// The attempt under way, if there is one, has failed.
    pub(crate) fn fail_attempt(&mut self, fault: &Fault) {
        let Some(attempt) = &self.attempt else { return };
        let claim = attempt.claim;
        // A refused request costs nothing; one that was given up or broke off has used its input and what was seen.
        let usage = match attempt.seen {
            Seen { usage: None, output_bytes: 0, .. } if fault.kind != FaultKind::ClientGone => {
                Usage::default()
            }
            Seen { usage, output_bytes, units, .. } => {
                let usage = counting::so_far(usage, self.facts.input_estimate, output_bytes);
                let units = attempt.foreseen.counted.updated(&usage.units).updated(&units);
                Usage { units, ..usage }
            }
        };
        let is_client_gone = fault.kind == FaultKind::ClientGone;
        let outcome = if is_client_gone { Outcome::ClientGone } else { Outcome::Failed(fault.kind) };
        let tally = Tally::default();
        let ending =
            Ending { outcome, usage, estimated: Estimated::Yes, status: fault.status, tally: &tally };
        self.end_attempt(ending, Some(fault.kind));
        self.report(claim, router::Outcome::Failed(fault.kind, fault.retry_after));
        self.facts.last_fault = Some(fault.kind);
    }

    /// The attempt under way has answered in full.
    pub(crate) fn complete_attempt(&mut self, tally: &Tally, status: u16) {
        let Some(claim) = self.attempt.as_ref().map(|attempt| attempt.claim) else { return };
        let (usage, estimated) = match tally.usage {
            // Counting tokens uses none, and so does what asks no model.
            None if self.facts.operation == Some(Operation::CountTokens)
                || self.facts.input_estimate == Tokens(0) =>
            {
                (Usage::default(), Estimated::No)
            }
            Some(usage) => (usage, Estimated::No),
            // Where tokens cost nothing there is no need to guess how many there were.
            None if self.attempt.as_ref().is_some_and(UnderWay::is_by_unit) => {
                (Usage::default(), Estimated::No)
            }
            None => (counting::so_far(None, self.facts.input_estimate, tally.output_bytes), Estimated::Yes),
        };
        self.facts.stop = tally.stop;
        let (usage, estimated) = self.with_units(usage, estimated, &tally.units);
        self.facts.changes.extend_from_slice(&tally.changes);
        let ending = Ending { outcome: Outcome::Answered, usage, estimated, status: Some(status), tally };
        self.end_attempt(ending, None);
        self.report(claim, router::Outcome::Served);
    }

    /// The same with what was used beside tokens, by the answer itself or by its report.
    fn with_units(&self, usage: Usage, estimated: Estimated, shown: &Units) -> (Usage, Estimated) {
        let Some(attempt) = &self.attempt else { return (usage, estimated) };
        let told = usage.units.updated(shown);
        let (units, is_guess) = counting::units(&told, &attempt.foreseen, attempt.price.as_deref());
        (Usage { units, ..usage }, if is_guess { Estimated::Yes } else { estimated })
    }

    fn end_attempt(&mut self, mut ending: Ending<'_>, fault: Option<FaultKind>) {
        let Some(mut attempt) = self.attempt.take() else { return };
        let seen = ending.tally.output_bytes.max(attempt.seen.output_bytes);
        if let Some(usage) = attempt.believable.cut(&ending.usage, self.facts.input_estimate, seen) {
            self.disbelieve(&ending.usage);
            (ending.usage, ending.estimated) = (usage, Estimated::Yes);
        }
        self.price_answered(&mut attempt, &ending);
        let charged = || attempt.price.as_ref().map(|price| price.cost(&ending.usage));
        let cost = ending.tally.cost.or(attempt.seen.cost).or_else(charged).unwrap_or_default();
        self.facts.usage = self.facts.usage.plus(&ending.usage);
        if self.facts.operation.is_some_and(Operation::is_kept) {
            // What a batch has used is no matter of limits by the minute.
            self.facts.settled = self.facts.usage.total();
        }
        self.facts.cost = self.facts.cost.plus(cost);
        let duration = self.now.since(attempt.at);
        self.emit_attempt(&attempt, &ending, fault, duration);
        // Of an answer that was translated, the caller knows no id of the provider's.
        if self.caller.continued().is_some()
            && let (Some(id), Some(served)) = (&ending.tally.id, &self.facts.served_by)
            && served.dialect == self.caller.id()
        {
            self.gateway.origins.remember(id, &served.destination.name);
        }
        attempt.record.settle(Settlement {
            outcome: ending.outcome,
            at: self.wall,
            usage: ending.usage,
            cost,
            estimated: ending.estimated,
            status: ending.status,
            upstream_id: ending.tally.id.clone(),
            first_token: attempt.first_chunk,
            duration,
        });
    }

    /// Finds out by which list an answer is charged that was passed on.
    fn price_answered(&mut self, attempt: &mut UnderWay, ending: &Ending<'_>) {
        let Some(served) = &self.facts.served_by else { return };
        let is_used = ending.usage.total() > Tokens(0) || !ending.usage.units.is_empty();
        if self.facts.operation != Some(Operation::Passthrough) || !is_used {
            return;
        }
        let said = ending.tally.model.as_deref().map(ModelName::from);
        let model = said.or(attempt.answered.take());
        let charge = served.destination.charge_answered(model.as_ref(), attempt.price.as_ref());
        // Of the one that was asked for, nobody may have known it.
        self.facts.assumed_price = charge.assumed;
        if let Some(assumed) = charge.assumed {
            let model = model.as_ref().unwrap_or(&served.candidate.model);
            if served.destination.told.is_news(model) {
                PriceUnknown { provider: &served.destination.name, model, policy: assumed.as_str() }
                    .emit(&self.gateway.telemetry);
            }
        }
        attempt.price = charge.price.cloned();
    }

    /// An upstream reports more than can be.
    pub(crate) fn disbelieve(&self, reported: &Usage) {
        let Some(served) = &self.facts.served_by else { return };
        UsageDisbelieved { request_id: self.id, target: &served.candidate.target, reported }
            .emit(&self.gateway.telemetry);
    }

    fn emit_attempt(
        &self,
        attempt: &UnderWay,
        ending: &Ending<'_>,
        fault: Option<FaultKind>,
        duration: Duration,
    ) {
        let Some(served) = &self.facts.served_by else { return };
        AttemptFinished {
            request_id: self.id,
            trace: &self.trace,
            span: attempt.span,
            number: self.facts.attempts,
            after: self.facts.last_fault,
            operation: self.facts.operation.unwrap_or(Operation::Chat),
            model: &self.label(),
            upstream: served.described(),
            delivery: self.facts.delivery,
            fault,
            status: ending.status,
            duration,
            first_chunk: attempt.first_chunk.filter(|_| self.facts.delivery.is_stream()),
            usage: Some(&ending.usage),
            response_id: ending.tally.id.as_deref(),
            response_model: ending.tally.model.as_deref(),
            finish: ending.tally.stop,
        }
        .emit(&self.gateway.telemetry);
    }

    /// Tells the router how the last attempt goes.
    fn report(&self, claim: Claim, outcome: router::Outcome) {
        let Some(served) = &self.facts.served_by else { return };
        if self.facts.operation.is_some_and(Operation::is_passed_on) {
            return;
        }
        self.tell(self.gateway.router.report(&served.candidate.target, claim, outcome, self.now));
    }

    fn tell(&self, transition: Option<router::Transition>) {
        if let Some(router::Transition { target, state, cause }) = transition {
            CircuitChanged { target: &target, state, fault: cause }.emit(&self.gateway.telemetry);
        }
    }
}

/// What an upstream has to do with a request that ends by the gateway's own doing: it was given up.
pub(crate) fn given_up() -> Fault {
    Fault::new(FaultKind::ClientGone, "the gateway ended the request")
}
