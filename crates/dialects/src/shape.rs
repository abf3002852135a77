//! JSON objects as structs: read, and nothing else as one, and written.

use serde::{Deserialize, Serialize};

/// The object that `json` is, or `None` if it is no such object. Serde by itself takes an array for a struct, its items
/// for the fields in their order: what a caller wrote would then mean something that its provider never reads in it.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    json.starts_with(b"{").then(|| serde_json::from_slice(json).ok())?
}

/// Writes `value` as JSON to the end of `out`.
#[expect(clippy::expect_used, reason = "our own structs have text keys, and a Vec takes every write")]
pub(crate) fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value).expect("our own structs are JSON");
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
    use super::*;

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
