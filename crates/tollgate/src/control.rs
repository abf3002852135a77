//! What happens beside requests: signals, a changed file, revoked keys, health checks, and the orderly end.

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use auth::Refresh;
use net::drain::StillBusy;
use net::listener::{Listener, ListenerConfig, ServeConfig, Server};
use net::peer::Peer;
use settings::{Environment, FileWatch};
use telemetry::events::{ConfigRejected, ConfigReloaded, KeyRingRefreshFailed, KeyRingRefreshed};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};
use types::Monotonic;

use crate::args::FileArguments;
use crate::configuration::{self, Configuration};
use crate::discovery;
use crate::generation::{self, Place};
use crate::health::Health;
use crate::ports;
use crate::serve::{KEY_STORE, Running, SHUTDOWN_PATIENCE};

/// How often keys and the file are looked at: a revoked key works for at most this long.
const LOOK: Duration = Duration::from_millis(250);
/// How often signing keys and certificates are looked at.
const RENEW: Duration = Duration::from_mins(1);
/// How long load balancers are given to notice that this process is going, unless configured.
const NOTICE: Duration = Duration::from_secs(5);

/// The control loop and what it needs to read the configuration again.
pub(crate) struct Control {
    arguments: FileArguments,
    environment: Environment,
    watch: Option<FileWatch>,
    generation: u64,
    /// What was wrong with the last configuration that was read, if it was rejected.
    rejected: Option<String>,
    keys_fail: bool,
}

/// Where it waits, and for which signals.
pub(crate) struct Watch {
    runtime: Runtime,
    signals: Signals,
}

impl Watch {
    /// Takes the signals from here on: until then, a hang-up ends the process.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let signals = Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        };
        drop(entered);
        Ok(Self { runtime, signals })
    }
}

/// The signals it listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Control {
    pub(crate) fn new(arguments: FileArguments, environment: Environment, watch: Option<FileWatch>) -> Self {
        Self { arguments, environment, watch, generation: 1, rejected: None, keys_fail: false }
    }

    /// Runs until a signal says stop, then drains.
    pub(crate) fn run(mut self, mut running: Running, watch: Watch) -> anyhow::Result<ExitCode> {
        let Watch { runtime, mut signals } = watch;
        runtime.block_on(async {
            start_admin(&mut running)?;
            self.watch_over(&mut running, &mut signals).await;
            self.drain(running, &mut signals).await;
            Ok(ExitCode::SUCCESS)
        })
    }

    /// Looks after the running gateway until it is told to stop.
    async fn watch_over(&mut self, running: &mut Running, signals: &mut Signals) {
        let mut look = interval(LOOK);
        let mut renew = interval(RENEW);
        let mut due = Monotonic::default();
        for timer in [&mut look, &mut renew] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let health = Arc::new(Health::default());
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => return,
                _ = signals.interrupt.recv() => return,
                _ = signals.hang_up.recv() => self.reload(running),
                _ = look.tick() => {
                    self.look(running);
                    check_health(running, &health, &mut due);
                }
                _ = renew.tick() => renew_all(running),
            }
        }
    }

    /// Takes in changed keys and a changed file.
    fn look(&mut self, running: &mut Running) {
        self.refresh_keys(running);
        if self.watch.as_mut().is_some_and(FileWatch::changed) {
            self.reload(running);
        }
    }

    /// Takes in changed keys.
    fn refresh_keys(&mut self, running: &Running) {
        let telemetry = &running.lasting.telemetry;
        let refreshed = running.keys.refresh(running.lasting.clock.now());
        match &refreshed {
            Ok(Refresh::Renewed { keys }) => {
                KeyRingRefreshed { issuer: KEY_STORE, keys: *keys }.emit(telemetry);
            }
            Err(error) if !self.keys_fail => {
                KeyRingRefreshFailed { issuer: KEY_STORE, error }.emit(telemetry);
            }
            Ok(Refresh::Unchanged) | Err(_) => {}
        }
        self.keys_fail = refreshed.is_err();
    }

    /// Reads the configuration again; one that is not good leaves the running one alone.
    fn reload(&mut self, running: &mut Running) {
        let loaded = self.load(running).and_then(|mut configuration| {
            let fixed = generation::keep_fixed(&mut configuration.settings, &running.table.settings);
            let table = running.next_table(&configuration)?;
            Ok((table, fixed, configuration.watch))
        });
        match loaded {
            Ok((table, fixed, watch)) => {
                for setting in fixed {
                    warn!(setting, "the setting takes effect at the next start");
                }
                running.install(table);
                // What the file said just now is no change any more.
                self.watch = watch;
                self.rejected = None;
                self.generation += 1;
                ConfigReloaded { generation: self.generation }.emit(&running.lasting.telemetry);
            }
            Err(problem) => self.reject(running, &problem),
        }
    }

    /// Says what is wrong, once: a signal and the changed file itself both lead here.
    fn reject(&mut self, running: &Running, problem: &anyhow::Error) {
        let text = problem.to_string();
        if self.rejected.as_ref() == Some(&text) {
            return;
        }
        let problems = text.matches("error TG-").count().max(1);
        ConfigRejected { generation: self.generation, problems, first: problem }
            .emit(&running.lasting.telemetry);
        self.rejected = Some(text);
    }

    /// The configuration as it is now. A file that was there at the start and is gone is a problem, not the default.
    fn load(&self, running: &Running) -> anyhow::Result<Configuration> {
        let mut configuration = configuration::load_to_serve(&self.arguments, &self.environment)?;
        match (&self.watch, &configuration.path) {
            (Some(watch), None) => bail!("{} is gone", watch.path().display()),
            (None, None) => {
                let own = running.lasting.address;
                let found = discovery::local_servers(&configuration.settings, &configuration.catalogue, own);
                configuration.settings.providers.extend(found);
            }
            (_, Some(_)) => {}
        }
        Ok(configuration)
    }

    /// Ends: not ready, no new requests, what is under way finishes, the ledger is closed, the log is written out. A
    /// second signal ends it at once.
    async fn drain(mut self, running: Running, signals: &mut Signals) {
        let is_idle = tokio::select! {
            idle = finish(&running) => idle.inspect_err(|busy| warn!(error = %busy, "drain ran out of time")).is_ok(),
            never = self.keep_keys(&running) => match never {},
            _ = signals.terminate.recv() => false,
            _ = signals.interrupt.recv() => false,
        };
        if !is_idle {
            cut(&running).await;
        }
        close(running, is_idle);
    }

    /// Takes in changed keys for as long as it is polled: a key that is revoked ends now, not with the drain.
    async fn keep_keys(&mut self, running: &Running) -> Infallible {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            self.refresh_keys(running);
        }
    }
}

/// Starts a round of health checks when one is due. It is not awaited: a provider that does not answer must not delay
/// a signal or a revoked key.
fn check_health(running: &Running, health: &Arc<Health>, due: &mut Monotonic) {
    let now = running.lasting.clock.now();
    let Some(checks) = running.table.settings.routing.health_checks.as_ref().filter(|_| *due <= now) else {
        return;
    };
    *due = now.plus(checks.interval);
    let destinations = running.table.directory.iter().cloned().collect();
    let check = Arc::clone(health).check(destinations, Arc::clone(&running.table.router), checks.timeout);
    drop(running.tasks.spawn("health_check", check));
}

/// Rotates signing keys and takes in renewed certificates.
fn renew_all(running: &Running) {
    let now = running.lasting.clock.wall();
    if let Some(Err(problem)) = running.lasting.tokens.as_ref().map(|tokens| tokens.rotate(now)) {
        error!(error = %problem, "signing keys not rotated");
    }
    if let Some(Err(problem)) = running.tls.as_ref().map(|tls| tls.certificates.reload_if_changed(now)) {
        error!(error = %problem, "certificate not reloaded");
    }
}

/// The second listener, for the management paths alone, where one is configured.
fn start_admin(running: &mut Running) -> anyhow::Result<()> {
    let Some(address) = running.table.settings.server.admin else { return Ok(()) };
    let listener = Listener::bind(address, ListenerConfig::default())
        .with_context(|| format!("{address} cannot be listened on"))?;
    info!(address = %listener.local_address()?, "admin listens");
    let site = generation::site(&running.lasting, &running.table, Place::Admin);
    let site = Arc::new(ArcSwap::from_pointee(site));
    running.admin = Some(Arc::clone(&site));
    let server = Server {
        listener,
        tls: running.tls.as_ref().map(|tls| Arc::clone(&tls.config)),
        config: ServeConfig::default(),
        tasks: running.tasks.clone(),
        drain: running.drain.clone(),
        counters: Arc::default(),
        service: move |request, peer: Peer| {
            let site = site.load_full();
            async move { site.respond_alone(request, peer.ip()).await }
        },
    };
    drop(running.tasks.spawn("admin", server.run()));
    Ok(())
}

/// Closes what outlives the last request.
fn close(running: Running, is_idle: bool) {
    let Running { lasting, workers, .. } = running;
    if is_idle {
        for (worker, _) in workers {
            worker.join();
        }
    } else {
        // Their threads end with the process; what they were doing stands in the ledger as open and is settled as
        // an estimate at the next start.
        warn!("stopped before every answer had ended");
    }
    if let Err(problem) = lasting.ledger.flush() {
        error!(error = %problem, "the ledger's last records were not written");
    }
    if let Err(problem) = lasting.ledger.clone().close() {
        error!(error = %problem, "the ledger was not closed");
    }
    info!("stopped");
    lasting.telemetry.shutdown(SHUTDOWN_PATIENCE);
}

/// Waits until everything under way has ended. `/readyz` says that this process is going for as long as that takes:
/// first while requests are still taken, until load balancers have noticed, then while the last ones finish.
async fn finish(running: &Running) -> Result<(), StillBusy> {
    let server = &running.table.settings.server;
    running.lasting.readiness.drain();
    info!("draining");
    let notice = server.drain_notice.unwrap_or_else(|| usual_notice(server));
    if !notice.is_zero() {
        tokio::time::sleep(notice).await;
    }
    running.lasting.drain.begin();
    let began = running.lasting.clock.now();
    running.lasting.drain.wait_idle(server.drain).await?;
    running.drain.begin();
    running.drain.wait_idle(server.drain.saturating_sub(running.lasting.clock.now().since(began))).await
}

/// How long what is cut short may take to say so.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Ends what is still under way: callers are told inside their streams, and attempts are settled.
async fn cut(running: &Running) {
    running.lasting.drain.begin();
    running.drain.begin();
    running.lasting.drain.cut();
    // Who reads nothing is left behind; the connections' last bytes go out with the others' words.
    let _ = running.drain.wait_idle(LAST_WORDS).await;
}

/// Nobody balances load over this machine's own loopback.
fn usual_notice(server: &settings::Server) -> Duration {
    if ports::is_loopback(server.listen) { Duration::ZERO } else { NOTICE }
}
