#![no_main]
//! Streams of Ollama: see `fuzz::stream::check`.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| fuzz::stream::check("ollama", body));
