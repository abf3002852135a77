//! What the configuration promises, through the crate's public surface.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod discovery;
mod forms;
mod live;
mod problems;
mod schema;
mod secrets;
mod twins;
mod typos;

use settings::{Environment, KnownKind, KnownVariable, Problems, Server, Settings, Source, load};

/// Every key there is, at least once.
const LONG: &str = include_str!("long.yaml");

/// The kinds of provider there are, as far as these tests go.
#[expect(clippy::unnecessary_wraps, reason = "a catalogue may be unreadable; this one is not")]
fn kinds(_: &Server) -> Option<Vec<KnownKind>> {
    let known =
        ["openai", "anthropic", "mistral", "vllm", "a", "a/b", "claude", "gpu", "My-GPU", "azure", "name"];
    let variables = |name: &str| if name == "azure" { cloud() } else { Vec::new() };
    let kind = |name: &str| KnownKind { name: name.to_owned(), variables: variables(name) };
    Some(known.map(kind).to_vec())
}

/// What the address of a provider in a cloud leaves open.
fn cloud() -> Vec<KnownVariable> {
    let variable = |name: &str, env: &str, has_default| KnownVariable {
        name: name.to_owned(),
        meaning: format!("the {name} of the account"),
        env: vec![env.to_owned()],
        has_default,
    };
    vec![variable("region", "CLOUD_REGION", true), variable("resource", "CLOUD_RESOURCE", false)]
}

/// An environment with these variables.
fn environment(pairs: &[(&str, &str)]) -> Environment {
    Environment::from_pairs(pairs.iter().copied())
}

/// What `LONG` refers to.
fn keys() -> Environment {
    environment(&[
        ("HOME", "/home/me"),
        ("OPENAI_API_KEY", "sk-open"),
        ("ANTHROPIC_API_KEY", "sk-ant"),
        ("TEAM", "blue"),
    ])
}

/// Settings or problems of this text.
fn read(text: &str, environment: &Environment) -> Result<Settings, Problems> {
    load(Some(&Source::new(None, text)), environment, &kinds)
}

/// The settings of a text that has nothing wrong with it.
#[track_caller]
fn settings(text: &str) -> Settings {
    match read(text, &keys()) {
        Ok(settings) => settings,
        Err(problems) => panic!("{}", problems.render("tollgate.yaml", text)),
    }
}

/// The problems of a text that has some.
#[track_caller]
fn problems(text: &str, environment: &Environment) -> Problems {
    match read(text, environment) {
        Ok(settings) => panic!("nothing is wrong with:\n{text}\nread as:\n{}", settings.show()),
        Err(problems) => problems,
    }
}
