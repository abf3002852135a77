//! How configuration is read: a file and the environment become checked settings, or every problem at once.
//!
//! A text becomes a tree that knows where everything was written (`parse`), the environment's twins are laid
//! over it (`overlay`), and each section, declared once (`declare`), reads itself from the tree while a
//! `Reading` collects what is wrong.

mod credential;
mod declare;
mod discovery;
mod environment;
mod interpolate;
mod live;
mod models;
mod monitoring;
mod nearest;
mod node;
mod overlay;
mod parse;
mod problem;
mod providers;
mod quantities;
mod read;
mod reading;
mod render;
mod routing;
mod scalars;
mod schema;
mod secret;
mod security;
mod server;
mod settings;
mod shown;
mod source;
mod store;
mod unparsed;
mod variables;
mod watch;
mod words;

pub use credential::CredentialSetting;
pub use discovery::{KnownProvider, Notice, key_from_environment, providers_from_environment};
pub use environment::Environment;
pub use live::{Generation, Live};
pub use models::{ModelSetting, TargetName, TargetSetting};
pub use monitoring::{LogFormat, LogLevel, Logging, Metrics, Monitoring, Tracing};
pub use problem::{Position, Problem, ProblemCode, Problems};
pub use providers::ProviderSetting;
pub use quantities::{ByteSize, Ratio};
pub use routing::{Algorithm, CircuitBreaker, HealthChecks, Retries, Routing};
pub use schema::schema;
pub use secret::SecretSetting;
pub use security::{
    Acceptance, Authentication, CertificateFiles, Encryption, LimitStrategy, RateLimit, Security, TlsVersion,
    TokenIssuer, UnknownPrice,
};
pub use server::{Caps, Server, Timers};
pub use settings::{Kinds, Settings, load};
pub use source::{Source, find_file};
pub use store::{Durability, LedgerSetting, StateStore, Store};
pub use variables::{KnownKind, KnownVariable, variables_from_environment};
pub use watch::FileWatch;
