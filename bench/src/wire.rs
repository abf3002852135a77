//! Just enough HTTP/1.1 for a client and a server that know each other: heads, lengths and chunks.

use memchr::memmem;

/// The head of a message.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The request line or the status line.
    pub first_line: &'a [u8],
    /// How the body's end is found.
    pub body: BodyLength,
    /// Bytes of the head, the empty line included.
    pub length: usize,
}

/// How a body's end is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// By its chunks.
    Chunked,
    /// By its length in bytes.
    Known(usize),
}

/// The head at the start of `bytes`, if all of it is there.
pub fn head(bytes: &[u8]) -> Option<Head<'_>> {
    let end = memmem::find(bytes, b"\r\n\r\n")?;
    let mut lines = bytes.get(..end)?.split(|byte| *byte == b'\n');
    let first_line = lines.next()?.trim_ascii();
    let mut body = BodyLength::Known(0);
    for line in lines {
        if let Some(value) = value_of(line, b"content-length:") {
            body = BodyLength::Known(std::str::from_utf8(value).ok()?.parse().ok()?);
        } else if value_of(line, b"transfer-encoding:").is_some() {
            body = BodyLength::Chunked;
        }
    }
    Some(Head { first_line, body, length: end + 4 })
}

/// The value of the header line, if it is the one with this name.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, value) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

/// Takes the chunks' framing off (RFC 9112, section 7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Chunks {
    /// In the hexadecimal size.
    #[default]
    Start,
    /// In the size, which is this much so far.
    Size(usize),
    /// In the data; this much is left.
    Data(usize),
    /// In the line end behind the data.
    DataEnd,
    /// Behind the last chunk, in a line with this many bytes so far.
    Trailer(usize),
    /// Behind the end.
    Over,
}

impl Chunks {
    /// Takes `bytes` in and appends what is data to `out`.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while let Some((&byte, rest)) = bytes.split_first() {
            if let Self::Data(left) = *self {
                let (data, behind) = bytes.split_at_checked(left).unwrap_or((bytes, &[]));
                out.extend_from_slice(data);
                let left = left - data.len();
                *self = if left == 0 { Self::DataEnd } else { Self::Data(left) };
                bytes = behind;
                continue;
            }
            *self = self.step(byte);
            bytes = rest;
        }
    }

    fn step(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Start | Self::Size(_), b'\r') => self,
            (Self::Size(0), b'\n') => Self::Trailer(0),
            (Self::Size(size), b'\n') => Self::Data(size),
            (Self::Start, _) => Self::Size(digit(byte)),
            (Self::Size(size), _) => Self::Size(size * 16 + digit(byte)),
            (Self::DataEnd, b'\n') => Self::Start,
            (Self::Trailer(0), b'\n') => Self::Over,
            (Self::Trailer(_), b'\n') => Self::Trailer(0),
            (Self::Trailer(length), b'\r') => Self::Trailer(length),
            (Self::Trailer(length), _) => Self::Trailer(length + 1),
            (Self::DataEnd | Self::Data(_) | Self::Over, _) => self,
        }
    }
}

fn digit(byte: u8) -> usize {
    char::from(byte).to_digit(16).map_or(0, |digit| digit as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_taken_off_wherever_they_are_split() {
        let wire = b"4\r\nWiki\r\n10\r\n0123456789abcdef\r\n0\r\nTrailer: x\r\n\r\n";
        for split in 0..wire.len() {
            let (mut chunks, mut out) = (Chunks::default(), Vec::new());
            chunks.push(&wire[..split], &mut out);
            chunks.push(&wire[split..], &mut out);
            assert_eq!(
                (chunks, out.as_slice()),
                (Chunks::Over, b"Wiki0123456789abcdef".as_slice()),
                "{split}"
            );
        }
    }

    #[test]
    fn a_head_says_how_its_body_ends() {
        let known = head(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nbody").unwrap();
        assert_eq!((known.first_line, known.body), (b"HTTP/1.1 200 OK".as_slice(), BodyLength::Known(12)));
        let chunked = head(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
        assert_eq!((chunked.body, chunked.length), (BodyLength::Chunked, 47));
        assert!(head(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n").is_none());
    }
}
