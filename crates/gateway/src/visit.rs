//! A request that no model answers: a listing, a token, a head that could not be read. It holds nothing and costs
//! nothing, and what is refused is on record under its id like every other refusal.

use std::net::IpAddr;
use std::pin::pin;

use bytes::Bytes;
use dialects::Dialect;
use http::{HeaderMap, HeaderValue, Response};
use net::body::Outgoing;
use telemetry::Telemetry;
use telemetry::events::{PanicContained, RequestFinished};
use types::conversation::Delivery;
use types::{Classify, Clock, Code, Monotonic, Refusal, RequestId, TraceContext};

use crate::answer::{self, Answer};
use crate::{arrival, panics, rejection, routes};

/// A request beside the path.
pub struct Visit<'a> {
    pub(crate) id: RequestId,
    /// The caller's own id for the request, which a refusal repeats.
    client_id: Option<HeaderValue>,
    pub(crate) caller: &'static dyn Dialect,
    trace: TraceContext,
    at: Monotonic,
    peer: IpAddr,
    telemetry: &'a Telemetry,
    clock: &'a dyn Clock,
}

/// Why a visit is turned away.
#[derive(Debug)]
pub enum Declined {
    /// To be said in the language that the caller's headers speak.
    Plain(Box<Refusal>),
    /// Said already, in the words of a protocol of its own.
    Worded {
        /// What it is on record as.
        code: Code,
        /// What the caller gets.
        answer: Box<Response<Bytes>>,
    },
}

impl Declined {
    /// The refusal of an error that says all there is to say.
    pub fn of(error: &impl Classify) -> Self {
        rejection::classified(error).into()
    }
}

impl From<Refusal> for Declined {
    fn from(refusal: Refusal) -> Self {
        Self::Plain(Box::new(refusal))
    }
}

impl<'a> Visit<'a> {
    /// A visit that begins now.
    pub fn begin(headers: &HeaderMap, peer: IpAddr, telemetry: &'a Telemetry, clock: &'a dyn Clock) -> Self {
        let traceparent = headers.get(&answer::TRACEPARENT).and_then(|value| value.to_str().ok());
        Self {
            id: RequestId::generate(),
            client_id: arrival::client_id(headers),
            caller: routes::speaker(headers),
            trace: telemetry.begin_trace(traceparent),
            at: clock.now(),
            peer,
            telemetry,
            clock,
        }
    }

    /// Tells what is refused in this language, where the path says which.
    pub fn speak(&mut self, language: &str) {
        self.caller = dialects::by_name(language).unwrap_or(self.caller);
    }

    /// The id that its answer carries.
    pub const fn id(&self) -> RequestId {
        self.id
    }

    /// What comes of `answering`: its answer, or a refusal that is on record. A panic on the way is contained.
    ///
    /// # Cancel safety
    /// Dropping it drops `answering`; nothing is on record then.
    pub async fn answer(self, answering: impl Future<Output = Result<Answer, Declined>>) -> Answer {
        let declined = match panics::contain(pin!(answering)).await {
            Some(Ok(mut answer)) => {
                answer::add_ids(answer.headers_mut(), self.id, self.client_id.as_ref());
                return answer;
            }
            Some(Err(declined)) => declined,
            None => {
                PanicContained { request_id: self.id, location: "admin" }.emit(self.telemetry);
                panics::refusal().into()
            }
        };
        self.decline(declined).map(Outgoing::from)
    }

    /// The refusal as an answer, which is on record from here on.
    pub fn decline(self, declined: Declined) -> Response<Bytes> {
        let (code, mut answer) = match declined {
            Declined::Plain(refusal) => (refusal.code, rejection::written(&refusal, self.caller, self.id)),
            Declined::Worded { code, answer } => (code, *answer),
        };
        answer.headers_mut().insert(rejection::CODE, HeaderValue::from_static(code.as_str()));
        answer::add_ids(answer.headers_mut(), self.id, self.client_id.as_ref());
        self.record(&answer, code);
        answer
    }

    fn record(&self, answer: &Response<Bytes>, code: Code) {
        let duration = self.clock.now().since(self.at);
        RequestFinished {
            request_id: self.id,
            trace: &self.trace,
            operation: None,
            model: None,
            upstream: None,
            key: None,
            client_ip: Some(self.peer),
            client_dialect: Some(self.caller.id()),
            delivery: Delivery::Whole,
            status: answer.status().as_u16(),
            error: Some(code),
            finish: None,
            duration,
            overhead: duration,
            first_token: None,
            usage: None,
            cost: None,
            changes: &[],
            attempts: 0,
            bytes_in: 0,
            bytes_out: answer.body().len() as u64,
        }
        .emit(self.telemetry);
    }
}
