//! The whole configuration: from a file and an environment to settings, or to everything that is wrong.

use std::net::SocketAddr;

use crate::declare::section;
use crate::environment::Environment;
use crate::models::{EitherModel, ModelSetting, RawModel};
use crate::monitoring::Monitoring;
use crate::node::{Node, Value};
use crate::overlay::overlay;
use crate::parse::parse;
use crate::problem::{ProblemCode, Problems};
use crate::providers::{ProviderSetting, RawProvider};
use crate::read::{At, Named, Shape};
use crate::reading::{Reading, Sources};
use crate::routing::Routing;
use crate::security::{Acceptance, Security};
use crate::server::Server;
use crate::shown::{Show, Shown};
use crate::source::Source;
use crate::store::Store;
use crate::unparsed;
use crate::variables::KnownKind;

/// The provider that is built in and answers offline.
const BUILT_IN: &str = "tollgate";

/// The configuration, checked.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where Tollgate listens, where it keeps data, how much it takes and how long it waits.
    pub server: Server,
    /// Who may call, how often, and over which encryption.
    pub security: Security,
    /// Whom Tollgate asks, in the order of the file.
    pub providers: Vec<ProviderSetting>,
    /// The names callers use, in the order of the file.
    pub models: Vec<ModelSetting>,
    /// How a target is chosen, watched and given up.
    pub routing: Routing,
    /// Metrics, logs and traces.
    pub monitoring: Monitoring,
    /// Where state is kept, and how safely.
    pub store: Store,
    /// How values that came by reference were written.
    sources: Sources,
}

section! {
    /// The configuration of Tollgate. Every key has a twin in the environment: `TOLLGATE__SERVER__LISTEN` is `server.listen`.
    pub(crate) struct RawSettings, example {"server": {"listen": "127.0.0.1:8080"}, "providers": {"openai": {"key": "${OPENAI_API_KEY}"}}} {
        /// Where Tollgate listens, where it keeps data, how much it takes and how long it waits.
        server: Server = Server::default(),
        /// Who may call, how often, and over which encryption.
        security: Security = Security::default(),
        /// Whom Tollgate asks, by name.
        providers: Named<RawProvider> = Named::default(),
        /// The models that callers use, by name.
        models: Named<RawModel> as Named<EitherModel> = Named::default(),
        /// How a target is chosen among a model's targets, watched, and given up.
        routing: Routing = Routing::default(),
        /// What can be seen of Tollgate's work: metrics, logs and traces.
        monitoring: Monitoring = Monitoring::default(),
        /// Where state is kept, and how safely.
        store: Store = Store::default(),
    }
}

/// The kinds of provider there are, given the folder of further ones that `server.catalogue` may name; `None` where
/// that folder cannot be used, so that nobody knows.
pub type Kinds<'a> = &'a dyn Fn(&Server) -> Option<Vec<KnownKind>>;

/// The settings that `source` and the environment make together, with defaults for the rest. The environment's
/// twins win over the file.
///
/// # Errors
/// Every problem there is, in the order of the file. Only a text that is not YAML hides others.
pub fn load(
    source: Option<&Source>,
    environment: &Environment,
    kinds: Kinds<'_>,
) -> Result<Settings, Problems> {
    let text = source.map_or("", Source::text);
    let mut tree = parse(text).map_err(|problem| Problems::new(vec![*problem], unparsed::masks(text)))?;
    let mut unlaid = overlay(&mut tree, environment);
    let folder = source.map(Source::folder).unwrap_or_default();
    let mut reading = Reading::new(&tree, environment, folder);
    let settings = read(&tree, &mut reading, environment);
    if let Some(kinds) = kinds(&settings.server) {
        reading.check_kinds(&settings.providers, &kinds);
    }
    match reading.finish() {
        Ok(sources) if unlaid.is_empty() => Ok(Settings { sources, ..settings }),
        Ok(_) => Err(Problems::new(unlaid, Vec::new())),
        Err(Problems(problems, masks)) => {
            unlaid.splice(0..0, problems);
            Err(Problems::new(unlaid, masks))
        }
    }
}

fn read(tree: &Node, reading: &mut Reading<'_>, environment: &Environment) -> Settings {
    let raw = RawSettings::read(&At::root(tree), reading).unwrap_or_default();
    let mut server = raw.server;
    if !says(tree, "server", "data")
        && let Some(data) = environment.data_folder()
    {
        server.data = data;
    }
    let providers =
        raw.providers.0.into_iter().map(|(name, raw)| ProviderSetting::of_raw(name, raw, reading));
    let providers: Vec<_> = providers.collect();
    let models = raw.models.0.into_iter().map(|(name, raw)| ModelSetting::of_raw(name, raw, reading));
    let models = models.collect();
    let names: Vec<&str> =
        providers.iter().map(|provider| provider.name.as_str()).chain([BUILT_IN]).collect();
    reading.check_references(&names);
    check_listeners(&server, &raw.security, reading);
    let (routing, monitoring, store) = (raw.routing, raw.monitoring, raw.store);
    Settings {
        server,
        security: raw.security,
        providers,
        models,
        routing,
        monitoring,
        store,
        sources: Sources::new(),
    }
}

/// What the listeners' addresses and the rest must not say against each other.
fn check_listeners(server: &Server, security: &Security, reading: &mut Reading<'_>) {
    if server.admin == Some(server.listen) && server.listen.port() != 0 {
        let message = "`admin` is the address of `listen`".to_owned();
        let help = Some("leave `admin` out to have the management paths there".to_owned());
        reading.note(ProblemCode::Conflict, "server.admin", message, help);
    }
    let reachable =
        [Some(server.listen), server.admin].into_iter().flatten().find(|address| !is_loopback(*address));
    if let (Acceptance::Accepted, Some(address)) = (security.authentication.anonymous, reachable) {
        let message = format!("calls without a credential would be open to everybody who reaches {address}");
        let help = Some("listen on 127.0.0.1, or use `api_keys`".to_owned());
        reading.note(ProblemCode::Conflict, "security.authentication", message, help);
    }
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Whether `section.key` is written anywhere.
fn says(tree: &Node, section: &str, key: &str) -> bool {
    below(tree, section)
        .and_then(|node| below(node, key))
        .is_some_and(|node| !matches!(node.value, Value::Null))
}

fn below<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
}

impl Settings {
    /// The long form as YAML, every default filled in. A value that came by reference prints as its reference,
    /// a secret never prints.
    pub fn show(&self) -> String {
        self.shown().to_yaml(&self.sources)
    }

    /// The paths of the settings that are others than in `other`, by their long forms.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut paths = Vec::new();
        self.shown().differences(&other.shown(), "", &mut paths);
        paths
    }

    pub(crate) fn shown(&self) -> Shown {
        RawSettings {
            server: self.server.clone(),
            security: self.security.clone(),
            providers: Named(self.providers.iter().map(ProviderSetting::to_raw).collect()),
            models: Named(self.models.iter().map(ModelSetting::to_raw).collect()),
            routing: self.routing.clone(),
            monitoring: self.monitoring.clone(),
            store: self.store.clone(),
        }
        .shown()
    }
}
