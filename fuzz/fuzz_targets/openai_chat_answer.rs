#![no_main]
//! Whole answers of Chat Completions: see `fuzz::answer::check`.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| fuzz::answer::check("openai_chat", body));
