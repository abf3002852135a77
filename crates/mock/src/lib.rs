//! The built-in offline model: deterministic, programmable through its name, in every language the gateway speaks.
//!
//! It is the demonstration, the documentation's example, and the upstream of benchmarks and chaos tests. It does no
//! IO: given a request, it says what to answer and when; whoever holds it plays that out.
//!
//! `mock` greets and repeats what it was told; `echo` repeats the last message and nothing else. Behind a `?`
//! stands a [`Program`]: `mock?ttft=300ms&tps=60&tokens=200`, `mock?fail=429@10%`, `mock?tool=get_weather`.

mod program;
mod sample;
mod script;
mod speech;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dialects::{Dialect, Fields};
use http::{HeaderMap, StatusCode};
use types::{Code, Operation, Refusal, RequestId};

pub use program::{Failure, Program, ProgramError};

/// The model. It counts its requests, so that "every tenth fails" means just that.
#[derive(Debug, Default)]
pub struct Mock {
    requests: AtomicU64,
}

/// What to answer, and when.
#[derive(Debug)]
pub struct Script {
    /// Wait this long before the head.
    pub delay: Duration,
    /// The status; `None` to close the connection without an answer.
    pub status: Option<StatusCode>,
    /// The head.
    pub headers: HeaderMap,
    /// The body.
    pub pieces: Vec<Piece>,
}

/// One piece of a body.
#[derive(Debug)]
pub struct Piece {
    /// Wait this long before it.
    pub after: Duration,
    /// What comes.
    pub what: What,
}

/// What a piece is.
#[derive(Debug)]
pub enum What {
    /// Bytes.
    Bytes(Bytes),
    /// The connection breaks off.
    Cut,
}

impl Mock {
    /// What to answer to this request.
    pub fn answer(
        &self,
        dialect: &'static dyn Dialect,
        operation: Operation,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Script {
        let ordinal = self.requests.fetch_add(1, Ordering::Relaxed);
        match respond(dialect, operation, headers, body, ordinal) {
            Ok(script) => script,
            Err(refusal) => script::refused(dialect, &refusal),
        }
    }
}

/// Deeper JSON than any client sends.
const MAX_DEPTH: usize = 128;

fn respond(
    dialect: &'static dyn Dialect,
    operation: Operation,
    headers: &HeaderMap,
    body: &Bytes,
    ordinal: u64,
) -> Result<Script, Refusal> {
    let invalid = |error: &dyn std::fmt::Display| Refusal::new(Code::InvalidField, error.to_string());
    let fields = Fields::scan(body, MAX_DEPTH).map_err(|error| invalid(&error))?;
    dialect.peek(headers, body, &fields).map_err(|error| invalid(&error))?;
    let conversation = dialect.decode_request(headers, body).map_err(|error| invalid(&error))?;
    let program = Program::of_model(conversation.model.as_str()).map_err(|error| invalid(&error))?;
    if operation == Operation::CountTokens {
        return Ok(script::counted(dialect, speech::input_tokens(&conversation)));
    }
    if let Some(failure) = program.failure_of(ordinal) {
        return Ok(script::failed(dialect, failure));
    }
    let answer = speech::answer(&conversation, &program);
    Ok(script::played(dialect, &conversation, &answer, &program, RequestId::generate()))
}
