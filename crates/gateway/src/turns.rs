//! A conversation over one connection, in messages: each asks for a turn, which goes along the path like a request of its
//! own, and the events of its answer are messages too.

use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::Bytes;
use dialects::{Dialect, Turn, Turns};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use http_body::Body as _;
use hyper::upgrade::Upgraded;
use net::body::Outgoing;
use net::sse::{SseParser, Tail};
use net::websocket::{Closing, End, Message, ReadError, Reading, Session, Socket, Writing};
use types::Tokens;

use crate::answer::Answer;
use crate::arrival::{Arrival, CallerBody, Route};
use crate::identify::Identified;
use crate::rejection::{self, Rejection};
use crate::session::{GOODBYE, is_sent};
use crate::{Gateway, answer, deadline, identify};

/// The turns of a language, if a request for a `WebSocket` at this path asks for them.
pub(crate) fn of(route: &Route) -> Option<Box<dyn Turns>> {
    (route.operation == types::Operation::Chat).then(|| route.dialect.turns()).flatten()
}

/// Begins a conversation in turns. Who asks is found out now, and again with every turn.
pub(crate) fn begin(arrival: Arrival, gateway: &Arc<Gateway>) -> Result<Answer, Rejection> {
    let peer = arrival.account.facts.peer;
    let Identified { mut account, route, parts, .. } = identify::who(arrival, gateway)?;
    let (Some(handshake), Some(mut turns)) = (account.handshake.take(), of(&route)) else {
        return Err(account.reject(rejection::Cause::Upgrade));
    };
    turns.limit(gateway.caps.body);
    let mut answer = handshake.answer(());
    answer::add_common(answer.headers_mut(), &account);
    account.close(answer.status().as_u16(), None);
    let dialect = route.dialect;
    let talk = Talk { gateway: Arc::clone(gateway), dialect, parts: of_turns(parts), peer, turns };
    Ok(answer.map(|()| Outgoing::session(talk)))
}

/// The head of every turn's request: the one that began it all, but for what only that one asked.
fn of_turns(mut parts: Parts) -> Parts {
    parts.method = Method::POST;
    let only_once = [
        header::CONNECTION,
        header::UPGRADE,
        header::SEC_WEBSOCKET_EXTENSIONS,
        header::SEC_WEBSOCKET_KEY,
        header::SEC_WEBSOCKET_VERSION,
    ];
    for name in only_once {
        parts.headers.remove(name);
    }
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts
}

/// A conversation in turns.
struct Talk {
    gateway: Arc<Gateway>,
    dialect: &'static dyn Dialect,
    parts: Parts,
    peer: IpAddr,
    turns: Box<dyn Turns>,
}

/// What a connection is closed with whose next message would be too large (RFC 6455, section 7.4.1).
const TOO_LARGE: u16 = 1009;

/// Nothing more is said: the caller has gone, or has been told why.
struct Over;

impl Session for Talk {
    fn hold(mut self: Box<Self>, upgraded: Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let socket = Socket::new(upgraded, End::Server, self.gateway.caps.body);
            let mut line = Line { reading: socket.reading, writing: socket.writing, waiting: None };
            while let Ok(message) = self.next(&mut line).await {
                if Box::pin(self.turn(message, &mut line)).await.is_err() {
                    break;
                }
            }
            drop(deadline::within(GOODBYE, line.writing.shut()).await);
        })
    }
}

impl Talk {
    /// The next message that asks for a turn. A drain ends the conversation between two.
    async fn next(&mut self, line: &mut Line) -> Result<Bytes, Over> {
        loop {
            if let Some(waiting) = line.waiting.take() {
                return Ok(waiting);
            }
            tokio::select! {
                biased;
                () = self.gateway.drain.draining() => {
                    return Err(line.close(Closing::GOING_AWAY, "this gateway is shutting down").await);
                }
                heard = line.reading.next() => line.take(heard).await?,
            }
        }
    }

    async fn turn(&mut self, message: Bytes, line: &mut Line) -> Result<(), Over> {
        let arrival = match self.turns.ask(&message, self.gateway.clock.wall()) {
            Ok(Turn::Answered(events)) => {
                if let Err(rejection) = self.let_in() {
                    return line.say(rejection.into_event()).await;
                }
                for event in events {
                    line.say(event).await?;
                }
                return Ok(());
            }
            Ok(Turn::Request(body)) => {
                let parts = self.parts.clone();
                Arrival::of_turn(parts, CallerBody::Message(Some(body)), self.peer, &self.gateway)
            }
            Err(error) => {
                let refusal = rejection::decode(&error);
                return line.say(rejection::turn_event(&refusal, self.dialect)).await;
            }
        };
        let gateway = Arc::clone(&self.gateway);
        let mut walking = pin!(gateway.walk(arrival));
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut walking => break answer,
                heard = line.reading.next(), if line.waiting.is_none() => line.take(heard).await?,
            }
        };
        match answer {
            Ok(answer) => self.relay(answer, line).await,
            Err(rejection) => self.say(rejection.into_event().into(), line).await,
        }
    }

    /// Lets the caller in with a message that no model is asked about. It counts as a request all the same.
    fn let_in(&self) -> Result<(), Rejection> {
        let (parts, body) = (self.parts.clone(), CallerBody::Message(None));
        let arrival = Arrival::of_turn(parts, body, self.peer, &self.gateway);
        let Identified { mut account, principal, .. } = identify::who(arrival, &self.gateway)?;
        match self.gateway.limits.reserve(&principal.tenant, Tokens(0), account.now) {
            Ok(hold) => {
                account.hold = Some(hold);
                account.close(StatusCode::OK.as_u16(), None);
                Ok(())
            }
            Err(error) => {
                let cause = account.refused(error);
                Err(account.reject(cause))
            }
        }
    }

    /// Says the events of an answer, one message each, as they come.
    async fn relay(&mut self, answer: Answer, line: &mut Line) -> Result<(), Over> {
        let mut body = answer.into_body();
        // An event here may repeat the whole answer.
        let mut parser = SseParser::new(self.gateway.caps.answer);
        loop {
            let frame = tokio::select! {
                biased;
                frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)) => frame,
                heard = line.reading.next(), if line.waiting.is_none() => {
                    line.take(heard).await?;
                    continue;
                }
            };
            let Some(Ok(frame)) = frame else { break };
            let Ok(bytes) = frame.into_data() else { continue };
            parser.push(bytes);
            loop {
                match parser.next() {
                    Ok(Some(event)) => self.say(event.data, line).await?,
                    Ok(None) => break,
                    Err(_) => return Err(line.close(TOO_LARGE, "an event of the answer is too large").await),
                }
            }
        }
        match parser.finish() {
            Some(Tail::Complete(event) | Tail::Cut(event)) => self.say(event.data, line).await,
            None => Ok(()),
        }
    }

    async fn say(&mut self, data: Bytes, line: &mut Line) -> Result<(), Over> {
        // What is no object says nothing that a message could: a comment, or that a stream has ended.
        if !data.starts_with(b"{") {
            return Ok(());
        }
        self.turns.hear(&data);
        line.say(data).await
    }
}

/// The connection to the caller.
struct Line {
    reading: Reading,
    writing: Writing,
    /// A message that came while another's turn was under way. No further one is read before that.
    waiting: Option<Bytes>,
}

impl Line {
    /// Takes in what the caller says: a message for later, or something to answer at once.
    async fn take(&mut self, heard: Result<Message, ReadError>) -> Result<(), Over> {
        match heard {
            Ok(Message::Text(text)) => self.waiting = Some(text),
            Ok(Message::Ping(bytes)) => return self.send(&Message::Pong(bytes)).await,
            Ok(Message::Pong(_)) => {}
            Ok(Message::Binary(_)) => return Err(self.close(1003, "messages are text here").await),
            Ok(Message::Close(closing)) => {
                let _ = self.send(&Message::Close(closing)).await;
                return Err(Over);
            }
            Err(ReadError::Violation(violation)) => {
                return Err(self.close(violation.code(), &violation.to_string()).await);
            }
            Err(ReadError::Gone | ReadError::Network(_)) => return Err(Over),
        }
        Ok(())
    }

    async fn say(&mut self, text: impl Into<Bytes>) -> Result<(), Over> {
        self.send(&Message::Text(text.into())).await
    }

    async fn send(&mut self, message: &Message) -> Result<(), Over> {
        if is_sent(&mut self.writing, message).await { Ok(()) } else { Err(Over) }
    }

    async fn close(&mut self, code: u16, why: &str) -> Over {
        let _ = self.send(&Message::Close(Some(Closing::new(code, why)))).await;
        Over
    }
}
