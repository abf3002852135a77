//! What the crate promises, by published examples and scripted token endpoints.

mod signatures;
