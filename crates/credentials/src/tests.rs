//! What the crate promises, by published examples and scripted token endpoints.

mod aws;
mod egress;
mod entra;
mod google;
mod oauth;
mod outside;
mod rig;
mod signatures;
mod tokens;
