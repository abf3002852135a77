//! One end of a WebSocket, by another's program than the one under test: a caller's, or a scripted upstream's.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::HeaderMap;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use crate::{Received, patiently};

/// One end of a WebSocket.
#[derive(Debug)]
pub struct Talk {
    /// The headers that came from the other side before it began.
    pub headers: HeaderMap,
    socket: WebSocketStream<TcpStream>,
}

/// What the other side says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Bytes.
    Binary(Bytes),
    /// Goodbye, with a code and a reason if it gave them.
    Goodbye(Option<(u16, String)>),
    /// Nothing more, without a goodbye.
    Gone,
    /// It is still there.
    Pong(Bytes),
    /// Text.
    Text(String),
}

impl Talk {
    pub(crate) const fn new(headers: HeaderMap, socket: WebSocketStream<TcpStream>) -> Self {
        Self { headers, socket }
    }

    /// Says a text.
    pub async fn say(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    /// Says bytes.
    pub async fn say_bytes(&mut self, bytes: &[u8]) {
        self.send(Message::binary(bytes.to_vec())).await;
    }

    /// Asks whether the other side is there.
    pub async fn ping(&mut self, bytes: &'static [u8]) {
        self.send(Message::Ping(Bytes::from_static(bytes))).await;
    }

    /// Says goodbye.
    pub async fn goodbye(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        self.send(Message::Close(Some(frame))).await;
    }

    async fn send(&mut self, message: Message) {
        // That nobody listens any more is for the script to find out by listening.
        drop(patiently("a message to be taken", self.socket.send(message)).await);
    }

    /// What the other side says next. Who asks whether this side is there is answered.
    pub async fn hear(&mut self) -> Said {
        loop {
            match patiently("a message", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return Said::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(bytes))) => return Said::Binary(bytes),
                Some(Ok(Message::Pong(bytes))) => return Said::Pong(bytes),
                Some(Ok(Message::Close(frame))) => {
                    let goodbye = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                    return Said::Goodbye(goodbye);
                }
                Some(Ok(Message::Ping(_) | Message::Frame(_))) => {}
                Some(Err(_)) | None => return Said::Gone,
            }
        }
    }

    /// The text that the other side says next.
    #[track_caller]
    pub fn text(&mut self) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        async move {
            match self.hear().await {
                Said::Text(text) => text,
                other @ (Said::Binary(_) | Said::Goodbye(_) | Said::Gone | Said::Pong(_)) => {
                    panic!("{caller}: a text was expected, not {other:?}")
                }
            }
        }
    }
}

/// A server of scripted `WebSocket`s on 127.0.0.1, on a thread of its own.
#[derive(Debug)]
pub struct FakeSessions {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Received>>>,
    /// Dropping it ends the server.
    _alive: oneshot::Sender<Infallible>,
}

impl FakeSessions {
    /// Starts a server that talks on each connection as `script` says; the connection ends with it.
    pub async fn start<F>(script: impl Fn(Talk) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let (alive, ended) = oneshot::channel::<Infallible>();
        let seen = Arc::new(Mutex::default());
        let shared = Arc::clone(&seen);
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
                tell.send(listener.local_addr().expect("an address")).expect("a test that waits");
                tokio::select! {
                    () = serve(&listener, &script, &shared) => {}
                    _ = ended => {}
                }
            });
        };
        std::thread::Builder::new().name("fake-sessions".to_owned()).spawn(run).expect("a thread");
        let address = told.await.expect("the fake sessions listen");
        Self { address, seen, _alive: alive }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that began its `WebSocket`s.
    pub fn received(&self) -> Vec<Received> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve<F>(
    listener: &TcpListener,
    script: &(impl Fn(Talk) -> F + Send + Sync),
    seen: &Mutex<Vec<Received>>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut talks = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        while talks.try_join_next().is_some() {}
        let mut headers = HeaderMap::new();
        #[expect(clippy::result_large_err, reason = "the library's own signature")]
        let note = |request: &Request, response: Response| {
            headers = request.headers().clone();
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
            let (method, headers) = (request.method().to_string(), request.headers().clone());
            let received = Received { method, path, headers, body: Bytes::new() };
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(received);
            Ok(response)
        };
        // Who asks for something else is no caller of a session.
        let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, note).await else { continue };
        talks.spawn(script(Talk::new(headers, socket)));
    }
}
