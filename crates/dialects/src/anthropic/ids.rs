//! Tool-call ids: the wire takes `^[a-zA-Z0-9_-]+$`; other providers' ids hold dots, colons and more.

use std::borrow::Cow;
use std::fmt::Write as _;

/// In front of an id that had to be spelled in hexadecimal digits.
const PREFIX: &str = "tgid_";

/// `id` as the wire takes it: itself if it fits, else spelled so that [`original`] finds it again. No two ids
/// become one.
pub(super) fn fit(id: &str) -> Cow<'_, str> {
    let fits =
        !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if fits && !id.starts_with(PREFIX) {
        return Cow::Borrowed(id);
    }
    let mut spelled = PREFIX.to_owned();
    for byte in id.bytes() {
        // Writing to a String cannot fail.
        let _infallible = write!(spelled, "{byte:02x}");
    }
    Cow::Owned(spelled)
}

/// The id that [`fit`] made `id` of.
pub(super) fn original(id: String) -> String {
    match id.strip_prefix(PREFIX).and_then(unspell) {
        Some(original) if fit(&original) == id => original,
        Some(_) | None => id,
    }
}

fn unspell(digits: &str) -> Option<String> {
    let bytes = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
}
