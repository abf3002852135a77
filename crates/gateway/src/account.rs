//! A request's account: what is known of it, what it holds, and the attempt under way. It travels with the request
//! from stage to stage and is closed exactly once, at the latest when it is dropped because the client went away.

mod under_way;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use auth::IdentifyError;
use dialects::Dialect;
use http::HeaderValue;
use limits::{Hold, ReserveError};
use net::body::Passed;
use net::drain::Busy;
use net::websocket::Handshake;
use router::Candidate;
use telemetry::Inflight;
use telemetry::events::{LimitRefused, PanicContained, RequestFinished, Upstream};
use types::conversation::{Change, Delivery, StopReason};
use types::{
    Classify, Code, DialectId, Fault, FaultKind, KeyId, MicroUsd, ModelName, Monotonic, Operation, RequestId,
    Retry, Standing, StreamForm, Tenant, Tokens, TraceContext, UnixTime, Usage,
};

use self::under_way::UnderWay;
use crate::arrival::Unread;
use crate::destination::Destination;
use crate::pricing::Assumed;
use crate::rejection::{Cause, Rejection};
use crate::uploaded::Judged;
use crate::{Gateway, counting};

pub(crate) use self::under_way::{Begin, given_up};

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
    /// How the session begins that is asked for.
    pub(crate) handshake: Option<Box<Handshake>>,
    /// The caller's body, as long as nobody has read it.
    pub(crate) unread: Option<Box<Unread>>,
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
    /// The form in which the caller reads a stream.
    pub(crate) form: StreamForm,
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
    /// How much of it earlier holds have settled.
    settled: Tokens,
    pub(crate) cost: MicroUsd,
    /// What the last attempt is charged by, where nobody knows its price.
    pub(crate) assumed_price: Option<Assumed>,
    pub(crate) bytes_in: u64,
    /// What has been passed on of a body that is not read here.
    pub(crate) passed: Option<Passed>,
    /// What may come to light of a file that is passed on.
    pub(crate) judged: Option<Judged>,
    pub(crate) bytes_out: u64,
}

/// Who serves a request.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) candidate: Candidate,
    pub(crate) destination: Arc<Destination>,
    pub(crate) dialect: DialectId,
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
            form: StreamForm::default(),
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
            settled: Tokens::default(),
            cost: MicroUsd::ZERO,
            assumed_price: None,
            bytes_in: 0,
            passed: None,
            judged: None,
            bytes_out: 0,
        };
        let (id, now, wall) = (RequestId::generate(), gateway.clock.now(), gateway.clock.wall());
        let (inflight, busy) = (Some(gateway.telemetry.inflight()), gateway.drain.enter());
        let gateway = Arc::clone(gateway);
        let (hold, handshake, unread, attempt) = (None, None, None, None);
        Self {
            gateway,
            id,
            at: now,
            now,
            wall,
            caller,
            trace,
            facts,
            hold,
            handshake,
            unread,
            attempt,
            inflight,
            _busy: busy,
        }
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

    /// Takes a new share of the limits for what comes next. What has been used so far is settled.
    pub(crate) fn renew_hold(&mut self, used: Tokens) -> Result<(), Cause> {
        let unsettled = used.0.saturating_sub(self.facts.settled.0);
        if let Some(hold) = self.hold.take() {
            hold.settle(Tokens(unsettled), self.now);
            self.facts.settled = used;
        }
        let usual = Tokens(counting::USUAL_OUTPUT);
        match self.gateway.limits.reserve(&self.facts.tenant, usual, self.now) {
            Ok(hold) => {
                self.hold = Some(hold);
                Ok(())
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    /// What the caller is told whose limits are used up; it is on record.
    pub(crate) fn refused(&mut self, error: ReserveError) -> Cause {
        self.facts.standings = error.standings().to_vec();
        let retry_after = match error.verdict().retry {
            Retry::After(wait) => Some(wait),
            Retry::Never | Retry::Elsewhere => None,
        };
        let key = self.facts.key.as_ref();
        LimitRefused { limit: error.limit_word(), key, request_id: self.id, retry_after }
            .emit(&self.gateway.telemetry);
        Cause::Reserve(error)
    }

    /// Whether the caller would still be let in.
    pub(crate) fn is_known(&self) -> Result<(), IdentifyError> {
        let Some(key) = &self.facts.key else { return Ok(()) };
        self.gateway.auth.still_knows(key, self.gateway.clock.wall())
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Looks at the clock: after everything that may have waited. The time of day goes on with it from the request's
    /// first moment, whatever is done to the machine's own meanwhile.
    pub(crate) fn look(&mut self) {
        let now = self.gateway.clock.now();
        self.wall = self.wall.plus(now.since(self.now));
        self.now = now;
    }

    /// How long the request has been here.
    pub(crate) fn age(&self) -> Duration {
        self.now.since(self.at)
    }

    /// Closes the account: gives back what is left of the hold and writes the request's line.
    pub(crate) fn close(&mut self, status: u16, error: Option<Code>) {
        if let Some(hold) = self.hold.take() {
            hold.settle(self.facts.unsettled(), self.now);
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
            bytes_in: facts.passed.as_ref().map_or(facts.bytes_in, Passed::bytes),
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

impl Facts {
    /// What has been used that no hold has settled yet.
    fn unsettled(&self) -> Tokens {
        Tokens(self.usage.total().0.saturating_sub(self.settled.0))
    }
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
