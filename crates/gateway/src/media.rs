//! Pictures, documents and sound in a request's body: their bytes in base64 say little of how many tokens they are.

use std::ops::Range;

use memchr::{memchr3, memrchr2};

/// So long is base64 at least that is taken for media; what is shorter counts as text.
const SHORTEST: usize = 4096;
/// How much of a body is looked at every `SHORTEST` bytes: no text has so long a word.
const GLANCE: usize = 64;

/// About the most that a picture is on its own, whatever its size: providers scale large ones down.
const PICTURE: u64 = 1600;
/// Bytes in base64 per token of a document: a page of some 75 KB is 1,500.
const PER_TOKEN_OF_DOCUMENT: u64 = 50;
/// The same of sound that is hardly packed; and of what nobody can tell.
const PER_TOKEN_OF_SOUND: u64 = 500;

/// How pictures begin in base64: PNG, JPEG, GIF.
const PICTURES: [&[u8]; 3] = [b"iVBORw0KGgo", b"/9j/", b"R0lGOD"];
/// How a RIFF container begins, and where it says that it holds a picture (WebP): bytes 9 to 11 are `EBP`.
const RIFF: &[u8] = b"UklGR";
const WEBP: (Range<usize>, &[u8]) = (12..16, b"RUJQ");
/// How a PDF begins.
const DOCUMENT: &[u8] = b"JVBERi";

/// What of a body is media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Media {
    /// Its bytes in the body.
    pub(crate) bytes: u64,
    /// About how many tokens it is.
    pub(crate) tokens: u64,
}

/// Finds the media in a body. Costs next to nothing for text: the body is looked at here and there.
pub(crate) fn find(body: &[u8]) -> Media {
    let mut found = Media::default();
    // Where the next glance falls, and how far all has been seen: nothing is looked through twice.
    let (mut at, mut seen) = (0, 0);
    while let Some(glance) = body.get(at..at + GLANCE) {
        if !glance.iter().copied().all(is_base64) {
            at += SHORTEST;
            continue;
        }
        // In front of it stands a quote, or the comma of a `data:` URL; behind it a quote.
        let before = memrchr2(b'"', b',', body.get(seen..at).unwrap_or_default());
        let start = before.map_or(seen, |before| seen + before + 1);
        let rest = body.get(start..).unwrap_or_default();
        let word = memchr3(b'"', b'\\', b' ', rest).and_then(|length| rest.get(..length)).unwrap_or(rest);
        if word.len() >= SHORTEST && word.is_ascii() {
            found.bytes += word.len() as u64;
            found.tokens += tokens(word);
        }
        seen = (start + word.len()).max(at);
        at = seen + SHORTEST;
    }
    found
}

/// Whether it stands in base64 of either alphabet (RFC 4648, sections 4 and 5).
const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

fn tokens(base64: &[u8]) -> u64 {
    let is_webp = base64.starts_with(RIFF) && base64.get(WEBP.0) == Some(WEBP.1);
    if is_webp || PICTURES.iter().any(|begins| base64.starts_with(begins)) {
        return PICTURE;
    }
    let per_token = if base64.starts_with(DOCUMENT) { PER_TOKEN_OF_DOCUMENT } else { PER_TOKEN_OF_SOUND };
    (base64.len() as u64).div_ceil(per_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(begins: &str, length: usize, tokens: u64) {
        let base64 = format!("{begins}{}", "A".repeat(length - begins.len()));
        for before in [0, 1, 63, 64, 4095, 4096, 5000] {
            let text = "so it goes, ".repeat(before / 12 + 1);
            let body =
                format!(r#"{{"text":"{text}","url":"data:image/png;base64,{base64}","more":"{text}"}}"#);
            assert_eq!(find(body.as_bytes()), Media { bytes: length as u64, tokens }, "{begins} {before}");
        }
    }

    #[test]
    fn media_counts_by_what_it_is_and_not_by_its_bytes() {
        check("iVBORw0KGgo", 1_400_000, 1600);
        check("/9j/4AAQ", 9_000, 1600);
        check("UklGRiQAAABXRUJQ", 9_000, 1600);
        check("UklGRiQAAABXQVZF", 100_000, 200);
        check("JVBERi0xLjQK", 100_000, 2_000);
        check("AAAA", 100_000, 200);
    }

    #[test]
    fn text_is_no_media() {
        let texts = [
            "word ".repeat(10_000),
            "漢字".repeat(10_000),
            r"\u6f22".repeat(10_000),
            "a".repeat(SHORTEST - 1) + " " + &"b".repeat(SHORTEST - 1),
            "https://example.com/a/".repeat(1_000),
        ];
        for text in texts {
            assert_eq!(find(text.as_bytes()), Media::default(), "{}", &text[..6]);
        }
    }
}
