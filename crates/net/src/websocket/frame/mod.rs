//! The frames of a WebSocket (RFC 6455, section 5): read as they come in any pieces, and written.

mod message;

use bytes::{Buf, Bytes, BytesMut};

pub use self::message::{Closing, Message, Violation};
use self::message::{MAX_CONTROL, may_close};

/// Which end of a WebSocket this is. Only a client masks what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The one that has asked for it.
    Client,
    /// The one that was asked.
    Server,
}

/// Reads frames and puts messages together. Bytes may come cut anywhere.
#[derive(Debug)]
pub struct Parser {
    end: End,
    most: usize,
    read: BytesMut,
    /// The message of which pieces are still to come.
    begun: Option<(Kind, BytesMut)>,
}

/// What a message of several frames is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Binary,
    Text,
}

/// The head of a frame.
#[derive(Clone, Copy)]
struct Head {
    is_last: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    /// Of the head itself.
    length: usize,
    payload: usize,
}

const CONTINUED: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const LAST: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const SHORT: u8 = 0x7f;
/// Above this, two or eight bytes hold the length.
const LENGTH_OF_TWO: u8 = 126;
const LENGTH_OF_EIGHT: u8 = 127;

impl Parser {
    /// Reads what comes to this end, messages of at most so many bytes.
    pub fn new(end: End, most: usize) -> Self {
        Self { end, most, read: BytesMut::new(), begun: None }
    }

    /// Takes in more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.read.extend_from_slice(bytes);
    }

    /// Where more bytes may be read to.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.read
    }

    /// The next message, if all of it is there.
    ///
    /// # Errors
    /// How the other side breaks the protocol; nothing can be read after that.
    #[expect(clippy::should_implement_trait, reason = "more may come after nothing, and an error ends it")]
    pub fn next(&mut self) -> Result<Option<Message>, Violation> {
        loop {
            let Some(head) = head(&self.read)? else { return Ok(None) };
            self.check(head)?;
            if self.read.len() < head.length + head.payload {
                return Ok(None);
            }
            self.read.advance(head.length);
            let mut payload = self.read.split_to(head.payload);
            if let Some(mask) = head.mask {
                masked(&mut payload, mask);
            }
            if let Some(message) = self.take(head, payload)? {
                return Ok(Some(message));
            }
        }
    }

    /// What can be said of a frame by its head: nothing of it is waited for that would not be taken in.
    fn check(&self, head: Head) -> Result<(), Violation> {
        if head.mask.is_some() != (self.end == End::Server) {
            return Err(Violation::BadMask);
        }
        if head.opcode >= CLOSE {
            let fits = head.is_last && head.payload <= MAX_CONTROL;
            return if fits { Ok(()) } else { Err(Violation::BadControl) };
        }
        let begun = self.begun.as_ref().map(|(_, begun)| begun.len());
        if begun.is_some() != (head.opcode == CONTINUED) {
            return Err(Violation::BadFrame);
        }
        let fits = begun.unwrap_or_default().checked_add(head.payload).is_some_and(|size| size <= self.most);
        if fits { Ok(()) } else { Err(Violation::TooLarge) }
    }

    fn take(&mut self, head: Head, payload: BytesMut) -> Result<Option<Message>, Violation> {
        let kind = match head.opcode {
            CLOSE => return closing(&payload.freeze()).map(|closing| Some(Message::Close(closing))),
            PING => return Ok(Some(Message::Ping(payload.freeze()))),
            PONG => return Ok(Some(Message::Pong(payload.freeze()))),
            TEXT => Some(Kind::Text),
            BINARY => Some(Kind::Binary),
            _ => None,
        };
        let (kind, whole) = match (kind, self.begun.take()) {
            (Some(kind), _) => (kind, payload),
            (None, Some((kind, mut begun))) => {
                begun.unsplit(payload);
                (kind, begun)
            }
            (None, None) => return Err(Violation::BadFrame),
        };
        if !head.is_last {
            self.begun = Some((kind, whole));
            return Ok(None);
        }
        let whole = whole.freeze();
        match kind {
            Kind::Binary => Ok(Some(Message::Binary(whole))),
            Kind::Text if std::str::from_utf8(&whole).is_ok() => Ok(Some(Message::Text(whole))),
            Kind::Text => Err(Violation::NotUtf8),
        }
    }
}

/// The head at the start of `bytes`, if all of it is there.
fn head(bytes: &[u8]) -> Result<Option<Head>, Violation> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let opcode = first & OPCODE;
    if first & RESERVED != 0 || !matches!(opcode, CONTINUED | TEXT | BINARY | CLOSE | PING | PONG) {
        return Err(Violation::BadFrame);
    }
    let (payload, rest, of_length) = match second & SHORT {
        LENGTH_OF_TWO => {
            let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*length)), rest, 2)
        }
        LENGTH_OF_EIGHT => {
            let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*length), rest, 8)
        }
        short => (u64::from(short), rest, 0),
    };
    let payload = usize::try_from(payload).map_err(|_| Violation::TooLarge)?;
    let (mask, of_mask) = if second & MASKED == 0 {
        (None, 0)
    } else {
        let Some(mask) = rest.first_chunk() else { return Ok(None) };
        (Some(*mask), 4)
    };
    let length = 2 + of_length + of_mask;
    Ok(Some(Head { is_last: first & LAST != 0, opcode, mask, length, payload }))
}

fn closing(payload: &Bytes) -> Result<Option<Closing>, Violation> {
    let Some(code) = payload.first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(Violation::BadClose) };
    };
    let (code, reason) = (u16::from_be_bytes(*code), payload.slice(2..));
    if !may_close(code) {
        return Err(Violation::BadClose);
    }
    if std::str::from_utf8(&reason).is_err() {
        return Err(Violation::NotUtf8);
    }
    Ok(Some(Closing { code, reason }))
}

/// Masks `payload`, or takes the mask off again (RFC 6455, section 5.3).
fn masked(payload: &mut [u8], mask: [u8; 4]) {
    for chunk in payload.chunks_mut(mask.len()) {
        chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// Writes a message as one frame, masked with this where it is a client's.
pub fn write(message: &Message, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let close;
    let (opcode, payload) = match message {
        Message::Binary(bytes) => (BINARY, bytes.as_ref()),
        Message::Close(closing) => {
            close = closing.as_ref().map_or_else(Vec::new, |Closing { code, reason }| {
                [&code.to_be_bytes(), reason.as_ref()].concat()
            });
            (CLOSE, close.as_slice())
        }
        Message::Ping(bytes) => (PING, bytes.as_ref()),
        Message::Pong(bytes) => (PONG, bytes.as_ref()),
        Message::Text(bytes) => (TEXT, bytes.as_ref()),
    };
    out.reserve(payload.len() + 14);
    out.push(LAST | opcode);
    let bit = if mask.is_some() { MASKED } else { 0 };
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length), _) if length < LENGTH_OF_TWO => out.push(bit | length),
        (_, Ok(length)) => {
            out.push(bit | LENGTH_OF_TWO);
            out.extend(length.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(bit | LENGTH_OF_EIGHT);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    out.extend(mask.iter().flatten());
    let at = out.len();
    out.extend_from_slice(payload);
    if let (Some(mask), Some(written)) = (mask, out.get_mut(at..)) {
        masked(written, mask);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(end: End, bytes: &[u8]) -> Result<Vec<Message>, Violation> {
        let mut parser = Parser::new(end, 1 << 20);
        parser.push(bytes);
        std::iter::from_fn(|| parser.next().transpose()).collect()
    }

    #[track_caller]
    fn check(bytes: &[u8], expect: &[Message]) {
        assert_eq!(read(End::Client, bytes).as_deref(), Ok(expect), "{bytes:?}");
    }

    #[track_caller]
    fn check_refused(bytes: &[u8], expect: Violation) {
        assert_eq!(read(End::Client, bytes), Err(expect), "{bytes:?}");
    }

    fn text(text: &'static str) -> Message {
        Message::Text(Bytes::from_static(text.as_bytes()))
    }

    /// The examples of RFC 6455, section 5.7.
    #[test]
    fn the_examples_of_the_standard_are_read() {
        check(b"\x81\x05Hello", &[text("Hello")]);
        check(b"\x01\x03Hel\x80\x02lo", &[text("Hello")]);
        check(b"\x89\x05Hello", &[Message::Ping(Bytes::from_static(b"Hello"))]);
        let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(read(End::Server, masked), Ok(vec![text("Hello")]));
        check_refused(masked, Violation::BadMask);
        assert_eq!(read(End::Server, b"\x81\x05Hello"), Err(Violation::BadMask));
    }

    #[test]
    fn control_frames_come_between_the_pieces_of_a_message() {
        let ping = Message::Ping(Bytes::from_static(b"?"));
        check(b"\x01\x03Hel\x89\x01?\x80\x02lo", &[ping, text("Hello")]);
        check(b"\x88\x00", &[Message::Close(None)]);
        let closing = Closing::new(1000, "bye");
        check(b"\x88\x05\x03\xe8bye", &[Message::Close(Some(closing))]);
    }

    #[test]
    fn what_breaks_the_protocol_is_refused() {
        check_refused(b"\xc1\x00", Violation::BadFrame);
        check_refused(b"\x83\x00", Violation::BadFrame);
        check_refused(b"\x80\x00", Violation::BadFrame);
        check_refused(b"\x01\x01a\x81\x01b", Violation::BadFrame);
        check_refused(b"\x09\x00", Violation::BadControl);
        check_refused(b"\x89\x7e\x00\x7e", Violation::BadControl);
        check_refused(b"\x88\x01\x03", Violation::BadClose);
        check_refused(b"\x88\x02\x03\xed", Violation::BadClose);
        check_refused(b"\x88\x03\x03\xe8\xff", Violation::NotUtf8);
        check_refused(b"\x81\x01\xff", Violation::NotUtf8);
        check_refused(b"\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x01", Violation::TooLarge);
        check_refused(b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", Violation::TooLarge);
    }

    fn messages() -> impl Strategy<Value = Message> {
        let bytes = |most| prop::collection::vec(any::<u8>(), 0..most).prop_map(Bytes::from);
        let large = prop::collection::vec(any::<u8>(), 65_530..65_545).prop_map(Bytes::from);
        prop_oneof![
            bytes(300).prop_map(Message::Binary),
            large.prop_map(Message::Binary),
            bytes(125).prop_map(Message::Ping),
            bytes(125).prop_map(Message::Pong),
            ".{0,200}".prop_map(|text| Message::Text(text.into())),
            ".{0,200}".prop_map(|reason| Message::Close(Some(Closing::new(1008, &reason)))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn what_is_written_is_read_back_wherever_it_is_cut(
            messages in prop::collection::vec(messages(), 1..5),
            mask in prop::option::of(any::<[u8; 4]>()),
            piece in 1_usize..2000,
        ) {
            let mut bytes = Vec::new();
            for message in &messages {
                write(message, mask, &mut bytes);
            }
            let end = if mask.is_some() { End::Server } else { End::Client };
            let mut parser = Parser::new(end, 1 << 20);
            let mut read = Vec::new();
            for piece in bytes.chunks(piece) {
                parser.push(piece);
                while let Some(message) = parser.next().unwrap() {
                    read.push(message);
                }
            }
            prop_assert_eq!(read, messages);
        }
    }
}
