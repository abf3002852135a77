//! Active health checks: can each provider be connected to? No key is sent and no model is asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateway::Destination;
use router::Local;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::{info, warn};
use types::ProviderName;

/// What the last round found.
#[derive(Debug, Default)]
pub(crate) struct Health {
    reachable: Mutex<HashMap<ProviderName, bool>>,
}

impl Health {
    /// Checks every provider once, all at the same time, and tells the router.
    ///
    /// # Cancel safety
    /// Dropping it leaves the router with what it knew.
    pub(crate) async fn check(
        self: Arc<Self>,
        destinations: Vec<Arc<Destination>>,
        router: Arc<Local>,
        limit: Duration,
    ) {
        let mut checks = tokio::task::JoinSet::new();
        for destination in destinations {
            let Some(origin) = &destination.origin else { continue };
            let address = (origin.host().to_owned(), origin.port());
            let name = destination.name.clone();
            checks.spawn(async move {
                (name, timeout(limit, TcpStream::connect(address)).await.is_ok_and(|tcp| tcp.is_ok()))
            });
        }
        while let Some(found) = checks.join_next().await {
            let Ok((provider, is_reachable)) = found else { continue };
            router.observe(&provider, is_reachable);
            let before = self.note(provider.clone(), is_reachable);
            match (before, is_reachable) {
                (Some(false), true) => info!(provider = %provider, "provider reachable again"),
                (Some(true) | None, false) => warn!(provider = %provider, "provider unreachable"),
                (Some(true) | None, true) | (Some(false), false) => {}
            }
        }
    }

    /// Keeps what was found and returns what was found before.
    fn note(&self, provider: ProviderName, is_reachable: bool) -> Option<bool> {
        let mut reachable = self.reachable.lock().unwrap_or_else(PoisonError::into_inner);
        reachable.insert(provider, is_reachable)
    }
}
