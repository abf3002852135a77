//! The client against scripted upstreams over 127.0.0.1.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use types::{FaultKind, UnixTime};

use super::*;
use crate::body::{BodyError, Pace, collect_capped};
use crate::tls::Protocols;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const PROMPT: SendTimers = SendTimers {
    connect: Duration::from_secs(5),
    tls: Duration::from_secs(5),
    headers: Duration::from_secs(5),
};

/// A clock moved by hand.
#[derive(Debug, Default)]
struct HandClock(AtomicU64);

impl HandClock {
    fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Monotonic {
        Monotonic::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn wall(&self) -> UnixTime {
        UnixTime::default()
    }
}

struct Rig {
    client: Client,
    clock: Arc<HandClock>,
    origin: Origin,
    connections: Arc<AtomicUsize>,
    tasks: Tasks,
}

impl Rig {
    /// A client, and an upstream that plays `script` on every connection, told how many came before.
    async fn new<F>(config: ClientConfig, script: impl Fn(Scripted, usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (tasks, counted) = (Tasks::new(), Arc::clone(&connections));
        let spawner = tasks.clone();
        drop(tasks.spawn("upstream", async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let before = counted.fetch_add(1, Ordering::SeqCst);
                drop(spawner.spawn("scripted", script(Scripted { stream, read: Vec::new() }, before)));
            }
        }));
        let clock = Arc::new(HandClock::default());
        let tls = Arc::new(ClientTls::new(&[], Protocols::default()).unwrap());
        let client = Client::new(config, tls, clock.clone(), tasks.clone());
        Self { client, clock, origin: origin(address), connections, tasks }
    }

    async fn send(&self, body: impl Into<Outgoing>) -> Result<Response<ResponseBody>, SendError> {
        self.client.send(&self.origin, post(body), PROMPT).await
    }

    /// One whole exchange.
    async fn exchange(&self) -> Result<Bytes, SendError> {
        let response = self.send("hello").await?;
        Ok(whole(response).await.unwrap())
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn whole(response: Response<ResponseBody>) -> Result<Bytes, BodyError> {
    let pace = Pace { idle: Duration::from_secs(5), floor: NonZeroU32::MIN };
    collect_capped(response.into_body(), 1 << 20, pace).await
}

fn origin(address: SocketAddr) -> Origin {
    Origin::parse(&format!("http://{address}")).unwrap().0
}

fn post(body: impl Into<Outgoing>) -> Request<Outgoing> {
    Request::post("/v1/chat").body(body.into()).unwrap()
}

/// The upstream's end of a connection.
struct Scripted {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Scripted {
    /// Reads one request with a `content-length` (or none); `None` at the end.
    async fn request(&mut self) -> Option<String> {
        loop {
            let text = String::from_utf8(self.read.clone()).unwrap();
            if let Some((head, rest)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length = length.map_or(0, |length| length.parse().unwrap());
                if rest.len() >= length {
                    self.read.drain(..head.len() + 4 + length);
                    return Some(text);
                }
            }
            if self.stream.read_buf(&mut self.read).await.ok()? == 0 {
                return None;
            }
        }
    }

    async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Answers every request.
    async fn serve(mut self) {
        while self.request().await.is_some() {
            self.say(OK).await;
        }
    }

    /// Waits for the other side to close.
    async fn closed(mut self) {
        let mut rest = [0; 64];
        while self.stream.read(&mut rest).await.is_ok_and(|length| length > 0) {}
    }
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let rig = Rig::new(ClientConfig::default(), |upstream, _| upstream.serve()).await;
    for _ in 0..5 {
        assert_eq!(rig.exchange().await.unwrap(), "ok");
        assert_eq!(rig.client.idle_connections(), 1);
    }
    assert_eq!(rig.connections(), 1);
}

#[tokio::test]
async fn the_request_line_and_host_are_the_upstreams() {
    let rig = Rig::new(ClientConfig::default(), |mut upstream, _| async move {
        let request = upstream.request().await.unwrap();
        upstream.say(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{request}", request.len())).await;
    })
    .await;
    let seen = rig.exchange().await.unwrap();
    let host = rig.origin.authority();
    let expect = format!("POST /v1/chat HTTP/1.1\r\nhost: {host}\r\ncontent-length: 5\r\n\r\nhello");
    assert_eq!(seen, expect);
}

#[tokio::test]
async fn requests_in_flight_have_a_connection_each() {
    let rig = Rig::new(
        ClientConfig { max_idle_per_origin: 1, ..ClientConfig::default() },
        |mut upstream, _| async move {
            upstream.request().await.unwrap();
            upstream.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n").await;
            upstream.say("0\r\n\r\n").await;
            upstream.closed().await;
        },
    )
    .await;
    let (one, two) = (rig.send("a").await.unwrap(), rig.send("b").await.unwrap());
    for response in [one, two] {
        assert_eq!(whole(response).await.unwrap(), "ok");
    }
    assert_eq!((rig.connections(), rig.client.idle_connections()), (2, 1));
}

/// An upstream that streams one chunk for every signal, and an empty one at the last.
async fn streams(chunks: &'static [&'static str]) -> (Rig, tokio::sync::mpsc::Sender<()>) {
    let (go, wait) = tokio::sync::mpsc::channel::<()>(1);
    let wait = Arc::new(tokio::sync::Mutex::new(wait));
    let rig = Rig::new(ClientConfig::default(), move |mut upstream, _| {
        let wait = Arc::clone(&wait);
        async move {
            upstream.request().await.unwrap();
            upstream.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
            for chunk in chunks.iter().chain([&""]) {
                wait.lock().await.recv().await.unwrap();
                upstream.say(&format!("{:x}\r\n{chunk}\r\n", chunk.len())).await;
            }
            upstream.serve().await;
        }
    })
    .await;
    (rig, go)
}

#[tokio::test]
async fn a_stream_comes_chunk_by_chunk_and_then_gives_its_connection_back() {
    let (rig, go) = streams(&["one", "two"]).await;
    let mut body = rig.send("x").await.unwrap().into_body();
    for chunk in ["one", "two"] {
        go.send(()).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), chunk);
        assert_eq!(rig.client.idle_connections(), 0);
    }
    go.send(()).await.unwrap();
    assert!(body.frame().await.is_none());
    assert_eq!(rig.client.idle_connections(), 1);
    assert_eq!(rig.exchange().await.unwrap(), "ok");
    assert_eq!(rig.connections(), 1);
}

#[tokio::test]
async fn a_chunk_wakes_its_reader_once() {
    let (rig, go) = streams(&["one", "two", "three", "four"]).await;
    let mut body = rig.send("x").await.unwrap().into_body();
    let mut polls = 0;
    let mut waiting = false;
    for _ in 0..4 {
        std::future::poll_fn(|cx| {
            polls += 1;
            let frame = std::pin::Pin::new(&mut body).poll_frame(cx);
            if frame.is_pending() && !waiting {
                waiting = true;
                go.try_send(()).unwrap();
            }
            frame
        })
        .await
        .unwrap()
        .unwrap();
        waiting = false;
    }
    // One poll that finds nothing and one, after the wake-up, that finds the chunk.
    assert_eq!(polls, 8);
}

#[tokio::test]
async fn a_connection_the_upstream_closed_is_replaced() {
    let rig = Rig::new(ClientConfig::default(), |mut upstream, before| async move {
        upstream.request().await.unwrap();
        upstream.say(OK).await;
        if before > 0 {
            upstream.serve().await;
        }
    })
    .await;
    for _ in 0..3 {
        assert_eq!(rig.exchange().await.unwrap(), "ok");
    }
    assert_eq!(rig.connections(), 2);
}

/// An upstream whose first connection answers once and dies silently while it reads the second request.
async fn dies_on_second() -> Rig {
    Rig::new(ClientConfig::default(), |mut upstream, before| async move {
        if before > 0 {
            return upstream.serve().await;
        }
        upstream.request().await.unwrap();
        upstream.say(OK).await;
        upstream.request().await.unwrap();
    })
    .await
}

#[tokio::test]
async fn a_rested_connection_that_dies_without_a_word_is_retried_once_on_a_new_one() {
    let rig = dies_on_second().await;
    assert_eq!(rig.exchange().await.unwrap(), "ok");
    rig.clock.advance(Duration::from_secs(5));
    assert_eq!(rig.exchange().await.unwrap(), "ok");
    assert_eq!(rig.connections(), 2);
}

#[tokio::test]
async fn a_body_that_cannot_be_sent_twice_is_not_retried() {
    let rig = dies_on_second().await;
    assert_eq!(rig.exchange().await.unwrap(), "ok");
    rig.clock.advance(Duration::from_secs(5));
    let (sender, body) = Outgoing::channel(1);
    sender.send(Bytes::from_static(b"x")).await.unwrap();
    sender.finish();
    // The scripted upstream reads only the head of a chunked request.
    let error = rig.send(body).await.unwrap_err();
    assert!(matches!(error, SendError::Closed { sent: Sent::Perhaps, .. }), "{error:?}");
    assert!(error.may_have_been_sent());
    assert_eq!(rig.connections(), 1);
}

#[tokio::test]
async fn a_new_connection_that_dies_is_not_retried() {
    let rig = Rig::new(ClientConfig::default(), |mut upstream, _| async move {
        upstream.request().await.unwrap();
    })
    .await;
    let error = rig.exchange().await.unwrap_err();
    assert!(matches!(error, SendError::Closed { sent: Sent::Perhaps, .. }), "{error:?}");
    assert_eq!((rig.connections(), error.fault_kind()), (1, FaultKind::Cut));
}

#[tokio::test]
async fn an_upstream_that_began_to_answer_is_not_asked_again() {
    let rig = Rig::new(ClientConfig::default(), |mut upstream, _| async move {
        upstream.request().await.unwrap();
        upstream.say(OK).await;
        upstream.request().await.unwrap();
        upstream.say("HTTP/1.1 200").await;
    })
    .await;
    assert_eq!(rig.exchange().await.unwrap(), "ok");
    rig.clock.advance(Duration::from_secs(5));
    assert!(rig.exchange().await.unwrap_err().may_have_been_sent());
    assert_eq!(rig.connections(), 1);
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_unreadable() {
    let rig = Rig::new(ClientConfig::default(), |mut upstream, _| async move {
        upstream.request().await.unwrap();
        upstream.say("SSH-2.0-OpenSSH_9.9\r\n\r\n").await;
        upstream.closed().await;
    })
    .await;
    let error = rig.exchange().await.unwrap_err();
    assert!(matches!(error, SendError::Unreadable(_)), "{error:?}");
}

#[tokio::test]
async fn silence_after_the_request_ends_at_the_headers_timer() {
    let (gone, left) = tokio::sync::mpsc::channel::<()>(1);
    let rig = Rig::new(ClientConfig::default(), move |mut upstream, _| {
        let gone = gone.clone();
        async move {
            upstream.request().await.unwrap();
            upstream.closed().await;
            gone.send(()).await.unwrap();
        }
    })
    .await;
    let timers = SendTimers { headers: Duration::from_millis(30), ..PROMPT };
    let error = rig.client.send(&rig.origin, post("x"), timers).await.unwrap_err();
    assert!(matches!(error, SendError::HeadersTimeout), "{error:?}");
    assert_eq!((error.may_have_been_sent(), error.fault_kind()), (true, FaultKind::Timeout));
    let mut left = left;
    left.recv().await.unwrap();
}

#[tokio::test]
async fn nobody_listening_and_nobody_accepting_are_told_apart() {
    let rig = Rig::new(ClientConfig::default(), |upstream, _| upstream.serve()).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = rig.client.send(&origin(closed), post("x"), PROMPT).await.unwrap_err();
    assert!(matches!(error, SendError::Connect(_)) && !error.may_have_been_sent(), "{error:?}");

    // A backlog of none that is full: the kernel drops the next connection's packets.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        waiting.push(stream);
    }
    let timers = SendTimers { connect: Duration::from_millis(50), ..PROMPT };
    let error = rig.client.send(&origin(address), post("x"), timers).await.unwrap_err();
    assert!(matches!(error, SendError::ConnectTimeout), "{error:?}");
    assert_eq!((error.may_have_been_sent(), error.fault_kind()), (false, FaultKind::Timeout));
}

#[tokio::test]
async fn a_silent_tls_peer_ends_at_the_tls_timer_and_a_wrong_one_is_a_tls_error() {
    let rig = Rig::new(ClientConfig::default(), |mut upstream, before| async move {
        if before > 0 {
            upstream.say("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
        upstream.closed().await;
    })
    .await;
    let secure = format!("https://{}", rig.origin.authority());
    let (secure, _) = Origin::parse(&secure).unwrap();
    let timers = SendTimers { tls: Duration::from_millis(30), ..PROMPT };
    let error = rig.client.send(&secure, post("x"), timers).await.unwrap_err();
    assert!(matches!(error, SendError::TlsTimeout), "{error:?}");
    let error = rig.client.send(&secure, post("x"), PROMPT).await.unwrap_err();
    assert!(matches!(error, SendError::Tls(_)) && !error.may_have_been_sent(), "{error:?}");
}

#[tokio::test]
async fn dropping_the_body_closes_the_upstream_at_once() {
    let (gone, mut left) = tokio::sync::mpsc::channel::<()>(1);
    let rig = Rig::new(ClientConfig::default(), move |mut upstream, _| {
        let gone = gone.clone();
        async move {
            upstream.request().await.unwrap();
            upstream.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n").await;
            upstream.closed().await;
            gone.send(()).await.unwrap();
        }
    })
    .await;
    let mut body = rig.send("x").await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
    drop(body);
    left.recv().await.unwrap();
    assert_eq!(rig.client.idle_connections(), 0);
}

#[tokio::test]
async fn dropping_the_request_closes_the_upstream_at_once() {
    let (step, mut steps) = tokio::sync::mpsc::channel::<&str>(2);
    let rig = Rig::new(ClientConfig::default(), move |mut upstream, _| {
        let step = step.clone();
        async move {
            upstream.request().await.unwrap();
            step.send("asked").await.unwrap();
            upstream.closed().await;
            step.send("left").await.unwrap();
        }
    })
    .await;
    tokio::select! {
        answer = rig.send("x") => panic!("{answer:?}"),
        asked = steps.recv() => assert_eq!(asked, Some("asked")),
    }
    assert_eq!(steps.recv().await, Some("left"));
}

#[tokio::test]
async fn an_answer_that_is_cut_is_an_error_and_its_connection_is_not_kept() {
    let rig = Rig::new(ClientConfig::default(), |mut upstream, _| async move {
        upstream.request().await.unwrap();
        upstream.say("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    })
    .await;
    let response = rig.send("x").await.unwrap();
    assert!(matches!(whole(response).await, Err(BodyError::Broken(_))));
    assert_eq!(rig.client.idle_connections(), 0);
}

#[tokio::test]
async fn a_connection_the_upstream_will_close_is_not_kept() {
    let rig = Rig::new(ClientConfig::default(), |mut upstream, _| async move {
        upstream.request().await.unwrap();
        upstream.say("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok").await;
        upstream.closed().await;
    })
    .await;
    assert_eq!(rig.exchange().await.unwrap(), "ok");
    assert_eq!(rig.client.idle_connections(), 0);
}

#[tokio::test]
async fn a_request_body_that_is_broken_off_is_the_callers_doing() {
    let rig = Rig::new(ClientConfig::default(), |upstream, _| upstream.closed()).await;
    let (sender, body) = Outgoing::channel(1);
    sender.send(Bytes::from_static(b"half")).await.unwrap();
    sender.abort();
    let error = rig.send(body).await.unwrap_err();
    assert!(matches!(error, SendError::Body(_)), "{error:?}");
    assert_eq!(error.fault_kind(), FaultKind::ClientGone);
}

#[tokio::test]
async fn connections_do_not_rest_too_long_or_grow_too_old() {
    let config = ClientConfig { max_age: Duration::from_mins(2), ..ClientConfig::default() };
    let rig = Rig::new(config, |upstream, _| upstream.serve()).await;
    let mut opened = 1;
    // Rests of 40 s are fine until the age of 120 s is passed; a rest of 60 s never is.
    for (rest, replaced) in [(0, false), (40, false), (40, false), (41, true), (60, true)] {
        rig.exchange().await.unwrap();
        assert_eq!(rig.connections(), opened);
        rig.clock.advance(Duration::from_secs(rest));
        opened += usize::from(replaced);
    }
    rig.exchange().await.unwrap();
    assert_eq!((rig.connections(), rig.client.idle_connections()), (opened, 1));
    rig.clock.advance(Duration::from_mins(1));
    rig.client.sweep();
    assert_eq!(rig.client.idle_connections(), 0);
    assert_eq!(rig.tasks.running("upstream_pool"), 1);
}

#[tokio::test]
async fn the_sweep_notices_what_the_upstream_closed() {
    let rig = Rig::new(ClientConfig::default(), |mut upstream, _| async move {
        upstream.request().await.unwrap();
        upstream.say(OK).await;
    })
    .await;
    rig.exchange().await.unwrap();
    while rig.tasks.running("scripted") > 0 {
        tokio::task::yield_now().await;
    }
    // Turns of the runtime, until the close has come through.
    while rig.client.idle_connections() > 0 {
        tokio::task::yield_now().await;
        rig.client.sweep();
    }
}

#[tokio::test]
async fn a_metadata_service_is_not_connected_to() {
    let tls = Arc::new(ClientTls::new(&[], Protocols::default()).unwrap());
    let client = Client::new(ClientConfig::default(), tls, Arc::new(HandClock::default()), Tasks::new());
    let (origin, _) = Origin::parse("http://169.254.169.254").unwrap();
    let refused = client.send(&origin, post("ask"), PROMPT).await.unwrap_err();
    assert!(matches!(refused, SendError::OutOfReach), "{refused}");
    assert_eq!(refused.fault_kind(), FaultKind::Unreachable);
}
