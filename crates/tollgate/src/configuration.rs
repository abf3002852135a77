//! The configuration a command works with: the file, the environment, and, where no file says otherwise, what the
//! environment alone makes known.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use providers::{Catalogue, Kind};
use settings::{Environment, KnownProvider, Notice, ProviderSetting, Server, Settings, Source};

use crate::args::FileArguments;
use crate::wiring;

/// Settings, the catalogue they refer to, and where they came from.
pub(crate) struct Configuration {
    pub(crate) settings: Settings,
    pub(crate) catalogue: Catalogue,
    /// The file, if there is one.
    pub(crate) path: Option<PathBuf>,
    /// What a person should hear about the environment.
    pub(crate) notices: Vec<Notice>,
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
    let catalogue = catalogue(&settings)?;
    let notices = complete(&mut settings, &catalogue, environment);
    wiring::directory(&settings, &catalogue)?;
    Ok(Configuration { settings, catalogue, path, notices })
}

/// The file that was named, or the usual one if it exists.
fn read(arguments: &FileArguments) -> anyhow::Result<Option<Source>> {
    let folder = std::env::current_dir().context("the current folder cannot be read")?;
    let Some(path) = settings::find_file(arguments.config.as_deref(), &folder) else { return Ok(None) };
    let source = Source::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(Some(source))
}

/// The kinds of provider there are. A folder that cannot be read is reported when it is used.
fn kinds(server: &Server) -> Vec<String> {
    let embedded = || Catalogue::embedded().ok();
    let extended = server.catalogue.as_ref().and_then(|folder| embedded()?.extended_by(folder).ok());
    let catalogue = extended.or_else(embedded);
    catalogue.iter().flat_map(Catalogue::providers).map(|provider| provider.name.to_string()).collect()
}

/// The providers that are built in, and those in the configured folder.
fn catalogue(settings: &Settings) -> anyhow::Result<Catalogue> {
    let problems = |problems: Vec<providers::Problem>| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        anyhow!("the catalogue of providers cannot be used:\n{}", lines.join("\n"))
    };
    let catalogue = Catalogue::embedded().map_err(problems)?;
    match &settings.server.catalogue {
        Some(folder) => catalogue.extended_by(folder).map_err(problems),
        None => Ok(catalogue),
    }
}

/// Where the file names no providers: those of the environment, and the built-in model.
fn complete(settings: &mut Settings, catalogue: &Catalogue, environment: &Environment) -> Vec<Notice> {
    if !settings.providers.is_empty() {
        return Vec::new();
    }
    let known: Vec<_> =
        catalogue.providers().filter(|provider| provider.kind != Kind::Builtin).map(known).collect();
    let (mut found, notices) =
        settings::providers_from_environment(environment, &known, settings.server.listen);
    let builtin = catalogue.providers().filter(|provider| provider.kind == Kind::Builtin);
    found.extend(builtin.map(|provider| bare(provider.name.as_str())));
    settings.providers = found;
    notices
}

fn known(provider: &std::sync::Arc<providers::Provider>) -> KnownProvider {
    let credential = &provider.credential;
    let variants = credential.variants.iter().flat_map(|variant| &variant.env);
    let key_env = credential.env.iter().chain(variants).filter(|_| credential.required).cloned().collect();
    KnownProvider {
        name: provider.name.to_string(),
        key_env,
        url_env: provider.base_url_env.clone(),
        url: provider.base_url.clone(),
    }
}

/// A provider with everything as the catalogue has it.
pub(crate) fn bare(name: &str) -> ProviderSetting {
    ProviderSetting {
        name: name.into(),
        kind: name.to_owned(),
        key: None,
        url: None,
        headers: Vec::new(),
        models: Vec::new(),
    }
}
