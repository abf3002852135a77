#![no_main]
//! Whole answers of Responses: see `fuzz::answer::check`.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| fuzz::answer::check("openai_responses", body));
