//! The files that a request names by the ids that a provider has given them.

use std::sync::LazyLock;

use memchr::memmem;

use crate::media::is_web;
use crate::outline::{Outline, Part};
use crate::scanner::Keep;
use crate::{ScanError, Span};

/// How a language names files in its requests: by the field `file_id` of certain objects, or by lists `file_ids`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileNames {
    /// The types of these objects.
    pub types: &'static [&'static str],
    /// The fields that hold such an object, or a list of them.
    pub fields: &'static [&'static str],
    /// Fields in which nothing names a file: they hold what is between a model and its tools.
    pub apart: &'static [&'static str],
    /// The fields that hold a file's address.
    pub addresses: &'static [&'static str],
    /// The fields that hold a file's address, or its bytes themselves.
    pub contents: &'static [&'static str],
}

/// The files that a request names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedFiles {
    /// Where their ids lie in its body, quotes included, in order.
    pub ids: Vec<Span>,
    /// Whether the address of any is not the web's: it is opened with the account of whoever asks.
    pub in_storage: bool,
}

impl FileNames {
    /// Those of a language that names none.
    pub const NONE: Self = Self { types: &[], fields: &[], apart: &[], addresses: &[], contents: &[] };
}

const ID: &str = "file_id";
const IDS: &str = "file_ids";
/// How the escape sequences begin of what these names are made of, letters in either case and the underscore; and those of
/// what ends the scheme of an address.
const ESCAPES: [&str; 8] =
    [r"\u004", r"\u005", r"\u006", r"\u007", r"\u002f", r"\u002F", r"\u003a", r"\u003A"];
/// What ends the scheme of an address (RFC 3986, section 3), as it reads and as PHP spells it.
static BEHIND_SCHEME: LazyLock<[memmem::Finder<'static>; 2]> =
    LazyLock::new(|| ["://", r":\/"].map(memmem::Finder::new));
/// What all of these escape sequences begin with.
static ESCAPE: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(r"\u00"));
static NAME: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(ID));
/// Deeper than any language has a file; a batch holds whole requests.
const KEEP: Keep = Keep { levels: 16, most: 1 << 18 };

/// Looks through a request's body for the files that it names. What is no text is no id.
///
/// # Errors
/// A body that is no JSON object, or is too deep or too crowded to be looked through.
pub fn named_files(body: &[u8], names: FileNames, max_depth: usize) -> Result<NamedFiles, ScanError> {
    let (mut outline, mut found) = (Outline::default(), NamedFiles::default());
    if names == FileNames::NONE || !may_name(body, names) {
        return Ok(found);
    }
    look(outline.read_within(body, max_depth, KEEP)?, names, &mut found);
    found.ids.sort_unstable_by_key(|span| span.start);
    found.ids.dedup();
    Ok(found)
}

/// Whether the field's name may stand there at all, be it spelled with escape sequences. Most bodies have none.
fn may_name(body: &[u8], names: FileNames) -> bool {
    let holds = |finder: &memmem::Finder<'_>| finder.find(body).is_some();
    let may_hold = || !names.contents.is_empty() && has_other_address(body);
    let begins = |at: usize| at.checked_sub(1).and_then(|before| body.get(before)) == Some(&b'"');
    let holds_name = |name: &&str| memmem::find_iter(body, name.as_bytes()).any(begins);
    let is_spelled = || holds(&ESCAPE) && ESCAPES.iter().any(|escape| memmem::find(body, escape.as_bytes()).is_some());
    holds(&NAME) || names.addresses.iter().any(holds_name) || is_spelled() || may_hold()
}

/// Whether any address in a text may be none of the web. It may stand anywhere.
fn has_other_address(body: &[u8]) -> bool {
    let is_other = |at| {
        let before = body.get(..at).unwrap_or_default();
        !["http", "https"].iter().any(|scheme| {
            let end = before.len().checked_sub(scheme.len()).and_then(|start| before.get(start..));
            end.is_some_and(|end| end.eq_ignore_ascii_case(scheme.as_bytes()))
        })
    };
    BEHIND_SCHEME.iter().any(|end| end.find_iter(body).any(is_other))
}

/// Whether what is an address or a file's bytes is an address, and none of the web.
fn is_elsewhere(content: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let content = content.trim_start();
    let scheme = content.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.bytes().all(is_letter)) && !is_web(content)
}

/// Looks through a value and all that is in it. The depth is bounded by what is kept.
fn look(value: Part<'_>, names: FileNames, found: &mut NamedFiles) {
    let is_named = |kind: Part<'_>| kind.text().is_some_and(|kind| names.types.contains(&&*kind));
    if value.all("type").any(is_named) {
        found.ids.extend(ids(value));
    }
    for field in names.fields {
        for held in value.all(field) {
            found.ids.extend(ids(held));
            found.ids.extend(held.items().flat_map(ids));
        }
    }
    let listed = value.all(IDS).flat_map(Part::items);
    found.ids.extend(listed.filter(|id| id.text().is_some()).map(Part::span));
    let mut addresses = names.addresses.iter().flat_map(|name| value.all(name));
    found.in_storage |= addresses.any(|address| address.text().is_some_and(|text| !is_web(&text)));
    let mut contents = names.contents.iter().flat_map(|name| value.all(name));
    found.in_storage |= contents.any(|content| content.text().is_some_and(|text| is_elsewhere(&text)));
    for inside in value.inside(names.apart) {
        look(inside, names, found);
    }
}

fn ids(object: Part<'_>) -> impl Iterator<Item = Span> {
    object.all(ID).filter(|id| id.raw().starts_with(b"\"")).map(Part::span)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: FileNames = FileNames {
        types: &["input_file"],
        fields: &["file"],
        apart: &["input"],
        addresses: &["fileUri", "uri"],
        contents: &["data", "image_url", "url"],
    };

    #[track_caller]
    fn check(body: &str, expect: &[&str]) {
        let found = named_files(body.as_bytes(), NAMES, 64).unwrap();
        assert_eq!(found.ids.into_iter().map(|span| &body[span]).collect::<Vec<_>>(), expect, "{body}");
        assert_eq!(named_files(body.as_bytes(), FileNames::NONE, 64), Ok(NamedFiles::default()));
    }

    #[test]
    fn files_are_found_where_a_language_names_them() {
        check(
            r#"{"a":[{"file_id":"f1","type":"input_file"},{"file":{"file_id":"f2"}}]}"#,
            &[r#""f1""#, r#""f2""#],
        );
        check(r#"{"file":[{"file_id":"f1"}],"c":{"file_ids":["f2",3]}}"#, &[r#""f1""#, r#""f2""#]);
        check(r#"{"type":"input_file","file":{"type":"input_file","file_id":"f1"}}"#, &[r#""f1""#]);
        check(r#"{"type":"file_citation","file_id":"f1"}"#, &[]);
        check(r#"{"input":{"type":"input_file","file_id":"f1"}}"#, &[]);
        check(r#"{"type":"input_file","file_id":null,"file":"file_id"}"#, &[]);
    }

    #[test]
    fn no_spelling_hides_a_file() {
        check(r#"{"type":"input_file","\u0066ile_id":"f1"}"#, &[r#""f1""#]);
        check(r#"{"type":"input_file","file\u005Fid":"f\u0031"}"#, &[r#""f\u0031""#]);
        check(r#"{"t\u0079pe":"input\u005ffile","file\u005fid":"f1"}"#, &[r#""f1""#]);
        check(
            r#"{"type":"other","type":"input_file","file_id":"f1","file_id":"f2"}"#,
            &[r#""f1""#, r#""f2""#],
        );
        assert!(named_files(b"{\"file_id\":", NAMES, 64).is_err());
    }

    #[test]
    fn addresses_in_a_storage_are_told_from_those_of_the_web() {
        #[track_caller]
        fn check(body: &str, expect: bool) {
            let found = named_files(body.as_bytes(), NAMES, 64).unwrap();
            assert_eq!(found.in_storage, expect, "{body}");
        }
        check(r#"{"a":[{"fileData":{"fileUri":"gs://bucket/x"}}]}"#, true);
        check(r#"{"a":{"s3Location":{"uri":"s3:\/\/bucket/x"}}}"#, true);
        check(r#"{"a":{"file\u0055ri":"gs://bucket/x"}}"#, true);
        check(r#"{"a":{"\u0075ri":"https://x","uri":"\u0067s://bucket"}}"#, true);
        check(r#"{"a":{"fileUri":"HTTPS://example.com/x"},"b":"my uri gs://bucket"}"#, false);
        check(r#"{"input":{"uri":"gs://bucket/x"},"uri":null}"#, false);
        check(r#"{"a":[{"image_url":"gs://bucket/x"}]}"#, true);
        check(r#"{"image_url":{"url":"gs:\/\/bucket/x"}}"#, true);
        check(r#"{"image_url":{"\u0075rl":"http://x"},"url":" File:///x"}"#, true);
        check(r#"{"image_url":{"url":"gs\u003A//bucket/x"}}"#, true);
        check(r#"{"image_url":{"url":"gs:\u002f/bucket/x"}}"#, true);
        check(r#"{"image_url":{"url":"HTTP://x?gs://y"},"text":"gs://bucket"}"#, false);
        check(r#"{"image_url":{"url":"data:image/svg+xml;utf8,<svg xmlns='x://y'/>"},"data":"QUJD"}"#, false);
    }
}
