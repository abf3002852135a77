#![no_main]
//! Requests of Bedrock Converse: see `fuzz::request::check`.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| fuzz::request::check("bedrock", body));
