//! The built-in offline model: deterministic, programmable through its name, in every language the gateway speaks.
//!
//! It is the demonstration, the documentation's example, and the upstream of benchmarks and chaos tests. It does no
//! IO: given a request, it says what to answer and when; whoever holds it plays that out.
//!
//! `mock` greets and repeats what it was told; `echo` repeats the last message and nothing else. It calls a tool that
//! the request demands, and by itself one that a short question names: asked "What's the weather in Rome?", it calls
//! `get_weather` where that is declared. It keeps nothing, and refuses what refers to something kept. Behind a `?`
//! stands a [`Program`]: `mock?ttft=300ms&tps=60&tokens=200`, `mock?fail=429@10%`, `mock?tool=get_weather`,
//! `mock?tool=read&args={"path":"/tmp/note"}`.

mod bounds;
mod operations;
mod program;
mod sample;
mod script;
mod speech;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dialects::{Dialect, Fields, Head, Takes};
use http::uri::PathAndQuery;
use http::{HeaderMap, StatusCode};
use types::{Code, Operation, Refusal};

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
    pub fn answer(&self, asked: &MockRequest) -> Script {
        let ordinal = self.requests.fetch_add(1, Ordering::Relaxed);
        match respond(asked, ordinal) {
            Ok(script) => script,
            Err(refusal) => script::refused(asked.dialect, &refusal),
        }
    }
}

/// A request to the model.
#[derive(Clone)]
pub struct MockRequest {
    /// Its language.
    pub dialect: &'static dyn Dialect,
    /// What it asks for.
    pub operation: Operation,
    /// Its path, query included.
    pub path: PathAndQuery,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Deeper JSON than any client sends.
const MAX_DEPTH: usize = 128;

fn respond(asked: &MockRequest, ordinal: u64) -> Result<Script, Refusal> {
    let invalid = |error: &dyn std::fmt::Display| Refusal::new(Code::InvalidField, error.to_string());
    let MockRequest { dialect, operation, path, headers, body } = asked;
    let said = dialect.routes().iter().find_map(|route| route.read(path.path())).unwrap_or_default();
    let head = Head { path: &said, query: path.query(), ..Head::of(headers) };
    // An upstream's path may be another than the language's own; what is asked for is the same.
    let route = dialect.routes().iter().find(|route| route.operation == *operation);
    let takes = route.map_or(Takes::Json, |route| route.takes);
    let fields = Fields::read(headers, body, takes, MAX_DEPTH).map_err(|error| invalid(&error))?;
    let peek = dialect.peek(head, body, &fields).map_err(|error| invalid(&error))?;
    let Some(language) = dialect.conversational() else {
        let program = Program::of_model(peek.model.as_str()).map_err(|error| invalid(&error))?;
        if let Some(failure) = program.failure_of(ordinal) {
            return Ok(script::failed(*dialect, failure));
        }
        return operations::respond(&operations::Ask { asked, head, fields, peek, program });
    };
    let conversation = language.decode_request(head, body).map_err(|error| invalid(&error))?;
    let program = Program::of_model(conversation.model.as_str()).map_err(|error| invalid(&error))?;
    if *operation == Operation::CountTokens {
        return Ok(script::counted(language, speech::input_tokens(&conversation)));
    }
    if let Some(failure) = program.failure_of(ordinal) {
        return Ok(script::failed(language, failure));
    }
    bounds::check(language, &conversation)?;
    let answer = speech::answer(&conversation, &program);
    let echo = dialect.echo(body, &fields);
    Ok(script::played(language, &conversation, &answer, &program, (peek.form, echo)))
}
