//! Half characters. JSON can spell one half of a surrogate pair, as a text cut in the wrong place; Rust's texts
//! cannot hold it.

use std::borrow::Cow;

use bytes::Bytes;
use types::conversation::{Delta, Event, Opening};
use types::{Fault, Json, StreamEvent};

use crate::Decoder;

/// What takes the place of half a character: U+FFFD.
const REPLACEMENT: &str = "\\ufffd";

/// The JSON text `json` with each half of a pair that lacks its other half replaced.
pub(crate) fn mend(json: &str) -> Cow<'_, str> {
    mend_by(json, |_| Cow::Borrowed(REPLACEMENT))
}

/// A decoder of a stream whose upstream cuts texts in the wrong place: a half that a piece ends with waits for the piece
/// that begins with its other half.
#[derive(Default)]
pub(crate) struct Halved<D> {
    decoder: D,
    /// Whether any half has been seen: most streams have none.
    is_active: bool,
    /// The blocks whose last piece has ended with a first half.
    waiting: Vec<Waiting>,
}

struct Waiting {
    /// Choice and block.
    of: (u32, u32),
    first: char,
    /// What pieces of the block are.
    piece: fn(String) -> Delta,
}

/// In front of half a character, which stands for it as a character of a plane for private use. Unicode keeps this one
/// from ever being in a text.
const MARK: char = '\u{fdd0}';
/// The first character that stands for a half.
const PRIVATE: u32 = 0x0010_0000;
/// What the halves have in common.
const SURROGATE: u32 = 0xd800;
/// The first of the second halves.
const SECOND: u32 = 0x0400;

impl<D: Decoder> Decoder for Halved<D> {
    fn push(&mut self, event: &StreamEvent, events: &mut Vec<Event>) -> Result<(), Fault> {
        let begun = events.len();
        let read = match marked(&event.data) {
            Some(data) => {
                self.is_active = true;
                self.decoder.push(&StreamEvent { data, ..event.clone() }, events)
            }
            None => self.decoder.push(event, events),
        };
        self.join(events, begun);
        read
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Fault> {
        let begun = events.len();
        let read = self.decoder.end(events);
        self.join(events, begun);
        read
    }
}

impl<D> Halved<D> {
    /// Puts the halves in these events together, from the one with this number on.
    fn join(&mut self, events: &mut Vec<Event>, begun: usize) {
        if !self.is_active {
            return;
        }
        for mut event in events.split_off(begun) {
            match &mut event {
                Event::Delta { choice, block, delta } => {
                    let of = (*choice, *block);
                    self.piece(of, delta);
                    if text(delta).0.is_empty() {
                        continue;
                    }
                }
                Event::Close { choice, block } => {
                    let of = (*choice, *block);
                    if let Some(Waiting { piece, .. }) = self.take(of) {
                        let delta = piece(char::REPLACEMENT_CHARACTER.to_string());
                        events.push(Event::Delta { choice: of.0, block: of.1, delta });
                    }
                }
                Event::Logprobs { json, .. } | Event::Open { opening: Opening::Opaque { json, .. }, .. } => {
                    clean_json(json);
                }
                Event::Open { opening: Opening::ToolCall { id, name, .. }, .. } => {
                    clean(id);
                    clean(name);
                }
                Event::Start { .. }
                | Event::Open { .. }
                | Event::Finish { .. }
                | Event::Usage(_)
                | Event::Failed(_)
                | Event::Ping
                | Event::End => {}
            }
            events.push(event);
        }
    }

    /// A piece of a block, behind the half that the one before it has ended with.
    fn piece(&mut self, of: (u32, u32), delta: &mut Delta) {
        let (text, piece) = text(delta);
        if text.is_empty() {
            return;
        }
        if let Some(Waiting { first, .. }) = self.take(of) {
            text.insert_str(0, &[MARK, first].iter().collect::<String>());
        }
        let mut letters = text.chars().rev();
        if let (Some(last), Some(MARK)) = (letters.next(), letters.next())
            && stands_for(last) == Some(Half::First)
        {
            text.truncate(text.len() - last.len_utf8() - MARK.len_utf8());
            self.waiting.push(Waiting { of, first: last, piece });
        }
        clean(text);
    }

    fn take(&mut self, of: (u32, u32)) -> Option<Waiting> {
        let at = self.waiting.iter().position(|waiting| waiting.of == of)?;
        Some(self.waiting.swap_remove(at))
    }
}

/// The number of characters of a text that comes in pieces, as many as there are once halves are put together. They stand
/// at the edges of pieces alone.
#[derive(Debug, Default)]
pub(crate) struct Length {
    letters: u64,
    ends_in_half: bool,
}

impl Length {
    /// Counts one more piece.
    pub(crate) fn add(&mut self, piece: &str) {
        let Some(last) = piece.chars().next_back() else { return };
        let is_second = |letter| stands_for(letter) == Some(Half::Second);
        let begins = piece.strip_prefix(MARK).is_some_and(|rest| rest.chars().next().is_some_and(is_second));
        let ends = stands_for(last) == Some(Half::First) && piece.chars().nth_back(1) == Some(MARK);
        let completes = begins && self.ends_in_half;
        // A mark is no character, nor is the other half of one that has been counted.
        let others = u64::from(begins) + u64::from(ends) + u64::from(completes);
        self.letters += (piece.chars().count() as u64).saturating_sub(others);
        self.ends_in_half = ends;
    }

    /// How many there have been.
    pub(crate) const fn letters(&self) -> u64 {
        self.letters
    }
}

/// Puts the halves together that a text gathered from pieces has from this place on.
pub(crate) fn settle(text: &mut String, from: usize) {
    let mut behind = text.split_off(from.min(text.len()));
    clean(&mut behind);
    text.push_str(&behind);
}

/// The data of an event with each half marked that a text in it begins or ends with, and every other half replaced.
/// None where there is none.
fn marked(data: &Bytes) -> Option<Bytes> {
    if !has_numbered(data) {
        return None;
    }
    let json = std::str::from_utf8(data).ok()?;
    let marked = mend_by(json, |at| {
        let is_at_edge = match half(json, at) {
            Some(Half::First) => json.get(at + ESCAPE..).is_some_and(|rest| rest.starts_with('"')),
            Some(Half::Second) => begins_text(json, at),
            None => false,
        };
        let stand_in = is_at_edge.then(|| stand_in(json, at)).flatten();
        stand_in.map_or(Cow::Borrowed(REPLACEMENT), |letter| Cow::Owned([MARK, letter].iter().collect()))
    });
    match marked {
        Cow::Owned(marked) => Some(marked.into()),
        Cow::Borrowed(_) => None,
    }
}

/// The text of a piece, and how such a piece is made.
fn text(delta: &mut Delta) -> (&mut String, fn(String) -> Delta) {
    match delta {
        Delta::Arguments(text) => (text, Delta::Arguments),
        Delta::Refusal(text) => (text, Delta::Refusal),
        Delta::Signature(text) => (text, Delta::Signature),
        Delta::Text(text) => (text, Delta::Text),
        Delta::Thinking(text) => (text, Delta::Thinking),
    }
}

/// Puts halves together that stand side by side, and replaces those that are alone.
fn clean(text: &mut String) {
    if !text.contains(MARK) {
        return;
    }
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, behind)) = rest.split_once(MARK) {
        cleaned.push_str(before);
        let mut letters = behind.chars();
        let (first, mark, second) = (letters.next(), letters.next(), letters.next());
        let pair = first.zip(second.filter(|_| mark == Some(MARK)));
        if let Some(whole) = pair.and_then(|(first, second)| whole(first, second)) {
            cleaned.push(whole);
            rest = letters.as_str();
        } else if let Some(alone) = first.filter(|letter| stands_for(*letter).is_some()) {
            cleaned.push(char::REPLACEMENT_CHARACTER);
            rest = behind.get(alone.len_utf8()..).unwrap_or_default();
        } else {
            cleaned.push(MARK);
            rest = behind;
        }
    }
    cleaned.push_str(rest);
    *text = cleaned;
}

fn clean_json(json: &mut Json) {
    let mut text = json.as_str().to_owned();
    clean(&mut text);
    if let Some(cleaned) = Json::parse(text) {
        *json = cleaned;
    }
}

/// The character that stands for the half that is spelled at this place.
fn stand_in(json: &str, at: usize) -> Option<char> {
    let digits = json.get(at + 2..at + ESCAPE)?;
    char::from_u32(PRIVATE + u32::from_str_radix(digits, 16).ok()?.checked_sub(SURROGATE)?)
}

/// The half that a character stands for.
fn stands_for(letter: char) -> Option<Half> {
    match u32::from(letter).checked_sub(PRIVATE)? {
        number if number < SECOND => Some(Half::First),
        number if number < 2 * SECOND => Some(Half::Second),
        _ => None,
    }
}

/// The character of these two halves.
fn whole(first: char, second: char) -> Option<char> {
    if (stands_for(first), stands_for(second)) != (Some(Half::First), Some(Half::Second)) {
        return None;
    }
    let (high, low) = (u32::from(first) - PRIVATE, u32::from(second) - PRIVATE - SECOND);
    char::from_u32(0x0001_0000 + (high << 10) + low)
}

/// Whether a text begins at this place.
fn begins_text(json: &str, at: usize) -> bool {
    json.get(..at).and_then(|before| before.strip_suffix('"')).is_some_and(|before| !before.ends_with('\\'))
}

/// The JSON text `json` with something in the place of each half of a pair that lacks its other half.
fn mend_by(json: &str, mut replace: impl FnMut(usize) -> Cow<'static, str>) -> Cow<'_, str> {
    if !has_numbered(json.as_bytes()) {
        return Cow::Borrowed(json);
    }
    let mut mended = String::new();
    let (mut written, mut at) = (0, 0);
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr(b'\\', rest.as_bytes())) {
        let escape = at + found;
        at = match (half(json, escape), half(json, escape + ESCAPE)) {
            (Some(Half::First), Some(Half::Second)) => escape + 2 * ESCAPE,
            (Some(_), _) => {
                mended.push_str(json.get(written..escape).unwrap_or_default());
                mended.push_str(&replace(escape));
                written = escape + ESCAPE;
                written
            }
            // Another escape: its second character may be a backslash too.
            (None, _) => escape + 2,
        };
    }
    if written == 0 {
        return Cow::Borrowed(json);
    }
    mended.push_str(json.get(written..).unwrap_or_default());
    Cow::Owned(mended)
}

/// Whether any character is spelled by its number. A fold without early exit compiles to vector code.
fn has_numbered(json: &[u8]) -> bool {
    let pairs = json.iter().zip(json.iter().skip(1));
    pairs.fold(0, |found, (first, second)| found | u8::from(*first == b'\\' && *second == b'u')) != 0
}

/// How long `\uXXXX` is.
const ESCAPE: usize = 6;

/// The halves of a pair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    First,
    Second,
}

/// The half that is spelled at this place, if one is.
fn half(json: &str, at: usize) -> Option<Half> {
    let digits = json.get(at..at + ESCAPE)?.strip_prefix("\\u")?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xd800..=0xdbff => Some(Half::First),
        0xdc00..=0xdfff => Some(Half::Second),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expect: &str) {
        let mended = mend(json);
        assert_eq!(mended, expect);
        assert!(serde_json::from_str::<String>(&mended).is_ok(), "{mended}");
        assert_eq!(matches!(mended, Cow::Borrowed(_)), json == expect);
    }

    #[test]
    fn half_a_character_is_replaced_and_a_whole_one_stays() {
        check(r#""a""#, r#""a""#);
        check(r#""\ud83d\ude00""#, r#""\ud83d\ude00""#);
        check(r#""\uD83D\uDE00 \\ud83d""#, r#""\uD83D\uDE00 \\ud83d""#);
        check(r#""x\ud83d""#, r#""x\ufffd""#);
        check(r#""\ude00\ud83dä\n\ud83d\ud83d\ude00!""#, r#""\ufffd\ufffdä\n\ufffd\ud83d\ude00!""#);
    }

    /// A stream of texts: each is a piece of the block whose number it stands behind.
    #[derive(Default)]
    struct Texts;

    impl Decoder for Texts {
        fn push(&mut self, event: &StreamEvent, events: &mut Vec<Event>) -> Result<(), Fault> {
            let (block, text): (u32, Option<String>) = serde_json::from_slice(&event.data).unwrap();
            events.push(match text {
                Some(text) => Event::Delta { choice: 0, block, delta: Delta::Text(text) },
                None => Event::Close { choice: 0, block },
            });
            Ok(())
        }

        fn end(&mut self, _events: &mut Vec<Event>) -> Result<(), Fault> {
            Ok(())
        }
    }

    #[track_caller]
    fn check_pieces(pieces: &[&str], expect: &[&str]) {
        let (mut decoder, mut events) = (Halved::<Texts>::default(), Vec::new());
        for piece in pieces {
            let data = Bytes::from((*piece).to_owned());
            let event = StreamEvent { name: Bytes::new(), raw: data.clone(), data };
            decoder.push(&event, &mut events).unwrap();
        }
        decoder.end(&mut events).unwrap();
        let told = events.iter().filter_map(|event| {
            let Event::Delta { delta: Delta::Text(text), block, .. } = event else { return None };
            Some(format!("{block}{text}"))
        });
        assert_eq!(told.collect::<Vec<_>>(), expect);
    }

    #[test]
    fn a_half_waits_for_the_piece_that_begins_with_the_other() {
        check_pieces(&[r#"[0,"a\ud83d"]"#, r#"[0,""]"#, r#"[0,"\ude00!"]"#], &["0a", "0😀!"]);
        check_pieces(&[r#"[0,"\ud83d"]"#, r#"[0,"\ude00\ud83c"]"#, r#"[0,"\udf00"]"#], &["0😀", "0🌀"]);
        // Two blocks at once, the other way round.
        check_pieces(
            &[r#"[0,"\ud83d"]"#, r#"[1,"\ud83c"]"#, r#"[1,"\udf00"]"#, r#"[0,"\ude00"]"#],
            &["1🌀", "0😀"],
        );
    }

    #[test]
    fn a_half_that_stays_alone_is_replaced() {
        check_pieces(&[r#"[0,"\ude00a"]"#, r#"[0,"\ud83db\ud83d"]"#, r#"[0,"c"]"#], &["0�a", "0�b", "0�c"]);
        check_pieces(&[r#"[0,"a\ud83d"]"#, r#"[1,"\ude00"]"#, "[0,null]"], &["0a", "1�", "0�"]);
        check_pieces(&[r#"[0,"\"\ude00\"\ud83d\""]"#], &["0\"�\"�\""]);
    }
}
