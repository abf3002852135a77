//! Last phase: the answer goes out as it comes in, and the account is settled when it ends. There is one relay for
//! whole answers and for streams.
//!
//! The relay is the response's body: the connection to the caller polls it, and it polls the upstream only when
//! the caller can take more, so a slow reader slows the upstream down instead of filling memory.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use dialects::{Asked, Conduit, Delivered, Dialect, ToolNames};
use http::{HeaderValue, header};
use net::body::Aborted;
use net::drain::Drain;
use tokio::time::Sleep;
use types::conversation::Delivery;
use types::{Fault, FaultKind, Monotonic, Operation, StreamForm};

use crate::account::{self, Account};
use crate::answer::{self, Answer};
use crate::attempt::{Answered, Begun};
use crate::gate::{Source, Step};
use crate::receive::Request;
use crate::rejection::Cause;
use crate::{Gateway, Timers, session};

/// The way from this upstream's answer to this caller.
pub(crate) fn conduit(
    upstream: &'static dyn Dialect,
    request: &Request,
    account: &Account,
    tool_names: ToolNames,
    delivered: Delivered,
) -> Result<Box<dyn Conduit>, Fault> {
    let dialect = request.dialect;
    // What is passed on repeats the request by itself.
    let is_passed_on = upstream.id() == dialect.id() && delivered.is_as(request.peek.delivery);
    let echo = if is_passed_on { Bytes::new() } else { dialect.echo(&request.body, &request.fields) };
    let asked = Asked {
        model: request.peek.model.clone(),
        delivery: request.peek.delivery,
        calls: request.peek.calls,
        form: request.peek.form,
        vectors: request.peek.vectors,
        tool_names,
        request: account.id,
        at: account.wall,
        echo,
    };
    dialects::conduit(upstream, dialect, &asked, delivered)
}

/// Begins the answer. What is whole is settled before its first byte goes out; a stream settles when it ends.
pub(crate) fn start(answered: Answered, gateway: &Gateway) -> Answer {
    let Answered { mut account, begun, deadline } = answered;
    let (mut source, mut headers, status) = match begun {
        Begun::Counted(body) => return answer::counted(account, body),
        Begun::Session(upstream) => return session::begin(account, upstream),
        Begun::Upstream { source, headers, status } => (source, headers, status),
    };
    let is_passed_on = account.facts.operation.is_some_and(Operation::is_passed_on);
    if source.ended {
        account.complete_attempt(source.tally(), status.as_u16());
        if let Some(media_type) = source.tally().media_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        let pieces = std::mem::take(&mut source.out);
        if is_passed_on {
            return answer::passed_whole(account, &headers, status, pieces);
        }
        return match account.facts.delivery {
            Delivery::Stream { .. } => answer::whole_stream(account, &headers, pieces),
            Delivery::Whole => answer::whole(account, &headers, pieces),
        };
    }
    account.note(source.tally());
    // What is passed on is as it came, silences included.
    let sign = account.caller.sign_of_life(account.facts.form).filter(|_| !is_passed_on);
    let gap = Gap::new(&gateway.timers, deadline, sign, &account);
    let end = End::of(gateway.drain.clone());
    let (code, sent) = (status.as_u16(), 0);
    let relay =
        Relay { source, account, gap, end, sent, status: code, settled: false, over: false, broken: false };
    if is_passed_on { answer::passed(relay, &headers, status) } else { answer::streamed(relay, &headers) }
}

/// An answer that is still coming.
pub(crate) struct Relay {
    source: Source,
    account: Box<Account>,
    gap: Gap,
    end: End,
    /// How many of the source's pieces have been sent on.
    sent: usize,
    status: u16,
    /// Whether the answer is complete and its account closed, though the upstream may linger.
    settled: bool,
    over: bool,
    /// Whether the answer broke off and there is no way to say so but to cut the connection.
    broken: bool,
}

impl net::body::Source for Relay {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>> {
        loop {
            if let Some(piece) = self.next_piece() {
                self.account.facts.bytes_out += piece.len() as u64;
                return Poll::Ready(Some(Ok(piece)));
            }
            if self.over {
                return Poll::Ready(self.broken.then_some(Err(Aborted)));
            }
            if let Err(cause) = ready!(self.poll_source(context)) {
                self.fail(cause);
            }
        }
    }

    fn panicked(&mut self) {
        self.account.panicked(self.status);
    }
}

impl Relay {
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// The next piece that has not been sent; the list starts over when all have been.
    fn next_piece(&mut self) -> Option<Bytes> {
        let piece = self.source.out.get_mut(self.sent).map(std::mem::take);
        if piece.is_some() {
            self.sent += 1;
        } else {
            self.source.out.clear();
            self.sent = 0;
        }
        piece
    }

    /// Takes in what the upstream has sent, or finds that it has been silent for too long.
    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        if let Poll::Ready(step) = self.source.poll_step(context) {
            let step = step.map_err(Cause::Upstream)?;
            self.gap.touch(&self.account, !self.source.out.is_empty());
            self.account.note(self.source.tally());
            self.over = step == Step::Ended;
            if !self.settled && (self.over || self.source.tally().is_complete) {
                self.settle();
            }
            return Poll::Ready(Ok(()));
        }
        if self.end.has_come(context) {
            return Poll::Ready(Err(Cause::Draining));
        }
        match ready!(self.gap.poll(context, &self.account)) {
            Due::Fault(fault) => Poll::Ready(Err(Cause::Upstream(fault))),
            Due::Sign(sign) => {
                self.source.out.push(Bytes::from_static(sign));
                Poll::Ready(Ok(()))
            }
        }
    }

    /// The answer is complete: what the upstream does after its last word changes nothing any more.
    fn settle(&mut self) {
        self.settled = true;
        self.account.look();
        let waiting = self.source.out.iter().skip(self.sent).map(|piece| piece.len() as u64);
        self.account.facts.bytes_out += waiting.sum::<u64>();
        self.account.complete_attempt(self.source.tally(), self.status);
        self.account.close(self.status, None);
        self.gap.linger(LINGER);
    }

    /// The answer broke off: says so inside the stream, in the caller's language, and ends it. Where the stream has no
    /// events there is no place for words: it is cut, so that nobody takes it for whole.
    fn fail(&mut self, cause: Cause) {
        self.over = true;
        if self.settled {
            return;
        }
        self.account.look();
        self.source.stop();
        self.account.note(self.source.tally());
        let cause = if let Cause::Upstream(fault) = cause {
            let fault = self.account.classified(fault);
            self.account.fail_attempt(&fault);
            Cause::Upstream(fault)
        } else {
            self.account.fail_attempt(&account::given_up());
            cause
        };
        let refusal = cause.refusal(&self.account);
        let (id, form) = (self.account.id, self.account.facts.form);
        if form == StreamForm::Bytes {
            self.broken = true;
        } else {
            let event = self.source.fail(&refusal);
            let event = event.unwrap_or_else(|| self.account.caller.encode_stream_error(&refusal, id, form));
            self.source.out.push(event.into());
        }
        self.account.close(self.status, Some(refusal.code));
    }
}

/// The gateway's own end, which may come before the answer's.
struct End {
    drain: Drain,
    signal: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl End {
    const fn of(drain: Drain) -> Self {
        Self { drain, signal: None }
    }

    /// The waker of an answer's task never changes: the first look registers it for good, after that a flag is read.
    fn has_come(&mut self, context: &mut Context<'_>) -> bool {
        if self.signal.is_none() {
            let drain = self.drain.clone();
            let signal = self.signal.insert(Box::pin(async move { drain.cut_short().await }));
            return signal.as_mut().poll(context).is_ready();
        }
        self.drain.is_cut()
    }
}

/// How long an upstream may keep a complete answer's connection open before it is closed.
const LINGER: Duration = Duration::from_secs(1);

/// The time between two pieces, and what is left of the whole. The timer is not moved with every piece: when it
/// fires, it looks when the last one came, and when something was last said to the caller.
struct Gap {
    limit: Duration,
    deadline: Monotonic,
    last: Monotonic,
    said: Monotonic,
    /// What a caller hears who has heard nothing for so long.
    sign: Option<(&'static [u8], Duration)>,
    timer: Pin<Box<Sleep>>,
}

/// What there is to do when time has gone by.
enum Due {
    /// The upstream has been silent for too long.
    Fault(Fault),
    /// The caller has heard nothing for a while.
    Sign(&'static [u8]),
}

impl Gap {
    fn new(timers: &Timers, deadline: Monotonic, sign: Option<&'static [u8]>, account: &Account) -> Self {
        let now = account.gateway().clock.now();
        let sign = sign.zip(timers.keep_alive);
        let first = sign.map_or(timers.event_gap, |(_, pause)| pause.min(timers.event_gap));
        let timer = Box::pin(tokio::time::sleep(first.min(deadline.since(now))));
        Self { limit: timers.event_gap, deadline, last: now, said: now, sign, timer }
    }

    /// Waits no longer than this from now on. What is complete needs no signs of life.
    fn linger(&mut self, limit: Duration) {
        (self.limit, self.sign) = (limit, None);
        self.timer.as_mut().reset(tokio::time::Instant::now() + limit);
    }

    /// Something has come, and something of it goes on to the caller or not.
    fn touch(&mut self, account: &Account, goes_on: bool) {
        self.last = account.gateway().clock.now();
        if goes_on {
            self.said = self.last;
        }
    }

    /// When the upstream has been silent for too long.
    fn due(&self) -> Monotonic {
        self.last.plus(self.limit).min(self.deadline)
    }

    fn poll(&mut self, context: &mut Context<'_>, account: &Account) -> Poll<Due> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            let now = account.gateway().clock.now();
            if self.due() <= now {
                let what = if self.deadline <= now {
                    "the request's whole time ran out"
                } else {
                    "the provider fell silent"
                };
                return Poll::Ready(Due::Fault(Fault::new(FaultKind::Timeout, what)));
            }
            let sign = self.sign.filter(|(_, pause)| self.said.plus(*pause) <= now);
            if sign.is_some() {
                self.said = now;
            }
            let next = self.sign.map_or(self.due(), |(_, pause)| self.said.plus(pause).min(self.due()));
            self.timer.as_mut().reset(tokio::time::Instant::now() + next.since(now));
            if let Some((sign, _)) = sign {
                return Poll::Ready(Due::Sign(sign));
            }
        }
    }
}
