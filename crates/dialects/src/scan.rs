//! Finds the top-level fields of a JSON object without building values: one pass that checks the whole text
//! (RFC 8259), its depth and its UTF-8, and remembers where each field lies.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use memchr::memchr2;
use types::Code;

/// Where something lies in a body, in bytes.
pub type Span = Range<usize>;

/// Why a body is not the JSON object it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanError {
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
            Self::Duplicate { .. } => Code::InvalidField,
            Self::Malformed { .. } => Code::MalformedJson,
            Self::NotUtf8 { .. } => Code::InvalidUtf8,
        }
    }
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deep { limit } => write!(f, "the JSON is nested more than {limit} levels deep"),
            Self::Duplicate { field } => write!(f, "`{field}` stands in the body twice"),
            Self::Malformed { offset, expected } => {
                write!(f, "the body is not valid JSON: expected {expected} at byte {offset}")
            }
            Self::NotUtf8 { offset } => write!(f, "the body is not valid UTF-8 at byte {offset}"),
        }
    }
}

impl std::error::Error for ScanError {}

/// One top-level field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    /// The name without its quotes, escapes and all.
    key: Span,
    /// The value.
    value: Span,
    /// Whether the name is spelled with escape sequences.
    escaped: bool,
}

/// The top-level fields of a JSON object, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    fields: Vec<Field>,
    /// Just behind the opening brace: where a field can be put in front of all others.
    start: usize,
}

impl Fields {
    /// Checks the whole of `body` and finds the fields of the object it must be.
    pub fn scan(body: &[u8], max_depth: usize) -> Result<Self, ScanError> {
        if let Err(error) = std::str::from_utf8(body) {
            return Err(ScanError::NotUtf8 { offset: error.valid_up_to() });
        }
        let mut scanner = Scanner { bytes: body, at: 0, max_depth, escaped: false };
        scanner.skip_space();
        let mut fields = Self::default();
        scanner.expect(b'{', "an object")?;
        fields.start = scanner.at;
        scanner.object(1, |field| fields.fields.push(field))?;
        scanner.skip_space();
        if scanner.at == body.len() { Ok(fields) } else { Err(scanner.expected("the end of the body")) }
    }

    /// Where the value of `name` lies in the body that was scanned.
    pub fn find(&self, body: &[u8], name: &str) -> Result<Option<Span>, ScanError> {
        let mut found = self.fields.iter().filter(|field| key_is(body, field, name));
        let value = found.next().map(|field| field.value.clone());
        match found.next() {
            Some(_) => Err(ScanError::Duplicate { field: name.to_owned() }),
            None => Ok(value),
        }
    }

    /// The value of `name`, as bytes of the body that was scanned. Of two, the first.
    pub fn value<'a>(&self, body: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let field = self.fields.iter().find(|field| key_is(body, field, name))?;
        body.get(field.value.clone())
    }

    /// Where the name of the field `name` lies, without its quotes.
    pub fn key_span(&self, body: &[u8], name: &str) -> Option<Span> {
        self.fields.iter().find(|field| key_is(body, field, name)).map(|field| field.key.clone())
    }

    /// Just behind the opening brace: where a field can be put in front of all others.
    pub const fn start(&self) -> usize {
        self.start
    }

    /// Whether the object has no fields.
    pub const fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The names, in order, and where each field lies with its value.
    pub(crate) fn places<'a>(&'a self, body: &'a [u8]) -> impl Iterator<Item = (Cow<'a, str>, Span)> {
        self.fields.iter().filter_map(|field| {
            Some((key_text(body, field)?, field.key.start.checked_sub(1)?..field.value.end))
        })
    }

    /// The names, in order.
    pub fn names<'a>(&'a self, body: &'a [u8]) -> impl Iterator<Item = Cow<'a, str>> {
        self.fields.iter().filter_map(|field| key_text(body, field))
    }
}

/// Whether the field's name is `name`. Names are compared as they read, not as they are spelled, so that an
/// escaped letter cannot hide a field from the gateway that the upstream would see.
fn key_is(body: &[u8], field: &Field, name: &str) -> bool {
    match body.get(field.key.clone()) {
        // A spelling with escapes reads as something else, even where it is the name itself.
        Some(raw) if !field.escaped => raw == name.as_bytes(),
        Some(_) => key_text(body, field).is_some_and(|text| text == name),
        None => false,
    }
}

/// The field's name as it reads.
fn key_text<'a>(body: &'a [u8], field: &Field) -> Option<Cow<'a, str>> {
    let raw = body.get(field.key.clone())?;
    if !field.escaped {
        return std::str::from_utf8(raw).ok().map(Cow::Borrowed);
    }
    let quoted = body.get(field.key.start.checked_sub(1)?..field.key.end + 1)?;
    serde_json::from_slice(quoted).ok().map(Cow::Owned)
}

/// Strings up to this many words of eight bytes are looked at word by word.
const SHORT: usize = 8;

/// How far it is to the end of a string, to its next escape sequence or to a control character, if that is near.
/// Most strings are short: setting a vector search up would cost more than looking at eight bytes at a time.
fn near(rest: &[u8]) -> Option<usize> {
    let (words, tail) = rest.as_chunks::<8>();
    for (index, word) in words.iter().take(SHORT).enumerate() {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(index * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    if words.len() > SHORT {
        return None;
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    tail.iter().position(is_special).map(|position| words.len() * 8 + position)
}

/// The high bit of each byte that is a quote, a backslash or a control character. Only the lowest bit set is exact:
/// a borrow may set bits above it (Hacker's Delight, section 6-1).
const fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const fn zero_bytes(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = zero_bytes(word ^ (ONES * 0x22));
    let backslash = zero_bytes(word ^ (ONES * 0x5c));
    (control | quote | backslash) & (ONES << 7)
}

/// The position in the text. Recursion is bounded by `max_depth`.
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    max_depth: usize,
    /// Whether the last string holds an escape sequence.
    escaped: bool,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    const fn expected(&self, what: &'static str) -> ScanError {
        ScanError::Malformed { offset: self.at, expected: what }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), ScanError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.expected(what))
        }
    }

    /// Any value; `depth` is how many containers it stands in.
    fn value(&mut self, depth: usize) -> Result<Span, ScanError> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => self.string().map(drop)?,
            Some(b'{') => {
                self.at += 1;
                self.object(depth + 1, |_| ())?;
            }
            Some(b'[') => {
                self.at += 1;
                self.array(depth + 1)?;
            }
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) | None => return Err(self.expected("a value")),
        }
        Ok(start..self.at)
    }

    /// The rest of an object behind its brace; tells of each field.
    fn object(&mut self, depth: usize, mut found: impl FnMut(Field)) -> Result<(), ScanError> {
        self.check_depth(depth)?;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip_space();
            let key = self.string()?;
            let escaped = self.escaped;
            self.skip_space();
            self.expect(b':', "`:`")?;
            self.skip_space();
            let value = self.value(depth)?;
            found(Field { key, value, escaped });
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                Some(_) | None => return Err(self.expected("`,` or `}`")),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// The rest of an array behind its bracket.
    fn array(&mut self, depth: usize) -> Result<(), ScanError> {
        self.check_depth(depth)?;
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip_space();
            self.value(depth)?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                Some(_) | None => return Err(self.expected("`,` or `]`")),
            }
        }
        self.at += 1;
        Ok(())
    }

    const fn check_depth(&self, depth: usize) -> Result<(), ScanError> {
        if depth > self.max_depth { Err(ScanError::Deep { limit: self.max_depth }) } else { Ok(()) }
    }

    /// A string; the span is what lies between its quotes.
    fn string(&mut self) -> Result<Span, ScanError> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        self.escaped = false;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let length = match near(rest) {
                Some(length) => length,
                None => self.far(rest)?,
            };
            self.at += length;
            match rest.get(length) {
                Some(b'"') => {
                    let end = self.at;
                    self.at += 1;
                    return Ok(start..end);
                }
                Some(b'\\') => self.escape()?,
                Some(_) | None => return Err(self.expected("no control character inside a string")),
            }
        }
    }

    /// How far it is to the end of a long string, or to its next escape sequence.
    fn far(&mut self, rest: &[u8]) -> Result<usize, ScanError> {
        let Some(length) = memchr2(b'"', b'\\', rest) else {
            self.at = self.bytes.len();
            return Err(self.expected("the end of a string"));
        };
        let plain = rest.get(..length).unwrap_or_default();
        // A fold without early exit compiles to vector code; strings are most of a body.
        if plain.iter().fold(0, |found, byte| found | u8::from(*byte < 0x20)) == 0 {
            return Ok(length);
        }
        Err(self.expected("no control character inside a string"))
    }

    /// An escape sequence, from its backslash.
    fn escape(&mut self) -> Result<(), ScanError> {
        self.escaped = true;
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 1..self.at + 5).unwrap_or_default();
                if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(self.expected("four hexadecimal digits"));
                }
                self.at += 5;
            }
            Some(_) | None => return Err(self.expected("an escape sequence")),
        }
        Ok(())
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), ScanError> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.expected("a value"))
        }
    }

    fn number(&mut self) -> Result<(), ScanError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.expected("a digit")) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(body: &str, expect: Result<&[(&str, &str)], ScanError>) {
        let fields = Fields::scan(body.as_bytes(), 4).map(|fields| {
            let pairs = fields.fields.iter();
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
