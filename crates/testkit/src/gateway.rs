//! The real gateway as a child process: its configuration, its output, its commands and its end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output};

use bytes::Bytes;
use http::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::call::{Call, Streaming};
use crate::child::{self, Process};

/// A gateway that is to be started.
#[derive(Debug)]
pub struct Builder {
    binary: PathBuf,
    folder: TempDir,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

/// A running gateway. Killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    /// Where it listens.
    pub address: SocketAddr,
    /// The key of its first start; empty where it made none.
    pub key: String,
    /// Its data directory.
    pub data: PathBuf,
    process: Process,
    builder: Builder,
}

/// The configuration's name in the gateway's folder: where every command looks for it.
const CONFIG: &str = "tollgate.yaml";

impl Builder {
    fn new(binary: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data").display().to_string();
        let environment = vec![
            ("TOLLGATE__SERVER__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("TOLLGATE__SERVER__DATA".to_owned(), data),
        ];
        Self { binary: binary.into(), folder, environment, arguments: Vec::new() }
    }

    /// With this configuration file.
    #[must_use]
    pub fn config(self, yaml: &str) -> Self {
        self.file(CONFIG, yaml)
    }

    /// With this file beside the configuration; the path is relative, its folders are made.
    #[must_use]
    pub fn file(self, path: &str, text: &str) -> Self {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
        self
    }

    /// With this environment variable; nothing of the test's own environment is passed on but the path.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this argument behind `serve`.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// The folder it will run in, with the configuration.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it and waits until it says where it listens.
    pub async fn start(self) -> Gateway {
        let process = self.launch();
        let address = address(&process).await;
        let mut gateway = Gateway { address, key: String::new(), data: self.data(), process, builder: self };
        gateway.read_key();
        gateway
    }

    /// Runs `serve` where it is expected to refuse, and returns how it ended.
    pub async fn refused(self) -> Output {
        let mut process = self.launch();
        let status = process.wait().await;
        let printed = process.printed();
        Output {
            status,
            stdout: printed.stdout.join("\n").into_bytes(),
            stderr: printed.stderr.join("\n").into_bytes(),
        }
    }

    /// Runs another command in the same folder and environment, without a running gateway.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        let mut command = child::command(&self.binary, self.folder.path(), &self.environment);
        command.args(arguments).output().expect("the binary starts")
    }

    fn launch(&self) -> Process {
        let mut command = child::command(&self.binary, self.folder.path(), &self.environment);
        command.arg("serve").args(&self.arguments);
        Process::start(command)
    }

    fn data(&self) -> PathBuf {
        let value = self.environment.iter().find(|(name, _)| name == "TOLLGATE__SERVER__DATA");
        self.folder.path().join(value.map_or("", |(_, value)| value))
    }
}

impl Gateway {
    /// A gateway of this binary: `env!("CARGO_BIN_EXE_tollgate")`.
    pub fn builder(binary: &str) -> Builder {
        Builder::new(binary)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The folder it runs in, with its configuration.
    pub fn folder(&self) -> &Path {
        self.builder.folder()
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// A POST of JSON with the gateway's key.
    pub fn post(&self, path: &str, body: impl Into<Bytes>) -> Call {
        self.call(Method::POST, path, body.into()).header("content-type", "application/json")
    }

    /// A GET with the gateway's key.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path, Bytes::new())
    }

    /// A request with the gateway's key.
    pub fn call(&self, method: Method, path: &str, body: Bytes) -> Call {
        let call = Call::new(self.address, method, path, body);
        if self.key.is_empty() { call } else { call.key(&self.key) }
    }

    /// A POST whose answer is read piece by piece.
    ///
    /// # Cancel safety
    /// Dropping it closes the connection.
    pub async fn stream(&self, path: &str, body: impl Into<Bytes>) -> Streaming {
        self.post(path, body).stream().await
    }

    /// Runs another command of the binary in the same folder and environment.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        self.builder.cli(arguments)
    }

    /// What the gateway's metrics say now.
    pub async fn metrics(&self) -> String {
        self.get("/metrics").send().await.text().to_owned()
    }

    /// What `tollgate usage` says.
    pub fn usage(&self) -> Value {
        let output = self.cli(&["usage", "--output", "json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The log so far: every line of standard output that is JSON.
    pub fn log(&self) -> Vec<Value> {
        parsed(&self.process.printed().stdout)
    }

    /// Everything on standard error so far.
    pub fn stderr(&self) -> String {
        self.process.printed().stderr.join("\n")
    }

    /// Waits until so many log lines satisfy `condition`, and returns those.
    pub async fn logged(&self, count: usize, condition: impl Fn(&Value) -> bool) -> Vec<Value> {
        let matching = |lines: &[String]| {
            let mut lines = parsed(lines);
            lines.retain(&condition);
            lines
        };
        let printed = self.process.until("log line", |printed| matching(&printed.stdout).len() >= count);
        matching(&printed.await.stdout)
    }

    /// Replaces the configuration file in one step.
    pub fn write_config(&self, yaml: &str) {
        let new = self.folder().join("tollgate.yaml.new");
        std::fs::write(&new, yaml).expect("a file");
        std::fs::rename(new, self.folder().join(CONFIG)).expect("a file");
    }

    /// Sends a signal by name, e.g. `HUP`.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Ends it at once.
    pub fn kill_9(&mut self) -> ExitStatus {
        self.process.kill()
    }

    /// Waits for its end.
    pub async fn wait(&mut self) -> ExitStatus {
        self.process.wait().await
    }

    /// Starts it again, with the same folder and environment, on a new port. One that still runs is killed.
    pub async fn restart(&mut self) {
        self.process.kill();
        self.process = self.builder.launch();
        self.address = address(&self.process).await;
        self.read_key();
    }

    fn read_key(&mut self) {
        let kept = std::fs::read_to_string(self.data.join("dev.key")).unwrap_or_default();
        kept.trim().clone_into(&mut self.key);
    }
}

fn parsed(lines: &[String]) -> Vec<Value> {
    lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Waits for the line that says where the gateway listens.
async fn address(process: &Process) -> SocketAddr {
    let find = |lines: &[String]| {
        let line = lines.iter().find(|line| line.contains("ready in"))?;
        let url = line.split_whitespace().find_map(|word| word.split_once("://"))?.1;
        url.strip_suffix("/v1")?.parse().ok()
    };
    let found = |printed: &child::Printed| find(&printed.stderr).or_else(|| find(&printed.stdout));
    let printed = process.until("line with the address", |printed| found(printed).is_some()).await;
    // The banner's lines follow the first one at once; the key's file was written before them.
    found(&printed).expect("an address")
}
