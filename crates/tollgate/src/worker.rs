//! A worker: one thread, one runtime, its own connections on both sides. Requests stay on it, large bodies' scanning
//! and translating aside, so that the hot path takes no lock that another worker holds.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use admin::Answered;
use anyhow::{Context, anyhow};
use arc_swap::ArcSwap;
use gateway::Answer;
use http::Request;
use hyper::body::Incoming;
use net::drain::{Drain, Tasks};
use net::listener::{Counters, Listener, ListenerConfig, ServeConfig, Server};
use net::peer::Peer;
use net::tls::ServerTls;

use crate::generation::Generation;

/// What a worker is started with.
#[derive(Clone)]
pub(crate) struct WorkerConfig {
    pub(crate) address: SocketAddr,
    pub(crate) listener: ListenerConfig,
    pub(crate) serve: ServeConfig,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) drain: Drain,
    /// How long connections may take to end after the drain began.
    pub(crate) patience: Duration,
    pub(crate) counters: Arc<Counters>,
    pub(crate) tasks: Tasks,
}

/// A running worker.
pub(crate) struct Worker {
    pub(crate) generation: Arc<ArcSwap<Generation>>,
    pub(crate) address: SocketAddr,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts a worker; returns when it listens.
    pub(crate) fn start(name: String, config: WorkerConfig, generation: Generation) -> anyhow::Result<Self> {
        let generation = Arc::new(ArcSwap::from_pointee(generation));
        let serving = Arc::clone(&generation);
        let (listening, listens) = sync_channel(1);
        let body = move || run(config, serving, &listening);
        let thread =
            std::thread::Builder::new().name(name).spawn(body).context("a thread cannot be started")?;
        let address = listens.recv().map_err(|_| anyhow!("a worker ended before it listened"))??;
        Ok(Self { generation, address, thread })
    }

    /// Waits until it has ended.
    pub(crate) fn join(self) {
        // A worker that panicked has said so by the panic hook.
        drop(self.thread.join());
    }
}

fn run(
    config: WorkerConfig,
    generation: Arc<ArcSwap<Generation>>,
    listening: &SyncSender<anyhow::Result<SocketAddr>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(listening.send(Err(error.into()))),
    };
    runtime.block_on(async move {
        let WorkerConfig { address, listener, serve, tls, drain, patience, counters, tasks } = config;
        let bound = Listener::bind(address, listener).and_then(|bound| Ok((bound.local_address()?, bound)));
        let bound = match bound {
            Ok((local, bound)) => {
                drop(listening.send(Ok(local)));
                bound
            }
            Err(error) => {
                let error = anyhow!(error).context(format!("{address} cannot be listened on"));
                return drop(listening.send(Err(error)));
            }
        };
        let tls = tls.map(|tls| tls.config);
        // Boxed: the connection keeps the place of a request's future for as long as it lives, streams included.
        let service = move |request, peer| -> Pin<Box<dyn Future<Output = Answer> + Send>> {
            Box::pin(answer(generation.load_full(), request, peer))
        };
        Server { listener: bound, tls, config: serve, tasks, drain: drain.clone(), counters, service }
            .run()
            .await;
        let _ = drain.wait_idle(patience).await;
    });
}

/// Answers one request. The site and the gateway each contain a panic of their own to it.
async fn answer(generation: Arc<Generation>, request: Request<Incoming>, peer: Peer) -> Answer {
    match generation.site.respond(request, peer.ip()).await {
        Answered::Here(answer) => answer,
        Answered::Elsewhere(request) => generation.gateway.serve(request, peer.ip()).await,
    }
}
