#![no_main]
//! Whole answers of Cohere: see `fuzz::answer::check`.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| fuzz::answer::check("cohere", body));
