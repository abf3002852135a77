#![no_main]
//! The scanner agrees with `serde_json` on what JSON is and on where the fields of an object lie.

use dialects::{Fields, ScanError};
use fuzz::fields;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

/// Deep enough for anything, shallow enough for the stack.
const MAX_DEPTH: usize = 512;

fuzz_target!(|body: &[u8]| {
    let is_object = body.trim_ascii_start().first() == Some(&b'{');
    // A value that is only skipped is checked by the grammar alone: numbers have no range there, escapes no meaning.
    let theirs = serde_json::from_slice::<&RawValue>(body).is_ok() && is_object;
    let scanned = match Fields::scan(body, MAX_DEPTH) {
        Err(ScanError::Deep { .. }) => return,
        ours => ours.ok(),
    };
    assert_eq!(scanned.is_some(), theirs);
    let (Some(scanned), Some(pairs)) = (scanned, fields(body)) else { return };
    let names: Vec<_> = scanned.names(body).collect();
    assert_eq!(names, pairs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    for (name, value) in &pairs {
        assert_eq!(
            scanned.find(body, name).is_err(),
            names.iter().filter(|other| *other == name).count() > 1
        );
        if let Ok(span) = scanned.find(body, name) {
            assert_eq!(span.map(|span| &body[span]), Some(value.as_bytes()));
        }
    }
});
