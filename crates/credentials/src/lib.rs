//! How the gateway proves to a provider who it is, where a fixed header is not enough: signatures over the request and
//! tokens that live for an hour.
//!
//! A [`Plan`] says where a credential comes from; a [`Credential`] holds what was obtained by it (`cache.rs` says when it
//! is obtained anew); a [`Grant`] is what one request is authorised with. Only what a plan names is ever asked, by
//! [`Egress`], which alone reaches metadata services.

mod aws;
mod bearer;
mod cache;
mod credential;
mod egress;
mod entra;
mod error;
mod escape;
mod fetch;
mod files;
mod google;
mod moment;
mod oauth;
mod sigv4;
#[cfg(test)]
mod tests;

pub use aws::{NoRegion, Options as AwsOptions, Plan as AwsPlan};
pub use credential::{Credential, Grant, Plan, QueryKey};
pub use egress::Egress;
pub use entra::{NoApplication, Options as EntraOptions, Plan as EntraPlan};
pub use error::{AuthorizeError, FetchError, ObtainError};
pub use fetch::{Ask, Fetch, Fetching, Heard, Report, Surroundings};
pub use google::Plan as GooglePlan;
pub use oauth::{Grant as OauthGrant, Plan as OauthPlan};
pub use sigv4::{Keys, Unsigned};

/// The environment: the value of a variable that is set and not empty.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;
