#![no_main]
//! Requests, answers and streams of this language.

use libfuzzer_sys::fuzz_target;
use types::StreamForm;

fuzz_target!(|input: &[u8]| fuzz::unlike::check("bedrock", StreamForm::Frames, input));
