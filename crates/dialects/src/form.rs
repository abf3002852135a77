//! Finds the parts of a form (`multipart/form-data`, RFC 7578) where they lie, without copying them. A form is read
//! more strictly than most servers do: what two readers could take for different parts is refused, so that no field
//! means one thing to the gateway and another to the upstream.

use std::fmt;

use http::{HeaderMap, header};
use memchr::{memchr, memmem};

use crate::Span;
use crate::scanner::Member;

/// Why a body is not a form that every reader takes for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormError {
    /// The `content-type` names no boundary, or one that cannot be.
    Boundary,
    /// It has more parts than any request.
    Crowded {
        /// The limit.
        limit: usize,
    },
    /// It is not laid out as RFC 2046, section 5.1, says.
    Malformed {
        /// Where, in bytes from the start.
        offset: usize,
        /// What was expected there.
        expected: &'static str,
    },
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boundary => f.write_str("the form's `content-type` names no boundary"),
            Self::Crowded { limit } => write!(f, "the form has more than {limit} parts"),
            Self::Malformed { offset, expected } => {
                write!(f, "the body is not a valid form: expected {expected} at byte {offset}")
            }
        }
    }
}

impl std::error::Error for FormError {}

/// The parts of a form.
#[derive(Debug, Default)]
pub(crate) struct Form {
    /// Each part's name and content.
    pub(crate) parts: Vec<Member>,
    /// How many bytes of the contents are no files.
    pub(crate) text: usize,
    /// Where the first boundary begins.
    pub(crate) start: usize,
}

/// The media type of forms.
const FORM: &str = "multipart/form-data";
/// RFC 2046, section 5.1.1.
const LONGEST_BOUNDARY: usize = 70;
/// Longer than the head of any part.
const LONGEST_HEAD: usize = 8 << 10;

/// Whether the headers say that the body is a form.
pub(crate) fn is_announced(headers: &HeaderMap) -> bool {
    content_type(headers).is_some_and(|(kind, _)| kind.trim().eq_ignore_ascii_case(FORM))
}

/// The media type and its parameters.
fn content_type(headers: &HeaderMap) -> Option<(&str, &str)> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split_once(';').unwrap_or((value, "")))
}

/// What stands between the parts, two hyphens included.
///
/// # Errors
/// Headers that announce no form, or not what stands between its parts.
pub fn boundary(headers: &HeaderMap) -> Result<Vec<u8>, FormError> {
    let (_, parameters) = content_type(headers).ok_or(FormError::Boundary)?;
    let mut found = None;
    for parameter in parameters.split(';') {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        if name.trim().eq_ignore_ascii_case("boundary") && found.replace(value.trim()).is_some() {
            return Err(FormError::Boundary);
        }
    }
    let value = found.ok_or(FormError::Boundary)?;
    let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let is_fit = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    if bare.is_empty() || bare.len() > LONGEST_BOUNDARY || !bare.bytes().all(is_fit) {
        return Err(FormError::Boundary);
    }
    Ok([b"--", bare.as_bytes()].concat())
}

/// Finds the parts of `body`, at most so many.
pub(crate) fn scan(body: &[u8], boundary: &[u8], most: usize) -> Result<Form, FormError> {
    let mut reader = Reader { body, at: 0, boundary, finder: memmem::Finder::new(boundary) };
    reader.skip(b"\r\n");
    let mut form = Form { start: reader.at, ..Form::default() };
    reader.expect(boundary, "the boundary")?;
    while reader.has_more()? {
        if form.parts.len() == most {
            return Err(FormError::Crowded { limit: most });
        }
        let head = reader.head()?;
        let content = reader.content()?;
        if head.kind == Kind::Text {
            form.text += content.len();
        }
        form.parts.push(Member::plain(head.name, content));
    }
    Ok(form)
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Text,
}

/// What stands in front of a part's content.
struct Head {
    name: Span,
    kind: Kind,
}

struct Reader<'a> {
    body: &'a [u8],
    at: usize,
    boundary: &'a [u8],
    finder: memmem::Finder<'a>,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.body.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, what: &[u8]) -> bool {
        let is_there = self.rest().starts_with(what);
        if is_there {
            self.at += what.len();
        }
        is_there
    }

    fn expect(&mut self, what: &[u8], expected: &'static str) -> Result<(), FormError> {
        if self.skip(what) { Ok(()) } else { Err(self.malformed(expected)) }
    }

    const fn malformed(&self, expected: &'static str) -> FormError {
        FormError::Malformed { offset: self.at, expected }
    }

    /// What follows a boundary: another part, or the form's end.
    fn has_more(&mut self) -> Result<bool, FormError> {
        if self.skip(b"--") {
            self.skip_blanks();
            self.skip(b"\r\n");
            return if self.rest().is_empty() {
                Ok(false)
            } else {
                Err(self.malformed("the end of the form"))
            };
        }
        self.skip_blanks();
        self.expect(b"\r\n", "the end of the line")?;
        Ok(true)
    }

    fn skip_blanks(&mut self) {
        while self.skip(b" ") || self.skip(b"\t") {}
    }

    /// The lines in front of a part's content.
    fn head(&mut self) -> Result<Head, FormError> {
        let (start, mut found) = (self.at, None);
        while !self.skip(b"\r\n") {
            if self.at - start > LONGEST_HEAD {
                return Err(self.malformed("the end of the part's headers"));
            }
            let line = self.line()?;
            let (name, value) = self.split(line, b':', "a header")?;
            let name = self.text(name).trim_ascii();
            if name.eq_ignore_ascii_case(b"content-disposition") {
                let head = self.disposition(value)?;
                if found.replace(head).is_some() {
                    return Err(self.malformed("one `content-disposition`"));
                }
            } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
                self.transfer_encoding(value)?;
            }
        }
        found.ok_or_else(|| self.malformed("a `content-disposition` before the part's content"))
    }

    /// The next line, which the reader is behind of afterwards.
    fn line(&mut self) -> Result<Span, FormError> {
        let start = self.at;
        let Some(length) = memchr(b'\n', self.rest()) else {
            return Err(self.malformed("the end of the line"));
        };
        let end = (start + length).checked_sub(1).filter(|end| self.body.get(*end) == Some(&b'\r'));
        let end =
            end.filter(|end| *end >= start).ok_or_else(|| self.malformed("a line that ends in CR LF"))?;
        let line = start..end;
        // A line that goes on in the next, or hides an end in its middle, is read differently by different readers.
        let is_odd = |byte: &u8| matches!(byte, b'\r' | 0);
        if self.text(line.clone()).iter().any(is_odd) || self.text(line.clone()).starts_with(b" ") {
            return Err(self.malformed("a header on one line"));
        }
        self.at = start + length + 1;
        Ok(line)
    }

    fn text(&self, span: Span) -> &'a [u8] {
        self.body.get(span).unwrap_or_default()
    }

    fn split(&self, span: Span, at: u8, expected: &'static str) -> Result<(Span, Span), FormError> {
        let middle = memchr(at, self.text(span.clone())).map(|length| span.start + length);
        let middle = middle.ok_or(FormError::Malformed { offset: span.start, expected })?;
        Ok((span.start..middle, middle + 1..span.end))
    }

    /// RFC 7578, section 4.7: what a part is encoded in besides is not used any more.
    fn transfer_encoding(&self, value: Span) -> Result<(), FormError> {
        let value = self.text(value).trim_ascii();
        let plain: [&[u8]; 3] = [b"7bit", b"8bit", b"binary"];
        let is_plain = plain.iter().any(|known| value.eq_ignore_ascii_case(known));
        if is_plain { Ok(()) } else { Err(self.malformed("a part that is not encoded")) }
    }

    /// `form-data; name="…"; filename="…"` (RFC 7578, section 4.2).
    fn disposition(&self, value: Span) -> Result<Head, FormError> {
        let mut rest = Parameters { body: self.body, at: value.start, end: value.end };
        let (mut name, mut kind) = (None, Kind::Text);
        let form_data = rest.kind();
        if !self.text(form_data).eq_ignore_ascii_case(b"form-data") {
            return Err(self.malformed("`form-data`"));
        }
        while let Some((key, value)) = rest.next()? {
            match self.text(key) {
                key if key.eq_ignore_ascii_case(b"name") => {
                    let is_plain = !self.text(value.clone()).contains(&b'\\');
                    if !is_plain || name.replace(value).is_some() {
                        return Err(self.malformed("one plain `name`"));
                    }
                }
                key if key.eq_ignore_ascii_case(b"name*") => return Err(self.malformed("a plain `name`")),
                key if key.eq_ignore_ascii_case(b"filename") || key.eq_ignore_ascii_case(b"filename*") => {
                    kind = Kind::File;
                }
                _ => {}
            }
        }
        let name = name.ok_or_else(|| self.malformed("a `name`"))?;
        Ok(Head { name, kind })
    }

    /// A part's content, up to the next boundary, which the reader is behind of afterwards.
    fn content(&mut self) -> Result<Span, FormError> {
        let start = self.at;
        let mut from = start;
        loop {
            let found = self.finder.find(self.body.get(from..).unwrap_or_default());
            let Some(length) = found else { return Err(self.malformed("the boundary behind the part")) };
            let place = from + length;
            let before = self.body.get(start..place).unwrap_or_default();
            // The line end in front of the boundary is part of it.
            if before.ends_with(b"\r\n") {
                self.at = place + self.boundary.len();
                return Ok(start..place - 2);
            }
            if before.is_empty() || before.ends_with(b"\n") {
                self.at = place;
                return Err(self.malformed("CR LF in front of the boundary"));
            }
            from = place + 1;
        }
    }
}

/// The parameters of a header's value.
struct Parameters<'a> {
    body: &'a [u8],
    at: usize,
    end: usize,
}

impl Parameters<'_> {
    fn rest(&self) -> &[u8] {
        self.body.get(self.at..self.end).unwrap_or_default()
    }

    /// What stands in front of all parameters.
    fn kind(&mut self) -> Span {
        self.blanks();
        self.until(|byte| byte == b';' || byte == b' ' || byte == b'\t')
    }

    /// The next name and value, quotes left out.
    fn next(&mut self) -> Result<Option<(Span, Span)>, FormError> {
        self.blanks();
        if self.rest().is_empty() {
            return Ok(None);
        }
        self.expect(b';', "`;`")?;
        self.blanks();
        if self.rest().is_empty() {
            return Ok(None);
        }
        let name = self.until(|byte| byte == b'=' || byte == b';' || byte.is_ascii_whitespace());
        self.expect(b'=', "`=`")?;
        if self.rest().first() != Some(&b'"') {
            let value = self.until(|byte| matches!(byte, b';' | b' ' | b'\t' | b'"'));
            return Ok(Some((name, value)));
        }
        self.at += 1;
        let value = self.until(|byte| byte == b'"');
        // An escaped quote ends the text for one reader and not for another.
        if self.body.get(value.clone()).unwrap_or_default().ends_with(b"\\") {
            return Err(self.malformed("a text without an escaped quote"));
        }
        self.expect(b'"', "the end of a quoted text")?;
        Ok(Some((name, value)))
    }

    fn blanks(&mut self) {
        self.until(|byte| byte != b' ' && byte != b'\t');
    }

    fn until(&mut self, is_end: impl Fn(u8) -> bool) -> Span {
        let start = self.at;
        let length = self.rest().iter().position(|byte| is_end(*byte));
        self.at = length.map_or(self.end, |length| start + length);
        start..self.at
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), FormError> {
        if self.rest().first() != Some(&byte) {
            return Err(self.malformed(expected));
        }
        self.at += 1;
        Ok(())
    }

    const fn malformed(&self, expected: &'static str) -> FormError {
        FormError::Malformed { offset: self.at, expected }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// The form's names and contents, written with a `|` for each line end.
    #[track_caller]
    fn check(body: &str, expect: Result<&[(&str, &str)], FormError>) {
        let body = body.replace('|', "\r\n");
        let form = scan(body.as_bytes(), b"--x", 8).map(|form| {
            let parts = form.parts.iter();
            parts
                .map(|part| (body[part.key.clone()].to_owned(), body[part.value.clone()].to_owned()))
                .collect()
        });
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(form, expect.map(owned), "{body}");
    }

    fn malformed(
        offset: usize,
        expected: &'static str,
    ) -> Result<&'static [(&'static str, &'static str)], FormError> {
        Err(FormError::Malformed { offset, expected })
    }

    const NAME: &str = "content-disposition: form-data; name";

    #[test]
    fn parts_are_found_where_they_lie() {
        let body = format!(
            "--x|{NAME}=\"model\"||whisper-1|--x |Content-Type: audio/wav|{NAME}=file; filename=\"C:\\a;b.wav\"|\
             |RIFF--xx|-|--y||--x|{NAME}=empty|||--x--|"
        );
        check(&body, Ok(&[("model", "whisper-1"), ("file", "RIFF--xx\r\n-\r\n--y\r\n"), ("empty", "")]));
        check("--x--", Ok(&[]));
        check(&format!("|--x|{NAME}=a|||--x--||"), malformed(58, "the end of the form"));
    }

    #[test]
    fn files_do_not_count_as_text() {
        let body = format!("--x\r\n{NAME}=a\r\n\r\n12\r\n--x\r\n{NAME}=b;filename=c\r\n\r\n345\r\n--x--");
        assert_eq!(scan(body.as_bytes(), b"--x", 8).unwrap().text, 2);
    }

    #[test]
    fn what_two_readers_may_take_for_different_things_is_refused() {
        check("", malformed(0, "the boundary"));
        check("text|--x--", malformed(0, "the boundary"));
        check(&format!("--x|{NAME}=a||b"), malformed(47, "the boundary behind the part"));
        check(&format!("--x|{NAME}=a||b|--xy|"), malformed(53, "the end of the line"));
        check(&format!("--x|{NAME}=a||b|--x--c"), malformed(55, "the end of the form"));
        check(&format!("--x|{NAME}=a||b\n--x--|--x--"), malformed(49, "CR LF in front of the boundary"));
        check("--x||a|--x--", malformed(7, "a `content-disposition` before the part's content"));
        check(&format!("--x|{NAME}=a|{NAME}=b||c|--x--"), malformed(85, "one `content-disposition`"));
        check(&format!("--x|{NAME}=a; name=b||c|--x--"), malformed(53, "one plain `name`"));
        check(&format!("--x|{NAME}=\"mod\\el\"||c|--x--"), malformed(52, "one plain `name`"));
        check(&format!("--x|{NAME}*=utf-8''model||c|--x--"), malformed(57, "a plain `name`"));
        let quoted = format!("--x|{NAME}=a; filename=\"b\\\"; name=\"model\"||c|--x--");
        check(&quoted, malformed(57, "a text without an escaped quote"));
        check(&format!("--x|{NAME}=a| ; name=b||c|--x--"), malformed(45, "a header on one line"));
        let encoded = format!("--x|{NAME}=a|Content-Transfer-Encoding: base64||YQ==|--x--");
        check(&encoded, malformed(80, "a part that is not encoded"));
    }

    #[test]
    fn a_crowd_of_parts_is_refused() {
        let body = format!("--x{}--", format!("\r\n{NAME}=a\r\n\r\nb\r\n--x").repeat(9));
        assert_eq!(scan(body.as_bytes(), b"--x", 8).unwrap_err(), FormError::Crowded { limit: 8 });
    }

    #[test]
    fn the_boundary_is_read_from_the_content_type() {
        let of = |value: &str| {
            let headers =
                HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_str(value).unwrap())]);
            is_announced(&headers).then(|| boundary(&headers))
        };
        assert_eq!(of("application/json"), None);
        assert_eq!(of("Multipart/Form-Data; boundary=x"), Some(Ok(b"--x".to_vec())));
        assert_eq!(
            of("multipart/form-data; charset=utf-8; boundary=\"a b\""),
            Some(Err(FormError::Boundary))
        );
        assert_eq!(of("multipart/form-data; boundary=\"a:b\""), Some(Ok(b"--a:b".to_vec())));
        for wrong in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=a;boundary=b",
        ] {
            assert_eq!(of(wrong), Some(Err(FormError::Boundary)), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out(content in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut body = format!("--xyz\r\n{NAME}=\"a\"\r\n\r\n").into_bytes();
            body.extend(&content);
            body.extend(b"\r\n--xyz--\r\n");
            let form = scan(&body, b"--xyz", 8).unwrap();
            prop_assert_eq!(&body[form.parts[0].value.clone()], &content[..]);
        }

        #[test]
        fn bytes_of_any_kind_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let body = [b"--x\r\n".as_slice(), &bytes].concat();
            drop(scan(&body, b"--x", 8));
        }
    }
}
