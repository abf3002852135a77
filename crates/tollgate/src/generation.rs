//! One generation: the gateway and the site that a configuration makes, for each worker its own way out.

use std::net::SocketAddr;
use std::sync::Arc;

use admin::{MetricsPage, Readers, Readiness, Site};
use auth::{Authenticator, Tokens};
use gateway::{Directory, Gateway, Upstream};
use ledger::Ledger;
use limits::Limiter;
use net::body::Room;
use net::drain::Drain;
use router::{Local, RetryBudget};
use settings::Settings;
use telemetry::Telemetry;
use types::{Clock, UnixTime};

use crate::configuration::Configuration;
use crate::{ports, wiring};

/// What lives as long as the process, whatever is configured.
#[derive(Clone)]
pub(crate) struct Lasting {
    pub(crate) auth: Arc<Authenticator>,
    pub(crate) tokens: Option<Arc<Tokens>>,
    pub(crate) limits: Arc<Limiter>,
    pub(crate) room: Arc<Room>,
    pub(crate) ledger: Ledger,
    pub(crate) telemetry: Telemetry,
    pub(crate) drain: Drain,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) readiness: Arc<Readiness>,
    /// Where the workers listen.
    pub(crate) address: SocketAddr,
    pub(crate) instance: Arc<str>,
    pub(crate) via: http::HeaderValue,
    /// When the process began.
    pub(crate) since: UnixTime,
}

/// What a configuration makes, shared by all workers.
pub(crate) struct Table {
    pub(crate) router: Arc<Local>,
    pub(crate) directory: Arc<Directory>,
    retries: Arc<RetryBudget>,
    pub(crate) settings: Settings,
}

impl Table {
    /// The table of a configuration. Circuits that a previous table knew stay as they are.
    pub(crate) fn new(configuration: &Configuration, previous: Option<&Self>) -> anyhow::Result<Self> {
        let settings = configuration.settings.clone();
        let mut router = wiring::router(&settings, &configuration.catalogue)?;
        if let Some(previous) = previous {
            router.inherit(&previous.router);
        }
        Ok(Self {
            router: Arc::new(router),
            directory: Arc::new(wiring::directory(&settings, &configuration.catalogue)?),
            retries: Arc::new(RetryBudget::new(wiring::retries(&settings))),
            settings,
        })
    }
}

/// One worker's generation.
pub(crate) struct Generation {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) site: Site,
}

impl Generation {
    pub(crate) fn new(lasting: &Lasting, table: &Table, upstream: &Arc<dyn Upstream>) -> Self {
        let gateway = Gateway {
            auth: Arc::clone(&lasting.auth),
            limits: Arc::clone(&lasting.limits),
            router: Arc::<Local>::clone(&table.router),
            directory: Arc::clone(&table.directory),
            retries: Arc::clone(&table.retries),
            upstream: Arc::clone(upstream),
            ledger: lasting.ledger.clone(),
            telemetry: lasting.telemetry.clone(),
            drain: lasting.drain.clone(),
            clock: Arc::clone(&lasting.clock),
            caps: wiring::caps(&table.settings),
            room: Arc::clone(&lasting.room),
            timers: wiring::timers(&table.settings),
            instance: Arc::clone(&lasting.instance),
            via: lasting.via.clone(),
        };
        Self { gateway: Arc::new(gateway), site: site(lasting, table, Place::Main) }
    }
}

/// Which listener a site is on.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Admin,
    Main,
}

/// The site of a listener.
pub(crate) fn site(lasting: &Lasting, table: &Table, place: Place) -> Site {
    Site {
        auth: Arc::clone(&lasting.auth),
        tokens: lasting.tokens.clone(),
        listing: wiring::listing(&table.router, &table.directory, &table.settings, lasting.since),
        metrics: metrics(lasting, &table.settings, place),
        telemetry: lasting.telemetry.clone(),
        readiness: Arc::clone(&lasting.readiness),
        clock: Arc::clone(&lasting.clock),
    }
}

/// The metrics are on the admin listener where there is one. On a listener that strangers can reach they need a key:
/// they tell who serves what, how much of it, and what it costs.
fn metrics(lasting: &Lasting, settings: &Settings, place: Place) -> Option<MetricsPage> {
    let readers = match place {
        Place::Main if settings.server.admin.is_some() => return None,
        Place::Main if !ports::is_loopback(lasting.address) => Readers::KeyHolders,
        Place::Admin | Place::Main => Readers::Everybody,
    };
    let metrics = &settings.monitoring.metrics;
    metrics.enabled.then(|| MetricsPage { path: metrics.path.clone(), readers })
}
