#![no_main]
//! Whole answers of Bedrock Converse: see `fuzz::answer::check`.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| fuzz::answer::check("bedrock", body));
