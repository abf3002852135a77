//! Advice on words that are not among the ones allowed.

use crate::nearest::did_you_mean;

/// The nearest word, or all of them.
pub(crate) fn advice(written: &str, words: &[&str]) -> String {
    did_you_mean(written, words.iter().copied()).unwrap_or_else(|| match words {
        [only] => format!("write `{only}`"),
        several => format!("write one of `{}`", several.join("`, `")),
    })
}
