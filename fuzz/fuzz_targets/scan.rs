#![no_main]
//! The scanner agrees with `serde_json` on what JSON is and on where the fields of an object lie.

use std::collections::BTreeMap;

use dialects::{Fields, ScanError};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

/// Deep enough for anything, shallow enough for the stack.
const MAX_DEPTH: usize = 512;

fuzz_target!(|body: &[u8]| {
    let is_object = body.trim_ascii_start().first() == Some(&b'{');
    // Ignored values are checked by the grammar alone: numbers have no range there, escapes no meaning.
    let theirs = serde_json::from_slice::<&RawValue>(body).is_ok() && is_object;
    let fields = match Fields::scan(body, MAX_DEPTH) {
        Err(ScanError::Deep { .. }) => return,
        ours => ours.ok(),
    };
    assert_eq!(fields.is_some(), theirs);
    let Some(fields) = fields else { return };
    let Ok(pairs) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(body) else { return };
    let mut names: Vec<_> = fields.names(body).collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.iter().eq(pairs.keys()));
    for (name, value) in &pairs {
        if let Ok(span) = fields.find(body, name) {
            assert_eq!(span.map(|span| &body[span]), Some(value.get().as_bytes()));
        }
    }
});
