#![no_main]
//! Streams of Bedrock Converse: see `fuzz::stream::check`.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| fuzz::stream::check("bedrock", body));
