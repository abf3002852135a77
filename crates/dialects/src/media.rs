//! Pictures, documents and sound: how they are written in a URL, and what can be said of one without looking at all
//! of it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use types::conversation::{Media, MediaSource};

/// Something that is not text, of which no more is known.
pub(crate) const fn media(mime: Option<String>, source: MediaSource) -> Media {
    Media { mime, source, title: None, detail: None, cache: None }
}

/// What a URL points at; a `data:` URL (RFC 2397) in base64 holds the bytes themselves.
pub(crate) fn media_at(url: String) -> Media {
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match inline {
        Some((mime, data)) => {
            let mime = (!mime.is_empty()).then(|| mime.to_owned());
            media(mime, MediaSource::Base64(data.to_owned()))
        }
        None => media(None, MediaSource::Url(url)),
    }
}

/// A `data:` URL (RFC 2397) that holds these bytes.
pub(crate) fn data_url(mime: &str, data: &str) -> String {
    format!("data:{mime};base64,{data}")
}

/// The MIME type of sound in a format by its short name.
pub(crate) fn audio_mime(format: &str) -> String {
    if format == "mp3" { "audio/mpeg".to_owned() } else { format!("audio/{format}") }
}

/// The short name of the format of sound with this MIME type.
pub(crate) fn audio_format(mime: Option<&str>) -> &str {
    match mime.and_then(|mime| mime.strip_prefix("audio/")) {
        Some("mpeg") => "mp3",
        Some(format) => format,
        None => "wav",
    }
}

/// Whether an upstream can fetch this address.
pub(crate) fn is_web(url: &str) -> bool {
    let begins =
        |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    begins("https://") || begins("http://")
}

/// Whether `data` is base64 (RFC 4648), with or without padding and line breaks.
pub(crate) fn is_base64(data: &str) -> bool {
    let text = data.trim_ascii_end().trim_end_matches('=');
    let mut letters = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    // One letter too many is not enough for a byte.
    !text.is_empty() && letters.clone().count() % 4 != 1 && letters.all(is_letter)
}

/// The MIME type of a picture: by how its base64 begins where that tells, else as it is `declared`.
pub(crate) fn image_mime<'a>(declared: Option<&'a str>, data: &str) -> Option<&'a str> {
    let kinds = [
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGOD", "image/gif"),
        ("UklGR", "image/webp"),
    ];
    let seen = kinds.into_iter().find(|(start, _)| data.starts_with(start)).map(|(_, mime)| mime);
    // Parameters say nothing of a picture, and `image/jpg` is a common misspelling.
    let declared = declared.map(|mime| mime.split_once(';').map_or(mime, |(mime, _)| mime));
    seen.or(declared).map(|mime| if mime == "image/jpg" { "image/jpeg" } else { mime })
}

/// How MIME types end that are text without saying so.
const TEXTUAL: &[&str] = &["json", "xml", "yaml", "javascript", "x-sh"];

/// The text of a document that is text.
pub(crate) fn text_of(document: &Media) -> Option<Cow<'_, str>> {
    match &document.source {
        MediaSource::Text(text) => Some(Cow::Borrowed(text)),
        MediaSource::Base64(data) if document.mime.as_deref().is_some_and(is_textual) => {
            let bytes = STANDARD.decode(data).ok();
            bytes.and_then(|bytes| String::from_utf8(bytes).ok()).map(Cow::Owned)
        }
        MediaSource::Base64(_) | MediaSource::File(_) | MediaSource::Url(_) => None,
    }
}

/// Whether a document of this MIME type is text.
pub(crate) fn is_textual(mime: &str) -> bool {
    mime.starts_with("text/") || TEXTUAL.iter().any(|kind| mime.ends_with(kind))
}

/// The MIME type of a file by how its name or address ends, where that is one that models look at.
pub(crate) fn mime_of_name(name: &str) -> Option<&'static str> {
    let kinds = [
        ("gif", "image/gif"),
        ("jpeg", "image/jpeg"),
        ("jpg", "image/jpeg"),
        ("mp3", "audio/mpeg"),
        ("pdf", "application/pdf"),
        ("png", "image/png"),
        ("txt", "text/plain"),
        ("wav", "audio/wav"),
        ("webp", "image/webp"),
    ];
    let path = name.split(['?', '#']).next()?;
    let (_, ending) = path.rsplit_once('.')?;
    kinds.into_iter().find(|(known, _)| ending.eq_ignore_ascii_case(known)).map(|(_, mime)| mime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_no_bytes_is_no_base64() {
        for data in ["AAAA", "AAA", "AA==", "AAAA\nAA", "-_-_"] {
            assert!(is_base64(data), "{data:?}");
        }
        for data in ["", "=", "A", "AAAAA", "AAAA\nA===", "AA!A"] {
            assert!(!is_base64(data), "{data:?}");
        }
    }
}
