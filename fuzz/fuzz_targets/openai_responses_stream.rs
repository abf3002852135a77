#![no_main]
//! Streams of Responses: see `fuzz::stream::check`.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| fuzz::stream::check("openai_responses", body));
