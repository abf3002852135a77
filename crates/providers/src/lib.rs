//! Who answers: providers as data. Each is a folder of TOML and fixtures under `catalogue/`, built into the program;
//! a folder given at run time adds more. What the files may say stands in `catalogue/README.md`.

mod catalogue;
mod check;
mod model;
mod models;
mod price;
mod problem;
mod provider;
mod quirks;
mod raw;
#[cfg(test)]
mod tests;

pub use catalogue::Catalogue;
pub use model::{Capability, Modality, Model, Task, undated};
pub use price::Price;
pub use problem::Problem;
pub use provider::{
    CredentialScheme, CredentialVariant, Endpoint, Grant, KeyPlace, Keyless, Kind, Probe, Provider, Speakers,
    Variable, url,
};
pub use quirks::QUIRKS;
