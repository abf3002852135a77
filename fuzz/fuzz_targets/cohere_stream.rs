#![no_main]
//! Streams of Cohere: see `fuzz::stream::check`.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| fuzz::stream::check("cohere", body));
