//! A request's account: what is known of it, what it holds, and the attempt under way. It travels with the request
//! from stage to stage and is closed exactly once, at the latest when it is dropped because the client went away.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dialects::{Dialect, Tally};
use http::HeaderValue;
use ledger::{Estimated, Intent, LedgerError, OpenAttempt, Outcome, Settlement};
use limits::Hold;
use net::drain::Busy;
use providers::Price;
use router::{Candidate, Claim};
use telemetry::Inflight;
use telemetry::events::{
    AttemptFinished, CircuitChanged, PanicContained, RequestFinished, Upstream, UsageDisbelieved,
};
use types::conversation::{Change, Delivery, StopReason};
use types::{
    AttemptId, Code, DialectId, Fault, FaultKind, KeyId, MicroUsd, ModelName, Monotonic, Operation,
    RequestId, SpanId, Standing, Tenant, Tokens, TraceContext, UnixTime, Usage,
};

use crate::counting::Believable;
use crate::destination::Destination;
use crate::rejection::{Cause, Rejection};
use crate::{Gateway, counting};

/// One request's account.
pub(crate) struct Account {
    gateway: Arc<Gateway>,
    pub(crate) id: RequestId,
    pub(crate) at: Monotonic,
    /// The time as last looked at: what happens without waiting happens at one time.
    pub(crate) now: Monotonic,
    /// The same by the wall clock.
    pub(crate) wall: UnixTime,
    pub(crate) caller: &'static dyn Dialect,
    pub(crate) trace: TraceContext,
    pub(crate) facts: Facts,
    pub(crate) hold: Option<Hold>,
    attempt: Option<UnderWay>,
    inflight: Option<Inflight>,
    _busy: Busy,
}

/// What is known of the request so far; what its log line will say.
pub(crate) struct Facts {
    pub(crate) peer: IpAddr,
    /// The caller's own id for the request, which its answer repeats.
    pub(crate) client_id: Option<HeaderValue>,
    pub(crate) operation: Option<Operation>,
    /// Whether the path had to be understood in spite of a doubled or missing prefix.
    pub(crate) forgiven_path: bool,
    pub(crate) delivery: Delivery,
    pub(crate) key: Option<KeyId>,
    pub(crate) tenant: Tenant,
    /// The model's public name: bounded, so that it may be counted by.
    pub(crate) model: Option<ModelName>,
    pub(crate) input_estimate: Tokens,
    /// The target of the last attempt.
    pub(crate) served_by: Option<Served>,
    /// The fault of the attempt before, which is why there is another.
    last_fault: Option<FaultKind>,
    /// How the caller stands with its limits, for the answer's headers.
    pub(crate) standings: Vec<Standing>,
    pub(crate) stop: Option<StopReason>,
    pub(crate) attempts: u32,
    pub(crate) changes: Vec<Change>,
    /// Time spent waiting for upstreams before the answer began.
    pub(crate) upstream_wait: Duration,
    /// Time spent waiting for the caller's body.
    pub(crate) caller_wait: Duration,
    /// Whether the caller's connection ends with the answer.
    pub(crate) closes: bool,
    /// How old the request was when its answer began.
    begun: Option<Duration>,
    pub(crate) usage: Usage,
    pub(crate) cost: MicroUsd,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

/// Who serves a request.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) candidate: Candidate,
    pub(crate) destination: Arc<Destination>,
    pub(crate) dialect: DialectId,
}

/// The attempt under way.
struct UnderWay {
    record: OpenAttempt,
    claim: Claim,
    price: Option<Price>,
    believable: Believable,
    at: Monotonic,
    /// From its beginning to the first content of its answer.
    first_chunk: Option<Duration>,
    span: SpanId,
    /// Usage and bytes of visible output as last seen, for the record of an answer that breaks off.
    seen: (Option<Usage>, u64),
}

/// What an attempt is begun with.
pub(crate) struct Begin<'a> {
    pub(crate) served: Served,
    pub(crate) claim: Claim,
    pub(crate) price: Option<&'a Price>,
    pub(crate) most_output: Tokens,
    pub(crate) believable: Believable,
    pub(crate) span: SpanId,
}

impl Account {
    pub(crate) fn open(
        gateway: &Arc<Gateway>,
        caller: &'static dyn Dialect,
        trace: TraceContext,
        peer: IpAddr,
    ) -> Self {
        let facts = Facts {
            peer,
            client_id: None,
            operation: None,
            forgiven_path: false,
            delivery: Delivery::Whole,
            key: None,
            tenant: Tenant::from(""),
            model: None,
            input_estimate: Tokens::default(),
            served_by: None,
            last_fault: None,
            standings: Vec::new(),
            stop: None,
            attempts: 0,
            changes: Vec::new(),
            upstream_wait: Duration::ZERO,
            caller_wait: Duration::ZERO,
            closes: false,
            begun: None,
            usage: Usage::default(),
            cost: MicroUsd::ZERO,
            bytes_in: 0,
            bytes_out: 0,
        };
        let (id, now, wall) = (RequestId::generate(), gateway.clock.now(), gateway.clock.wall());
        let (inflight, busy) = (Some(gateway.telemetry.inflight()), gateway.drain.enter());
        let gateway = Arc::clone(gateway);
        let (hold, attempt) = (None, None);
        Self { gateway, id, at: now, now, wall, caller, trace, facts, hold, attempt, inflight, _busy: busy }
    }

    /// Turns the request away.
    pub(crate) fn reject(mut self: Box<Self>, cause: Cause) -> Rejection {
        self.look();
        Rejection::new(self, cause)
    }

    /// Notes what is asked for.
    pub(crate) fn begin(&mut self, operation: Operation, forgiven_path: bool) {
        self.facts.operation = Some(operation);
        self.facts.forgiven_path = forgiven_path;
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Looks at the clocks: after everything that may have waited.
    pub(crate) fn look(&mut self) {
        self.now = self.gateway.clock.now();
        self.wall = self.gateway.clock.wall();
    }

    /// How long the request has been here.
    pub(crate) fn age(&self) -> Duration {
        self.now.since(self.at)
    }

    /// Writes down that a request is about to be sent. Nothing may be sent unless this succeeds; if it does not, the
    /// claim on the target is given back.
    pub(crate) fn begin_attempt(&mut self, begin: Begin<'_>) -> Result<AttemptId, LedgerError> {
        let number = self.facts.attempts + 1;
        let reserved = begin.price.map(|price| price.ceiling(self.facts.input_estimate, begin.most_output));
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
            price_version: begin.price.map(|price| Arc::clone(&price.version)),
            input_estimate: self.facts.input_estimate,
            reserved: reserved.unwrap_or_default(),
        });
        let record = recorded.inspect_err(|_| {
            self.tell(self.gateway.router.release(&begin.served.candidate.target, self.now));
        })?;
        let id = record.id();
        self.facts.attempts = number;
        self.attempt = Some(UnderWay {
            record,
            claim: begin.claim,
            price: begin.price.cloned(),
            believable: begin.believable,
            at: self.now,
            first_chunk: None,
            span: begin.span,
            seen: (None, 0),
        });
        self.facts.served_by = Some(begin.served);
        Ok(id)
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
        attempt.seen = (tally.usage, tally.output_bytes);
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
            (None, 0) if fault.kind != FaultKind::ClientGone => Usage::default(),
            (reported, bytes) => counting::so_far(reported, self.facts.input_estimate, bytes),
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
            // Counting tokens uses none.
            None if self.facts.operation == Some(Operation::CountTokens) => (Usage::default(), Estimated::No),
            Some(usage) => (usage, Estimated::No),
            None => (counting::so_far(None, self.facts.input_estimate, tally.output_bytes), Estimated::Yes),
        };
        self.facts.stop = tally.stop;
        let ending = Ending { outcome: Outcome::Answered, usage, estimated, status: Some(status), tally };
        self.end_attempt(ending, None);
        self.report(claim, router::Outcome::Served);
    }

    fn end_attempt(&mut self, mut ending: Ending<'_>, fault: Option<FaultKind>) {
        let Some(attempt) = self.attempt.take() else { return };
        let seen = ending.tally.output_bytes.max(attempt.seen.1);
        if let Some(usage) = attempt.believable.cut(&ending.usage, self.facts.input_estimate, seen) {
            self.disbelieve(&ending.usage);
            (ending.usage, ending.estimated) = (usage, Estimated::Yes);
        }
        let cost = attempt.price.as_ref().map(|price| price.cost(&ending.usage)).unwrap_or_default();
        self.facts.usage = self.facts.usage.plus(&ending.usage);
        self.facts.cost = self.facts.cost.plus(cost);
        let duration = self.now.since(attempt.at);
        self.emit_attempt(&attempt, &ending, fault, duration);
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

    fn disbelieve(&self, reported: &Usage) {
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
        self.tell(self.gateway.router.report(&served.candidate.target, claim, outcome, self.now));
    }

    fn tell(&self, transition: Option<router::Transition>) {
        if let Some(router::Transition { target, state, cause }) = transition {
            CircuitChanged { target: &target, state, fault: cause }.emit(&self.gateway.telemetry);
        }
    }

    /// Closes the account: gives back what is left of the hold and writes the request's line.
    pub(crate) fn close(&mut self, status: u16, error: Option<Code>) {
        if let Some(hold) = self.hold.take() {
            hold.settle(self.facts.usage.total(), self.now);
        }
        let duration = self.age();
        let facts = &self.facts;
        RequestFinished {
            request_id: self.id,
            trace: &self.trace,
            operation: facts.operation,
            model: facts.model.as_ref(),
            upstream: facts.served_by.as_ref().map(Served::described),
            key: facts.key.as_ref(),
            client_ip: Some(facts.peer),
            client_dialect: Some(self.caller.id()),
            delivery: facts.delivery,
            status,
            error,
            finish: facts.stop,
            duration,
            overhead: self.overhead(),
            first_token: facts.begun.filter(|_| facts.delivery.is_stream()),
            usage: Some(&facts.usage),
            cost: Some(facts.cost),
            changes: &facts.changes,
            attempts: facts.attempts,
            bytes_in: facts.bytes_in,
            bytes_out: facts.bytes_out,
        }
        .emit(&self.gateway.telemetry);
        self.inflight = None;
    }

    /// The gateway's own share of the time until the answer began.
    fn overhead(&self) -> Duration {
        let begun = self.facts.begun.unwrap_or_else(|| self.age());
        begun.saturating_sub(self.facts.upstream_wait + self.facts.caller_wait)
    }

    /// The `Server-Timing` header: the gateway's own share, and the upstream's where there was one.
    pub(crate) fn server_timing(&self) -> String {
        let upstream = (self.facts.attempts > 0).then_some(self.facts.upstream_wait);
        telemetry::server_timing(self.overhead(), upstream)
    }

    /// The public model name to record, or a word for none.
    fn label(&self) -> ModelName {
        self.facts.model.clone().unwrap_or_else(|| ModelName::from("unknown"))
    }

    /// The fault with the kind that its provider's own words give it.
    pub(crate) fn classified(&self, fault: Fault) -> Fault {
        match &self.facts.served_by {
            Some(served) => served.destination.catalogue.classify(fault),
            None => fault,
        }
    }

    /// The client went away before the answer ended.
    fn abandon(&mut self) {
        self.look();
        if self.gateway.drain.is_cut() {
            self.fail_attempt(&given_up());
            return self.close(SERVICE_UNAVAILABLE, Some(Code::Draining));
        }
        self.fail_attempt(&Fault::new(FaultKind::ClientGone, "the client went away"));
        self.close(CLIENT_CLOSED_REQUEST, Some(Code::ClientGone));
    }

    /// A panic has ended the request, and its answer with this status. The upstream is not to blame: for it, the
    /// request was given up.
    pub(crate) fn panicked(&mut self, status: u16) {
        PanicContained { request_id: self.id, location: "gateway" }.emit(&self.gateway.telemetry);
        if self.inflight.is_some() {
            self.look();
            self.fail_attempt(&given_up());
            self.close(status, Some(Code::Internal));
        }
    }
}

/// What an upstream has to do with a request that ends by the gateway's own doing: it was given up.
pub(crate) fn given_up() -> Fault {
    Fault::new(FaultKind::ClientGone, "the gateway ended the request")
}

impl Served {
    fn described(&self) -> Upstream<'_> {
        Upstream {
            provider: &self.destination.name,
            semconv: &self.destination.semconv,
            target: &self.candidate.target,
            model: &self.candidate.model,
            dialect: self.dialect,
            server: self.destination.origin.as_ref().map(|origin| (origin.host(), origin.port())),
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // Only enqueues: the ledger, the router and the log all take it without waiting.
        match self.inflight {
            Some(_) if std::thread::panicking() => self.panicked(INTERNAL_SERVER_ERROR),
            Some(_) => self.abandon(),
            None => {}
        }
    }
}

/// The status that nginx made the field's word for a client that left; no client ever reads it.
const CLIENT_CLOSED_REQUEST: u16 = 499;
/// The status of the answer to a request that the gateway's end has cut short.
const SERVICE_UNAVAILABLE: u16 = 503;
/// The status of the answer to a request that panicked.
const INTERNAL_SERVER_ERROR: u16 = 500;

struct Ending<'a> {
    outcome: Outcome,
    usage: Usage,
    estimated: Estimated,
    status: Option<u16>,
    tally: &'a Tally,
}
