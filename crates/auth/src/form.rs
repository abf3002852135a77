//! Reading `application/x-www-form-urlencoded` text (<https://url.spec.whatwg.org/#urlencoded-parsing>).

use std::borrow::Cow;

/// The pairs in the order they stand; a piece without `=` is a name with an empty value.
pub(crate) fn pairs(text: &[u8]) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
    text.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()).map(|piece| {
        let mut halves = piece.splitn(2, |byte| *byte == b'=');
        let mut half = || decoded(halves.next().unwrap_or_default());
        (half(), half())
    })
}

/// Plus signs and `%XX` resolved; a `%` that no two hexadecimal digits follow stays as it is.
pub(crate) fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [b'+', after @ ..] => {
                bytes.push(b' ');
                after
            }
            [b'%', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(nibble(*high) << 4 | nibble(*low));
                after
            }
            [byte, after @ ..] => {
                bytes.push(*byte);
                after
            }
            [] => return Cow::Owned(bytes),
        };
    }
}

/// The value of one hexadecimal digit.
fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        letter => (letter | 0x20).wrapping_sub(b'a').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[(&str, &str)]) {
        let read: Vec<_> = pairs(text.as_bytes())
            .map(|(name, value)| {
                (
                    String::from_utf8(name.into_owned()).unwrap(),
                    String::from_utf8(value.into_owned()).unwrap(),
                )
            })
            .collect();
        let expect: Vec<_> = expect.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        assert_eq!(read, expect, "{text}");
    }

    #[test]
    fn forms_are_read_as_the_standard_says() {
        check("", &[]);
        check("a=b&c=d", &[("a", "b"), ("c", "d")]);
        check("a=b=c&&d", &[("a", "b=c"), ("d", "")]);
        check("a+b=%3D%2b%c3%a9", &[("a b", "=+é")]);
        check("a=100%&b=%zz%4", &[("a", "100%"), ("b", "%zz%4")]);
    }
}
