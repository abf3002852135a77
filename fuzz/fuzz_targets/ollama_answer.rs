#![no_main]
//! Whole answers of Ollama: see `fuzz::answer::check`.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| fuzz::answer::check("ollama", body));
