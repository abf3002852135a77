//! The files that a request names by the ids that a provider has given them.

use memchr::memmem;

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
}

impl FileNames {
    /// Those of a language that names none.
    pub const NONE: Self = Self { types: &[], fields: &[], apart: &[] };
}

const ID: &str = "file_id";
const IDS: &str = "file_ids";
/// Deeper than any language has a file; a batch holds whole requests.
const KEEP: Keep = Keep { levels: 16, most: 1 << 18 };

/// Where the ids of files lie in a request's body, quotes included, in order. What is no text is no id.
///
/// # Errors
/// A body that is no JSON object, or is too deep or too crowded to be looked through.
pub fn file_ids(body: &[u8], names: FileNames, max_depth: usize) -> Result<Vec<Span>, ScanError> {
    if names == FileNames::NONE || !may_name(body) {
        return Ok(Vec::new());
    }
    let (mut outline, mut found) = (Outline::default(), Vec::new());
    look(outline.read_within(body, max_depth, KEEP)?, names, &mut found);
    found.sort_unstable_by_key(|span| span.start);
    found.dedup();
    Ok(found)
}

/// Whether the field's name may stand there at all, be it spelled with escape sequences. Most bodies have none.
fn may_name(body: &[u8]) -> bool {
    let holds = |text: &str| memmem::find(body, text.as_bytes()).is_some();
    holds(ID) || (holds(r"\u00") && [r"\u006", r"\u005f", r"\u005F"].into_iter().any(holds))
}

/// Looks through a value and all that is in it. The depth is bounded by what is kept.
fn look(value: Part<'_>, names: FileNames, found: &mut Vec<Span>) {
    let is_named = |kind: Part<'_>| kind.text().is_some_and(|kind| names.types.contains(&&*kind));
    if value.all("type").any(is_named) {
        found.extend(ids(value));
    }
    for field in names.fields {
        for held in value.all(field) {
            found.extend(ids(held));
            found.extend(held.items().flat_map(ids));
        }
    }
    let listed = value.all(IDS).flat_map(Part::items);
    found.extend(listed.filter(|id| id.text().is_some()).map(Part::span));
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

    const NAMES: FileNames = FileNames { types: &["input_file"], fields: &["file"], apart: &["input"] };

    #[track_caller]
    fn check(body: &str, expect: &[&str]) {
        let found = file_ids(body.as_bytes(), NAMES, 64).unwrap();
        assert_eq!(found.into_iter().map(|span| &body[span]).collect::<Vec<_>>(), expect, "{body}");
        assert_eq!(file_ids(body.as_bytes(), FileNames::NONE, 64), Ok(Vec::new()));
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
        assert!(file_ids(b"{\"file_id\":", NAMES, 64).is_err());
    }
}
