//! The path every request takes. [`Gateway::walk`] is the whole of it, in reading order; each phase is one file,
//! takes the stage before it by value and returns the next, so that a wrong order does not compile.
//!
//! [`Gateway::serve`] turns what comes out into bytes in the caller's own dialect. It is the only place where a
//! rejection becomes an answer.

mod account;
mod admit;
mod answer;
mod arrival;
mod attempt;
mod authorize;
mod batched;
mod counting;
mod deadline;
mod destination;
mod gate;
mod heavy;
mod identify;
mod media;
mod meter;
mod origins;
mod outbound;
mod owned;
mod panics;
mod passing;
mod paths;
mod plan;
mod pricing;
mod receive;
mod references;
mod rejection;
mod relay;
mod routes;
mod session;
mod turns;
mod uploaded;
mod upstream;
mod visit;

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use auth::{Authenticator, Marks};
use ledger::{Counted, Ledger};
use limits::Limiter;
use net::body::Room;
use net::drain::Drain;
use router::{Plan, RetryBudget};
use telemetry::Telemetry;
use types::Clock;

pub use answer::Answer;
pub use arrival::Arrival;
pub use destination::{Destination, DestinationConfig, Directory, Endpoint, EndpointKey, KnownModel};
pub use origins::Origins;
pub use passing::is_right;
pub use paths::{Paths, UpstreamPath, decoded};
pub use pricing::UnknownPrice;
pub use rejection::{Rejection, refused_head};
pub use routes::{asks_a_model, language_of, without_prefixes};
pub use upstream::{
    NetworkUpstream, Opening, Outbound, OutboundBody, SendFault, Sending, Upstream, UpstreamBody,
};
pub use visit::{Declined, Visit};

/// One generation of the gateway: what the configuration says, and the parts that carry it out. A reload makes a
/// new one; requests under way keep theirs.
#[derive(Clone)]
pub struct Gateway {
    /// Who asks.
    pub auth: Arc<Authenticator>,
    /// Whose what is kept at providers is.
    pub marks: Arc<Marks>,
    /// Who gave which answer.
    pub origins: Arc<Origins>,
    /// How far the results of batches have been counted.
    pub counted: Arc<Counted>,
    /// How much they may.
    pub limits: Arc<Limiter>,
    /// Where requests go.
    pub router: Arc<dyn Plan>,
    /// Every provider's address, credential and language.
    pub directory: Arc<Directory>,
    /// How often a request may go elsewhere.
    pub retries: Arc<RetryBudget>,
    /// The way out.
    pub upstream: Arc<dyn Upstream>,
    /// What it cost.
    pub ledger: Ledger,
    /// What can be seen.
    pub telemetry: Telemetry,
    /// What is under way; once it drains, nothing new is taken.
    pub drain: Drain,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Sizes beyond which nothing is taken in.
    pub caps: Caps,
    /// Where large bodies of callers find room.
    pub room: Arc<Room>,
    /// How long each stage may take.
    pub timers: Timers,
    /// This process's name, by which it knows its own requests in `Via`.
    pub instance: Arc<str>,
    /// The `Via` header with that name.
    pub via: http::HeaderValue,
}

/// Sizes beyond which nothing is taken in, in bytes unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// A caller's body.
    pub body: usize,
    /// Levels of JSON.
    pub json_depth: usize,
    /// One server-sent event of an upstream.
    pub event: usize,
    /// A whole answer of an upstream.
    pub answer: usize,
    /// An upstream's error answer.
    pub error_body: usize,
}

/// How long each stage may take. Every one ends at the latest with `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Between two pieces of a caller's body.
    pub request_body_idle: Duration,
    /// To connect to an upstream.
    pub connect: Duration,
    /// For the TLS handshake with it.
    pub tls: Duration,
    /// Until its response headers, when a stream was asked for.
    pub response_headers_stream: Duration,
    /// Until its response headers, when a whole answer was asked for: they come only when it is done.
    pub response_headers_whole: Duration,
    /// Until the first event with content.
    pub first_event: Duration,
    /// The same of a model that reasons, and may say nothing of it.
    pub first_event_reasoning: Duration,
    /// Between two events.
    pub event_gap: Duration,
    /// Between two things that a stream's caller hears; `None` where it need not hear anything.
    pub keep_alive: Option<Duration>,
    /// Everything.
    pub total: Duration,
}

impl Gateway {
    /// Everything a request goes through, in order. Read this first.
    async fn walk(&self, arrival: Arrival) -> Result<Answer, Rejection> {
        let identified = identify::who(arrival, self)?; // loop guard; key or token -> principal
        let received = receive::decode(identified, self).await?; // size caps, just enough parsing
        let admitted = admit::hold(received, self)?; // policy, rate, concurrency: a hold
        let planned = plan::choose(admitted, self)?; // ordered targets and a deadline
        let answered = attempt::until_success(planned, self).await?; // encode, send, classify, fail over
        Ok(relay::start(answered, self)) // stream out; settle when it ends
    }

    /// Takes a request along the path and turns what comes of it into an answer in the caller's dialect. A panic on
    /// the way is contained to it.
    ///
    /// # Cancel safety
    /// Dropping the future (the client went away) cancels the upstream request; what it used is recorded.
    pub async fn serve(
        self: &Arc<Self>,
        request: http::Request<hyper::body::Incoming>,
        peer: std::net::IpAddr,
    ) -> Answer {
        let known = OnceLock::new();
        let answering = pin!(async {
            let arrival = Arrival::new(request, peer, self);
            known.get_or_init(|| (arrival.account.caller, arrival.account.id));
            let begun = match &arrival.route {
                Some(route)
                    if !route.operation.is_session()
                        && identify::asks_for_messages(route, &arrival.parts) =>
                {
                    turns::begin(arrival, self)
                }
                Some(_) | None => self.walk(arrival).await,
            };
            match begun {
                Ok(answer) => answer,
                Err(rejection) => rejection.read_on().await.into_answer(),
            }
        });
        tokio::select! {
            biased;
            contained = panics::contain(answering) => {
                contained.unwrap_or_else(|| rejection::panicked(known.get().copied(), &self.telemetry))
            }
            () = self.drain.cut_short() => rejection::cut_short(known.get().copied()),
        }
    }
}
