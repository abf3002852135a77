//! The upper levels of a JSON object, found in one pass and read where they lie: what passing an answer through needs
//! to know of it, and what reading a message begins with.

use std::borrow::Cow;

use memchr::memchr;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

use crate::scanner::{self, Keep, Member};
use crate::surrogates::mend;
use crate::{ScanError, Span};

/// What is kept: down to the fields of a choice's message, for as many choices as there may be.
const KEEP: Keep = Keep { levels: 4, most: 1 << 16 };
/// A table larger than this is not kept for the next text.
const KEPT: usize = 1024;
/// What is kept of a value that is read by itself.
const ONE_LEVEL: Keep = Keep { levels: 1, most: 1 << 16 };
/// Deeper than any request the gateway lets in.
const DEEPEST: usize = 512;
/// As many as an object usually has.
const USUAL_FIELDS: usize = 8;
/// As many as a small answer has.
const USUAL_MEMBERS: usize = 48;

/// What was found in the last text; its table is used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    members: Vec<Member>,
}

impl Outline {
    /// Checks the whole of `body`, which must be an object, and finds what is in it.
    pub(crate) fn read<'a>(&'a mut self, body: &'a [u8], max_depth: usize) -> Result<Part<'a>, ScanError> {
        self.read_text(scanner::text(body)?, max_depth)
    }

    /// The same of a text.
    pub(crate) fn read_text<'a>(
        &'a mut self,
        text: &'a str,
        max_depth: usize,
    ) -> Result<Part<'a>, ScanError> {
        self.members.clear();
        self.members.shrink_to(KEPT);
        self.scan(text, max_depth, KEEP)
    }

    /// The same, with as much kept of it.
    pub(crate) fn read_within<'a>(
        &'a mut self,
        body: &'a [u8],
        max_depth: usize,
        keep: Keep,
    ) -> Result<Part<'a>, ScanError> {
        self.members.clear();
        self.members.shrink_to(KEPT);
        self.scan(scanner::text(body)?, max_depth, keep)
    }

    fn scan<'a>(&'a mut self, text: &'a str, max_depth: usize, keep: Keep) -> Result<Part<'a>, ScanError> {
        self.members.reserve(USUAL_MEMBERS);
        let inside = scanner::scan(text, max_depth, keep, &mut self.members)?;
        Ok(Part::known(text, inside, &self.members))
    }
}

/// Who reads one text after another and keeps the table for the next.
pub(crate) trait Outlined {
    fn outline(&mut self) -> &mut Outline;

    /// Finds what is in a text and does something with it.
    fn read<T>(
        &mut self,
        text: &[u8],
        max_depth: usize,
        use_it: impl FnOnce(&mut Self, Result<Part<'_>, ScanError>) -> T,
    ) -> T {
        let mut outline = std::mem::take(self.outline());
        let outcome = use_it(self, outline.read(text, max_depth));
        *self.outline() = outline;
        outcome
    }
}

/// Reads with serde what `read` makes of a value where it lies.
pub(crate) fn deserialize<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    max_depth: usize,
    read: impl FnOnce(Part<'_>) -> Option<T>,
) -> Result<T, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    let mut outline = Outline::default();
    let part = outline.read(raw.get().as_bytes(), max_depth).map_err(D::Error::custom)?;
    read(part).ok_or_else(|| D::Error::custom("is not what it has to be"))
}

/// A value and what is known to be inside it.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    text: &'a str,
    span: (usize, usize),
    members: &'a [Member],
}

impl<'a> Part<'a> {
    /// An object of which these members are known; `inside` is the place behind its brace.
    pub(crate) fn known(text: &'a str, inside: usize, members: &'a [Member]) -> Self {
        // There may be space around it.
        Self { text, span: (inside - 1, text.trim_ascii_end().len()), members }
    }

    /// A value of which nothing is known yet but that it is one.
    pub(crate) const fn unread(text: &'a str) -> Self {
        Self { text, span: (0, text.len()), members: &[] }
    }

    /// The value as it is written.
    pub(crate) fn written(self) -> &'a str {
        self.text.get(self.span()).unwrap_or_default()
    }

    /// The same as bytes.
    pub(crate) fn raw(self) -> &'a [u8] {
        self.written().as_bytes()
    }

    /// Where it lies in the text.
    pub(crate) const fn span(self) -> Span {
        self.span.0..self.span.1
    }

    /// The value of a field. Of two, the first.
    pub(crate) fn field(self, name: &str) -> Option<Self> {
        self.members().find(|(member, _)| member.is(self.text.as_bytes(), name)).map(|(_, part)| part)
    }

    /// The values of all fields of this name.
    pub(crate) fn all(self, name: &str) -> impl Iterator<Item = Self> {
        self.members().filter(move |(member, _)| member.is(self.text.as_bytes(), name)).map(|(_, part)| part)
    }

    /// What stands in it that has things in itself, but for the fields of these names.
    pub(crate) fn inside(self, but: &[&str]) -> impl Iterator<Item = Self> {
        let is_left_out = move |member: &Member| but.iter().any(|name| member.is(self.text.as_bytes(), name));
        let holding = self.members().filter(|(_, part)| !part.members.is_empty());
        holding.filter(move |(member, _)| !is_left_out(member)).map(|(_, part)| part)
    }

    /// The fields, each with its name as it is spelled.
    pub(crate) fn fields(self) -> impl Iterator<Item = (&'a [u8], Self)> {
        let body = self.text.as_bytes();
        self.members().map(move |(member, part)| (body.get(member.key.clone()).unwrap_or_default(), part))
    }

    /// The fields, each with its name as it reads; none of anything but an object. What nothing is known of yet is read
    /// for this.
    pub(crate) fn named(self) -> Option<Vec<(Cow<'a, str>, Self)>> {
        if !self.raw().starts_with(b"{") {
            return None;
        }
        if !self.members.is_empty() {
            let known = self.members().filter_map(|(member, part)| Some((member.name_in(self.text)?, part)));
            return Some(known.collect());
        }
        let (text, mut members) = (self.written(), Vec::with_capacity(USUAL_FIELDS));
        scanner::scan(text, DEEPEST, ONE_LEVEL, &mut members).ok()?;
        let read = members
            .into_iter()
            .filter_map(|member| Some((member.name_in(text)?, Self::unread(text.get(member.value)?))));
        Some(read.collect())
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(self) -> impl Iterator<Item = Self> {
        let list = self.raw().starts_with(b"[");
        self.members().filter(move |_| list).map(|(_, part)| part)
    }

    /// The items, if the value is a list. What nothing is known of yet is read for this.
    pub(crate) fn list(self) -> Option<impl Iterator<Item = Self>> {
        let items: Vec<&RawValue> = match self.raw() {
            [b'[', ..] if self.members.is_empty() => serde_json::from_str(self.written()).ok()?,
            [b'[', ..] => Vec::new(),
            _ => return None,
        };
        Some(self.items().chain(items.into_iter().map(|item| Self::unread(item.get()))))
    }

    /// The text, if the value is a string.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        let spelled = self.written().strip_prefix('"')?.strip_suffix('"')?;
        match memchr(b'\\', spelled.as_bytes()) {
            None => Some(Cow::Borrowed(spelled)),
            Some(first) => match unescaped(spelled, first) {
                Some(text) => Some(Cow::Owned(text)),
                None => serde_json::from_str(&mend(self.written())).ok().map(Cow::Owned),
            },
        }
    }

    /// What stands directly inside the value.
    fn members(self) -> impl Iterator<Item = (&'a Member, Self)> {
        let mut rest = self.members;
        std::iter::from_fn(move || {
            let (member, others) = rest.split_first()?;
            let (members, next) = others.split_at_checked(member.inside)?;
            rest = next;
            let span = (member.value.start, member.value.end);
            Some((member, Self { text: self.text, span, members }))
        })
    }
}

/// What is spelled between two quotes, with its first escape sequence at `first`; none where a character is spelled by
/// its number.
fn unescaped(spelled: &str, first: usize) -> Option<String> {
    let mut text = String::with_capacity(spelled.len());
    let (mut rest, mut at) = (spelled, first);
    loop {
        let (plain, escape) = rest.split_at_checked(at)?;
        text.push_str(plain);
        text.push(match escape.as_bytes().get(1)? {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return None,
            other => char::from(*other),
        });
        rest = escape.get(2..)?;
        let Some(next) = memchr(b'\\', rest.as_bytes()) else { break };
        at = next;
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_where_they_lie() {
        let body = br#"{"a":{"b":[1,{"c":"x\u0041"},[]],"d":null},"e":[[[[[2]]]]]}"#;
        let mut outline = Outline::default();
        let root = outline.read(body, 8).unwrap();
        let a = root.field("a").unwrap();
        assert_eq!(a.raw(), br#"{"b":[1,{"c":"x\u0041"},[]],"d":null}"#);
        let items: Vec<_> = a.field("b").unwrap().items().collect();
        assert_eq!(items.len(), 3);
        assert_eq!(items[1].field("c").unwrap().text().as_deref(), Some("xA"));
        assert_eq!(items[2].items().count(), 0);
        assert_eq!(a.fields().map(|(name, _)| name).collect::<Vec<_>>(), [b"b", b"d"]);
        assert_eq!(root.field("e").unwrap().raw(), b"[[[[[2]]]]]");
        assert_eq!(root.field("e").unwrap().span(), 47..58);
        assert!(root.field("b").is_none());
    }
}
