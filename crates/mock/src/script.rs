//! When the model says it: an answer as pieces in time.

use std::time::Duration;

use bytes::Bytes;
use dialects::{Asked, Calls, Conversational, Dialect, ToolNames, Vectors, unfold};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use types::conversation::{Answer, Conversation, Delivery, Delta, Event};
use types::{Code, Refusal, RequestId, StreamForm, Tokens, UnixTime};

use crate::program::{Failure, Program};
use crate::{Piece, Script, What, speech};

/// Longer than any timer of the gateway's.
const FOREVER: Duration = Duration::from_hours(24);
/// What a rate-limited client is told to wait.
const RETRY_AFTER_SECONDS: &str = "1";

/// The answer, played at the program's pace.
pub(crate) fn played(
    dialect: &'static dyn Conversational,
    conversation: &Conversation,
    answer: &Answer,
    program: &Program,
    (form, echo): (StreamForm, Bytes),
) -> Script {
    let asked = Asked {
        model: conversation.model.clone(),
        delivery: conversation.delivery,
        calls: Calls::Tools,
        form,
        vectors: Vectors::default(),
        tool_names: ToolNames::default(),
        request: RequestId::generate(),
        at: UnixTime::from_secs(CREATED),
        echo,
    };
    match conversation.delivery {
        Delivery::Stream { .. } => streamed(dialect, &asked, answer, program),
        Delivery::Whole => whole(dialect, &asked, answer, program),
    }
}

/// The model's answers carry one time, so that equal requests get equal answers.
pub(crate) const CREATED: u64 = 1_767_225_600;

fn whole(dialect: &'static dyn Conversational, asked: &Asked, answer: &Answer, program: &Program) -> Script {
    let tokens = answer.usage.map_or(0, |usage| usage.output_total().0);
    body("application/json", dialect.encode_answer(answer, asked).into(), tokens, program)
}

/// One body, after as long as it takes to say so many tokens.
pub(crate) fn body(content_type: &'static str, body: Bytes, tokens: u64, program: &Program) -> Script {
    let talking = program.pace().saturating_mul(u32::try_from(tokens).unwrap_or(u32::MAX));
    let pieces = match program.cut {
        Some(share) => vec![now(What::Bytes(body.slice(..share_of(body.len(), share)))), now(What::Cut)],
        None => vec![now(What::Bytes(body))],
    };
    let headers = head(content_type);
    Script { delay: program.first_token + talking, status: Some(StatusCode::OK), headers, pieces }
}

fn streamed(
    dialect: &'static dyn Conversational,
    asked: &Asked,
    answer: &Answer,
    program: &Program,
) -> Script {
    let mut encoder = dialect.encoder(asked);
    let events = unfold(answer).into_iter().flat_map(in_pieces).map(|event| {
        let pace = if matches!(event, Event::Delta { .. }) { Pace::Token } else { Pace::AtOnce };
        let mut bytes = Vec::new();
        encoder.push(&event, &mut bytes);
        (pace, bytes)
    });
    paced(asked.form.content_type(), events, program)
}

/// When a piece comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// With the piece before it.
    AtOnce,
    /// After as long as a token takes.
    Token,
}

/// These pieces, at the program's pace.
pub(crate) fn paced(
    content_type: &'static str,
    said: impl Iterator<Item = (Pace, Vec<u8>)>,
    program: &Program,
) -> Script {
    let mut pieces: Vec<(Duration, Vec<u8>)> = Vec::new();
    let mut waiting = program.first_token;
    for (pace, mut bytes) in said {
        if bytes.is_empty() {
            continue;
        }
        let is_delta = pace == Pace::Token;
        let after = if is_delta { std::mem::replace(&mut waiting, program.pace()) } else { Duration::ZERO };
        match pieces.last_mut() {
            // What comes at the same time comes in one piece, as a fast server would send it.
            Some((_, last)) if after.is_zero() => last.append(&mut bytes),
            Some(_) | None => pieces.push((after, bytes)),
        }
    }
    let played = |(after, bytes): (Duration, Vec<u8>)| Piece { after, what: What::Bytes(bytes.into()) };
    let mut pieces: Vec<Piece> = pieces.into_iter().map(played).collect();
    if let Some(share) = program.cut {
        cut(&mut pieces, share);
    }
    Script { delay: Duration::ZERO, status: Some(StatusCode::OK), headers: head(content_type), pieces }
}

/// A delta of text as one event per token.
fn in_pieces(event: Event) -> Vec<Event> {
    let Event::Delta { choice, block, delta } = event else { return vec![event] };
    let each = |text: &str, make: fn(String) -> Delta| {
        speech::pieces(text)
            .map(|piece| Event::Delta { choice, block, delta: make(piece.to_owned()) })
            .collect::<Vec<_>>()
    };
    match delta {
        Delta::Text(text) => each(&text, Delta::Text),
        Delta::Thinking(text) => each(&text, Delta::Thinking),
        Delta::Refusal(text) => each(&text, Delta::Refusal),
        Delta::Arguments(text) => halves(&text)
            .map(|half| Event::Delta { choice, block, delta: Delta::Arguments(half.to_owned()) })
            .collect(),
        Delta::Signature(_) => vec![Event::Delta { choice, block, delta }],
    }
}

/// Arguments come in two pieces, so that clients have to join them.
fn halves(text: &str) -> impl Iterator<Item = &str> {
    let (left, right) = text.split_at(text.floor_char_boundary(text.len() / 2));
    [left, right].into_iter().filter(|half| !half.is_empty())
}

impl Script {
    /// The same with these bytes at the end, unless it breaks off before.
    pub(crate) fn followed_by(mut self, bytes: &'static str) -> Self {
        if !matches!(self.pieces.last(), Some(Piece { what: What::Cut, .. })) {
            self.pieces.push(now(What::Bytes(Bytes::from_static(bytes.as_bytes()))));
        }
        self
    }
}

/// Keeps this share of the bytes and breaks off.
fn cut(pieces: &mut Vec<Piece>, share: f64) {
    let length = |piece: &Piece| match &piece.what {
        What::Bytes(bytes) => bytes.len(),
        What::Cut => 0,
    };
    let mut left = share_of(pieces.iter().map(length).sum(), share);
    pieces.retain_mut(|piece| match &mut piece.what {
        What::Bytes(bytes) => {
            bytes.truncate(left);
            left -= bytes.len();
            !bytes.is_empty()
        }
        What::Cut => true,
    });
    pieces.push(now(What::Cut));
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of a length in memory, between zero and that length"
)]
fn share_of(length: usize, share: f64) -> usize {
    (length as f64 * share) as usize
}

/// The way the program fails.
pub(crate) fn failed(dialect: &'static dyn Dialect, failure: Failure) -> Script {
    match failure {
        Failure::Status(status) => {
            let refusal = Refusal {
                status: Some(status),
                ..Refusal::new(Code::UpstreamFailed, "the mock fails as programmed")
            };
            refused(dialect, &refusal)
        }
        Failure::Reset => {
            Script { delay: Duration::ZERO, status: None, headers: HeaderMap::new(), pieces: Vec::new() }
        }
        Failure::Hang => {
            Script { delay: FOREVER, status: None, headers: HeaderMap::new(), pieces: Vec::new() }
        }
    }
}

/// An error answer.
pub(crate) fn refused(dialect: &'static dyn Dialect, refusal: &Refusal) -> Script {
    let error = dialect.encode_error(refusal, RequestId::generate());
    let mut headers = head("application/json");
    headers.extend(error.headers);
    if error.status == 429 {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    }
    let pieces = vec![now(What::Bytes(error.body.into()))];
    Script { delay: Duration::ZERO, status: StatusCode::from_u16(error.status).ok(), headers, pieces }
}

/// A count of tokens.
pub(crate) fn counted(dialect: &'static dyn Conversational, tokens: Tokens) -> Script {
    let pieces = vec![now(What::Bytes(dialect.encode_count(tokens).into()))];
    Script { delay: Duration::ZERO, status: Some(StatusCode::OK), headers: head("application/json"), pieces }
}

const fn now(what: What) -> Piece {
    Piece { after: Duration::ZERO, what }
}

fn head(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))])
}
