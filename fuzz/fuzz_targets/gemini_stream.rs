#![no_main]
//! Streams of Gemini: see `fuzz::stream::check`.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| fuzz::stream::check("gemini", body));
