#![no_main]
//! Requests of Ollama: see `fuzz::request::check`.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| fuzz::request::check("ollama", body));
