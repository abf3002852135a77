//! Settings become parts: the one place where what is configured meets what carries it out.

mod credentials;

pub(crate) use self::credentials::signs as credential_signs;

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use ::credentials::{Credential, Plan as CredentialPlan};
use admin::{Called, Listing, ListingConfig, Names as _};
use anyhow::{Context, anyhow, bail};
use gateway::{
    Caps, Destination, DestinationConfig, Directory, Endpoint, Paths, Timers, UnknownPrice, UpstreamPath,
};
use http::{HeaderName, HeaderValue};
use net::client::Origin;
use providers::{Catalogue, Kind, Provider, Variable};
use router::{
    BreakerConfig, Candidate, Local, Plan, ProviderModels, Resolved, RetryConfig, Route, Strictness, Weighted,
};
use settings::{Environment, ModelSetting, ProviderSetting, Settings};
use types::{ModelName, ProviderName, UnixTime};

/// Makes a provider's credential by its plan, or finds the one there is.
pub(crate) type MakeCredential<'a> = &'a dyn Fn(&ProviderName, CredentialPlan) -> Option<Arc<Credential>>;

/// For who sends nothing: plans are checked, and credentials made of none.
pub(crate) fn no_credential(_: &ProviderName, _: CredentialPlan) -> Option<Arc<Credential>> {
    None
}

/// Every configured provider's address, credential and languages.
pub(crate) fn directory(
    settings: &Settings,
    catalogue: &Catalogue,
    environment: &Environment,
    make: MakeCredential<'_>,
) -> anyhow::Result<Directory> {
    let policy = settings.security.unknown_price;
    let destinations = settings.providers.iter().map(|setting| {
        let provider = entry(setting, catalogue)?;
        let (headers, plan) = credentials::of(setting, provider, environment)?;
        let region = plan.as_ref().and_then(CredentialPlan::region);
        let (origin, endpoints) = endpoints(setting, provider, region)?;
        let passthrough = below(setting, &address(setting, provider, region)?);
        let passthrough = passthrough.filter(|_| origin.is_some());
        Ok(Destination::new(DestinationConfig {
            name: setting.name.clone(),
            origin,
            endpoints,
            headers,
            credential: plan.and_then(|plan| make(&setting.name, plan)),
            passthrough,
            catalogue: Arc::clone(provider),
            quirks: setting.prompt_cache.then(|| "prompt_cache".to_owned()).into_iter().collect(),
            unknown_price: unknown_price(policy, provider),
        }))
    });
    Ok(Directory::new(destinations.collect::<anyhow::Result<Vec<_>>>()?))
}

/// Where a provider is and which languages it speaks there. Where requests are signed for a region, its address is that
/// region's.
fn endpoints(
    setting: &ProviderSetting,
    provider: &Provider,
    region: Option<&str>,
) -> anyhow::Result<(Option<Origin>, Vec<Endpoint>)> {
    let base = address(setting, provider, region)?;
    let mut origin = None;
    let mut endpoints = Vec::new();
    let said = |wanted: &str| said_of(setting, region, wanted);
    for endpoint in provider.spoken(said) {
        let Some(dialect) = dialects::by_name(&endpoint.dialect) else { continue };
        let mut place = |path: &str| -> anyhow::Result<UpstreamPath> {
            if provider.kind == Kind::Builtin {
                return Ok(UpstreamPath::parse(path)?);
            }
            let path = provider.completed(path, said).map_err(|variable| needed(setting, variable))?;
            // An address has no query; a path may.
            let (place, query) = path.split_at(path.find('?').unwrap_or(path.len()));
            let url = providers::url(&base, place);
            let (found, path) =
                Origin::parse(&url).with_context(|| format!("providers.{}: {url}", setting.name))?;
            origin = Some(found);
            Ok(UpstreamPath::parse(&format!("{path}{query}"))?)
        };
        let operations = endpoint.paths.iter().map(|(operation, path)| Ok((*operation, place(path)?)));
        let operations = operations.collect::<anyhow::Result<_>>()?;
        let chat_stream = endpoint.chat_stream.as_deref().map(&mut place).transpose()?;
        let headers = header_list(&endpoint.headers)?;
        let key = credentials::placed(setting, provider, endpoint.key.as_ref())
            .with_context(|| format!("providers.{}.key", setting.name))?;
        let (paths, speakers) = (Paths { operations, chat_stream }, endpoint.speakers.clone());
        endpoints.push(Endpoint { dialect, paths, headers, key, speakers });
    }
    if endpoints.is_empty() {
        bail!("provider `{}` speaks no language that this gateway knows", setting.name);
    }
    Ok((origin, endpoints))
}

/// What the policy means for one provider. What runs on a machine of one's own costs nothing, and of a provider without
/// any price there is no dearest one.
fn unknown_price(policy: settings::UnknownPrice, provider: &Provider) -> UnknownPrice {
    let dearest = || provider.dearest_price().map(Arc::new);
    match (provider.kind, policy) {
        (Kind::Builtin | Kind::Local, _) => UnknownPrice::Own,
        (Kind::Hosted, settings::UnknownPrice::Ceiling) => {
            dearest().map_or(UnknownPrice::Free, UnknownPrice::Ceiling)
        }
        (Kind::Hosted, settings::UnknownPrice::Free) => UnknownPrice::Free,
        (Kind::Hosted, settings::UnknownPrice::Refuse) => UnknownPrice::Refuse(dearest()),
    }
}

/// Where a provider is: where its setting says, or the catalogue with what that leaves open.
fn address(setting: &ProviderSetting, provider: &Provider, region: Option<&str>) -> anyhow::Result<String> {
    if let Some(url) = &setting.url {
        return Ok(url.clone());
    }
    let said = |wanted: &str| said_of(setting, region, wanted);
    provider.address(said).map_err(|variable| needed(setting, variable))
}

/// The same, where the region is the one that requests are signed for.
fn said_of(setting: &ProviderSetting, region: Option<&str>, wanted: &str) -> Option<String> {
    match region {
        Some(region) if wanted == credentials::REGION => Some(region.to_owned()),
        Some(_) | None => said(setting, wanted),
    }
}

/// What the configuration says for a variable of the provider's address.
fn said(setting: &ProviderSetting, wanted: &str) -> Option<String> {
    let (_, value) = setting.variables.iter().find(|(name, _)| name == wanted)?;
    Some(value.clone())
}

fn needed(setting: &ProviderSetting, variable: &Variable) -> anyhow::Error {
    anyhow!("providers.{}.variables.{} is needed: {}", setting.name, variable.name, variable.meaning)
}

/// The path of a provider's address, where callers may ask it for anything below.
fn below(setting: &ProviderSetting, base: &str) -> Option<Box<str>> {
    let (_, path) = Origin::parse(base).ok().filter(|_| setting.passthrough)?;
    Some(path.split('?').next().unwrap_or_default().trim_end_matches('/').into())
}

/// The catalogue's entry for a configured provider.
pub(crate) fn entry<'a>(
    setting: &ProviderSetting,
    catalogue: &'a Catalogue,
) -> anyhow::Result<&'a Arc<Provider>> {
    let unknown = || anyhow!("providers.{}: there is no kind of provider `{}`", setting.name, setting.kind);
    catalogue.provider(&setting.kind).ok_or_else(unknown)
}

fn header_list(pairs: &[(String, String)]) -> anyhow::Result<Vec<(HeaderName, HeaderValue)>> {
    let parse =
        |(name, value): &(String, String)| Ok((HeaderName::try_from(name)?, HeaderValue::try_from(value)?));
    pairs.iter().map(parse).collect()
}

/// The routing table.
pub(crate) fn router(settings: &Settings, catalogue: &Catalogue) -> anyhow::Result<Local> {
    let routes = settings.models.iter().map(|model| (model.name.clone(), route(model))).collect();
    let providers: anyhow::Result<Vec<_>> = settings
        .providers
        .iter()
        .map(|setting| {
            let provider = entry(setting, catalogue)?;
            let listed = setting.models.iter().map(|model| ModelName::from(model.as_str()));
            let known = provider
                .models()
                .iter()
                .map(|model| model.name.clone())
                .filter(|_| setting.models.is_empty());
            Ok(ProviderModels {
                provider: setting.name.clone(),
                models: listed.chain(known).collect(),
                // A hosted provider may have models that the catalogue does not know yet.
                open: setting.models.is_empty() && provider.kind != Kind::Builtin,
            })
        })
        .collect();
    let breaker = &settings.routing.circuit_breaker;
    let config = BreakerConfig { threshold: breaker.threshold.get(), timeout: breaker.timeout };
    Ok(Local::new(routes, providers?, config))
}

fn route(model: &ModelSetting) -> Route {
    let targets = model.targets.iter().map(|target| Weighted {
        candidate: Candidate::new(target.provider.clone(), target.model.clone()),
        weight: target.weight.get(),
    });
    let fallback =
        model.fallback.iter().map(|name| Candidate::new(name.provider.clone(), name.model.clone()));
    Route {
        targets: targets.collect(),
        fallback: fallback.collect(),
        strict: if model.strict { Strictness::Refuse } else { Strictness::Report },
    }
}

/// The listing of every public name.
pub(crate) fn listing(
    router: &Arc<Local>,
    directory: &Arc<Directory>,
    settings: &Settings,
    since: UnixTime,
) -> Listing {
    let names = Names {
        router: Arc::clone(router),
        directory: Arc::clone(directory),
        first_targets: settings.models.iter().filter_map(first_target).collect(),
    };
    let listed = router.listing();
    let called: Vec<_> =
        listed.iter().filter_map(|name| Some((name.as_str(), names.find(name).ok()?))).collect();
    let configs = called.iter().map(|(name, called)| ListingConfig {
        name: ModelName::from(*name),
        provider: called.provider.clone(),
        model: called.model.as_deref(),
    });
    Listing::new(configs, names, since)
}

/// What every name calls.
struct Names {
    router: Arc<Local>,
    directory: Arc<Directory>,
    /// Where each configured model is asked for first.
    first_targets: HashMap<ModelName, Candidate>,
}

impl admin::Names for Names {
    fn find(&self, name: &str) -> Result<Called, Box<dyn Error + Send + Sync>> {
        let resolved = self.router.resolve(name)?;
        let nobody = || format!("nobody serves `{name}`");
        let label = resolved.label();
        let candidate = match resolved {
            Resolved::Known(candidate)
            | Resolved::Passed(candidate)
            | Resolved::Programmed { candidate, .. } => candidate,
            Resolved::Route(route) => self.first_targets.get(&route).cloned().ok_or_else(nobody)?,
        };
        let destination = self.directory.find(&candidate.provider).ok_or_else(nobody)?;
        let model = destination.known(&candidate.model).model.clone();
        Ok(Called { label, provider: candidate.provider, model })
    }
}

fn first_target(model: &ModelSetting) -> Option<(ModelName, Candidate)> {
    let target = model.targets.first()?;
    Some((model.name.clone(), Candidate::new(target.provider.clone(), target.model.clone())))
}

/// Sizes.
pub(crate) fn caps(settings: &Settings) -> Caps {
    let caps = &settings.server.caps;
    Caps {
        body: caps.body.as_usize(),
        json_depth: caps.json_depth.get() as usize,
        event: caps.event.as_usize(),
        answer: caps.answer.as_usize(),
        error_body: caps.error_body.as_usize(),
    }
}

/// The bytes of large bodies in memory at once: one body of the size that is allowed always finds room.
pub(crate) fn room(settings: &Settings) -> usize {
    let caps = &settings.server.caps;
    caps.bodies_in_memory.max(caps.body).as_usize()
}

/// Times.
pub(crate) fn timers(settings: &Settings) -> Timers {
    let timers = &settings.server.timers;
    Timers {
        request_body_idle: timers.request_body_idle,
        connect: timers.connect,
        tls: timers.tls,
        response_headers_stream: timers.response_headers_stream,
        response_headers_whole: timers.response_headers_whole,
        first_event: timers.first_event,
        first_event_reasoning: timers.first_event_reasoning,
        event_gap: timers.event_gap,
        keep_alive: Some(timers.keep_alive).filter(|pause| !pause.is_zero()),
        total: timers.total,
    }
}

/// How much one caller may use.
pub(crate) fn rate_limit(settings: &Settings) -> limits::RateLimit {
    settings.security.rate_limiting.as_ref().map_or_else(limits::RateLimit::default, |limit| {
        limits::RateLimit {
            requests_per_minute: limit.requests_per_minute.map(Into::into),
            tokens_per_minute: limit.tokens_per_minute,
            concurrent: limit.concurrent,
        }
    })
}

/// How often a request may go elsewhere.
pub(crate) fn retries(settings: &Settings) -> RetryConfig {
    let retries = &settings.routing.retries;
    RetryConfig { attempts: retries.attempts, percent: percent(retries.budget) }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share lies between zero and one"
)]
fn percent(share: settings::Ratio) -> u32 {
    (share.as_f64() * 100.0).round() as u32
}

/// What a ledger record survives, and how long it is kept.
pub(crate) fn ledger_options(settings: &Settings) -> ledger::Options {
    let durability = match settings.store.ledger.durability {
        settings::Durability::Process => ledger::Durability::Process,
        settings::Durability::Power => ledger::Durability::Power,
    };
    let retention = settings.store.ledger.retention;
    ledger::Options { durability, retention, ..ledger::Options::default() }
}

/// Where logs and traces go.
pub(crate) fn telemetry(settings: &Settings, instance: &str) -> telemetry::TelemetryConfig {
    let monitoring = &settings.monitoring;
    telemetry::TelemetryConfig {
        log_format: match monitoring.logging.format {
            settings::LogFormat::StructuredJson => telemetry::LogFormat::Json,
            settings::LogFormat::Pretty => telemetry::LogFormat::Pretty,
        },
        log_level: match monitoring.logging.level {
            settings::LogLevel::Error => telemetry::LogLevel::Error,
            settings::LogLevel::Warn => telemetry::LogLevel::Warn,
            settings::LogLevel::Info => telemetry::LogLevel::Info,
            settings::LogLevel::Debug => telemetry::LogLevel::Debug,
            settings::LogLevel::Trace => telemetry::LogLevel::Trace,
        },
        otlp: monitoring.tracing.otlp.clone(),
        zipkin: monitoring.tracing.zipkin.clone(),
        sample: monitoring.tracing.sample.as_f64(),
        instance: instance.to_owned(),
        ..telemetry::TelemetryConfig::default()
    }
}

/// How long obtaining a provider's credential may take in all, over every question that takes.
pub(crate) const CREDENTIAL_PATIENCE: Duration = Duration::from_secs(10);

/// How long a collector is given to take the last spans.
pub(crate) const TELEMETRY_PATIENCE: Duration = Duration::from_secs(2);
