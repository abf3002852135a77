//! A session: messages both ways between a caller and an upstream, each as it comes. What its answers use is counted as
//! they end, and the session ends when its caller may use no more.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use dialects::{DecodeError, Head, Peek};
use http::uri::PathAndQuery;
use hyper::upgrade::Upgraded;
use net::websocket::{
    Closing, End, HandshakeError, Message, ReadError, Reading, Session, Socket, Violation, Writing,
};
use serde_json::json;
use tokio::time::Interval;
use types::{Code, Fault, FaultKind, ModelName, Refusal};

use crate::account::{Account, given_up};
use crate::answer::{self, Answer};
use crate::meter::{Answers, Meter};
use crate::paths::UpstreamPath;
use crate::rejection::{self, Cause};
use crate::{deadline, paths};

/// The status of an answer that begins a session.
const SWITCHED: u16 = 101;
/// How long one side may take nothing of what is sent to it, and how long its goodbye is awaited.
const STALLED: Duration = Duration::from_mins(1);
pub(crate) const GOODBYE: Duration = Duration::from_secs(2);
/// How long the end of an answer is waited for that its caller has called off by leaving.
const LAST_ANSWER: Duration = Duration::from_secs(5);
/// How often it is asked whether the caller's key is still good.
const LOOK: Duration = Duration::from_secs(5);

/// The parameters that name a session's model: the usual one, and the one of those who have deployments of it.
const MODEL: [&str; 2] = ["model", "deployment"];
/// The parameter that says which version of the paths is meant, which is for each provider to have.
const VERSION: &str = "api-version";
/// The parameter that joins a call which another request has begun.
const CALL: &str = "call_id";

/// What is known of a session before it begins: its model stands in the query.
pub(crate) fn peek(head: Head<'_>) -> Result<Peek, Cause> {
    if head.parameter(CALL).is_some() {
        let problem = "is not served: nobody knows whose the call is".to_owned();
        return Err(Cause::Decode(DecodeError::Field { field: CALL.to_owned(), problem }));
    }
    let missing = || DecodeError::Field {
        field: MODEL[0].to_owned(),
        problem: "must stand in the query: `?model=…`".to_owned(),
    };
    let named = MODEL.into_iter().find_map(|name| head.parameter(name).filter(|model| !model.is_empty()));
    let model = named.ok_or_else(missing);
    let model = dialects::percent_decoded(model.map_err(Cause::Decode)?.as_bytes());
    let model = String::from_utf8(model).map_err(|_| Cause::Decode(missing()))?;
    Ok(Peek { max_tokens: None, ..Peek::of(ModelName::from(model)) })
}

/// The path of a session with this model at its provider, with what else the caller's query says.
pub(crate) fn path(place: &UpstreamPath, model: &ModelName, head: Head<'_>) -> Option<PathAndQuery> {
    let mut longer = place.of(model)?.as_str().to_owned();
    let mut add = |piece: &str| {
        longer.push(if longer.contains('?') { '&' } else { '?' });
        longer.push_str(piece);
    };
    if let UpstreamPath::Fixed(_) = place {
        add(&format!("{}={}", MODEL[0], paths::encoded(model.as_str())));
    }
    let rest = auth::without_credential(head.query.unwrap_or_default());
    // A second model, in any spelling that a server may take for the name, could be the one that counts there.
    let is_ours = |piece: &&str| {
        let name = paths::decoded(piece.split_once('=').map_or(*piece, |(name, _)| name));
        MODEL.into_iter().chain([VERSION]).any(|ours| name.eq_ignore_ascii_case(ours))
    };
    rest.split('&').filter(|piece| !piece.is_empty() && !is_ours(piece)).for_each(add);
    PathAndQuery::try_from(longer).ok()
}

/// Begins a session that an upstream has opened.
pub(crate) fn begin(mut account: Box<Account>, upstream: Upgraded) -> Answer {
    match account.handshake.take() {
        Some(handshake) => answer::session(account, *handshake, upstream),
        None => account.reject(Cause::Handshake(HandshakeError::Request)).into_answer(),
    }
}

/// A session that waits for its caller's connection. Dropped before that, it is given up.
pub(crate) struct Relayed {
    pub(crate) account: Box<Account>,
    pub(crate) upstream: Upgraded,
}

impl Session for Relayed {
    fn hold(self: Box<Self>, upgraded: Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let Self { mut account, upstream } = *self;
            let caps = account.gateway().caps;
            let caller = Socket::new(upgraded, End::Server, caps.body);
            let upstream = Socket::new(upstream, End::Client, caps.answer);
            relay(&mut account, caller, upstream).await;
        })
    }
}

/// How a session ends.
enum Ended {
    /// One of the two has said goodbye, and the other has been told.
    Closed,
    /// The caller's connection has ended.
    Gone,
    /// The caller breaks the protocol.
    Misspoken(Violation),
    /// The upstream has failed.
    Failed(Fault),
    /// The caller has said goodbye, and the upstream has not.
    Unanswered,
    /// The caller may not go on, and what its connection is closed with.
    Over(Cause, u16),
}

/// Passes messages both ways until the session ends, and says goodbye.
async fn relay(account: &mut Account, caller: Socket, upstream: Socket) {
    let (mut from_caller, mut to_caller) = (caller.reading, caller.writing);
    let (mut from_upstream, mut to_upstream) = (upstream.reading, upstream.writing);
    let (answers, taken) = (Answers::default(), AtomicU64::new(0));
    let mut meter = Meter::new(&answers, account);
    let left = AtomicBool::new(false);
    let ended = 'ended: {
        let caller = Caller { taken: &taken, left: &left, answers: &answers };
        let mut upward = pin!(up(&mut from_caller, &mut to_upstream, caller));
        let mut downward = pin!(down(&mut from_upstream, &mut to_caller, account, &mut meter));
        // The other side's goodbye, and what was on its way before it, are waited for.
        tokio::select! {
            ended = &mut downward => {
                if let Ended::Closed = ended {
                    drop(deadline::within(GOODBYE, upward).await);
                }
                ended
            }
            ended = &mut upward => {
                let Ended::Closed = ended else { break 'ended ended };
                match deadline::within(GOODBYE, downward).await {
                    Ok(Ended::Closed) => Ended::Closed,
                    Ok(_) | Err(_) => Ended::Unanswered,
                }
            }
        }
    };
    // Whatever the upstream makes of it that its answer was called off: it was the caller who left.
    let is_left = left.load(Ordering::Relaxed) && matches!(ended, Ended::Failed(_));
    let ended = if is_left { Ended::Gone } else { ended };
    account.facts.bytes_in = taken.load(Ordering::Relaxed);
    account.look();
    let refusal = match &ended {
        Ended::Failed(fault) => Some(Cause::Upstream(account.classified(fault.clone())).refusal(account)),
        Ended::Over(cause, _) => Some(cause.refusal(account)),
        Ended::Closed | Ended::Gone | Ended::Misspoken(_) | Ended::Unanswered => None,
    };
    let last = last_words(account, &ended, refusal.as_ref());
    let saying = async {
        for message in &last {
            to_caller.send(message).await?;
        }
        to_caller.shut().await
    };
    drop(deadline::within(GOODBYE, saying).await);
    let leaving = async {
        if !matches!(ended, Ended::Closed | Ended::Unanswered) {
            to_upstream.send(&Message::Close(Some(Closing::new(Closing::GOING_AWAY, "")))).await?;
        }
        to_upstream.shut().await
    };
    drop(deadline::within(GOODBYE, leaving).await);
    settle(account, &mut meter, &ended, refusal.map(|refusal| refusal.code));
}

/// What is shared of the way from the caller.
#[derive(Clone, Copy)]
struct Caller<'a> {
    /// How many bytes it has sent.
    taken: &'a AtomicU64,
    /// Whether it has left.
    left: &'a AtomicBool,
    answers: &'a Answers,
}

/// From the caller to the upstream.
async fn up(from: &mut Reading, to: &mut Writing, caller: Caller<'_>) -> Ended {
    loop {
        let message = match from.next().await {
            Ok(message) => message,
            Err(error) => {
                caller.leave(to).await;
                return match error {
                    ReadError::Gone | ReadError::Network(_) => Ended::Gone,
                    ReadError::Violation(violation) => Ended::Misspoken(violation),
                };
            }
        };
        caller.taken.fetch_add(length(&message), Ordering::Relaxed);
        let is_goodbye = matches!(message, Message::Close(_));
        if is_goodbye {
            caller.leave(to).await;
        }
        if !is_sent(to, &message).await {
            return Ended::Failed(cut("takes nothing more"));
        }
        if is_goodbye {
            return Ended::Closed;
        }
    }
}

impl Caller<'_> {
    /// Calls off the answers under way and waits a little for their ends: only those tell what they used, and the caller
    /// may have all it wants of them.
    async fn leave(self, upstream: &mut Writing) {
        self.left.store(true, Ordering::Relaxed);
        for id in self.answers.ids() {
            let cancel = json!({"type": "response.cancel", "response_id": id}).to_string();
            if !is_sent(upstream, &Message::Text(cancel.into())).await {
                return;
            }
        }
        let _ = deadline::within(LAST_ANSWER, self.answers.none()).await;
    }
}

/// From the upstream to the caller, with an eye on what is used.
async fn down(from: &mut Reading, to: &mut Writing, account: &mut Account, meter: &mut Meter<'_>) -> Ended {
    let mut look = tokio::time::interval(LOOK);
    let mut is_read = true;
    loop {
        let next = tokio::select! {
            biased;
            (cause, code) = over(account, meter.is_answering(), &mut look) => return Ended::Over(cause, code),
            next = from.next() => next,
        };
        let message = match next {
            Ok(message) => message,
            Err(ReadError::Gone | ReadError::Network(_)) => return Ended::Failed(cut("broke off")),
            Err(ReadError::Violation(violation)) => {
                let fault =
                    Fault::new(FaultKind::Unreadable, format!("the provider\'s session: {violation}"));
                return Ended::Failed(fault);
            }
        };
        let noted = meter.note(&message, account);
        if is_read {
            account.facts.bytes_out += length(&message);
            is_read = is_sent(to, &message).await;
        }
        // An answer under way is heard out for what it uses.
        if !is_read && !meter.is_answering() {
            return Ended::Gone;
        }
        if let Message::Close(_) = message {
            return Ended::Closed;
        }
        if let Err(cause) = noted {
            return Ended::Over(cause, Closing::TRY_AGAIN);
        }
    }
}

fn cut(what: &str) -> Fault {
    Fault::new(FaultKind::Cut, format!("the provider's session {what}"))
}

pub(crate) async fn is_sent(to: &mut Writing, message: &Message) -> bool {
    matches!(deadline::within(STALLED, to.send(message)).await, Ok(Ok(())))
}

/// Waits until the session has to end though both sides would go on. An answer that has begun may end before a drain
/// ends the session.
async fn over(account: &Account, is_answering: bool, look: &mut Interval) -> (Cause, u16) {
    let drain = &account.gateway().drain;
    loop {
        tokio::select! {
            () = drain.cut_short() => return (Cause::Draining, Closing::GOING_AWAY),
            () = drain.draining(), if !is_answering => return (Cause::Draining, Closing::GOING_AWAY),
            _ = look.tick() => {
                if let Err(error) = account.is_known() {
                    return (Cause::Identify(error), Closing::POLICY);
                }
            }
        }
    }
}

fn length(message: &Message) -> u64 {
    match message {
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) | Message::Text(bytes) => {
            bytes.len() as u64
        }
        Message::Close(_) => 0,
    }
}

/// What the caller is told at the end.
fn last_words(account: &Account, ended: &Ended, refusal: Option<&Refusal>) -> Vec<Message> {
    let (code, words) = match (ended, refusal) {
        (Ended::Closed | Ended::Gone, _) => return Vec::new(),
        (Ended::Unanswered, _) => (Closing::NORMAL, String::new()),
        (Ended::Misspoken(violation), _) => (violation.code(), violation.to_string()),
        (Ended::Failed(_), _) => (Closing::INTERNAL, "the provider's session failed".to_owned()),
        (Ended::Over(_, code), refusal) => {
            (*code, refusal.map_or_else(String::new, |refusal| refusal.message.clone()))
        }
    };
    let event = refusal.map(|refusal| Message::Text(rejection::event(refusal, account).into()));
    event.into_iter().chain([Message::Close(Some(Closing::new(code, &words)))]).collect()
}

/// Settles what the session has used, which is known but for an answer that was under way.
fn settle(account: &mut Account, meter: &mut Meter<'_>, ended: &Ended, refused: Option<Code>) {
    let is_answering = meter.is_answering();
    if is_answering {
        meter.estimate(account);
    }
    match ended {
        Ended::Failed(fault) => account.fail_attempt(&account.classified(fault.clone())),
        Ended::Closed | Ended::Gone | Ended::Misspoken(_) | Ended::Over(..) | Ended::Unanswered
            if is_answering =>
        {
            account.fail_attempt(&given_up());
        }
        Ended::Closed | Ended::Gone | Ended::Misspoken(_) | Ended::Over(..) | Ended::Unanswered => {
            account.complete_attempt(&meter.tally, SWITCHED);
        }
    }
    let code = match ended {
        Ended::Closed | Ended::Failed(_) | Ended::Over(..) | Ended::Unanswered => refused,
        Ended::Gone | Ended::Misspoken(_) => Some(Code::ClientGone),
    };
    account.close(SWITCHED, code);
}
