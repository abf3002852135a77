//! One pass over a JSON text (RFC 8259) that checks all of it, its depth and its UTF-8, and tells where its members lie.

use std::borrow::Cow;

use memchr::memchr2;

use crate::surrogates::mend;
use crate::{ScanError, Span};

/// A field of an object, or an item of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The name without its quotes, escapes and all; empty for an item.
    pub(crate) key: Span,
    /// The value.
    pub(crate) value: Span,
    /// How many of the members that follow stand inside the value.
    pub(crate) inside: usize,
    /// Whether the name is spelled with escape sequences.
    escaped: bool,
}

impl Member {
    /// A field whose name is spelled as it reads and whose value has no fields of its own.
    pub(crate) const fn plain(key: Span, value: Span) -> Self {
        Self { key, value, inside: 0, escaped: false }
    }

    /// Whether the name is `name`. Names are compared as they read, not as they are spelled, so that an escaped letter
    /// cannot hide a field from the gateway that the upstream would see.
    pub(crate) fn is(&self, body: &[u8], name: &str) -> bool {
        match body.get(self.key.clone()) {
            // A spelling with escapes reads as something else, even where it is the name itself.
            Some(raw) if !self.escaped => raw == name.as_bytes(),
            Some(_) => self.name(body).is_some_and(|text| text == name),
            None => false,
        }
    }

    /// The name as it reads, where the body is known to be text.
    pub(crate) fn name_in<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        if self.escaped { self.name(text.as_bytes()) } else { text.get(self.key.clone()).map(Cow::Borrowed) }
    }

    /// The name as it reads.
    pub(crate) fn name<'a>(&self, body: &'a [u8]) -> Option<Cow<'a, str>> {
        let raw = body.get(self.key.clone())?;
        if !self.escaped {
            return std::str::from_utf8(raw).ok().map(Cow::Borrowed);
        }
        let quoted = body.get(self.key.start.checked_sub(1)?..self.key.end + 1)?;
        serde_json::from_str(&mend(std::str::from_utf8(quoted).ok()?)).ok().map(Cow::Owned)
    }
}

/// What is kept of a text.
#[derive(Clone, Copy)]
pub(crate) struct Keep {
    /// The members of how many levels.
    pub(crate) levels: usize,
    /// The most members. A body of tiny ones would take many times its own size.
    pub(crate) most: usize,
}

/// `body` as text.
pub(crate) fn text(body: &[u8]) -> Result<&str, ScanError> {
    simdutf8::compat::from_utf8(body).map_err(|error| ScanError::NotUtf8 { offset: error.valid_up_to() })
}

/// Checks the whole of `text`, which must be an object, and appends the members to `keep` to `members`, each followed by
/// what stands inside it. Returns the place just behind the opening brace.
pub(crate) fn scan(
    text: &str,
    max_depth: usize,
    keep: Keep,
    members: &mut Vec<Member>,
) -> Result<usize, ScanError> {
    let bytes = text.as_bytes();
    let (may_control, escaped, problem) = (has_control(bytes), false, None);
    let Keep { levels: keep, most } = keep;
    let mut scanner = Scanner { bytes, at: 0, max_depth, keep, most, members, may_control, escaped, problem };
    match scanner.whole() {
        Ok(start) => Ok(start),
        Err(Stopped) => Err(scanner.problem.unwrap_or(ScanError::Malformed { offset: 0, expected: "JSON" })),
    }
}

/// Nothing more can be read; the scanner knows why. Results stay small that way.
struct Stopped;

/// The position in the text. Recursion is bounded by `max_depth`.
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    max_depth: usize,
    keep: usize,
    most: usize,
    members: &'a mut Vec<Member>,
    /// Whether there are control characters at all: most texts are written without, and need not be looked through for
    /// them string by string.
    may_control: bool,
    /// Whether the last string holds an escape sequence.
    escaped: bool,
    problem: Option<ScanError>,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[cold]
    fn fail<T>(&mut self, expected: &'static str) -> Result<T, Stopped> {
        self.problem = Some(ScanError::Malformed { offset: self.at, expected });
        Err(Stopped)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Stopped> {
        if self.peek() != Some(byte) {
            return self.fail(what);
        }
        self.at += 1;
        Ok(())
    }

    /// The whole text: an object and nothing else.
    fn whole(&mut self) -> Result<usize, Stopped> {
        self.skip_space();
        self.expect(b'{', "an object")?;
        let start = self.at;
        self.object(1)?;
        self.skip_space();
        if self.at == self.bytes.len() { Ok(start) } else { self.fail("the end of the body") }
    }

    /// Any value; `depth` is how many containers it stands in.
    fn value(&mut self, depth: usize) -> Result<(), Stopped> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => {
                self.at += 1;
                self.object(depth + 1)
            }
            Some(b'[') => {
                self.at += 1;
                self.array(depth + 1)
            }
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) | None => self.fail("a value"),
        }
    }

    /// The value of a member, which is remembered if it is near enough to the top.
    fn member(&mut self, depth: usize, key: Span, escaped: bool) -> Result<(), Stopped> {
        if depth > self.keep {
            return self.value(depth);
        }
        let (start, place) = (self.at, self.members.len());
        if place == self.most {
            self.problem = Some(ScanError::Crowded { limit: self.most });
            return Err(Stopped);
        }
        self.members.push(Member { key, value: start..start, inside: 0, escaped });
        self.value(depth)?;
        let inside = self.members.len() - place - 1;
        if let Some(member) = self.members.get_mut(place) {
            member.value.end = self.at;
            member.inside = inside;
        }
        Ok(())
    }

    /// The rest of an object behind its brace.
    fn object(&mut self, depth: usize) -> Result<(), Stopped> {
        self.check_depth(depth)?;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip_space();
            let start = self.at + 1;
            self.string()?;
            let (key, escaped) = (start..self.at - 1, self.escaped);
            self.skip_space();
            self.expect(b':', "`:`")?;
            self.skip_space();
            self.member(depth, key, escaped)?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                Some(_) | None => return self.fail("`,` or `}`"),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// The rest of an array behind its bracket.
    fn array(&mut self, depth: usize) -> Result<(), Stopped> {
        self.check_depth(depth)?;
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip_space();
            self.member(depth, 0..0, false)?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                Some(_) | None => return self.fail("`,` or `]`"),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn check_depth(&mut self, depth: usize) -> Result<(), Stopped> {
        if depth <= self.max_depth {
            return Ok(());
        }
        self.problem = Some(ScanError::Deep { limit: self.max_depth });
        Err(Stopped)
    }

    /// A string, quotes included.
    fn string(&mut self) -> Result<(), Stopped> {
        self.expect(b'"', "a string")?;
        self.escaped = false;
        loop {
            match near(self.rest()) {
                Some(length) => self.at += length,
                None => self.far()?,
            }
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) | None => return self.fail("no control character inside a string"),
            }
        }
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Goes to the end of a long string, or to its next escape sequence.
    fn far(&mut self) -> Result<(), Stopped> {
        let rest = self.rest();
        let Some(length) = memchr2(b'"', b'\\', rest) else {
            self.at = self.bytes.len();
            return self.fail("the end of a string");
        };
        if self.may_control
            && let Some(control) = rest.iter().take(length).position(|byte| *byte < 0x20)
        {
            self.at += control;
            return self.fail("no control character inside a string");
        }
        self.at += length;
        Ok(())
    }

    /// An escape sequence, from its backslash.
    fn escape(&mut self) -> Result<(), Stopped> {
        self.escaped = true;
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 1..self.at + 5).unwrap_or_default();
                if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return self.fail("four hexadecimal digits");
                }
                self.at += 5;
            }
            Some(_) | None => return self.fail("an escape sequence"),
        }
        Ok(())
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), Stopped> {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return self.fail("a value");
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Stopped> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Stopped> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { self.fail("a digit") }
    }
}

/// A fold without early exit compiles to vector code.
fn has_control(text: &[u8]) -> bool {
    text.iter().fold(0, |found, byte| found | u8::from(*byte < 0x20)) != 0
}

/// Strings up to this many words of eight bytes are looked at word by word.
const SHORT: usize = 4;

/// How far it is to the end of a string, to its next escape sequence or to a control character, if that is near.
/// Most strings are short: setting a vector search up would cost more than looking at eight bytes at a time.
fn near(rest: &[u8]) -> Option<usize> {
    let mut left = rest;
    for word in 0..SHORT {
        let Some((first, others)) = left.split_first_chunk::<8>() else {
            let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            return left.iter().position(is_special).map(|position| word * 8 + position);
        };
        let found = special(u64::from_le_bytes(*first));
        if found != 0 {
            return Some(word * 8 + (found.trailing_zeros() / 8) as usize);
        }
        left = others;
    }
    None
}

/// How many bytes of a text stand between quotes as they are, up to the first that has to be spelled otherwise.
pub(crate) fn plain_length(text: &[u8]) -> usize {
    let mut left = text;
    while let Some((first, others)) = left.split_first_chunk::<8>() {
        let found = special(u64::from_le_bytes(*first));
        if found != 0 {
            return text.len() - left.len() + (found.trailing_zeros() / 8) as usize;
        }
        left = others;
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    text.len() - left.len() + left.iter().position(is_special).unwrap_or(left.len())
}

/// The high bit of each byte that is a quote, a backslash or a control character. Only the lowest bit set is exact:
/// a borrow may set bits above it (Hacker's Delight, section 6-1).
const fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // With the second bit flipped, control characters and the quote are the bytes below 0x21.
    let flipped = word ^ (ONES * 0x02);
    let low = flipped.wrapping_sub(ONES * 0x21) & !flipped;
    let other = word ^ (ONES * 0x5c);
    let backslash = other.wrapping_sub(ONES) & !other;
    (low | backslash) & (ONES << 7)
}
