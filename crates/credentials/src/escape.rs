//! Percent-encoding as RFC 3986, section 2, has it: what signatures and forms are made of.

use std::fmt::Write as _;

/// `text` with every byte but the unreserved characters encoded.
pub(crate) fn escaped(text: &[u8]) -> String {
    let mut written = String::with_capacity(text.len());
    push(&mut written, text, b"");
    written
}

/// The same for a path: its slashes stay.
pub(crate) fn escaped_path(path: &str) -> String {
    let mut written = String::with_capacity(path.len());
    push(&mut written, path.as_bytes(), b"/");
    written
}

/// A form's body (`application/x-www-form-urlencoded`) of these names and values.
pub(crate) fn form<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let pairs = pairs.into_iter();
    let written =
        pairs.map(|(name, value)| format!("{}={}", escaped(name.as_bytes()), escaped(value.as_bytes())));
    written.collect::<Vec<_>>().join("&")
}

/// What `text` stands for. A percent sign that two digits do not follow stands for itself.
pub(crate) fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if let Some((byte, after)) = after.split_at_checked(2).filter(|_| *first == b'%').and_then(encoded) {
            bytes.push(byte);
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

fn encoded<'a>((digits, after): (&[u8], &'a [u8])) -> Option<(u8, &'a [u8])> {
    // Rust's reader of numbers takes a sign as well.
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    Some((u8::from_str_radix(digits, 16).ok()?, after))
}

fn push(written: &mut String, text: &[u8], kept: &[u8]) {
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || kept.contains(byte) {
            written.push(char::from(*byte));
        } else {
            // Writing into a text cannot fail.
            let _ = write!(written, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_read_back_the_same() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(form([("a", "https://b/.c"), ("d", "e f")]), "a=https%3A%2F%2Fb%2F.c&d=e%20f");
        assert_eq!(unescaped(&escaped(&all)), all);
        assert_eq!(escaped("a b/ሴ~".as_bytes()), "a%20b%2F%E1%88%B4~");
        assert_eq!(escaped_path("/model/a%3A0/x"), "/model/a%253A0/x");
        assert_eq!(unescaped("100%, %zz, %+1, %4"), b"100%, %zz, %+1, %4");
    }
}
