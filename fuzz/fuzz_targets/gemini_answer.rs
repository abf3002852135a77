#![no_main]
//! Whole answers of Gemini: see `fuzz::answer::check`.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| fuzz::answer::check("gemini", body));
