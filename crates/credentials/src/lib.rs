//! How the gateway proves to a provider who it is, where a fixed header is not enough: signatures over the request and
//! tokens that live for an hour.

mod escape;
mod sigv4;
#[cfg(test)]
mod tests;

pub use sigv4::{Keys, Scope, Unsigned, sign};
