//! A worker: one thread, one runtime, its own connections on both sides. Requests stay on it, large bodies' scanning
//! and translating aside, so that the hot path takes no lock that another worker holds.

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
use net::listener::{Counters, Listener, Port, ServeConfig, Server};
use net::peer::Peer;
use net::tls::ServerTls;

use crate::generation::Generation;

/// What a worker is started with.
#[derive(Clone)]
pub(crate) struct WorkerConfig {
    pub(crate) serve: ServeConfig,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) drain: Drain,
    pub(crate) counters: Arc<Counters>,
    pub(crate) tasks: Tasks,
}

/// A running worker.
pub(crate) struct Worker {
    pub(crate) generation: Arc<ArcSwap<Generation>>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts a worker on this port; returns when it takes connections.
    pub(crate) fn start(
        name: String,
        port: Port,
        config: WorkerConfig,
        generation: Generation,
    ) -> anyhow::Result<Self> {
        let generation = Arc::new(ArcSwap::from_pointee(generation));
        let serving = Arc::clone(&generation);
        let (listening, listens) = sync_channel(1);
        let body = move || run(port, config, serving, &listening);
        let thread =
            std::thread::Builder::new().name(name).spawn(body).context("a thread cannot be started")?;
        listens.recv().map_err(|_| anyhow!("a worker ended before it listened"))??;
        Ok(Self { generation, thread })
    }

    /// Waits until it has ended.
    pub(crate) fn join(self) {
        // A worker that panicked has said so by the panic hook.
        drop(self.thread.join());
    }
}

fn run(
    port: Port,
    config: WorkerConfig,
    generation: Arc<ArcSwap<Generation>>,
    listening: &SyncSender<anyhow::Result<()>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(listening.send(Err(error.into()))),
    };
    runtime.block_on(async move {
        let WorkerConfig { serve, tls, drain, counters, tasks } = config;
        let listener = match Listener::on(port) {
            Ok(listener) => listener,
            Err(error) => return drop(listening.send(Err(error.into()))),
        };
        drop(listening.send(Ok(())));
        let tls = tls.map(|tls| tls.config);
        // Boxed: the connection keeps the place of a request's future for as long as it lives, streams included.
        let service = move |request, peer| -> Pin<Box<dyn Future<Output = Answer> + Send>> {
            Box::pin(answer(generation.load_full(), request, peer))
        };
        Server { listener, tls, config: serve, tasks, drain: drain.clone(), counters, service }.run().await;
        // How long that may take is for the control thread to say: it ends the process.
        let _ = drain.wait_idle(Duration::MAX).await;
    });
}

/// Answers one request. The site and the gateway each contain a panic of their own to it.
async fn answer(generation: Arc<Generation>, request: Request<Incoming>, peer: Peer) -> Answer {
    match generation.site.respond(request, peer.ip()).await {
        Answered::Here(answer) => answer,
        Answered::Elsewhere(request) => generation.gateway.serve(request, peer.ip()).await,
    }
}
