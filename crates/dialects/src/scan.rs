//! Finds the top-level fields of a JSON object without building values, and remembers where each of them lies.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use http::HeaderMap;
use types::Code;

use crate::form::{self, FormError};
use crate::outline::Part;
use crate::route::Takes;
use crate::scanner::{self, Keep, Member};

/// Where something lies in a body, in bytes.
pub type Span = Range<usize>;

/// Why a body is not the JSON object, or the form, that it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanError {
    /// It has more fields than any request or answer.
    Crowded {
        /// The limit.
        limit: usize,
    },
    /// It is nested more deeply than allowed.
    Deep {
        /// The limit.
        limit: usize,
    },
    /// A field that the gateway decides by stands there twice.
    Duplicate {
        /// Which.
        field: String,
    },
    /// It is not a form that every reader takes for the same.
    Form(FormError),
    /// It is not JSON.
    Malformed {
        /// Where, in bytes from the start.
        offset: usize,
        /// What was expected there.
        expected: &'static str,
    },
    /// It is not UTF-8.
    NotUtf8 {
        /// Where, in bytes from the start.
        offset: usize,
    },
}

impl ScanError {
    /// The code the caller sees.
    pub const fn code(&self) -> Code {
        match self {
            Self::Deep { .. } => Code::JsonTooDeep,
            Self::Crowded { .. } | Self::Duplicate { .. } | Self::Form(_) => Code::InvalidField,
            Self::Malformed { .. } => Code::MalformedJson,
            Self::NotUtf8 { .. } => Code::InvalidUtf8,
        }
    }
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crowded { limit } => write!(f, "the body has more than {limit} fields"),
            Self::Deep { limit } => write!(f, "the JSON is nested more than {limit} levels deep"),
            Self::Duplicate { field } => write!(f, "`{field}` stands in the body twice"),
            Self::Form(error) => error.fmt(f),
            Self::Malformed { offset, expected } => {
                write!(f, "the body is not valid JSON: expected {expected} at byte {offset}")
            }
            Self::NotUtf8 { offset } => write!(f, "the body is not valid UTF-8 at byte {offset}"),
        }
    }
}

impl std::error::Error for ScanError {}

/// As many as a request or an answer usually has.
const USUAL_FIELDS: usize = 16;
/// Ten times as many as any language has.
const KEEP: Keep = Keep { levels: 1, most: 1024 };
/// What is kept of a small body, so that who reads all of it need not look for it again: down to the fields of a
/// message's blocks.
const KEEP_OF_SMALL: Keep = Keep { levels: 5, most: 512 };
/// A body of more bytes is not small: what is in it is found when it is read.
const SMALL: usize = 16 * 1024;

/// The top-level fields of a JSON object, or the parts of a form, in order; of a small object, also what is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Each followed by what is known to stand inside it.
    members: Vec<Member>,
    /// Where a field can be put in front of all others: just behind the opening brace, or where a form begins.
    start: usize,
    /// Of a form, how many bytes of it are no files.
    form: Option<usize>,
}

impl Fields {
    /// Checks the whole of a request's body, laid out as its headers say and its path allows.
    pub fn read(headers: &HeaderMap, body: &[u8], takes: Takes, max_depth: usize) -> Result<Self, ScanError> {
        match takes {
            Takes::JsonOrForm if form::is_announced(headers) => Self::of_form(headers, body),
            Takes::Json | Takes::JsonOrForm => Self::scan(body, max_depth),
        }
    }

    fn of_form(headers: &HeaderMap, body: &[u8]) -> Result<Self, ScanError> {
        let boundary = form::boundary(headers).map_err(ScanError::Form)?;
        let form = form::scan(body, &boundary, KEEP.most).map_err(ScanError::Form)?;
        Ok(Self { members: form.parts, start: form.start, form: Some(form.text) })
    }

    /// Checks the whole of `body` and finds the fields of the object it must be.
    pub fn scan(body: &[u8], max_depth: usize) -> Result<Self, ScanError> {
        Self::scan_text(scanner::text(body)?, max_depth)
    }

    /// The same of a text.
    pub(crate) fn scan_text(text: &str, max_depth: usize) -> Result<Self, ScanError> {
        let mut members = Vec::with_capacity(USUAL_FIELDS);
        if text.len() <= SMALL {
            match scanner::scan(text, max_depth, KEEP_OF_SMALL, &mut members) {
                Err(ScanError::Crowded { .. }) => members.clear(),
                scanned => return Ok(Self { start: scanned?, members, form: None }),
            }
        }
        let start = scanner::scan(text, max_depth, KEEP, &mut members)?;
        Ok(Self { members, start, form: None })
    }

    /// The object in the text that was scanned, with what is known of it.
    pub(crate) fn root<'a>(&'a self, text: &'a str) -> Part<'a> {
        Part::known(text, self.start, &self.members)
    }

    /// The fields themselves, without what stands inside them.
    fn top(&self) -> impl Iterator<Item = &Member> {
        let mut rest = self.members.as_slice();
        std::iter::from_fn(move || {
            let (member, others) = rest.split_first()?;
            rest = others.get(member.inside..).unwrap_or_default();
            Some(member)
        })
    }

    /// Where the value of `name` lies in the body that was scanned.
    pub fn find(&self, body: &[u8], name: &str) -> Result<Option<Span>, ScanError> {
        let mut found = self.top().filter(|field| field.is(body, name));
        let value = found.next().map(|field| field.value.clone());
        match found.next() {
            Some(_) => Err(ScanError::Duplicate { field: name.to_owned() }),
            None => Ok(value),
        }
    }

    /// The value of `name`, as bytes of the body that was scanned. Of two, the first.
    pub fn value<'a>(&self, body: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let field = self.top().find(|field| field.is(body, name))?;
        body.get(field.value.clone())
    }

    /// Where the name of the field `name` lies, without its quotes.
    pub fn key_span(&self, body: &[u8], name: &str) -> Option<Span> {
        self.top().find(|field| field.is(body, name)).map(|field| field.key.clone())
    }

    /// Where a field can be put in front of all others: just behind the opening brace, or where a form begins.
    pub const fn start(&self) -> usize {
        self.start
    }

    /// Whether the body is a form: what stands in its fields is plain text then, not JSON.
    pub const fn is_form(&self) -> bool {
        self.form.is_some()
    }

    /// How many bytes of the body are text, as far as a form tells them from files.
    pub fn text_length(&self, body: &[u8]) -> usize {
        self.form.unwrap_or(body.len())
    }

    /// Whether they were found in an object.
    pub(crate) const fn is_of_object(&self) -> bool {
        self.start > 0 && self.form.is_none()
    }

    /// Whether the object has no fields.
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The names, in order, and where each field lies with its value.
    pub(crate) fn places<'a>(&'a self, body: &'a [u8]) -> impl Iterator<Item = (Cow<'a, str>, Span)> {
        self.top()
            .filter_map(|field| Some((field.name(body)?, field.key.start.checked_sub(1)?..field.value.end)))
    }

    /// The names, in order.
    pub fn names<'a>(&'a self, body: &'a [u8]) -> impl Iterator<Item = Cow<'a, str>> {
        self.top().filter_map(|field| field.name(body))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(body: &str, expect: Result<&[(&str, &str)], ScanError>) {
        let fields = Fields::scan(body.as_bytes(), 4).map(|fields| {
            let pairs = fields.top();
            pairs.map(|field| (&body[field.key.clone()], &body[field.value.clone()])).collect::<Vec<_>>()
        });
        assert_eq!(fields, expect.map(<[_]>::to_vec), "{body}");
    }

    fn malformed(
        offset: usize,
        expected: &'static str,
    ) -> Result<&'static [(&'static str, &'static str)], ScanError> {
        Err(ScanError::Malformed { offset, expected })
    }

    #[test]
    fn fields_of_an_object_are_found_where_they_lie() {
        check(
            r#"{"model":"m","n":[1,{"model":2}]}"#,
            Ok(&[("model", r#""m""#), ("n", r#"[1,{"model":2}]"#)]),
        );
        check(" { \"a\" : -1.5e+3 , \"b\\\"\":null}\n", Ok(&[("a", "-1.5e+3"), ("b\\\"", "null")]));
        check("{}", Ok(&[]));
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        check("", malformed(0, "an object"));
        check("[]", malformed(0, "an object"));
        check(r#"{"a":1,}"#, malformed(7, "a string"));
        check(r#"{"a":01}"#, malformed(6, "`,` or `}`"));
        check(r#"{"a":1} x"#, malformed(8, "the end of the body"));
        check("{\"a\":\"\n\"}", malformed(6, "no control character inside a string"));
        let long = format!("{{\"a\":\"{}\n\"}}", "x".repeat(40));
        check(&long, malformed(46, "no control character inside a string"));
        check(r#"{"a":"\q"}"#, malformed(7, "an escape sequence"));
        check(r#"{"a":tru}"#, malformed(5, "a value"));
        check(r#"{"a":"x"#, malformed(7, "the end of a string"));
    }

    #[test]
    fn depth_is_capped_before_anything_is_built() {
        check(r#"{"a":[[[1]]]}"#, Ok(&[("a", "[[[1]]]")]));
        check(r#"{"a":[[[[1]]]]}"#, Err(ScanError::Deep { limit: 4 }));
        let deep = format!("{{\"a\":{}", "[".repeat(1_000_000));
        check(&deep, Err(ScanError::Deep { limit: 4 }));
    }

    #[test]
    fn a_crowd_of_fields_is_refused_before_it_takes_many_times_its_size() {
        let crowd = format!("{{\"a\":1{}}}", ",\"\":0".repeat(1024));
        check(&crowd, Err(ScanError::Crowded { limit: 1024 }));
        let list = format!("{{\"a\":[0{}]}}", ",0".repeat(100_000));
        assert!(Fields::scan(list.as_bytes(), 4).is_ok());
    }

    #[test]
    fn an_escaped_name_is_the_name_it_reads_as() {
        let body = br#"{"mod\u0065l":"a","model":"b"}"#;
        let fields = Fields::scan(body, 4).unwrap();
        assert_eq!(fields.find(body, "model"), Err(ScanError::Duplicate { field: "model".to_owned() }));
        let body = br#"{"a\\b":1,"a\\\\b":2}"#;
        let fields = Fields::scan(body, 4).unwrap();
        assert_eq!(fields.find(body, r"a\\b"), Ok(Some(19..20)));
    }

    #[test]
    fn broken_utf8_is_refused_with_its_place() {
        assert_eq!(Fields::scan(b"{\"a\":\"\xff\"}", 4), Err(ScanError::NotUtf8 { offset: 6 }));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_what_json_is(text in r#"[\{\}\[\]",:0-9eE.+\-truefalsn\\ ]{0,40}"#) {
            let ours = Fields::scan(text.as_bytes(), 128).is_ok();
            let theirs = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text);
            // serde_json also refuses numbers beyond f64, which the grammar allows.
            let beyond = theirs.as_ref().is_err_and(|error| error.to_string().contains("out of range"));
            prop_assert!(ours == theirs.is_ok() || beyond, "{text}: {theirs:?}");
        }

        #[test]
        fn a_string_of_any_length_ends_where_it_ends(text in r#"[ -~é\\"\n]{0,200}"#, before in 0_usize..9) {
            let body = format!("{}{}", " ".repeat(before), serde_json::json!({"k": text, "l": 1}));
            let fields = Fields::scan(body.as_bytes(), 4).unwrap();
            let value: String = serde_json::from_slice(fields.value(body.as_bytes(), "k").unwrap()).unwrap();
            prop_assert_eq!(value, text);
            prop_assert_eq!(fields.value(body.as_bytes(), "l"), Some(&b"1"[..]));
        }

        #[test]
        fn bytes_of_any_kind_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(Fields::scan(&bytes, 16));
        }
    }
}
