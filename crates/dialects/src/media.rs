//! What can be said of a picture or document without looking at all of it.

/// Whether an upstream can fetch this address.
pub(crate) fn is_web(url: &str) -> bool {
    let begins =
        |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    begins("https://") || begins("http://")
}

/// Whether `data` is base64 (RFC 4648), with or without padding and line breaks.
pub(crate) fn is_base64(data: &str) -> bool {
    let text = data.trim_ascii_end().trim_end_matches('=');
    let is_letter = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'+' | b'/' | b'-' | b'_')
            || byte.is_ascii_whitespace()
    };
    !text.is_empty() && text.bytes().all(is_letter)
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
