//! The wire's words for kinds of files, and the names documents must have.

/// Kinds of documents and their MIME types.
const DOCUMENTS: &[(&str, &str)] = &[
    ("pdf", "application/pdf"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("html", "text/html"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
];
/// Kinds of pictures.
const IMAGES: &[&str] = &["png", "jpeg", "gif", "webp"];
/// Kinds of sound that go by the second half of their MIME types.
const SOUNDS: &[&str] = &["mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "m4a", "pcm", "webm"];

/// The longest name of a document.
const MAX_NAME: usize = 200;

/// The MIME type of a document of this kind.
pub(super) fn document_mime(format: &str) -> Option<&'static str> {
    DOCUMENTS.iter().find(|(word, _)| *word == format).map(|(_, mime)| *mime)
}

/// The kind of a document, by its MIME type, by what its file is called, or by how its base64 begins.
pub(super) fn document_format(mime: Option<&str>, title: Option<&str>, base64: &str) -> Option<&'static str> {
    let mime = mime.map(|mime| mime.split_once(';').map_or(mime, |(mime, _)| mime));
    let by_mime = || DOCUMENTS.iter().find(|(_, known)| Some(*known) == mime);
    let ending =
        title.and_then(|title| title.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    let by_title = || DOCUMENTS.iter().find(|(word, _)| Some(*word) == ending.as_deref());
    let known = by_mime().or_else(by_title).map(|(word, _)| *word);
    known.or_else(|| base64.starts_with("JVBERi").then_some("pdf"))
}

/// The kind of a picture with this MIME type.
pub(super) fn image_format(mime: &str) -> Option<&'static str> {
    let kind = mime.strip_prefix("image/")?;
    IMAGES.iter().copied().find(|word| *word == kind)
}

/// The kind of sound with this MIME type.
pub(super) fn audio_format(mime: &str) -> Option<&'static str> {
    let kind = mime.strip_prefix("audio/")?;
    let kind = if kind == "mpeg" { "mp3" } else { kind.trim_start_matches("x-") };
    SOUNDS.iter().copied().find(|word| *word == kind)
}

/// A document's title as the wire takes it, and unlike those `given` before: letters, digits, single spaces, hyphens,
/// parentheses and brackets.
pub(super) fn document_name(title: Option<&str>, given: &[String]) -> String {
    let mut name = String::new();
    for letter in title.unwrap_or_default().chars() {
        match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '(' | ')' | '[' | ']' => name.push(letter),
            _ if name.ends_with(' ') => {}
            _ => name.push(' '),
        }
    }
    let name = name.trim();
    let name = if name.is_empty() { "document" } else { name };
    // Room for a number that no other has.
    let name = name.get(..MAX_NAME - 8).unwrap_or(name).trim_end();
    let numbered = (2_usize..).map(|number| format!("{name} {number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !given.contains(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_have_names_the_wire_takes_each_its_own() {
        let given = ["report".to_owned(), "document".to_owned(), "document 2".to_owned()];
        let check = |title, expect: &str| assert_eq!(document_name(title, &given), expect);
        check(Some("Q3 (final) [v2].pdf"), "Q3 (final) [v2] pdf");
        check(Some(" a//b  é c "), "a b c");
        check(Some("report"), "report 2");
        check(Some("…"), "document 3");
        check(None, "document 3");
        check(Some(&"x".repeat(300)), &"x".repeat(192));
    }

    #[test]
    fn kinds_of_files_are_known_by_type_by_ending_and_by_their_first_bytes() {
        let format = document_format;
        assert_eq!(format(Some("text/markdown; charset=utf-8"), None, ""), Some("md"));
        assert_eq!(format(None, Some("a.b.DOCX"), ""), Some("docx"));
        assert_eq!(format(Some("application/octet-stream"), Some("a"), "JVBERi0xLjQ="), Some("pdf"));
        assert_eq!(format(Some("application/zip"), None, "UEsDBA=="), None);
        assert_eq!((audio_format("audio/mpeg"), audio_format("audio/x-wav")), (Some("mp3"), Some("wav")));
        assert_eq!((image_format("image/jpeg"), image_format("image/tiff")), (Some("jpeg"), None));
    }
}
