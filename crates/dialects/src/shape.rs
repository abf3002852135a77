//! JSON objects as structs: read, and nothing else as one, and written.

use std::io;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::ser::{CharEscape, Formatter};

use crate::scanner::plain_length;

/// The object that `json` is, or `None` if it is no such object. Serde by itself takes an array for a struct, its items
/// for the fields in their order: what a caller wrote would then mean something that its provider never reads in it.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    json.starts_with(b"{").then(|| serde_json::from_slice(json).ok())?
}

/// Writes `value` as JSON to the end of `out`.
#[expect(clippy::expect_used, reason = "our own structs have text keys, and a Vec takes every write")]
pub(crate) fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    value
        .serialize(&mut serde_json::Serializer::with_formatter(out, LongTexts))
        .expect("our own structs are JSON");
}

/// A text that may be long, for serde's `serialize_with`. What [`write`] writes is the same text as serde's own, which
/// looks at each of its bytes by itself; nothing else may write a struct that has such a field.
pub(crate) fn long_text<S: Serializer>(
    text: &(impl AsRef<str> + ?Sized),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(text.as_ref().as_bytes())
}

/// The same as a type, where there is no place for an attribute.
#[derive(Default, Serialize)]
#[serde(transparent)]
pub(crate) struct LongText(#[serde(serialize_with = "long_text")] pub(crate) String);

/// Writes JSON without spaces, in which bytes are a text's.
struct LongTexts;

impl Formatter for LongTexts {
    fn write_byte_array<W: io::Write + ?Sized>(&mut self, writer: &mut W, text: &[u8]) -> io::Result<()> {
        self.begin_string(writer)?;
        let mut rest = text;
        loop {
            let (plain, special) = rest.split_at_checked(plain_length(rest)).unwrap_or((rest, &[]));
            writer.write_all(plain)?;
            let Some((byte, others)) = special.split_first() else { break };
            self.write_char_escape(writer, escape(*byte))?;
            rest = others;
        }
        self.end_string(writer)
    }
}

/// How a byte is spelled that cannot stand in a text as it is.
const fn escape(byte: u8) -> CharEscape {
    match byte {
        b'"' => CharEscape::Quote,
        b'\\' => CharEscape::ReverseSolidus,
        0x08 => CharEscape::Backspace,
        b'\t' => CharEscape::Tab,
        b'\n' => CharEscape::LineFeed,
        0x0c => CharEscape::FormFeed,
        b'\r' => CharEscape::CarriageReturn,
        control => CharEscape::AsciiControl(control),
    }
}

/// Writes `value` as JSON on one line: what is kept as it came may stand on several, and a stream's piece ends there.
pub(crate) fn write_line(out: &mut Vec<u8>, value: &impl Serialize) {
    let from = out.len();
    write(out, value);
    // Within texts both are escaped.
    let is_end_of_line = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if out.iter().skip(from).any(&is_end_of_line) {
        let line = out.split_off(from);
        out.extend(line.into_iter().filter(|byte| !is_end_of_line(byte)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Serialize)]
    struct Texts<'a> {
        #[serde(serialize_with = "long_text")]
        text: &'a str,
        owned: LongText,
    }

    proptest! {
        #[test]
        fn a_long_text_is_written_as_serde_writes_it(text in r#"[ -~é\\"\x00-\x1f\x7f]{0,100}"#) {
            let mut out = Vec::new();
            write(&mut out, &Texts { text: &text, owned: LongText(text.clone()) });
            let text = serde_json::json!(text);
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!(r#"{{"text":{text},"owned":{text}}}"#));
        }
    }

    #[test]
    fn a_line_has_no_end_within() {
        let json = types::Json::parse("{\n\"a\":\r\n\"b\\nc\"}").unwrap();
        let mut out = b"data:\n".to_vec();
        write_line(&mut out, &json);
        assert_eq!(out, b"data:\n{\"a\":\"b\\nc\"}");
    }

    #[test]
    fn an_array_is_not_read_as_an_object() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Typed<'a> {
            r#type: &'a str,
        }
        assert_eq!(object(br#"{"type":"x"}"#), Some(Typed { r#type: "x" }));
        for other in [&br#"["x"]"#[..], b"[]", b"{}", b"null", b"", br#"{"type":1}"#] {
            assert_eq!(object::<Typed<'_>>(other), None);
        }
    }
}
