//! What a provider keeps, as its answers describe it: one thing, or a list of them.

use crate::outline::{Outline, Part};
use crate::scanner::Keep;
use crate::{ScanError, Span};

/// How deeply a description may be nested: it repeats what callers have written.
const MAX_DEPTH: usize = 512;
/// Down to the fields of what is in the list, however long it is.
const KEEP: Keep = Keep { levels: 3, most: 1 << 20 };

/// A text in a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The name of its field.
    pub name: &'static str,
    /// What it says.
    pub text: String,
    /// Where it lies, quotes included.
    pub span: Span,
}

/// The texts in the fields of these names: of each thing that `body` describes, and of the list that they stand in. What
/// stands deeper is the caller's own.
///
/// # Errors
/// A body that is no JSON object, or too deep or too crowded to be looked through.
pub fn described(body: &[u8], names: &'static [&'static str]) -> Result<Vec<Vec<Said>>, ScanError> {
    let mut outline = Outline::default();
    let whole = outline.read_within(body, MAX_DEPTH, KEEP)?;
    let listed = whole.all("data").flat_map(Part::items);
    Ok(std::iter::once(whole).chain(listed).map(|thing| said(thing, names)).collect())
}

fn said(thing: Part<'_>, names: &'static [&'static str]) -> Vec<Said> {
    let texts = names.iter().flat_map(|name| thing.all(name).map(move |value| (*name, value)));
    let said = texts.filter_map(|(name, value)| {
        Some(Said { name, text: value.text()?.into_owned(), span: value.span() })
    });
    said.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_in_a_thing_and_in_each_of_a_list() {
        #[track_caller]
        fn check(body: &str, expect: &[&[&str]]) {
            let described = described(body.as_bytes(), &["id", "first_id"]).unwrap();
            let spelled = described.iter().map(|thing| thing.iter().map(|said| &body[said.span.clone()]));
            assert_eq!(spelled.map(Iterator::collect).collect::<Vec<Vec<_>>>(), expect, "{body}");
        }
        check(r#"{"id":"a","x":{"id":"b"},"first_id":null}"#, &[&[r#""a""#]]);
        check(
            r#"{"data":[{"id":"a","m":{"id":"c"}},1,{"i\u0064":"b"}],"first_id":"a"}"#,
            &[&[r#""a""#], &[r#""a""#], &[], &[r#""b""#]],
        );
        check(r#"{"id":"a","id":"\u0062"}"#, &[&[r#""a""#, r#""\u0062""#]]);
        assert!(described(b"[]", &["id"]).is_err());
    }
}
