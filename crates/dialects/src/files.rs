//! The files that a request names by the ids that a provider has given them.

use std::sync::LazyLock;

use memchr::memchr;
use memchr::memmem::{self, Finder};

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
    /// Whether a batch is made of a file, of which each line is a request.
    pub in_lines: bool,
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
    pub const NONE: Self =
        Self { types: &[], fields: &[], apart: &[], addresses: &[], contents: &[], in_lines: false };
}

const ID: &str = "file_id";
const IDS: &str = "file_ids";
/// How the escape sequences begin of what these names are made of, letters in either case and the underscore; and those of
/// what ends the scheme of an address.
const ESCAPES: [&str; 8] =
    [r"\u004", r"\u005", r"\u006", r"\u007", r"\u002f", r"\u002F", r"\u003a", r"\u003A"];
/// What ends the scheme of an address (RFC 3986, section 3), as it reads; and as it may be spelled, where PHP does it all.
static BEHIND_SCHEME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("://"));
static ESCAPED_BEHIND_SCHEME: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| [r":\/", r":/\/"].map(Finder::new));
static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(ID));
/// As much of a piece has to be seen again with the next: the longest of these but for a byte, and a scheme before.
pub const OVERLAP: usize = 8;
/// Deeper than any language has a file; a batch holds whole requests.
const KEEP: Keep = Keep { levels: 16, most: 1 << 18 };

/// Looks through a request's body for the files that it names. What is no text is no id.
///
/// # Errors
/// A body that is no JSON object, or is too deep or too crowded to be looked through.
pub fn named_files(body: &[u8], names: FileNames, max_depth: usize) -> Result<NamedFiles, ScanError> {
    let mut outline = Outline::default();
    if names == FileNames::NONE || !may_name(body, 0, names) {
        return Ok(NamedFiles::default());
    }
    Ok(found(outline.read_within(body, max_depth, KEEP)?, names))
}

/// The same of a line that may be a request of a batch: one that has a `body`. Any other names nothing.
///
/// # Errors
/// A line that may name files and is no JSON object, or is too deep or too crowded to be looked through.
pub fn named_in_batch(line: &[u8], names: FileNames, max_depth: usize) -> Result<NamedFiles, ScanError> {
    let mut outline = Outline::default();
    if names == FileNames::NONE || !may_name(line, 0, names) {
        return Ok(NamedFiles::default());
    }
    let line = outline.read_within(line, max_depth, KEEP)?;
    let is_request = line.all("body").next().is_some();
    Ok(if is_request { found(line, names) } else { NamedFiles::default() })
}

fn found(body: Part<'_>, names: FileNames) -> NamedFiles {
    let mut found = NamedFiles::default();
    look(body, names, &mut found);
    found.ids.sort_unstable_by_key(|span| span.start);
    found.ids.dedup();
    found
}

/// Whether the field's name may stand there at all, be it spelled with escape sequences. Most bodies have none. Of what is
/// longer than anybody holds, the first bytes of each piece may be the last ones of the piece before: they have been `seen`.
pub fn may_name(body: &[u8], seen: usize, names: FileNames) -> bool {
    // Most bodies have none at all, and need not be looked through for each.
    let has_escapes = memchr(b'\\', body).is_some();
    let is_other = |end: &Finder<'_>| {
        finds(body, seen, end).any(|at| !is_behind_web(body.get(..at).unwrap_or_default()))
    };
    let has_other =
        || is_other(&BEHIND_SCHEME) || (has_escapes && ESCAPED_BEHIND_SCHEME.iter().any(is_other));
    let may_hold = || !names.contents.is_empty() && has_other();
    let begins = |at: usize| at.checked_sub(1).and_then(|before| body.get(before)) == Some(&b'"');
    let holds_name = |name: &&str| finds(body, seen, &Finder::new(name)).any(begins);
    let is_spelled = || {
        let holds = |escape: &&str| finds(body, seen, &Finder::new(escape)).next().is_some();
        has_escapes && memmem::find(body, br"\u00").is_some() && ESCAPES.iter().any(holds)
    };
    let is_there = finds(body, seen, &NAME).next().is_some();
    is_there || names.addresses.iter().any(holds_name) || is_spelled() || may_hold()
}

/// Where a text stands in a body, but for where it has been seen before.
fn finds<'b>(body: &'b [u8], seen: usize, text: &'b Finder<'_>) -> impl Iterator<Item = usize> + 'b {
    text.find_iter(body).filter(move |at| at + text.needle().len() > seen)
}

/// Whether what stands behind this text is an address of the web.
fn is_behind_web(before: &[u8]) -> bool {
    ["http", "https"].iter().any(|scheme| {
        let end = before.len().checked_sub(scheme.len()).and_then(|start| before.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(scheme.as_bytes()))
    })
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
        in_lines: true,
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
    fn a_batch_s_line_names_files_if_it_is_a_request() {
        let named = |line: &str| named_in_batch(line.as_bytes(), NAMES, 64).map(|found| found.ids.len());
        assert_eq!(named(r#"{"custom_id":"1","body":{"file":{"file_id":"f1"}}}"#), Ok(1));
        assert_eq!(named(r#"{"body":null,"\u0062ody":{"type":"input_file","file\u005fid":"f1"}}"#), Ok(1));
        assert_eq!(named(r#"{"said":{"file":{"file_id":"f1"}}}"#), Ok(0));
        assert_eq!(named("no JSON"), Ok(0));
        assert!(named(r#"x{"body":{"file":{"file_id":"f1"}}}"#).is_err());
    }

    #[test]
    fn a_name_is_seen_wherever_its_text_is_cut() {
        for text in [
            r#"{"a":1,"file_id":"x"}"#,
            r#"{"a":"file\u005Fi"}"#,
            r#"{"a":"gs://b"}"#,
            r#"{"a":"https:\/\/b"}"#,
        ] {
            let whole = may_name(text.as_bytes(), 0, NAMES);
            assert_eq!(whole, !text.contains("https"), "{text}");
            for cut in 0..text.len() {
                let (first, seen) = (&text.as_bytes()[..cut], cut.min(OVERLAP));
                let second = &text.as_bytes()[cut - seen..];
                assert_eq!(
                    may_name(first, 0, NAMES) || may_name(second, seen, NAMES),
                    whole,
                    "{text}: {cut}"
                );
            }
        }
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
        check(r#"{"image_url":{"url":"gs:/\/bucket/x"}}"#, true);
        check(r#"{"image_url":{"url":"gs:\//bucket/x"}}"#, true);
        check(r#"{"image_url":{"\u0075rl":"http://x"},"url":" File:///x"}"#, true);
        check(r#"{"image_url":{"url":"gs\u003A//bucket/x"}}"#, true);
        check(r#"{"image_url":{"url":"gs:\u002f/bucket/x"}}"#, true);
        check(r#"{"image_url":{"url":"HTTP://x?gs://y"},"text":"gs://bucket"}"#, false);
        check(r#"{"image_url":{"url":"data:image/svg+xml;utf8,<svg xmlns='x://y'/>"},"data":"QUJD"}"#, false);
    }
}
