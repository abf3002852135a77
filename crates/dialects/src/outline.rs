//! The upper levels of a JSON object, found in one pass and read where they lie: what passing an answer through needs
//! to know of it, without building values.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

use crate::scanner::{self, Keep, Member};
use crate::surrogates::mend;
use crate::{ScanError, Span};

/// What is kept: down to the fields of a choice's message, for as many choices as there may be.
const KEEP: Keep = Keep { levels: 4, most: 1 << 16 };
/// A table larger than this is not kept for the next text.
const KEPT: usize = 1024;

/// What was found in the last text; its table is used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    members: Vec<Member>,
}

impl Outline {
    /// Checks the whole of `body`, which must be an object, and finds what is in it.
    pub(crate) fn read<'a>(&'a mut self, body: &'a [u8], max_depth: usize) -> Result<Part<'a>, ScanError> {
        self.read_within(body, max_depth, KEEP)
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
        scanner::scan(body, max_depth, keep, &mut self.members)?;
        Ok(Part { body, span: (0, body.len()), members: &self.members })
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
    body: &'a [u8],
    span: (usize, usize),
    members: &'a [Member],
}

impl<'a> Part<'a> {
    /// The value as it is written.
    pub(crate) fn raw(self) -> &'a [u8] {
        self.body.get(self.span.0..self.span.1).unwrap_or_default()
    }

    /// Where it lies in the text.
    pub(crate) const fn span(self) -> Span {
        self.span.0..self.span.1
    }

    /// The value of a field. Of two, the first.
    pub(crate) fn field(self, name: &str) -> Option<Self> {
        self.members().find(|(member, _)| member.is(self.body, name)).map(|(_, part)| part)
    }

    /// The values of all fields of this name.
    pub(crate) fn all(self, name: &str) -> impl Iterator<Item = Self> {
        self.members().filter(move |(member, _)| member.is(self.body, name)).map(|(_, part)| part)
    }

    /// What stands in it that has things in itself, but for the fields of these names.
    pub(crate) fn inside(self, but: &[&str]) -> impl Iterator<Item = Self> {
        let is_left_out = move |member: &Member| but.iter().any(|name| member.is(self.body, name));
        let holding = self.members().filter(|(_, part)| !part.members.is_empty());
        holding.filter(move |(member, _)| !is_left_out(member)).map(|(_, part)| part)
    }

    /// The fields, each with its name as it is spelled.
    pub(crate) fn fields(self) -> impl Iterator<Item = (&'a [u8], Self)> {
        self.members()
            .map(move |(member, part)| (self.body.get(member.key.clone()).unwrap_or_default(), part))
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(self) -> impl Iterator<Item = Self> {
        let list = self.raw().starts_with(b"[");
        self.members().filter(move |_| list).map(|(_, part)| part)
    }

    /// The text, if the value is a string.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        let inside = self.raw().strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        if inside.contains(&b'\\') {
            return serde_json::from_str(&mend(std::str::from_utf8(self.raw()).ok()?)).ok().map(Cow::Owned);
        }
        std::str::from_utf8(inside).ok().map(Cow::Borrowed)
    }

    /// What stands directly inside the value.
    fn members(self) -> impl Iterator<Item = (&'a Member, Self)> {
        let mut rest = self.members;
        std::iter::from_fn(move || {
            let (member, others) = rest.split_first()?;
            let (members, next) = others.split_at_checked(member.inside)?;
            rest = next;
            let span = (member.value.start, member.value.end);
            Some((member, Self { body: self.body, span, members }))
        })
    }
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
