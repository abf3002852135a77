//! Random text for secrets and identities, and the shape of a key's text.
//!
//! A key is `tg-`, 33 random characters of base 62 (196 bits) and 6 that are a checksum of them, so that a mistyped or
//! cut-off key is told from one that nobody knows, and a secret scanner hardly ever errs.

use aws_lc_rs::digest::{SHA256, digest};
use types::Secret;

const PREFIX: &str = "tg-";
const RANDOM: usize = 33;
const CHECK: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The text of a new key.
pub(crate) fn new_key() -> Result<Secret<String>, getrandom::Error> {
    let random = Secret::new(random(RANDOM)?);
    let check: String = checksum(random.reveal().as_bytes()).map(char::from).iter().collect();
    // Sized once, so that growing leaves no copy of the secret behind.
    let mut text = String::with_capacity(PREFIX.len() + RANDOM + CHECK);
    for part in [PREFIX, random.reveal(), &check] {
        text.push_str(part);
    }
    Ok(Secret::new(text))
}

/// Whether the text has the shape of a key: prefix, length and checksum. Says nothing about whether it is one.
pub(crate) fn is_key_shaped(text: &[u8]) -> bool {
    let body = text.strip_prefix(PREFIX.as_bytes()).and_then(|body| body.split_at_checked(RANDOM));
    body.is_some_and(|(random, check)| check == checksum(random))
}

/// `LENGTH` random bytes.
pub(crate) fn random_bytes<const LENGTH: usize>() -> Result<Secret<[u8; LENGTH]>, getrandom::Error> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes)?;
    Ok(Secret::new(bytes))
}

/// `length` random characters of base 62.
pub(crate) fn random(length: usize) -> Result<String, getrandom::Error> {
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes)?;
        // Bytes above the last multiple of 62 are thrown away: every digit stays equally likely.
        let even = bytes.iter().filter(|byte| **byte < 248).map(|byte| digit(u32::from(*byte)));
        text.extend(even.map(char::from).take(length - text.len()));
    }
    Ok(text)
}

/// Six digits from the first four bytes of SHA-256.
fn checksum(text: &[u8]) -> [u8; CHECK] {
    let digest = digest(&SHA256, text);
    let mut number = digest.as_ref().first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    [0; CHECK].map(|_: u8| {
        let next = digit(number);
        number /= 62;
        next
    })
}

fn digit(number: u32) -> u8 {
    DIGITS.get(number as usize % DIGITS.len()).copied().unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_has_the_shape_and_any_slip_breaks_it() {
        let key = new_key().unwrap();
        let text = key.reveal().as_bytes();
        assert_eq!(text.len(), 42);
        assert!(is_key_shaped(text));
        for place in 0..text.len() {
            let mut slip = text.to_vec();
            slip[place] = if slip[place] == b'x' { b'y' } else { b'x' };
            assert!(!is_key_shaped(&slip), "a slip at {place}");
        }
        assert!(!is_key_shaped(&text[..41]));
        assert!(!is_key_shaped(&[text, b"x"].concat()));
        assert!(!is_key_shaped(b""));
        assert!(!is_key_shaped(b"tg-"));
    }

    #[test]
    fn keys_differ_and_use_the_whole_alphabet() {
        let text: String = (0..50).map(|_| random(RANDOM).unwrap()).collect();
        assert!(DIGITS.iter().all(|digit| text.as_bytes().contains(digit)));
        assert_ne!(new_key().unwrap().reveal(), new_key().unwrap().reveal());
    }
}
