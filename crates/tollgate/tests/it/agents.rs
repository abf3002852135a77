//! Real coding agents, as npm has them, against a running gateway: each in a home of its own, and told to talk to
//! nobody else.

#![expect(clippy::panic, reason = "a test fails by panicking")]

pub(crate) mod claude_code;
mod codex;
mod gemini_cli;

use std::path::{Path, PathBuf};
use std::time::Duration;

use dialects::Dialect;
use http::uri::PathAndQuery;
use mock::{Mock, MockRequest, What};
use serde_json::Value;
use tempfile::TempDir;
use testkit::{FakeUpstream, Gateway, Program, Ran, Received, Reply};

/// How long an agent may take for a few words. It needs less than a second where nothing else runs.
const BOUND: Duration = Duration::from_mins(3);

/// What stands in the one file of an agent's folder.
const NOTE: &str = "the ferry leaves at noon";

/// A home that no other agent has been in, and a folder to work in with one file.
pub(crate) struct Desk {
    folder: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        for folder in [desk.home(), desk.temporary(), desk.work()] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(desk.note(), NOTE).unwrap();
        desk
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn temporary(&self) -> PathBuf {
        self.folder.path().join("temporary")
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// The one file.
    pub(crate) fn note(&self) -> PathBuf {
        self.work().join("note.txt")
    }

    /// A program that sits here.
    fn program(&self, binary: &Path) -> Program {
        let program = Program::new(binary, &self.work());
        let program = program.env("HOME", self.home()).env("TMPDIR", self.temporary());
        // A proxy of the machine's has no business between two processes on it.
        program.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1")
    }
}

/// Checks what an agent has told its user.
#[track_caller]
fn check_told(ran: &Ran, expect: &str) {
    assert!(ran.stdout.contains(expect), "no `{expect}` in {ran:#?}");
}

/// Ends the gateway and returns what it says of the requests it was sent.
async fn requests(gateway: &mut Gateway) -> Vec<Value> {
    gateway.terminate();
    gateway.wait().await;
    let mut lines = gateway.log();
    lines.retain(|line| line["message"] == "request");
    lines
}

/// The built-in model behind a socket that remembers what it was asked, in this language.
pub(crate) async fn remembering(dialect: &'static dyn Dialect) -> FakeUpstream {
    let mock = Mock::default();
    FakeUpstream::start(move |request| played(&mock, dialect, request)).await
}

fn played(mock: &Mock, dialect: &'static dyn Dialect, request: &Received) -> Reply {
    let path: PathAndQuery = request.path.parse().unwrap();
    let route = dialect.routes().iter().find(|route| route.read(path.path()).is_some());
    let Some(operation) = route.map(|route| route.operation) else {
        return Reply::json(404, r#"{"error":{"message":"nothing is here"}}"#);
    };
    let (headers, body) = (request.headers.clone(), request.body.clone());
    let script = mock.answer(&MockRequest { dialect, operation, path, headers, body });
    let bytes = script.pieces.into_iter().map(|piece| match piece.what {
        What::Bytes(bytes) => bytes,
        What::Cut => panic!("no program here breaks off"),
    });
    let content_type = script.headers["content-type"].to_str().unwrap();
    Reply::bytes(content_type, bytes.collect::<Vec<_>>().concat()).status(script.status.unwrap().as_u16())
}
