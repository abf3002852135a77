//! One generation: the gateway and the site that a configuration makes, for each worker its own way out.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use admin::{Listing, MetricsPage, Readers, Readiness, Site};
use auth::{Authenticator, Marks, Tokens};
use credentials::{Credential, Egress, ObtainError, Plan, Surroundings};
use gateway::{Directory, Gateway, Origins, Upstream};
use ledger::{Counted, Ledger};
use limits::Limiter;
use net::body::Room;
use net::drain::{Drain, Tasks};
use router::{Local, RetryBudget};
use settings::{Caps, Settings, Timers};
use telemetry::Telemetry;
use telemetry::events::{CredentialRefreshFailed, CredentialRefreshed};
use types::{Clock, ProviderName, UnixTime};

use crate::configuration::Configuration;
use crate::wiring::MakeCredential;
use crate::{ports, wiring};

/// What lives as long as the process, whatever is configured.
#[derive(Clone)]
pub(crate) struct Lasting {
    pub(crate) auth: Arc<Authenticator>,
    pub(crate) tokens: Option<Arc<Tokens>>,
    pub(crate) limits: Arc<Limiter>,
    pub(crate) marks: Arc<Marks>,
    pub(crate) origins: Arc<Origins>,
    pub(crate) counted: Arc<Counted>,
    pub(crate) room: Arc<Room>,
    pub(crate) egress: Arc<Egress>,
    pub(crate) ledger: Ledger,
    pub(crate) tasks: Tasks,
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

impl Lasting {
    /// A provider's credential by its plan: the one of the table before it where that is the same, so that a reload
    /// obtains no token that is there already.
    pub(crate) fn credential(
        &self,
        provider: &ProviderName,
        plan: Plan,
        previous: Option<&Table>,
    ) -> Arc<Credential> {
        let known = previous.and_then(|table| table.directory.find(provider)?.credential.as_ref());
        match known.filter(|known| *known.plan() == plan) {
            Some(known) => Arc::clone(known),
            None => Arc::new(Credential::new(plan, self.surroundings(provider))),
        }
    }

    fn surroundings(&self, provider: &ProviderName) -> Surroundings {
        let (telemetry, provider) = (self.telemetry.clone(), provider.clone());
        let report = move |outcome: Result<(), &ObtainError>| match outcome {
            Ok(()) => CredentialRefreshed { provider: &provider }.emit(&telemetry),
            Err(error) => CredentialRefreshFailed { provider: &provider, error }.emit(&telemetry),
        };
        Surroundings {
            clock: Arc::clone(&self.clock),
            fetch: Arc::<Egress>::clone(&self.egress),
            limit: wiring::CREDENTIAL_PATIENCE,
            report: Arc::new(report),
            tasks: self.tasks.clone(),
        }
    }
}

/// What a configuration makes, shared by all workers.
pub(crate) struct Table {
    pub(crate) router: Arc<Local>,
    pub(crate) directory: Arc<Directory>,
    retries: Arc<RetryBudget>,
    pub(crate) settings: Settings,
    listing: OnceLock<Arc<Listing>>,
}

impl Table {
    /// The table of a configuration. Circuits that a previous table knew stay as they are, and so does the budget for
    /// retries, unless they are configured otherwise.
    ///
    /// # Errors
    /// Whatever stands in the configuration and cannot be.
    pub(crate) fn new(
        configuration: &Configuration,
        previous: Option<&Self>,
        make: MakeCredential<'_>,
    ) -> anyhow::Result<Self> {
        let settings = configuration.settings.clone();
        let mut router = wiring::router(&settings, &configuration.catalogue)?;
        if let Some(previous) = previous {
            router.inherit(&previous.router);
        }
        let Configuration { catalogue, environment, .. } = configuration;
        let directory = wiring::directory(&settings, catalogue, environment, make)?;
        let budget = wiring::retries(&settings);
        let known = previous.filter(|previous| wiring::retries(&previous.settings) == budget);
        let retries = known
            .map_or_else(|| Arc::new(RetryBudget::new(budget)), |previous| Arc::clone(&previous.retries));
        Ok(Self {
            router: Arc::new(router),
            directory: Arc::new(directory),
            retries,
            settings,
            listing: OnceLock::new(),
        })
    }

    /// The listing of every public name: written once, though every worker has it.
    fn listing(&self, since: UnixTime) -> Arc<Listing> {
        let written = || Arc::new(wiring::listing(&self.router, &self.directory, &self.settings, since));
        Arc::clone(self.listing.get_or_init(written))
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
            marks: Arc::clone(&lasting.marks),
            origins: Arc::clone(&lasting.origins),
            counted: Arc::clone(&lasting.counted),
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

/// Takes back from `settings` what only a new start puts in force, and names it. What a reload changes is said here
/// and nowhere else: a generation is made of what this leaves, so that whatever is not named here keeps the value of
/// the start in all of them.
pub(crate) fn keep_fixed(settings: &mut Settings, running: &Settings) -> Vec<String> {
    let mut kept = running.clone();
    kept.providers.clone_from(&settings.providers);
    kept.models.clone_from(&settings.models);
    kept.routing.clone_from(&settings.routing);
    kept.security.rate_limiting.clone_from(&settings.security.rate_limiting);
    kept.security.unknown_price = settings.security.unknown_price;
    kept.monitoring.metrics.clone_from(&settings.monitoring.metrics);
    let (server, new) = (&mut kept.server, &settings.server);
    server.catalogue.clone_from(&new.catalogue);
    server.drain = new.drain;
    server.drain_notice = new.drain_notice;
    let (caps, timers) = (&server.caps, &server.timers);
    server.caps = Caps { headers: caps.headers, connections: caps.connections, ..new.caps.clone() };
    server.timers = Timers { request_headers: timers.request_headers, ..new.timers.clone() };
    let fixed = kept.differences(settings);
    *settings = kept;
    fixed
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
        listing: table.listing(lasting.since),
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

#[cfg(test)]
mod tests {
    use providers::Catalogue;
    use types::Monotonic;

    use super::*;

    fn configuration(change: impl FnOnce(&mut Settings)) -> Configuration {
        let mut settings = Settings::default();
        change(&mut settings);
        let catalogue = Catalogue::embedded().unwrap();
        let environment = settings::Environment::default();
        Configuration { settings, catalogue, path: None, watch: None, notices: Vec::new(), environment }
    }

    fn table(configuration: &Configuration, previous: Option<&Table>) -> Table {
        Table::new(configuration, previous, &wiring::no_credential).unwrap()
    }

    #[test]
    fn a_reload_keeps_what_is_left_of_the_budget_for_retries() {
        let now = Monotonic::from_nanos(1);
        let first = table(&configuration(|_| {}), None);
        while first.retries.withdraw(now) {}
        let same = table(&configuration(|_| {}), Some(&first));
        assert!(!same.retries.withdraw(now));
        let other = configuration(|settings| settings.routing.retries.attempts += 1);
        assert!(table(&other, Some(&first)).retries.withdraw(now));
    }

    #[test]
    fn what_a_reload_does_not_change_is_taken_back_and_named() {
        let running = Settings::default();
        let mut new = running.clone();
        new.server.listen.set_port(1);
        new.server.caps.headers = settings::ByteSize::from_bytes(1);
        new.security.encryption =
            Some(settings::Encryption { min_version: settings::TlsVersion::Tls13, certificate: None });
        new.server.caps.body = settings::ByteSize::from_bytes(2);
        new.routing.retries.attempts = 7;
        let fixed = keep_fixed(&mut new, &running);
        assert_eq!(fixed, ["server.listen", "server.caps.headers", "security.encryption"]);
        assert_eq!(new.differences(&running), ["server.caps.body", "routing.retries.attempts"]);
    }
}
