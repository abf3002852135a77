//! The configuration a command works with: the file, the environment, and, where no file says otherwise, what the
//! environment alone makes known.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use providers::{Catalogue, Kind};
use settings::{
    Environment, FileWatch, KnownKind, KnownProvider, KnownVariable, LogFormat, Notice, ProviderSetting,
    Server, Settings, Source,
};

use crate::args::FileArguments;
use crate::wiring;

/// Settings, the catalogue they refer to, and where they came from.
pub(crate) struct Configuration {
    pub(crate) settings: Settings,
    pub(crate) catalogue: Catalogue,
    /// The file, if there is one.
    pub(crate) path: Option<PathBuf>,
    /// Sees when the file says something else than what was read.
    pub(crate) watch: Option<FileWatch>,
    /// What a person should hear about the environment.
    pub(crate) notices: Vec<Notice>,
    /// The environment that it was read in.
    pub(crate) environment: Environment,
}

/// Reads the configuration; the error is the rendered list of every problem.
pub(crate) fn load(arguments: &FileArguments, environment: &Environment) -> anyhow::Result<Configuration> {
    let source = read(arguments)?;
    let path = source.as_ref().and_then(|source| source.path().map(ToOwned::to_owned));
    let mut settings = settings::load(source.as_ref(), environment, &kinds).map_err(|problems| {
        let text = source.as_ref().map_or("", Source::text);
        let file =
            path.as_ref().map_or_else(|| "the environment".to_owned(), |path| path.display().to_string());
        anyhow!("{}", problems.render(&file, text))
    })?;
    let catalogue = catalogue(&settings.server)?;
    let notices = complete(&mut settings, &catalogue, environment);
    wiring::directory(&settings, &catalogue, environment, &wiring::no_credential)?;
    let watch = source.as_ref().and_then(FileWatch::new);
    Ok(Configuration { settings, catalogue, path, watch, notices, environment: environment.clone() })
}

/// The same for a gateway that runs: where a person has started it without a file, its lines are for a person.
pub(crate) fn load_to_serve(
    arguments: &FileArguments,
    environment: &Environment,
) -> anyhow::Result<Configuration> {
    let mut configuration = load(arguments, environment)?;
    if configuration.path.is_none() && std::io::stdout().is_terminal() {
        configuration.settings.monitoring.logging.format = LogFormat::Pretty;
    }
    Ok(configuration)
}

/// The file that was named, or the usual one if it exists.
fn read(arguments: &FileArguments) -> anyhow::Result<Option<Source>> {
    let folder = std::env::current_dir().context("the current folder cannot be read")?;
    let Some(path) = settings::find_file(arguments.config.as_deref(), &folder) else { return Ok(None) };
    let source = Source::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(Some(source))
}

/// The kinds of provider there are. A folder that cannot be read is reported when it is used.
fn kinds(server: &Server) -> Option<Vec<KnownKind>> {
    let catalogue = catalogue(server).ok()?;
    let kind = |provider: &std::sync::Arc<providers::Provider>| KnownKind {
        name: provider.name.to_string(),
        variables: variables(provider),
    };
    Some(catalogue.providers().map(kind).collect())
}

/// What a provider's address leaves open.
fn variables(provider: &providers::Provider) -> Vec<KnownVariable> {
    let known = |variable: &providers::Variable| KnownVariable {
        name: variable.name.clone(),
        meaning: variable.meaning.clone(),
        env: variable.env.clone(),
        has_default: variable.default.is_some(),
    };
    provider.variables.iter().map(known).collect()
}

/// The providers that are built in, and those in the configured folder.
fn catalogue(server: &Server) -> anyhow::Result<Catalogue> {
    let problems = |problems: Vec<providers::Problem>| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        anyhow!("the catalogue of providers cannot be used:\n{}", lines.join("\n"))
    };
    let catalogue = Catalogue::embedded().map_err(problems)?;
    match &server.catalogue {
        Some(folder) => catalogue.extended_by(folder).map_err(problems),
        None => Ok(catalogue),
    }
}

/// Where the file names no providers: those of the environment, and the built-in model.
fn complete(settings: &mut Settings, catalogue: &Catalogue, environment: &Environment) -> Vec<Notice> {
    if !settings.providers.is_empty() {
        add_keys(settings, catalogue, environment);
        add_variables(settings, catalogue, environment);
        add_targeted_builtins(settings, catalogue);
        return Vec::new();
    }
    let others = catalogue.providers().filter(|provider| provider.kind != Kind::Builtin);
    let known: Vec<_> = others.map(|provider| known(provider, environment)).collect();
    let (mut found, notices) =
        settings::providers_from_environment(environment, &known, settings.server.listen);
    let builtin = catalogue.providers().filter(|provider| provider.kind == Kind::Builtin);
    found.extend(builtin.map(|provider| bare(provider.name.as_str())));
    settings.providers = found;
    notices
}

/// A built-in provider is there for the models that name it, whether or not it is among the providers.
fn add_targeted_builtins(settings: &mut Settings, catalogue: &Catalogue) {
    for builtin in catalogue.providers().filter(|provider| provider.kind == Kind::Builtin) {
        let is_listed = settings.providers.iter().any(|provider| provider.name == builtin.name);
        let is_targeted = settings.models.iter().any(|model| {
            let targets = model.targets.iter().map(|target| &target.provider);
            targets.chain(model.fallback.iter().map(|name| &name.provider)).any(|name| *name == builtin.name)
        });
        if is_targeted && !is_listed {
            settings.providers.push(bare(builtin.name.as_str()));
        }
    }
}

/// Takes the keys that the file leaves out from the catalogue's variables. They go to the catalogue's own address
/// alone: what is written for one provider is not sent to another that speaks the same language.
fn add_keys(settings: &mut Settings, catalogue: &Catalogue, environment: &Environment) {
    for provider in settings.providers.iter_mut().filter(|provider| provider.url.is_none()) {
        if provider.key.is_none()
            && provider.credential.is_none()
            && let Some(entry) = catalogue.provider(&provider.kind)
        {
            provider.key = settings::key_from_environment(environment, &key_variables(entry));
        }
    }
}

/// Takes what addresses leave open and the file does not say from the catalogue's variables.
fn add_variables(settings: &mut Settings, catalogue: &Catalogue, environment: &Environment) {
    for provider in &mut settings.providers {
        let Some(entry) = catalogue.provider(&provider.kind) else { continue };
        let more = settings::variables_from_environment(provider, &variables(entry), environment);
        provider.variables.extend(more);
    }
}

/// The variables that may hold a provider's key.
fn key_variables(provider: &providers::Provider) -> Vec<String> {
    let credential = &provider.credential;
    let variants = credential.variants.iter().flat_map(|variant| &variant.env);
    credential.env.iter().chain(variants).cloned().collect()
}

fn known(provider: &providers::Provider, environment: &Environment) -> KnownProvider {
    // A key that is not needed does not say that there is a server.
    let key_env = if provider.credential.required { key_variables(provider) } else { Vec::new() };
    KnownProvider {
        name: provider.name.to_string(),
        key_env,
        signs: wiring::credential_signs(provider, environment),
        url_env: provider.base_url_env.clone(),
        url: provider.base_url.clone(),
        variables: variables(provider),
    }
}

/// A provider with everything as the catalogue has it.
pub(crate) fn bare(name: &str) -> ProviderSetting {
    ProviderSetting {
        name: name.into(),
        kind: name.to_owned(),
        key: None,
        credential: None,
        url: None,
        variables: Vec::new(),
        headers: Vec::new(),
        models: Vec::new(),
        passthrough: false,
        prompt_cache: false,
    }
}
