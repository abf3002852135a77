#![no_main]
//! Requests of Messages: see `fuzz::request::check`.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| fuzz::request::check("anthropic", body));
