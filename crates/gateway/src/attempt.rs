//! Fifth phase: encode, send, classify, and go elsewhere while that can help.

mod parts;

use std::sync::Arc;
use std::time::Duration;

use dialects::{Conduit, Content, Delivered, Dialect, Encoded, Peek, Tally, ToolNames};
use http::response::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode, header};
use hyper::upgrade::Upgraded;
use net::client::{Opened, SendTimers};
use providers::Capability;
use router::{Candidate, Claim};
use telemetry::events::{CircuitChanged, PriceUnknown};
use types::conversation::Delivery;
use types::{CircuitState, Fault, FaultKind, Monotonic, Operation, SpanId, StreamForm, Tokens};

use crate::account::{Account, Begin, Served, given_up};
use crate::batched::Batched;
use crate::counting::Believable;
use crate::destination::{Destination, Endpoint, KnownModel};
use crate::gate::Source;
use crate::outbound::{self, Aside, Place, Understood, Written};
use crate::owned::{self, Renamed};
use crate::plan::Planned;
use crate::pricing::{Charge, Unpriced};
use crate::receive::Request;
use crate::rejection::{Cause, Rejection};
use crate::uploaded::Judged;
use crate::upstream::{Outbound, OutboundBody, UpstreamBody};
use crate::{Gateway, answer, counting, deadline, passing, relay, session};

/// A request whose answer has begun: the first content is there, and none of it has been sent on yet.
pub(crate) struct Answered {
    pub(crate) account: Box<Account>,
    pub(crate) begun: Begun,
    pub(crate) deadline: Monotonic,
}

/// An answer that has begun.
#[expect(clippy::large_enum_variant, reason = "the small one is rare; a box would cost every request")]
pub(crate) enum Begun {
    /// The gateway itself has answered: a count of tokens for a provider that offers none.
    Counted(Vec<u8>),
    /// An upstream is answering.
    Upstream { source: Source, headers: HeaderMap, status: StatusCode },
    /// An upstream has opened a session.
    Session(Upgraded),
}

/// The way of an answer to its caller.
enum Way {
    /// It has begun, with answers to earlier parts of the request.
    Begun(Box<dyn Conduit>),
    /// It begins with the answer, in which these tools go by other names.
    New(ToolNames),
}

/// Why one attempt brought no answer.
enum Failure {
    /// No attempt was made or none may follow: the request is refused.
    Refused(Cause),
    /// The upstream failed.
    Upstream(Fault),
    /// The target's circuit was claimed by someone else in the meantime.
    Unclaimed,
}

/// Tries the candidates until one answers.
///
/// # Cancel safety
/// Dropping it (the client went away) cancels the upstream request and records what it used.
pub(crate) async fn until_success(planned: Planned, gateway: &Gateway) -> Result<Answered, Rejection> {
    let Planned { mut account, request, candidates, strict, deadline } = planned;
    let mut understood = Understood::default();
    let mut last = Cause::NoTarget;
    let most = gateway.retries.attempts() as usize + 1;
    for (tried, candidate) in candidates.iter().enumerate() {
        if account.facts.attempts as usize >= most {
            break;
        }
        if tried > 0 && deadline.since(account.now).is_zero() {
            break;
        }
        if tried > 0 && account.facts.attempts > 0 && !gateway.retries.withdraw(account.now) {
            break;
        }
        let try_one = Try { gateway, request: &request, candidate, strict, deadline };
        match try_one.run(&mut account, &mut understood).await {
            Ok(begun) => return Ok(Answered { account, begun, deadline }),
            // What one target's language cannot say, its prices do not tell, or its files are not, another's may; that an upstream failed
            // is the better news.
            Err(Failure::Refused(
                cause @ (Cause::Encode(_)
                | Cause::NotKept
                | Cause::NotOffered(_)
                | Cause::UnknownPrice { .. }),
            )) => {
                if !matches!(last, Cause::Upstream(_)) {
                    last = cause;
                }
            }
            Err(Failure::Refused(cause)) => return Err(account.reject(cause)),
            Err(Failure::Upstream(fault)) => {
                let elsewhere = fault.kind.may_succeed_elsewhere();
                last = Cause::Upstream(fault);
                if !elsewhere {
                    break;
                }
            }
            Err(Failure::Unclaimed) => {}
        }
    }
    Err(account.reject(last))
}

/// One attempt.
struct Try<'a> {
    gateway: &'a Gateway,
    request: &'a Request,
    candidate: &'a Candidate,
    strict: router::Strictness,
    deadline: Monotonic,
}

impl Try<'_> {
    async fn run(&self, account: &mut Account, understood: &mut Understood) -> Result<Begun, Failure> {
        let Some(destination) = self.gateway.directory.find(&self.candidate.provider) else {
            return Err(Failure::Unclaimed);
        };
        self.request.files.suit(destination).map_err(Failure::Refused)?;
        let Some((endpoint, path)) = self.endpoint(destination)? else {
            return self.without_upstream();
        };
        let known = destination.known(&self.candidate.model);
        let charge = self.charge(destination, known)?;
        let place = Place {
            candidate: self.candidate,
            destination,
            endpoint,
            known,
            strict: self.strict,
            span: SpanId::generate(),
        };
        let written = self.write(&place, understood, account).await?;
        let claim = self.claim(account.now)?;
        let begin = self.begin(&place, charge, claim);
        // The intent is on record before a byte leaves: a killed process loses nothing.
        account.begin_attempt(begin).map_err(|error| Failure::Refused(Cause::Ledger(error)))?;
        account.facts.changes = written.changes;
        let outbound = Outbound {
            destination,
            dialect: endpoint.dialect,
            operation: self.request.operation,
            method: self.request.method.clone(),
            path,
            headers: written.headers,
            timers: self.timers(&written.body),
            body: written.body,
        };
        let answered = if self.request.operation.is_session() {
            Box::pin(self.open(outbound, account)).await
        } else {
            self.exchange(outbound, written.aside, account).await
        };
        if let Some(cause) = account.facts.judged.take().and_then(Judged::into_cause) {
            account.fail_attempt(&given_up());
            return Err(Failure::Refused(cause));
        }
        match answered {
            Ok(answer) => {
                account.answer_begun();
                Ok(answer)
            }
            Err(fault) => {
                account.fail_attempt(&fault);
                Err(Failure::Upstream(fault))
            }
        }
    }

    /// The upstream's request.
    ///
    /// # Cancel safety
    /// As that of [`outbound::encode`].
    async fn write(
        &self,
        place: &Place<'_>,
        understood: &mut Understood,
        account: &mut Account,
    ) -> Result<Written, Failure> {
        if self.request.passing.is_some() {
            return Ok(passing::write(self.request, place, account));
        }
        if self.request.operation.is_session() {
            return Ok(outbound::write(self.request, Encoded::default(), place, account));
        }
        let encoded = outbound::encode(self.request, understood, place).await.map_err(Failure::Refused)?;
        account.look();
        Ok(outbound::write(self.request, encoded, place, account))
    }

    /// In which language and by which path the request goes to this destination; `None` where it has none.
    fn endpoint<'d>(&self, to: &'d Destination) -> Result<Option<(&'d Endpoint, PathAndQuery)>, Failure> {
        let Request { dialect, operation, .. } = *self.request;
        if let Some(passing) = self.request.passing.as_ref().filter(|_| operation.is_kept()) {
            let Some((endpoint, root)) = to.own_endpoint(dialect, operation) else { return Ok(None) };
            let root = root.of(&self.candidate.model).ok_or_else(|| Failure::Refused(Cause::no_segment()))?;
            let path = passing.kept(&root, self.request.query.as_deref()).map_err(Failure::Refused)?;
            return Ok(Some((endpoint, path)));
        }
        if let Some(passing) = &self.request.passing {
            let base = to.passthrough.as_deref().unwrap_or_default();
            let path = passing.target(base, self.request.query.as_deref()).map_err(Failure::Refused)?;
            return Ok(passing::endpoint(to, dialect).map(|endpoint| (endpoint, path)));
        }
        let Some((endpoint, path)) =
            to.endpoint(dialect, &self.candidate.model, operation, self.request.peek.delivery)
        else {
            return Ok(None);
        };
        let model = &self.candidate.model;
        let path = if operation.is_session() {
            session::path(path, model, self.request.head())
        } else {
            path.of(model)
        };
        Ok(Some((endpoint, path.ok_or_else(|| Failure::Refused(Cause::no_segment()))?)))
    }

    /// What the gateway itself can answer where the provider cannot: a count of tokens.
    fn without_upstream(&self) -> Result<Begun, Failure> {
        let language = self.request.dialect.conversational();
        match language.filter(|_| self.request.operation == Operation::CountTokens) {
            Some(language) => Ok(Begun::Counted(language.encode_count(counting::estimate(self.request)))),
            None => Err(Failure::Refused(Cause::NotOffered(self.request.operation))),
        }
    }

    /// How the request is charged here. Counting is free whatever the model costs, and so is what asks no model; judging
    /// content is where nobody says what it costs.
    fn charge<'d>(&self, destination: &'d Destination, known: &'d KnownModel) -> Result<Charge<'d>, Failure> {
        const FREE: Charge<'static> = Charge { price: None, assumed: None };
        let operation = self.request.operation;
        if !self.request.asks_model() {
            return Ok(FREE);
        }
        let Candidate { provider, model, .. } = self.candidate;
        let charge = destination.charge(known);
        let is_known = matches!(charge, Ok(Charge { assumed: None, .. }));
        if operation == Operation::CountTokens || (operation == Operation::Moderation && !is_known) {
            return Ok(FREE);
        }
        let policy = match charge {
            Ok(Charge { assumed: None, .. }) => None,
            Ok(Charge { assumed: Some(assumed), .. }) => Some(assumed.as_str()),
            Err(Unpriced) => Some("refuse"),
        };
        if let Some(policy) = policy
            && destination.told.is_news(model)
        {
            PriceUnknown { provider, model, policy }.emit(&self.gateway.telemetry);
        }
        charge.map_err(|Unpriced| {
            Failure::Refused(Cause::UnknownPrice { provider: provider.clone(), model: model.clone() })
        })
    }

    /// What the attempt at this place is begun with.
    fn begin<'k>(&self, place: &Place<'k>, charge: Charge<'k>, claim: Claim) -> Begin<'k> {
        let (model, operation) = (place.known.model.as_deref(), self.request.operation);
        Begin {
            served: Served {
                candidate: self.candidate.clone(),
                destination: Arc::clone(place.destination),
                dialect: place.endpoint.dialect.id(),
            },
            claim,
            charge,
            most_output: most_output(self.request, model),
            // Of a session, and of a batch, each answer is judged by itself.
            believable: if operation.is_session() || operation.is_kept() {
                Believable::ANYTHING
            } else {
                Believable::of(model)
            },
            foreseen: self.request.peek.foreseen,
            span: place.span,
        }
    }

    /// Sends the request and waits until its answer has begun, or for all of a large one.
    async fn exchange(
        &self,
        outbound: Outbound<'_>,
        aside: Aside,
        account: &mut Account,
    ) -> Result<Begun, Fault> {
        let destination = outbound.destination;
        let sent_at = account.now;
        let Aside { tool_names, earlier } = aside;
        let begun = if earlier.is_empty() {
            self.send(outbound, Way::New(tool_names), account).await
        } else {
            // Boxed: rare, like what is left over.
            Box::pin(self.send_in_parts(outbound, earlier, account)).await
        };
        account.look();
        account.facts.upstream_wait += account.now.since(sent_at);
        match begun? {
            Begun::Upstream { source, headers, status } if source.is_left_over() => {
                // Boxed: rare, and every request's future has room for what is awaited here.
                let source = Box::pin(finish(source, destination, account)).await?;
                Ok(Begun::Upstream { source, headers, status })
            }
            begun @ (Begun::Counted(_) | Begun::Session(_) | Begun::Upstream { .. }) => Ok(begun),
        }
    }

    /// Claims the target: its circuit may have been opened, or be probed by another request, since it was chosen.
    fn claim(&self, now: Monotonic) -> Result<Claim, Failure> {
        if self.request.operation.is_passed_on() {
            return Ok(Claim::Granted);
        }
        let target = &self.candidate.target;
        let claim = self.gateway.router.claim(target, now);
        match claim {
            Claim::Granted => {}
            Claim::Probe => {
                let changed = CircuitChanged { target, state: CircuitState::HalfOpen, fault: None };
                changed.emit(&self.gateway.telemetry);
            }
            Claim::Refused => return Err(Failure::Unclaimed),
        }
        Ok(claim)
    }

    /// Sends the request and waits for the first content of the answer.
    async fn send(&self, outbound: Outbound<'_>, way: Way, account: &mut Account) -> Result<Begun, Fault> {
        let destination = outbound.destination;
        let dialect = outbound.dialect;
        let limit = self.deadline.since(account.now);
        let sent = deadline::within(limit, self.gateway.upstream.send(outbound)).await;
        let response = match sent {
            Ok(response) => response.map_err(|error| error.into_fault(&destination.name))?,
            Err(_) => return Err(Fault::new(FaultKind::Timeout, "the request's whole time ran out")),
        };
        let (parts, body) = response.into_parts();
        if self.request.passing.is_some() {
            return Box::pin(self.pass_on((destination, dialect), parts, body, account)).await;
        }
        if !parts.status.is_success() {
            return Err(self.read_fault(destination, dialect, &parts, body).await.0);
        }
        let (form, delivered) = delivered(&parts.headers, &self.request.peek);
        let mut conduit = match way {
            Way::Begun(conduit) => conduit,
            Way::New(tool_names) => relay::conduit(dialect, self.request, account, tool_names, delivered)?,
        };
        if let Some(usage) = dialect.read_head(&parts.headers) {
            conduit.hear(usage);
        }
        let mut source = Source::new(body, form, conduit, &self.gateway.caps);
        let limit = deadline::left(self.first_event(destination), self.deadline, &*self.gateway.clock);
        if let Err(fault) = source.open(limit, self.request.peek.delivery).await {
            account.note(source.tally());
            return Err(destination.catalogue.classify(fault));
        }
        Ok(Begun::Upstream { source, headers: parts.headers, status: parts.status })
    }

    /// What is looked for in an answer that is passed on. What a batch has used is told whenever it is looked at: it is
    /// counted where its results pass.
    fn content(&self, headers: &HeaderMap, form: Option<StreamForm>) -> Content {
        if self.request.operation.is_kept() {
            return Content::Opaque;
        }
        passing::content(headers, form, self.gateway)
    }

    /// The way of an answer that describes what is kept at a provider: its ids become the caller's.
    fn renamed(&self, head: &Parts, account: &Account) -> Option<Renamed> {
        let Request { dialect, operation, .. } = *self.request;
        let passing = self.request.passing.as_ref().filter(|_| operation.is_kept())?;
        let is_description = owned::is_described(passing) && passing::is_json(&head.headers);
        (is_description && head.status.is_success()).then(|| Renamed {
            marks: Arc::clone(&self.gateway.marks),
            provider: passing.provider.clone(),
            tenant: account.facts.tenant.clone(),
            root: owned::root(dialect, operation).unwrap_or_default(),
            tally: Tally::default(),
        })
    }

    /// The way of what callers have put at a provider, or a batch has: among it may be the batch's results.
    fn batched(&self, head: &Parts, account: &Account) -> Option<Batched> {
        let Request { operation, ref method, .. } = *self.request;
        let passing =
            self.request.passing.as_ref().filter(|_| operation.is_kept() && *method == Method::GET)?;
        let destination = self.gateway.directory.find(&passing.provider)?;
        let is_whole = head.status == StatusCode::OK && !owned::is_described(passing);
        let counted = || Arc::clone(&self.gateway.counted);
        let attempt = account.attempt_id().filter(|_| is_whole)?;
        Some(Batched::new(counted(), attempt, destination, (&passing.path, self.gateway.caps.event)))
    }

    /// Opens a session.
    async fn open(&self, outbound: Outbound<'_>, account: &mut Account) -> Result<Begun, Fault> {
        let (destination, dialect, sent_at) = (outbound.destination, outbound.dialect, account.now);
        let limit = self.deadline.since(account.now);
        let opened = deadline::within(limit, self.gateway.upstream.open(outbound)).await;
        account.look();
        account.facts.upstream_wait += account.now.since(sent_at);
        let opened =
            opened.map_err(|_| Fault::new(FaultKind::Timeout, "the request's whole time ran out"))?;
        match opened.map_err(|error| error.into_fault(&destination.name))? {
            Opened::Socket(upgraded, _) => Ok(Begun::Session(upgraded)),
            Opened::Refused(response) => {
                let (head, text) = response.into_parts();
                Err(judged(destination, dialect, &head, &text))
            }
        }
    }

    /// Begins to pass an answer on, whatever it is. Only what concerns the gateway's own account at the provider is no
    /// business of the caller's.
    async fn pass_on(
        &self,
        (destination, dialect): (&Destination, &dyn Dialect),
        mut head: Parts,
        body: UpstreamBody,
        account: &mut Account,
    ) -> Result<Begun, Fault> {
        let mut body = body.unopened();
        if head.status.is_client_error() || head.status.is_server_error() {
            let (fault, text, rest) = self.read_fault(destination, dialect, &head, body).await;
            if matches!(fault.kind, FaultKind::Credential | FaultKind::Quota) {
                return Err(fault);
            }
            account.fail_attempt(&fault);
            let text = destination.without_credential_in(text);
            head.headers.remove(header::CONTENT_LENGTH);
            body = UpstreamBody::Begun(text, Box::new(rest));
        }
        let content_type = head.headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        let is_events = |form: &StreamForm| *form == StreamForm::Events && passing::is_plain(&head.headers);
        let form = StreamForm::of_content_type(content_type).filter(is_events);
        account.facts.form = form.unwrap_or(StreamForm::Bytes);
        account.facts.delivery = form.map_or(Delivery::Whole, |_| Delivery::Stream { include_usage: false });
        let mut source = if let Some(renamed) = self.renamed(&head, account) {
            head.headers.remove(header::CONTENT_LENGTH);
            Source::new(body, None, Box::new(renamed), &self.gateway.caps)
        } else if let Some(batched) = self.batched(&head, account) {
            Source::new(body, Some(StreamForm::Bytes), Box::new(batched), &self.gateway.caps)
        } else {
            let content = self.content(&head.headers, form);
            Source::passing(body, form, content, &self.gateway.caps)
        };
        let limit = deadline::left(self.first_event(destination), self.deadline, &*self.gateway.clock);
        source.open(limit, Delivery::Stream { include_usage: false }).await?;
        Ok(Begun::Upstream { source, headers: head.headers, status: head.status })
    }

    /// A whole answer's content comes with its end; a stream's first event is due sooner, but for models that reason.
    fn first_event(&self, destination: &Destination) -> Duration {
        let model = || destination.known(&self.candidate.model).model.as_ref();
        match self.request.peek.delivery {
            Delivery::Stream { .. } if model().is_some_and(|model| model.can(Capability::Reasoning)) => {
                self.gateway.timers.first_event_reasoning
            }
            Delivery::Stream { .. } => self.gateway.timers.first_event,
            Delivery::Whole => self.gateway.timers.response_headers_whole,
        }
    }

    fn timers(&self, body: &OutboundBody) -> SendTimers {
        let timers = &self.gateway.timers;
        let headers = match self.request.peek.delivery {
            Delivery::Stream { .. } => timers.response_headers_stream,
            // What the caller is still sending takes its own time.
            Delivery::Whole if matches!(body, OutboundBody::Stream(_)) => timers.total,
            Delivery::Whole => timers.response_headers_whole,
        };
        SendTimers { connect: timers.connect, tls: timers.tls, headers }
    }

    /// Reads an error answer, as much of it as the cap allows, within the time an event may take: what it says, what was
    /// read, and the rest.
    async fn read_fault(
        &self,
        destination: &Destination,
        dialect: &dyn Dialect,
        head: &Parts,
        mut body: UpstreamBody,
    ) -> (Fault, Vec<u8>, UpstreamBody) {
        let mut text = Vec::new();
        let cap = self.gateway.caps.error_body;
        let limit = deadline::left(ERROR_BODY_PATIENCE, self.deadline, &*self.gateway.clock);
        let reading = async {
            while let Some(Ok(bytes)) = std::future::poll_fn(|context| body.poll_data(context)).await {
                let room = cap - text.len();
                text.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
                if text.len() == cap {
                    break;
                }
            }
        };
        // What has come by then is judged; a slow error body is no reason to wait longer.
        let _ = deadline::within(limit, reading).await;
        (judged(destination, dialect, head, &text), text, body)
    }
}

/// What an error answer says.
fn judged(destination: &Destination, dialect: &dyn Dialect, head: &Parts, text: &[u8]) -> Fault {
    let fault = dialect.read_fault(head.status.as_u16(), &head.headers, text);
    let retry_after = retry_after(&head.headers).or(fault.retry_after);
    let fault = Fault { retry_after, ..destination.catalogue.classify(fault) };
    destination.hear(&fault);
    fault
}

/// Takes a large whole answer through its conduit. The upstream has done its part: the time counts as the gateway's.
///
/// # Cancel safety
/// Dropping it loses the answer; what it is about to have used is estimated by its size.
async fn finish(source: Source, destination: &Destination, account: &mut Account) -> Result<Source, Fault> {
    account.note(&source.estimate());
    let (source, finished) = source.finish_elsewhere().await;
    account.look();
    match finished {
        Ok(()) => Ok(source),
        Err(fault) => {
            account.note(source.tally());
            Err(destination.catalogue.classify(fault))
        }
    }
}

/// How long the body of an error answer is waited for; what has come by then is judged.
const ERROR_BODY_PATIENCE: Duration = Duration::from_secs(2);

/// The most output this request can cause, for the reservation.
fn most_output(request: &Request, model: Option<&providers::Model>) -> Tokens {
    let of_model = model.and_then(|model| model.max_output_tokens);
    let asked = request.peek.max_tokens;
    Tokens(asked.into_iter().chain(of_model).min().unwrap_or(counting::USUAL_OUTPUT))
}

/// The form the upstream says its answer has. What is to be passed on as it comes does so in any form but JSON, which
/// may be an error under a status of success.
fn delivered(headers: &HeaderMap, asked: &Peek) -> (Option<StreamForm>, Delivered) {
    let content_type = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let passes = asked.form == StreamForm::Bytes && asked.delivery.is_stream();
    let form = StreamForm::of_content_type(content_type).or_else(|| {
        (passes && !content_type.starts_with(answer::JSON.as_bytes())).then_some(StreamForm::Bytes)
    });
    (form, if form.is_some() { Delivered::Stream } else { Delivered::Whole })
}

/// How long an upstream asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110, section
/// 10.2.3; fractions are the providers' own habit). A date counts from the one that the answer bears: the clocks of the
/// two may differ.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.trim());
    let number = |name: &str| text(name)?.parse::<f64>().ok();
    let seconds = number("retry-after-ms").map(|millis| millis / 1000.0).or_else(|| number("retry-after"));
    if let Some(seconds) = seconds {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = |name: &str| httpdate::parse_http_date(text(name)?).ok();
    date("retry-after")?.duration_since(date("date")?).ok()
}
