//! Half characters. JSON can spell one half of a surrogate pair, as a text cut in the wrong place; Rust's texts
//! cannot hold it.

use std::borrow::Cow;

/// What takes the place of half a character: U+FFFD.
const REPLACEMENT: &str = "\\ufffd";

/// The JSON text `json` with each half of a pair that lacks its other half replaced.
pub(crate) fn mend(json: &str) -> Cow<'_, str> {
    if !has_numbered(json.as_bytes()) {
        return Cow::Borrowed(json);
    }
    let mut mended = String::new();
    let (mut written, mut at) = (0, 0);
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr(b'\\', rest.as_bytes())) {
        let escape = at + found;
        at = match (half(json, escape), half(json, escape + ESCAPE)) {
            (Some(Half::First), Some(Half::Second)) => escape + 2 * ESCAPE,
            (Some(_), _) => {
                mended.push_str(json.get(written..escape).unwrap_or_default());
                mended.push_str(REPLACEMENT);
                written = escape + ESCAPE;
                written
            }
            // Another escape: its second character may be a backslash too.
            (None, _) => escape + 2,
        };
    }
    if written == 0 {
        return Cow::Borrowed(json);
    }
    mended.push_str(json.get(written..).unwrap_or_default());
    Cow::Owned(mended)
}

/// Whether any character is spelled by its number. A fold without early exit compiles to vector code.
fn has_numbered(json: &[u8]) -> bool {
    let pairs = json.iter().zip(json.iter().skip(1));
    pairs.fold(0, |found, (first, second)| found | u8::from(*first == b'\\' && *second == b'u')) != 0
}

/// How long `\uXXXX` is.
const ESCAPE: usize = 6;

/// The halves of a pair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    First,
    Second,
}

/// The half that is spelled at this place, if one is.
fn half(json: &str, at: usize) -> Option<Half> {
    let digits = json.get(at..at + ESCAPE)?.strip_prefix("\\u")?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xd800..=0xdbff => Some(Half::First),
        0xdc00..=0xdfff => Some(Half::Second),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expect: &str) {
        let mended = mend(json);
        assert_eq!(mended, expect);
        assert!(serde_json::from_str::<String>(&mended).is_ok(), "{mended}");
        assert_eq!(matches!(mended, Cow::Borrowed(_)), json == expect);
    }

    #[test]
    fn half_a_character_is_replaced_and_a_whole_one_stays() {
        check(r#""a""#, r#""a""#);
        check(r#""\ud83d\ude00""#, r#""\ud83d\ude00""#);
        check(r#""\uD83D\uDE00 \\ud83d""#, r#""\uD83D\uDE00 \\ud83d""#);
        check(r#""x\ud83d""#, r#""x\ufffd""#);
        check(r#""\ude00\ud83dä\n\ud83d\ud83d\ude00!""#, r#""\ufffd\ufffdä\n\ufffd\ud83d\ude00!""#);
    }
}
