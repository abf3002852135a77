//! Names and ids that a target's language does not take, spelled so that it does: always alike, so that what a
//! provider keeps of a prompt stays of use.

use std::borrow::Cow;

/// How many letters and digits tell two long names apart: a 64-bit hash in base 36.
const DIGITS: usize = 13;

/// The tools that go by another name at the upstream, and what their caller calls them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolNames(Vec<(String, String)>);

impl ToolNames {
    /// `name` as a language takes it whose names are at most `limit` long. Another name is noted, and said so.
    pub(crate) fn fit<'a>(&mut self, name: &'a str, limit: usize) -> (Cow<'a, str>, bool) {
        let sent = fit(name, limit);
        let is_another = sent != name;
        if is_another {
            self.0.push((sent.clone().into_owned(), name.to_owned()));
        }
        (sent, is_another)
    }

    /// Puts the caller's own name in the place of the one that the upstream knows.
    pub(crate) fn restore(&self, name: &mut String) {
        if let Some((_, own)) = self.0.iter().find(|(sent, _)| sent == name) {
            name.clone_from(own);
        }
    }
}

/// `name` in at most `limit` letters, digits, `_` and `-`: itself if it fits, else its beginning and a hash of it.
pub(crate) fn fit(name: &str, limit: usize) -> Cow<'_, str> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if !name.is_empty() && name.len() <= limit && name.chars().all(fits) {
        return Cow::Borrowed(name);
    }
    let letters = name.chars().map(|letter| if fits(letter) { letter } else { '_' });
    let mut short: String = letters.take(limit.saturating_sub(DIGITS + 1)).collect();
    short.push('_');
    short.push_str(&digits(name, DIGITS));
    Cow::Owned(short)
}

/// A name for the caller's end user that tells nothing of it, the same for the same user.
pub(crate) fn opaque_user(user: &str) -> String {
    format!("user_{}", digits(user, DIGITS))
}

/// So many letters and digits that stand for `text`: its 64-bit FNV-1a hash in base 36.
pub(crate) fn digits(text: &str, count: usize) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let digits = std::iter::successors(Some(hash), |rest| Some(rest / 36)).take(count);
    digits.filter_map(|rest| char::from_digit(u32::try_from(rest % 36).unwrap_or(0), 36)).collect()
}
