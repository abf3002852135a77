//! The server over 127.0.0.1, with raw sockets and with this crate's own client.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use types::{Clock, SystemClock};

use super::*;
use crate::body::{Aborted, Outgoing, Pace, Source, collect_capped};
use crate::client::{Client, ClientConfig, Origin, ResponseBody, SendTimers};
use crate::drain::{Drain, TaskExecutor, Tasks};
use crate::peer::{Peer, Security};
use crate::tls::{Alpn, CertificateSource, ClientTls, LocalAuthority, Protocols, TlsMin, server_config};

struct Rig {
    address: SocketAddr,
    tasks: Tasks,
    drain: Drain,
    counters: Arc<Counters>,
}

impl Rig {
    fn new<S, F>(config: ServeConfig, tls: Option<Arc<rustls::ServerConfig>>, service: S) -> Self
    where
        S: Fn(Request<Incoming>, Peer) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Outgoing>> + Send + 'static,
    {
        let any = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(any, ListenerConfig::default()).unwrap();
        let address = listener.local_address().unwrap();
        let (tasks, drain, counters) = (Tasks::new(), Drain::new(), Arc::new(Counters::default()));
        let server = Server {
            listener,
            tls,
            config,
            tasks: tasks.clone(),
            drain: drain.clone(),
            counters: Arc::clone(&counters),
            service,
        };
        drop(tasks.spawn("accept", server.run()));
        Self { address, tasks, drain, counters }
    }

    /// A server that answers with the path.
    fn echo(config: ServeConfig) -> Self {
        Self::new(config, None, |request, _| async move {
            Response::new(Outgoing::from(request.uri().path().to_owned()))
        })
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn client(&self) -> Client {
        let tls = Arc::new(ClientTls::new(&[], Protocols::Http1).unwrap());
        Client::new(ClientConfig::default(), tls, Arc::new(SystemClock::new()), self.tasks.clone())
    }

    fn origin(&self) -> Origin {
        Origin::parse(&format!("http://{}", self.address)).unwrap().0
    }
}

fn quick() -> ServeConfig {
    ServeConfig {
        head_timeout: Duration::from_millis(60),
        idle_timeout: Duration::from_millis(60),
        stall_timeout: Duration::from_millis(60),
        ..ServeConfig::default()
    }
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Reads an answer with a `content-length`.
async fn answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() >= length.parse().unwrap() {
                return text;
            }
        }
        assert!(stream.read_buf(&mut read).await.unwrap() > 0, "closed after {text:?}");
    }
}

async fn whole(body: impl Body<Data = Bytes, Error = hyper::Error>) -> Bytes {
    let pace = Pace { idle: Duration::from_secs(5), floor: NonZeroU32::MIN };
    collect_capped(body, 1 << 20, pace).await.unwrap()
}

/// Everything until the close.
async fn rest(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.unwrap();
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn accepted_connections_have_the_listeners_options() {
    let any = "127.0.0.1:0".parse().unwrap();
    let config = ListenerConfig::default();
    let listener = Listener::bind(any, config).unwrap();
    let _near = TcpStream::connect(listener.local_address().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    let options = SockRef::from(&far);
    assert!(options.tcp_nodelay().unwrap() && options.keepalive().unwrap());
    assert_eq!(options.tcp_user_timeout().unwrap(), Some(config.user_timeout));
    assert_eq!(options.tcp_notsent_lowat().unwrap(), config.unsent);
}

#[tokio::test]
async fn a_port_is_shared_only_by_those_that_ask_for_it() {
    let any = "127.0.0.1:0".parse().unwrap();
    let shared = ListenerConfig { sharing: PortSharing::Shared, ..ListenerConfig::default() };
    let first = Listener::bind(any, shared).unwrap().local_address().unwrap();
    let kept = Listener::bind(any, shared).unwrap();
    let address = kept.local_address().unwrap();
    assert_ne!(first, address);
    assert!(Listener::bind(address, shared).is_ok());
    assert!(Listener::bind(address, ListenerConfig::default()).is_err());
    let alone = Port::bind(any, ListenerConfig::default()).unwrap();
    let address = alone.address().unwrap();
    assert!(Port::bind(address, shared).is_err(), "it is not shared yet");
    alone.share().unwrap();
    let beside = Port::bind(address, shared).unwrap();
    assert!(Port::bind(address, ListenerConfig::default()).is_err(), "whoever comes alone finds it taken");
    // Both get connections.
    let (alone, beside) = (Listener::on(alone).unwrap(), Listener::on(beside).unwrap());
    let mut kept = Vec::new();
    let mut taken = [false; 2];
    while taken != [true; 2] {
        kept.push(TcpStream::connect(address).await.unwrap());
        let first = tokio::select! {
            accepted = alone.accept() => accepted.map(|_| 0),
            accepted = beside.accept() => accepted.map(|_| 1),
        };
        taken[first.unwrap()] = true;
    }
}

#[tokio::test]
async fn requests_follow_each_other_on_one_connection() {
    let rig = Rig::echo(ServeConfig::default());
    let mut stream = rig.connect().await;
    for path in ["/a", "/b", "/c"] {
        say(&mut stream, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        assert!(answer(&mut stream).await.ends_with(path));
    }
    assert_eq!(rig.counters.accepted.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let rig = Rig::echo(quick());
    for start in ["", "P", "GET / HTTP/1.1\r\nhost"] {
        let mut stream = rig.connect().await;
        say(&mut stream, start).await;
        assert_eq!(rest(&mut stream).await, "", "{start:?}");
    }
    assert_eq!(rig.counters.timed_out.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_a_connection_that_was_used_before() {
    let rig = Rig::echo(ServeConfig { idle_timeout: Duration::from_mins(10), ..quick() });
    let mut stream = rig.connect().await;
    say(&mut stream, "GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer(&mut stream).await.ends_with("/a"));
    say(&mut stream, "GET /b").await;
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn an_idle_connection_ends_and_a_working_one_does_not() {
    let (rig, sender) = streaming(quick());
    let mut stream = rig.connect().await;
    say(&mut stream, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let closed = tokio::time::timeout(Duration::from_millis(250), sender.closed()).await;
    assert!(closed.is_err());
    sender.finish();
    let answer = rest(&mut stream).await;
    assert!(answer.ends_with("0\r\n\r\n"), "{answer}");
    assert_eq!(rig.counters.timed_out.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_refused_head_is_answered_in_the_callers_words() {
    let word = |head: MalformedHead<'_>| {
        let line = String::from_utf8_lossy(head.start).lines().next().unwrap_or_default().to_owned();
        let body = format!("{{\"status\":{},\"line\":{line:?}}}", head.status.as_u16());
        Response::builder().status(head.status).header("x-why", "head").body(Bytes::from(body)).unwrap()
    };
    let rig = Rig::echo(ServeConfig { refuse_head: Some(Arc::new(word)), ..ServeConfig::default() });
    let padding = "x: ".to_owned() + &"y".repeat(80 * 1024) + "\r\n";
    let many = "h: v\r\n".repeat(150);
    let cases = [
        (format!("GET /big HTTP/1.1\r\n{padding}\r\n"), "431", "GET /big HTTP/1.1"),
        (format!("GET /many HTTP/1.1\r\n{many}\r\n"), "431", "GET /many HTTP/1.1"),
        ("GET /bad HTTP/1.1\r\nno colon\r\n\r\n".into(), "400", "GET /bad HTTP/1.1"),
        (
            "POST /two HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".into(),
            "400",
            "POST /two HTTP/1.1",
        ),
        ("nonsense\r\n\r\n".into(), "400", "nonsense"),
        ("GET /nobody HTTP/1.1\r\n\r\n".into(), "400", "GET /nobody"),
        ("GET /twice HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n".into(), "400", "GET /twice"),
        (
            "POST /old HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            "400",
            "POST /old HTTP/1.0",
        ),
    ];
    for (request, status, line) in cases {
        let mut stream = rig.connect().await;
        say(&mut stream, "GET /first HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(answer(&mut stream).await.ends_with("/first"));
        say(&mut stream, &request).await;
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
        assert!(answer.contains("\r\nx-why: head\r\n"), "{line}: {answer}");
        assert!(answer.ends_with(&format!("{{\"status\":{status},\"line\":{line:?}}}")), "{line}: {answer}");
    }
}

/// RFC 9112, section 6.3: the chunks count, the length is dropped, and the connection ends, so that what follows is
/// never taken for a request.
#[tokio::test]
async fn nothing_is_read_after_a_request_that_gives_its_length_twice() {
    let rig = Rig::new(ServeConfig::default(), None, |request, _| async move {
        assert!(!request.headers().contains_key(http::header::CONTENT_LENGTH));
        Response::new(Outgoing::from(request.uri().path().to_owned()))
    });
    for lengths in
        ["content-length: 4\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 4"]
    {
        let mut stream = rig.connect().await;
        say(
            &mut stream,
            &format!("POST /one HTTP/1.1\r\nhost: x\r\n{lengths}\r\n\r\n0\r\n\r\nGET /two HTTP/1.1\r\n\r\n"),
        )
        .await;
        let answer = rest(&mut stream).await;
        assert!(answer.contains("connection: close") && answer.ends_with("/one"), "{answer}");
    }
}

#[tokio::test]
async fn an_early_refusal_reaches_a_client_that_is_still_uploading() {
    let rig = Rig::new(ServeConfig::default(), None, |_, _| async {
        let mut answer = Response::new(Outgoing::from("too large"));
        *answer.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        answer
    });
    let mut stream = rig.connect().await;
    say(&mut stream, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 600000\r\n\r\n").await;
    // The server may stop reading at any time, but must not lose its answer.
    drop(stream.write_all(&vec![b'x'; 600_000]).await);
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.ends_with("too large"), "{answer}");
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_handler() {
    struct Told(tokio::sync::mpsc::Sender<&'static str>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.try_send("dropped").unwrap();
        }
    }
    let (tell, mut told) = tokio::sync::mpsc::channel(4);
    let rig = Rig::new(ServeConfig::default(), None, move |_, _| {
        let told = Told(tell.clone());
        async move {
            told.0.try_send("called").unwrap();
            std::future::pending().await
        }
    });
    let mut stream = rig.connect().await;
    say(&mut stream, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(told.recv().await, Some("called"));
    drop(stream);
    assert_eq!(told.recv().await, Some("dropped"));
}

/// A server whose one answer is fed through the returned sender.
fn streaming(config: ServeConfig) -> (Rig, crate::body::Sender) {
    let (sender, body) = Outgoing::channel(1);
    let body = std::sync::Mutex::new(Some(body));
    let rig = Rig::new(config, None, move |_, _| {
        let body = body.lock().unwrap().take().unwrap();
        async move { Response::new(body) }
    });
    (rig, sender)
}

#[tokio::test]
async fn an_aborted_answer_is_cut_and_not_ended() {
    let (rig, sender) = streaming(ServeConfig::default());
    let mut stream = rig.connect().await;
    say(&mut stream, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    sender.send(Bytes::from_static(b"half")).await.unwrap();
    sender.abort();
    let mut read = Vec::new();
    // However the cut shows, the last chunk does not come.
    drop(stream.read_to_end(&mut read).await);
    assert!(!read.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&read));
}

#[tokio::test]
async fn a_slow_reader_stops_the_sender_and_is_cut_in_the_end() {
    let (rig, sender) = streaming(ServeConfig { stall_timeout: Duration::from_millis(300), ..quick() });
    let mut stream = rig.connect().await;
    say(&mut stream, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
    let mut sent = 0;
    // Each send waits for room, and the last one for the cut.
    while sender.send(chunk.clone()).await.is_ok() {
        sent += chunk.len();
        assert!(sent < 64 << 20, "{sent} bytes were taken for a client that reads nothing");
    }
    assert_eq!(rig.counters.timed_out.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_drain_finishes_requests_closes_idle_connections_and_takes_no_new_ones() {
    let (rig, sender) = streaming(ServeConfig::default());
    let mut idle = rig.connect().await;
    let mut busy = rig.connect().await;
    say(&mut busy, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    sender.send(Bytes::from_static(b"one")).await.unwrap();
    let mut head = [0; 16];
    busy.read_exact(&mut head).await.unwrap();
    assert_eq!(rig.drain.busy(), 2);

    rig.drain.begin();
    assert_eq!(rest(&mut idle).await, "");
    assert!(rig.drain.wait_idle(Duration::from_millis(50)).await.is_err());
    assert!(TcpStream::connect(rig.address).await.is_err());
    sender.send(Bytes::from_static(b"two")).await.unwrap();
    sender.finish();
    let answer = rest(&mut busy).await;
    assert!(answer.ends_with("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"), "{answer}");
    drop(busy);
    rig.drain.wait_idle(Duration::from_secs(5)).await.unwrap();
    assert_eq!((rig.tasks.running("connection"), rig.tasks.running("accept")), (0, 0));
}

#[tokio::test]
async fn further_connections_wait_for_a_place() {
    let rig = Rig::echo(ServeConfig { max_connections: 1, ..ServeConfig::default() });
    let mut first = rig.connect().await;
    say(&mut first, "GET /1 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer(&mut first).await.ends_with("/1"));
    let mut second = rig.connect().await;
    say(&mut second, "GET /2 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let waits = tokio::time::timeout(Duration::from_millis(30), second.readable()).await;
    assert!(waits.is_err());
    drop(first);
    assert!(answer(&mut second).await.ends_with("/2"));
}

#[tokio::test]
async fn http2_is_spoken_without_tls_by_prior_knowledge() {
    let rig = Rig::echo(ServeConfig::default());
    let io = TokioIo::new(rig.connect().await);
    let executor = TaskExecutor { tasks: rig.tasks.clone(), name: "test" };
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Outgoing>(executor, io).await.unwrap();
    drop(rig.tasks.spawn("test", connection));
    let request = Request::get(format!("http://{}/two", rig.address)).body(Outgoing::empty()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(whole(response.into_body()).await, "/two");
    rig.drain.begin();
    rig.drain.wait_idle(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn our_client_reaches_our_server_over_tls_with_http2() {
    let directory = TempDir::new().unwrap();
    let now = SystemClock::new().wall();
    let authority = LocalAuthority::open_or_create(directory.path(), now).unwrap();
    let roots = [authority.certificate_path().to_owned()];
    let source = CertificateSource::Local { authority: Box::new(authority), names: Vec::new() };
    let tls = server_config(TlsMin::Tls13, source, Alpn::Http2AndHttp1, now).unwrap();
    let rig = Rig::new(ServeConfig::default(), Some(tls.config), |request, peer| async move {
        assert_eq!(peer.security, Security::Tls);
        let seen = format!("{:?} {}", request.version(), request.uri());
        Response::new(Outgoing::from(seen))
    });
    for (protocols, version, connections) in [
        (Protocols::Http2AndHttp1, format!("HTTP/2.0 https://localhost:{}/p?q=1", rig.address.port()), 1),
        (Protocols::Http1, "HTTP/1.1 /p?q=1".to_owned(), 2),
    ] {
        let client_tls = Arc::new(ClientTls::new(&roots, protocols).unwrap());
        let clock = Arc::new(SystemClock::new());
        let client = Client::new(ClientConfig::default(), client_tls, clock, rig.tasks.clone());
        let origin = Origin::parse(&format!("https://localhost:{}", rig.address.port())).unwrap().0;
        for _ in 0..3 {
            let request = Request::get("/p?q=1").body(Outgoing::empty()).unwrap();
            let response = client.send(&origin, request, SendTimers::default()).await.unwrap();
            let body = whole(response.into_body()).await;
            assert_eq!(body, version);
        }
        assert_eq!(rig.counters.accepted.load(Ordering::Relaxed), connections);
    }
}

/// Passes an upstream's body on, chunk by chunk, in the server's own task.
struct Relay {
    body: ResponseBody,
    dropped: Arc<AtomicUsize>,
}

impl Source for Relay {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(cx).map(|frame| {
            frame.map(|frame| frame.map_err(|_| Aborted).map(|frame| frame.into_data().unwrap_or_default()))
        })
    }

    fn panicked(&mut self) {}
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn an_upstreams_stream_is_relayed_in_place_and_cancelled_when_the_client_leaves() {
    let (upstream, sender) = streaming(ServeConfig::default());
    let (client, origin) = (upstream.client(), upstream.origin());
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&dropped);
    let gateway = Rig::new(ServeConfig::default(), None, move |_, _| {
        let (client, origin, dropped) = (client.clone(), origin.clone(), Arc::clone(&counted));
        async move {
            let request = Request::post("/").body(Outgoing::from("x")).unwrap();
            let response = client.send(&origin, request, SendTimers::default()).await.unwrap();
            response.map(|body| Outgoing::from_source(Relay { body, dropped }))
        }
    });
    let caller = gateway.client();
    let request = Request::post("/").body(Outgoing::from("x")).unwrap();
    let response = caller.send(&gateway.origin(), request, SendTimers::default()).await.unwrap();
    let mut body = response.into_body();
    for chunk in ["one", "two"] {
        sender.send(Bytes::from_static(chunk.as_bytes())).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), chunk);
    }
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    drop(body);
    // The end of the line: the upstream's own sender learns that nobody listens.
    sender.closed().await;
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

/// Gives one chunk and then panics.
struct Broken(bool, Arc<AtomicUsize>);

impl Source for Broken {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>> {
        assert!(!std::mem::replace(&mut self.0, true), "on purpose");
        Poll::Ready(Some(Ok(Bytes::from_static(b"one"))))
    }

    fn panicked(&mut self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_body_that_panics_cuts_its_own_stream_and_leaves_the_connection_alone() {
    let told = Arc::new(AtomicUsize::new(0));
    let telling = Arc::clone(&told);
    let rig = Rig::new(ServeConfig::default(), None, move |request, _| {
        let body = match request.uri().path() {
            "/broken" => Outgoing::from_source(Broken(false, Arc::clone(&telling))),
            path => Outgoing::from(path.to_owned()),
        };
        async move { Response::new(body) }
    });
    let executor = TaskExecutor { tasks: rig.tasks.clone(), name: "test" };
    let io = TokioIo::new(rig.connect().await);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Outgoing>(executor, io).await.unwrap();
    let running = rig.tasks.spawn("client", connection);
    let mut ask = async |path: &str| {
        let request = Request::get(format!("http://x{path}")).body(Outgoing::empty()).unwrap();
        let mut body = sender.send_request(request).await?.into_body();
        let mut read = Vec::new();
        while let Some(frame) = body.frame().await {
            read.extend(frame?.into_data().unwrap_or_default());
        }
        Ok::<_, hyper::Error>(read)
    };
    assert!(ask("/broken").await.is_err());
    assert_eq!(told.load(Ordering::SeqCst), 1);
    assert_eq!(ask("/whole").await.unwrap(), b"/whole");
    assert!(!running.is_finished());
}
