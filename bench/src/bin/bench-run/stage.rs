//! The stage: the mock behind, and in front of it everything that is compared, each with everything it needs.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bench::bodies::Script;
use types::{Clock, SystemClock};

use crate::process::{self, Place, Running};

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// The mock itself.
    Direct,
    /// The bare pass-through.
    Hyper,
    /// nginx as a plain reverse proxy.
    Nginx,
    /// The gateway, everything on.
    Tollgate,
}

/// The core of who is measured, and the core of everyone else.
const MEASURED: u8 = 0;
const OTHERS: u8 = 1;

/// A server that is asked.
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) address: SocketAddr,
    /// What a caller shows; only the gateway looks at it.
    pub(crate) key: String,
}

/// A folder of its own, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(parent: &Path, name: &str) -> anyhow::Result<Self> {
        let path = parent.join(format!("tollgate-bench-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is only in the way of nobody.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// How many cores the measured servers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cores {
    /// One, to themselves.
    One,
    /// All, together with mock and load.
    Shared,
}

impl Cores {
    pub(crate) const fn measured(self) -> Place {
        match self {
            Self::One => Place::Core(MEASURED),
            Self::Shared => Place::Anywhere,
        }
    }

    pub(crate) const fn others(self) -> Place {
        match self {
            Self::One => Place::Core(OTHERS),
            Self::Shared => Place::Anywhere,
        }
    }

    const fn workers(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Shared => 2,
        }
    }
}

/// Starts the mock upstream.
pub(crate) fn mock(cores: Cores) -> anyhow::Result<Server> {
    let address = local(process::free_port()?);
    let mut command = process::command(&process::built("bench-mock")?, cores.others());
    command.arg("--listen").arg(address.to_string()).stdout(Stdio::null());
    serve(&mut command, address)
}

/// Starts the bare pass-through.
pub(crate) fn hyper(cores: Cores, upstream: SocketAddr) -> anyhow::Result<Server> {
    let address = local(process::free_port()?);
    let mut command = process::command(&process::built("bench-proxy")?, cores.measured());
    command.arg("--listen").arg(address.to_string()).arg("--upstream").arg(upstream.to_string());
    serve(&mut command, address)
}

/// Starts nginx.
pub(crate) fn nginx(folder: &Folder, cores: Cores, upstream: SocketAddr) -> anyhow::Result<Server> {
    let address = local(process::free_port()?);
    let home = folder.path().display();
    let workers = cores.workers();
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].iter().fold(String::new(), |mut text, kind| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{kind}_temp_path {home}/{kind}; ");
            text
        });
    let text = format!(
        "worker_processes {workers}; daemon off; pid {home}/pid; error_log {home}/error.log warn;\n\
         events {{ worker_connections 16384; }}\n\
         http {{ access_log off; {temporary}\n\
         keepalive_requests 1000000000; keepalive_timeout 300s; client_body_buffer_size 256k; client_max_body_size 64m;\n\
         upstream mock {{ server {upstream}; keepalive 8192; keepalive_requests 1000000000; keepalive_timeout 300s; }}\n\
         server {{ listen {address} backlog=4096; tcp_nodelay on; location / {{ proxy_pass http://mock; proxy_read_timeout 300s;\n\
         proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off; }} }} }}\n"
    );
    let path = folder.path().join("nginx.conf");
    std::fs::write(&path, text)?;
    let mut command = process::command(Path::new("nginx"), cores.measured());
    command.arg("-c").arg(&path).stderr(Stdio::null());
    serve(&mut command, address)
}

fn serve(command: &mut Command, address: SocketAddr) -> anyhow::Result<Server> {
    let mut running = Running::start(command)?;
    process::wait_for(address, &mut running)?;
    Ok(Server { running, address, key: String::new() })
}

/// How the gateway is started.
pub(crate) struct Gateway<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) place: Place,
    pub(crate) workers: u8,
    pub(crate) upstream: SocketAddr,
    /// Configured models beside the ones that are asked for.
    pub(crate) more_models: usize,
    /// A program and its arguments that run the gateway, if it does not run by itself.
    pub(crate) under: &'a [String],
}

/// The scripts that callers may ask for.
pub(crate) const SCRIPTS: [Script; 5] = [
    Script { events: 0, gap: 0 },
    Script { events: 3, gap: 1 },
    Script { events: 100, gap: 20 },
    Script { events: 600, gap: 1_000 },
    Script { events: 20, gap: 30_000 },
];

impl<'a> Gateway<'a> {
    pub(crate) fn new(folder: &'a Folder, cores: Cores, upstream: SocketAddr) -> Self {
        Self {
            folder,
            place: cores.measured(),
            workers: cores.workers(),
            upstream,
            more_models: 0,
            under: &[],
        }
    }

    /// Starts it with everything on, and returns it when it is ready, and after how long it was.
    pub(crate) fn start(&self) -> anyhow::Result<(Server, Duration)> {
        let address = local(process::free_port()?);
        let home = self.folder.path();
        let file = home.join("tollgate.yaml");
        std::fs::write(&file, self.configuration(address))?;
        let binary = process::built("tollgate")?;
        let mut command = match self.under.split_first() {
            Some((program, arguments)) => {
                let mut command = process::command(Path::new(program), self.place);
                command.args(arguments).arg(binary);
                command
            }
            None => process::command(&binary, self.place),
        };
        command.args(["serve", "--config"]).arg(&file).env("TOLLGATE__SERVER__DATA", home.join("data"));
        // The access log is really written, line by line, as in production.
        command.stdout(process::appended(&home.join("access.log"))?);
        command.stderr(process::appended(&home.join("errors.log"))?);
        let clock = SystemClock::new();
        let mut running = Running::start(&mut command)?;
        while !is_ready(address) {
            running
                .ensure_alive()
                .with_context(|| std::fs::read_to_string(home.join("errors.log")).unwrap_or_default())?;
            ensure!(clock.now().as_nanos() < 120_000_000_000, "the gateway does not become ready");
            process::pause(Duration::from_micros(500));
        }
        let after = Duration::from_nanos(clock.now().as_nanos());
        let key = std::fs::read_to_string(home.join("data/dev.key")).context("there is no first key")?;
        Ok((Server { running, address, key: key.trim().to_owned() }, after))
    }

    /// Everything on: keys and tokens, all limits (too high to be reached), routing, the ledger, metrics, and a
    /// line of JSON for each request.
    fn configuration(&self, address: SocketAddr) -> String {
        let Self { workers, upstream, more_models, .. } = self;
        let names: Vec<_> = SCRIPTS.iter().map(|script| script.model()).collect();
        let models = names.iter().cloned().chain((0..*more_models).map(|index| format!("model-{index}")));
        let models = models.fold(String::new(), |mut text, name| {
            // Writing to a String cannot fail.
            let _ =
                writeln!(text, "  {name}: {{targets: [{{to: up/{name}, weight: 3}}, {{to: other/{name}}}]}}");
            text
        });
        format!(
            "server: {{listen: \"{address}\", workers: {workers}}}\n\
             security:\n  authentication: JWT/OAuth2\n  \
             rate_limiting: {{strategy: token_bucket, requests_per_minute: 4000000000, tokens_per_minute: 4000000000000, concurrent: 1000000}}\n\
             providers:\n  \
             up: {{kind: openai, url: \"http://{upstream}/v1\", key: sk-test, models: [model]}}\n  \
             other: {{kind: openai, url: \"http://{upstream}/v1\", key: sk-test, models: [model]}}\n\
             models:\n{models}"
        )
    }
}

fn is_ready(address: SocketAddr) -> bool {
    use std::io::{Read, Write};
    let ask = || -> std::io::Result<bool> {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(&status == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

/// What the load generator saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) requests: f64,
    pub(crate) events: f64,
    pub(crate) seconds: f64,
    pub(crate) cpu_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) first_us: f64,
}

/// A command that runs the load generator against `server`.
pub(crate) fn load_command(server: &Server, place: Place, words: &str) -> anyhow::Result<Command> {
    let mut command = process::command(&process::built("bench-load")?, place);
    command.arg("--url").arg(server.address.to_string()).arg("--watch").arg(server.running.id().to_string());
    if !server.key.is_empty() {
        command.arg("--key").arg(&server.key);
    }
    command.args(words.split_ascii_whitespace());
    Ok(command)
}

/// Runs the load generator against `server`.
pub(crate) fn load(server: &Server, place: Place, words: &str) -> anyhow::Result<Seen> {
    let output = load_command(server, place, words)?.output()?;
    if !output.status.success() {
        bail!("{words}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout)?;
    let mut seen = Seen::default();
    for (name, value) in text.split_ascii_whitespace().filter_map(|pair| pair.split_once('=')) {
        let value = value.parse()?;
        match name {
            "requests" => seen.requests = value,
            "events" => seen.events = value,
            "seconds" => seen.seconds = value,
            "cpu_us" => seen.cpu_us = value,
            "p50_us" => seen.p50_us = value,
            "first_us" => seen.first_us = value,
            _ => {}
        }
    }
    Ok(seen)
}
