//! What a target's quirks forbid in a request, whoever wrote it.

use crate::openai_family::edit::Edit;
use crate::quirks;

/// A quirk, a field that is a 4xx under it, and the values of the field that ask for nothing.
const REFUSED: &[(&str, &str, &[&str])] = &[
    (quirks::NO_LOGPROBS, "top_logprobs", &["0"]),
    (quirks::NO_PARALLEL_TOOL_CALLS, "parallel_tool_calls", &["true"]),
    (quirks::NO_REASONING, "reasoning", &["{}", r#"{"effort":"none"}"#]),
    (quirks::NO_SAMPLING, "temperature", &["1", "1.0"]),
    (quirks::NO_SAMPLING, "top_k", &[]),
    (quirks::NO_SAMPLING, "top_p", &["1", "1.0"]),
    (quirks::NO_USER, "safety_identifier", &[]),
    (quirks::NO_USER, "user", &[]),
];

/// Takes everything out of the request that would be a certain 4xx.
pub(super) fn restrict(edit: &mut Edit<'_>) {
    for (quirk, field, idle) in REFUSED {
        if edit.target.has_quirk(quirk) {
            edit.remove(field, idle);
        }
    }
}
