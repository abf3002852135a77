//! A fault of the gateway's own, provoked by a clock that panics: it ends one request and is on record under its id.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and this one panics on purpose"
)]

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway::{
    Caps, Destination, DestinationConfig, Directory, Endpoint, Gateway, NetworkUpstream, Paths, Timers,
    UpstreamPath,
};
use net::client::{Client, ClientConfig};
use net::drain::{Drain, Tasks};
use net::listener::{Listener, ListenerConfig, ServeConfig, Server};
use net::tls::{ClientTls, Protocols};
use router::{BreakerConfig, Local, ProviderModels, RetryBudget, RetryConfig};
use serde_json::Value;
use telemetry::{Telemetry, TelemetryConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use types::{Clock, Monotonic, Operation, SystemClock, UnixTime};

/// Panics once, when it has been read so often.
#[derive(Debug, Default)]
struct Trap {
    clock: SystemClock,
    left: AtomicI64,
}

impl Clock for Trap {
    fn now(&self) -> Monotonic {
        assert_ne!(self.left.fetch_sub(1, Ordering::SeqCst), 1, "on purpose");
        self.clock.now()
    }

    fn wall(&self) -> UnixTime {
        self.clock.wall()
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Rig {
    address: SocketAddr,
    trap: Arc<Trap>,
    telemetry: Telemetry,
    log: Log,
    _data: tempfile::TempDir,
}

impl Rig {
    fn start() -> Self {
        let (trap, log, data) = (Arc::new(Trap::default()), Log::default(), tempfile::tempdir().unwrap());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let output = Box::new(log.clone());
        let telemetry =
            Telemetry::start_with_output(TelemetryConfig::default(), Arc::clone(&clock), output).unwrap();
        let tasks = Tasks::new();
        let tls = Arc::new(ClientTls::new(&[], Protocols::Http1).unwrap());
        let client = Client::new(ClientConfig::default(), tls, Arc::clone(&clock), tasks.clone());
        let (ledger, _) = ledger::Ledger::open(data.path(), ledger::Options::default(), clock).unwrap();
        let gateway = Arc::new(Gateway {
            auth: Arc::new(auth::Authenticator::anonymous()),
            marks: Arc::new(auth::Marks::open(data.path()).unwrap()),
            origins: Arc::default(),
            counted: Arc::new(ledger::Counted::open(&data.path().join("batches")).unwrap()),
            limits: Arc::new(limits::Limiter::new(limits::RateLimit::default())),
            room: Arc::new(net::body::Room::new(CAPS.body)),
            router: Arc::new(router()),
            directory: Arc::new(Directory::new([built_in()])),
            retries: Arc::new(RetryBudget::new(RetryConfig::default())),
            upstream: Arc::new(NetworkUpstream::new(
                client,
                Arc::<Trap>::clone(&trap),
                mock::Mock::default(),
            )),
            ledger,
            telemetry: telemetry.clone(),
            drain: Drain::new(),
            clock: Arc::<Trap>::clone(&trap),
            caps: CAPS,
            timers: TIMERS,
            instance: "test".into(),
            via: "1.1 test".try_into().unwrap(),
        });
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), ListenerConfig::default()).unwrap();
        let address = listener.local_address().unwrap();
        let server = Server {
            listener,
            tls: None,
            config: ServeConfig::default(),
            tasks: tasks.clone(),
            drain: Drain::new(),
            counters: Arc::default(),
            service: move |request, peer: net::peer::Peer| {
                let gateway = Arc::clone(&gateway);
                async move { gateway.serve(request, peer.ip()).await }
            },
        };
        drop(tasks.spawn("accept", server.run()));
        Self { address, trap, telemetry, log, _data: data }
    }

    async fn ask(&self, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n");
        stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).await.unwrap();
        stream
    }

    /// The one access line and the one panic there are, both of the request with this answer.
    #[track_caller]
    fn check_record(&self, answer: &str, status: u64) {
        self.telemetry.shutdown(Duration::from_secs(20));
        let log = String::from_utf8(self.log.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let id = answer.split("\r\nrequest-id: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
        for message in ["panic contained", "request"] {
            let found: Vec<_> = lines.iter().filter(|line| line["message"] == message).collect();
            assert_eq!(found.len(), 1, "{message}: {log}");
            assert_eq!(found[0]["request_id"], id, "{log}");
        }
        let access = lines.iter().find(|line| line["message"] == "request").unwrap();
        assert_eq!((&access["status"], &access["error"]), (&status.into(), &"TG-1401".into()));
    }
}

fn router() -> Local {
    let models = vec!["mock".into()];
    let provider = ProviderModels { provider: "tollgate".into(), models, open: false };
    Local::new(Vec::new(), vec![provider], BreakerConfig::default())
}

fn built_in() -> Destination {
    let catalogue = providers::Catalogue::embedded().unwrap();
    let endpoint = Endpoint {
        dialect: dialects::by_name("openai_chat").unwrap(),
        paths: Paths {
            operations: vec![(Operation::Chat, UpstreamPath::parse("/v1/chat/completions").unwrap())],
            chat_stream: None,
        },
        headers: Vec::new(),
        key: None,
        speakers: providers::Speakers::default(),
    };
    Destination::new(DestinationConfig {
        passthrough: None,
        quirks: Vec::new(),
        name: "tollgate".into(),
        origin: None,
        endpoints: vec![endpoint],
        headers: http::HeaderMap::new(),
        credential: None,
        catalogue: Arc::clone(catalogue.provider("tollgate").unwrap()),
        unknown_price: gateway::UnknownPrice::Own,
    })
}

const CAPS: Caps =
    Caps { body: 1 << 20, json_depth: 32, event: 1 << 20, answer: 1 << 20, error_body: 1 << 16 };

const LONG: Duration = Duration::from_secs(20);
const TIMERS: Timers = Timers {
    request_body_idle: LONG,
    connect: LONG,
    tls: LONG,
    response_headers_stream: LONG,
    response_headers_whole: LONG,
    first_event: LONG,
    first_event_reasoning: LONG,
    event_gap: LONG,
    keep_alive: None,
    total: LONG,
};

#[tokio::test]
async fn a_panic_before_the_answer_is_told_and_recorded_under_one_id() {
    let rig = Rig::start();
    // The first reading opens the account; the next one is on the path.
    rig.trap.left.store(2, Ordering::SeqCst);
    let body = r#"{"model":"tollgate/mock","messages":[{"role":"user","content":"hi"}]}"#;
    let mut answer = String::new();
    rig.ask(body).await.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("TG-1401"), "{answer}");
    rig.check_record(&answer, 500);
}

#[tokio::test]
async fn a_panic_in_the_middle_of_a_stream_cuts_it_and_is_recorded_under_its_id() {
    let rig = Rig::start();
    let model = "tollgate/mock?tps=20&tokens=200";
    let body =
        format!(r#"{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"hi"}}]}}"#);
    let mut stream = rig.ask(&body).await;
    let mut read = Vec::new();
    while !read.windows(7).any(|text| text == b"content") {
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0);
    }
    rig.trap.left.store(1, Ordering::SeqCst);
    // The close may come as a reset; what counts is that it comes, and before the end.
    drop(stream.read_to_end(&mut read).await);
    let answer = String::from_utf8(read).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("[DONE]"), "{answer}");
    rig.check_record(&answer, 200);
}
