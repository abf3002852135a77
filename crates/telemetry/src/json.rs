//! JSON written straight into a buffer: escaped, capped, without intermediate values.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::time::Duration;

/// The most bytes one text value takes; what is longer is cut at a character.
const MAX_TEXT: usize = 4096;

/// A JSON object being written.
pub(crate) struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> Object<'a> {
    /// Writes one object, filled by `fill`.
    pub(crate) fn write(out: &'a mut String, fill: impl FnOnce(&mut Object<'_>)) {
        let mut object = Object::open(out);
        fill(&mut object);
        object.close();
    }

    /// Begins an object that [`Object::close`] ends.
    pub(crate) fn open(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, empty: true }
    }

    /// Ends it.
    pub(crate) fn close(self) {
        self.out.push('}');
    }

    /// Writes the name and hands out the buffer for the value. Names are the program's own words and stand as they are.
    pub(crate) fn value(&mut self, name: &str) -> &mut String {
        debug_assert!(!name.bytes().any(is_special), "{name}");
        self.out.push_str(if std::mem::take(&mut self.empty) { "\"" } else { ",\"" });
        self.out.push_str(name);
        self.out.push_str("\":");
        self.out
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        push_text(self.value(name), value);
    }

    pub(crate) fn display(&mut self, name: &str, value: &dyn fmt::Display) {
        push_display(self.value(name), value);
    }

    pub(crate) fn integer(&mut self, name: &str, value: u64) {
        push_integer(self.value(name), value);
    }

    pub(crate) fn boolean(&mut self, name: &str, value: bool) {
        self.value(name).push_str(if value { "true" } else { "false" });
    }

    pub(crate) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
        Object::write(self.value(name), fill);
    }

    /// An array with one value per item, each written by `write`.
    pub(crate) fn array<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        write: impl FnMut(&mut String, T),
    ) {
        push_array(self.value(name), items, write);
    }
}

/// An array with one value per item, each written by `write`.
pub(crate) fn push_array<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut String, T),
) {
    out.push('[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

/// A quoted string, cut to its cap.
pub(crate) fn push_text(out: &mut String, text: &str) {
    out.push('"');
    push_escaped(out, cut(text));
    out.push('"');
}

/// A quoted string from anything that can be displayed, cut to its cap.
pub(crate) fn push_display(out: &mut String, value: &dyn fmt::Display) {
    out.push('"');
    // The only error is the cap's, and what was written until then stands.
    let _ = write!(Escaped { out, left: MAX_TEXT }, "{value}");
    out.push('"');
}

/// A whole number.
pub(crate) fn push_integer(out: &mut String, value: u64) {
    out.push_str(itoa::Buffer::new().format(value));
}

/// `value` divided by ten to the `places`, exact, without trailing zeros: `(1_234_000, 6)` is `1.234`.
pub(crate) fn push_decimal(out: &mut String, value: u64, places: u32) {
    let unit = 10_u64.saturating_pow(places);
    push_integer(out, value / unit);
    let fraction = value % unit;
    if fraction == 0 {
        return;
    }
    let mut buffer = itoa::Buffer::new();
    // With its leading zeros: the digits behind the first of a number that is one unit larger.
    let digits = buffer.format(unit + fraction);
    out.push('.');
    out.push_str(digits.get(1..).unwrap_or_default().trim_end_matches('0'));
}

/// Milliseconds with as many of three decimals as it takes.
pub(crate) fn push_millis(out: &mut String, duration: Duration) {
    push_decimal(out, micros(duration), 3);
}

/// Whole microseconds, saturating.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Two lower-case digits for each byte.
pub(crate) fn push_hex(out: &mut String, bytes: &[u8]) {
    for part in bytes.chunks(16) {
        let mut text = [0; 32];
        let text = text.get_mut(..part.len() * 2).unwrap_or_default();
        out.push_str(types::hexadecimal(part, text));
    }
}

/// An address, quoted.
pub(crate) fn push_address(out: &mut String, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (index, part) in address.octets().into_iter().enumerate() {
                out.push(if index == 0 { '"' } else { '.' });
                push_integer(out, u64::from(part));
            }
            out.push('"');
        }
        IpAddr::V6(_) => push_display(out, &address),
    }
}

/// At most [`MAX_TEXT`] bytes of `text`, whole characters only.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or(text)
}

const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\' || byte == 0x7f
}

/// Control characters, quotes and backslashes never reach a line as they are: a line stays a line.
fn push_escaped(out: &mut String, text: &str) {
    // Nearly every text is plain; a fold without early exit compiles to vector code.
    if text.bytes().fold(0, |found, byte| found | u8::from(is_special(byte))) == 0 {
        return out.push_str(text);
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(is_special) {
        let (clean, tail) = rest.split_at(at);
        out.push_str(clean);
        let mut characters = tail.chars();
        match characters.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(control) => {
                out.push_str("\\u00");
                push_hex(out, &[u8::try_from(control).unwrap_or_default()]);
            }
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// Escapes what is formatted into it, up to a cap.
struct Escaped<'a> {
    out: &'a mut String,
    left: usize,
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = text.get(..text.floor_char_boundary(self.left)).unwrap_or_default();
        push_escaped(self.out, fits);
        self.left -= fits.len();
        if fits.len() == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str) {
        let mut out = String::new();
        Object::write(&mut out, |object| {
            object.text("text", text);
            object.display("display", &text);
        });
        assert!(!out.contains(char::is_control), "{out:?}");
        let back: serde_json::Value = serde_json::from_str(&out).expect("valid JSON");
        assert_eq!(back["text"], text);
        assert_eq!(back["display"], text);
    }

    #[test]
    fn any_text_stays_on_its_line_and_reads_back_as_it_was() {
        check("");
        check("plain");
        check("a\r\n{\"level\":\"error\"}\0\u{1b}[31m\u{7f}");
        check("quote \" backslash \\ tab \t");
        check("größe 🦀 \u{2028}");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let mut out = String::new();
        push_text(&mut out, &"é".repeat(5000));
        let mut displayed = String::new();
        push_display(&mut displayed, &"é".repeat(5000));
        assert_eq!(out, displayed);
        assert_eq!(out.len(), MAX_TEXT + 2);
    }

    #[test]
    fn decimals_are_exact() {
        for (value, places, text) in [
            (0, 6, "0"),
            (1_234_000, 6, "1.234"),
            (1, 9, "0.000000001"),
            (10_000_000, 9, "0.01"),
            (42, 0, "42"),
        ] {
            let mut out = String::new();
            push_decimal(&mut out, value, places);
            assert_eq!(out, text);
        }
    }
}
