//! `tollgate serve`: start, run, reload, drain.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use admin::{Readiness, Site};
use anyhow::{Context, anyhow};
use arc_swap::ArcSwap;
use auth::{Authenticator, Issuer, KeyRing, Keys, Marks, Refresh, Tokens};
use credentials::Egress;
use gateway::{NetworkUpstream, Upstream};
use ledger::{Counted, Ledger};
use limits::Limiter;
use net::body::Room;
use net::client::{Client, ClientConfig, SendTimers};
use net::drain::{Drain, Tasks};
use net::listener::{Counters, Port, ServeConfig};
use net::tls::{Alpn, CertificateSource, ClientTls, LocalAuthority, Protocols, ServerTls, TlsMin};
use settings::{Acceptance, Environment, Settings};
use telemetry::Telemetry;
use telemetry::events::{ConfigReloaded, KeyRingRefreshed, Recovered};
use types::{Clock, SystemClock};

use crate::args::FileArguments;
use crate::banner::{Banner, Credential};
use crate::configuration::{self, Configuration};
use crate::control::{Control, Watch};
use crate::first_key::{self, FirstKey};
use crate::generation::{self, Generation, Lasting, Place, Table};
use crate::worker::{Worker, WorkerConfig};
use crate::{discovery, ports, refused_head, wiring};

/// A running gateway.
pub(crate) struct Running {
    pub(crate) lasting: Lasting,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) table: Table,
    pub(crate) workers: Vec<(Worker, Arc<dyn Upstream>)>,
    /// The site of the admin listener, where there is one.
    pub(crate) admin: Option<Arc<ArcSwap<Site>>>,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) drain: Drain,
    pub(crate) tasks: Tasks,
}

/// Runs the gateway until it is told to stop.
pub(crate) fn run(arguments: &FileArguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let watch = Watch::start()?;
    let mut configuration = configuration::load_to_serve(arguments, environment)?;
    let data = &configuration.settings.server.data;
    store::private::directory(data).with_context(|| format!("{} cannot be used", data.display()))?;
    let keys = Keys::open(data).context("the keys cannot be opened")?;
    let first_key = first_key::find_or_make(&keys, &configuration.settings, clock.wall())?;
    let mut running = start(&configuration, Arc::new(keys), &clock)?;
    if configuration.path.is_none() {
        find_local_servers(&mut running, &mut configuration)?;
    }
    announce(&running, &configuration, first_key.as_ref());
    Control::new(arguments.clone(), environment.clone(), configuration.watch).run(running, watch)
}

/// Starts everything up to listening.
fn start(configuration: &Configuration, keys: Arc<Keys>, clock: &Arc<dyn Clock>) -> anyhow::Result<Running> {
    let settings = &configuration.settings;
    let instance: Arc<str> = format!("tollgate-{}", types::RequestId::generate()).into();
    let telemetry = Telemetry::start(wiring::telemetry(settings, &instance), Arc::clone(clock))?;
    drop(telemetry::install_tracing(&telemetry));
    let ring = Arc::new(KeyRing::new(keys));
    if let Refresh::Renewed { keys } = ring.refresh(clock.now()).context("the keys cannot be read")? {
        KeyRingRefreshed { issuer: KEY_STORE, keys }.emit(&telemetry);
    }
    let counted = Counted::open(&settings.server.data.join(BATCHES))
        .context("what is counted of batches cannot be read")?;
    let ledger = open_ledger(settings, clock, &telemetry, &counted)?;
    let listen = settings.server.listen;
    let (address, ports) = ports::bind(listen, worker_count(settings))
        .with_context(|| format!("{listen} cannot be listened on"))?;
    let tokens = tokens(settings, address, clock.as_ref())?;
    let (tasks, trust) = (Tasks::new(), Arc::new(ClientTls::new(&[], Protocols::default())?));
    let egress = Egress::new(Arc::clone(clock), Arc::clone(&trust), SendTimers::default(), tasks.clone());
    let lasting = Lasting {
        auth: Arc::new(authenticator(settings, &ring, tokens.as_ref())),
        tokens,
        marks: Arc::new(Marks::open(&settings.server.data).context("the key of ids cannot be opened")?),
        origins: Arc::default(),
        counted: Arc::new(counted),
        limits: Arc::new(Limiter::new(wiring::rate_limit(settings))),
        room: Arc::new(Room::new(wiring::room(settings))),
        egress: Arc::new(egress),
        ledger,
        tasks: tasks.clone(),
        telemetry,
        drain: Drain::new(),
        clock: Arc::clone(clock),
        readiness: Arc::new(Readiness::default()),
        address,
        via: format!("1.1 {instance}").try_into().context("the instance's name cannot be a header")?,
        instance,
        since: clock.wall(),
    };
    let make = |provider: &_, plan| Some(lasting.credential(provider, plan, None));
    let table = Table::new(configuration, None, &make)?;
    let tls =
        settings.security.encryption.as_ref().map(|_| listener_tls(settings, clock.as_ref())).transpose()?;
    let (drain, workers) = (Drain::new(), Vec::new());
    let mut running = Running { lasting, keys: ring, table, workers, admin: None, tls, drain, tasks };
    start_workers(&mut running, ports, &trust)?;
    ConfigReloaded { generation: 1 }.emit(&running.lasting.telemetry);
    Ok(running)
}

/// How many threads serve requests.
fn worker_count(settings: &Settings) -> usize {
    match settings.server.workers {
        Some(count) => count.get() as usize,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

fn start_workers(running: &mut Running, ports: Vec<Port>, trust: &Arc<ClientTls>) -> anyhow::Result<()> {
    let settings = &running.table.settings;
    let max_head = settings.server.caps.headers.as_usize();
    let serve = ServeConfig {
        max_connections: (settings.server.caps.connections.get() as usize).div_ceil(ports.len()),
        head_timeout: settings.server.timers.request_headers,
        max_head,
        refuse_head: Some(refused_head::wording(max_head, &running.lasting)),
        ..ServeConfig::default()
    };
    let config = WorkerConfig {
        serve,
        tls: running.tls.clone(),
        drain: running.drain.clone(),
        counters: Arc::new(Counters::default()),
        tasks: running.tasks.clone(),
    };
    for (index, port) in ports.into_iter().enumerate() {
        let clock = Arc::clone(&running.lasting.clock);
        let tasks = running.tasks.clone();
        let client = Client::new(ClientConfig::default(), Arc::clone(trust), Arc::clone(&clock), tasks);
        let upstream: Arc<dyn Upstream> =
            Arc::new(NetworkUpstream::new(client, clock, mock::Mock::default()));
        let generation = Generation::new(&running.lasting, &running.table, &upstream);
        let worker = Worker::start(format!("worker-{index}"), port, config.clone(), generation)?;
        running.workers.push((worker, upstream));
    }
    Ok(())
}

fn authenticator(settings: &Settings, ring: &Arc<KeyRing>, tokens: Option<&Arc<Tokens>>) -> Authenticator {
    match (settings.security.authentication.anonymous, tokens) {
        (Acceptance::Accepted, _) => Authenticator::anonymous(),
        (Acceptance::Refused, Some(tokens)) => {
            Authenticator::keys_and_tokens(Arc::clone(ring), Arc::clone(tokens))
        }
        (Acceptance::Refused, None) => Authenticator::keys(Arc::clone(ring)),
    }
}

/// The gateway's own authorization server, where it is one.
fn tokens(
    settings: &Settings,
    address: SocketAddr,
    clock: &dyn Clock,
) -> anyhow::Result<Option<Arc<Tokens>>> {
    let Some(oauth2) = &settings.security.authentication.oauth2 else { return Ok(None) };
    let scheme = if settings.security.encryption.is_some() { "https" } else { "http" };
    let own = format!("{scheme}://{}", ports::from_here(address));
    let issuer = match &oauth2.issuer {
        Some(url) => Issuer::new(url),
        None if address.ip().is_unspecified() => Issuer::as_called(own),
        None => Issuer::new(own),
    };
    let tokens = Tokens::open(&settings.server.data, issuer, oauth2.token_ttl, clock.wall());
    Ok(Some(Arc::new(tokens.context("the signing keys cannot be opened")?)))
}

fn open_ledger(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    telemetry: &Telemetry,
    counted: &Counted,
) -> anyhow::Result<Ledger> {
    let began = clock.now();
    let directory = settings.server.data.join(LEDGER);
    let options = wiring::ledger_options(settings);
    let (ledger, recovery) = Ledger::open_with(&directory, options, Arc::clone(clock), &counted.take_left())
        .with_context(|| format!("the ledger in {} cannot be opened", directory.display()))?;
    if recovery.lost.is_empty() && recovery.truncated.is_none() {
        return Ok(ledger);
    }
    Recovered {
        records: recovery.lost.len() as u64,
        torn_bytes: recovery.truncated.map_or(0, |torn| torn.bytes),
        duration: clock.now().since(began),
    }
    .emit(telemetry);
    Ok(ledger)
}

/// Where the keys of callers come from, as the log says it.
pub(crate) const KEY_STORE: &str = "store";

/// The file in the data directory that says how far batches have been counted.
const BATCHES: &str = "batches";
/// The ledger's folder in the data directory.
pub(crate) const LEDGER: &str = "ledger";

/// The listener's TLS: the certificate that is named, or one of a local authority's.
fn listener_tls(settings: &Settings, clock: &dyn Clock) -> anyhow::Result<ServerTls> {
    let encryption = settings.security.encryption.as_ref().context("the listener has no encryption")?;
    let min = match encryption.min_version {
        settings::TlsVersion::Tls12 => TlsMin::Tls12,
        settings::TlsVersion::Tls13 => TlsMin::Tls13,
    };
    let source = match &encryption.certificate {
        Some(files) => {
            CertificateSource::Files { certificate: files.certificate.clone(), key: files.key.clone() }
        }
        None => CertificateSource::Local {
            authority: Box::new(LocalAuthority::open_or_create(&settings.server.data, clock.wall())?),
            names: vec![settings.server.listen.ip().to_string()],
        },
    };
    net::tls::server_config(min, source, Alpn::default(), clock.wall()).map_err(|error| anyhow!(error))
}

/// Takes in the model servers of this machine, when no file says which providers there are.
fn find_local_servers(running: &mut Running, configuration: &mut Configuration) -> anyhow::Result<()> {
    let own = running.lasting.address;
    let found = discovery::local_servers(&configuration.settings, &configuration.catalogue, own);
    if !found.is_empty() {
        configuration.settings.providers.extend(found);
        let table = running.next_table(configuration)?;
        running.install(table);
    }
    Ok(())
}

impl Running {
    /// The table of another configuration, with what of this one's goes on.
    pub(crate) fn next_table(&self, configuration: &Configuration) -> anyhow::Result<Table> {
        let make = |provider: &_, plan| Some(self.lasting.credential(provider, plan, Some(&self.table)));
        Table::new(configuration, Some(&self.table), &make)
    }

    /// Puts a new table in force. Requests under way keep the one they began with.
    pub(crate) fn install(&mut self, table: Table) {
        self.lasting.limits.replace(wiring::rate_limit(&table.settings));
        self.lasting.room.resize(wiring::room(&table.settings));
        for (worker, upstream) in &self.workers {
            worker.generation.store(Arc::new(Generation::new(&self.lasting, &table, upstream)));
        }
        if let Some(admin) = &self.admin {
            admin.store(Arc::new(generation::site(&self.lasting, &table, Place::Admin)));
        }
        self.table = table;
    }
}

/// Says where everything is: on standard output where a person started it without a file, on standard error where
/// standard output belongs to the logs.
fn announce(running: &Running, configuration: &Configuration, first_key: Option<&FirstKey>) {
    let security = &running.table.settings.security;
    let encryption = security.encryption.as_ref();
    let credential = match (first_key, security.authentication.anonymous) {
        (Some(key), _) => Credential::First(key),
        (None, Acceptance::Accepted) => Credential::None,
        (None, Acceptance::Refused) => Credential::Made,
    };
    let is_local = encryption.is_some_and(|encryption| encryption.certificate.is_none());
    let models = running.table.router.listing();
    let banner = Banner {
        address: running.lasting.address,
        authority: is_local.then(|| running.table.settings.server.data.join("ca.pem")),
        is_encrypted: encryption.is_some(),
        credential,
        models: &models,
        notices: &configuration.notices,
        ready_after: running.lasting.clock.now().since(types::Monotonic::default()),
    };
    let text = banner.text();
    // Nobody reading is no reason not to serve.
    drop(match configuration.path {
        None => std::io::stdout().write_all(text.as_bytes()),
        Some(_) => std::io::stderr().write_all(text.as_bytes()),
    });
}

/// How long the ledger's last records may take to reach the disk is not limited; what telemetry still holds is.
pub(crate) const SHUTDOWN_PATIENCE: Duration = wiring::TELEMETRY_PATIENCE;
