//! What a sender has compressed (RFC 9110, section 8.4.1), as it was before: piece by piece, as much as is there, and no
//! more at once than a piece.

use std::io::{self, Write};

use bytes::{Buf, Bytes};
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// `deflate`: in the format of zlib (RFC 1950), or, as some have read it, without (RFC 1951).
    Deflate,
    /// `gzip` (RFC 1952).
    Gzip,
}

impl Coding {
    /// The one of this name, if it is read here.
    pub fn named(name: &[u8]) -> Option<Self> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        if is(b"gzip") || is(b"x-gzip") { Some(Self::Gzip) } else { is(b"deflate").then_some(Self::Deflate) }
    }
}

/// Bytes that are not compressed as they are said to be, or that end too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Takes compressed bytes, and gives what they were.
#[derive(Debug)]
pub struct Inflate {
    coding: Coding,
    /// None before the first byte, which tells the two forms of `deflate` apart.
    decoder: Option<Decoder>,
    input: Bytes,
    /// Whether all that has come has been given.
    is_flushed: bool,
}

#[derive(Debug)]
enum Decoder {
    Gzip(MultiGzDecoder<Vec<u8>>),
    Raw(DeflateDecoder<Vec<u8>>),
    Zlib(ZlibDecoder<Vec<u8>>),
}

impl Inflate {
    /// For bytes that are compressed in this way.
    pub const fn new(coding: Coding) -> Self {
        Self { coding, decoder: None, input: Bytes::new(), is_flushed: true }
    }

    /// Takes the next compressed bytes, once all before them have been asked for.
    pub fn push(&mut self, bytes: Bytes) {
        debug_assert!(self.input.is_empty(), "what came before has not been asked for");
        self.input = bytes;
        self.is_flushed = false;
    }

    /// The next piece of what the bytes were; `None` until there are more of them.
    ///
    /// # Errors
    /// Bytes that are not compressed as they are said to be.
    pub fn give(&mut self) -> Result<Option<Bytes>, Malformed> {
        if self.is_flushed {
            return Ok(None);
        }
        let Some(first) = self.input.first().copied().or(self.decoder.is_some().then_some(0)) else {
            self.is_flushed = true;
            return Ok(None);
        };
        let decoder = self.decoder.get_or_insert_with(|| Decoder::new(self.coding, first));
        while !self.input.is_empty() {
            let taken = decoder.writer().write(&self.input).map_err(|_| Malformed)?;
            // What stands behind the end is nothing of it.
            if taken == 0 {
                self.input.clear();
            }
            self.input.advance(taken);
            if let Some(piece) = decoder.given() {
                return Ok(Some(piece));
            }
        }
        self.is_flushed = true;
        decoder.writer().flush().map_err(|_| Malformed)?;
        Ok(decoder.given())
    }

    /// What is left when no more bytes come.
    ///
    /// # Errors
    /// They have ended too early.
    pub fn finish(&mut self) -> Result<Option<Bytes>, Malformed> {
        let Some(decoder) = &mut self.decoder else { return Ok(None) };
        decoder.finish().map_err(|_| Malformed)?;
        Ok(decoder.given())
    }
}

impl Decoder {
    fn new(coding: Coding, first: u8) -> Self {
        match coding {
            Coding::Gzip => Self::Gzip(MultiGzDecoder::new(Vec::new())),
            // The lower half of the first byte of a zlib stream names its method, of which there is one.
            Coding::Deflate if first & 15 == 8 => Self::Zlib(ZlibDecoder::new(Vec::new())),
            Coding::Deflate => Self::Raw(DeflateDecoder::new(Vec::new())),
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Gzip(decoder) => decoder,
            Self::Raw(decoder) => decoder,
            Self::Zlib(decoder) => decoder,
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Raw(decoder) => decoder.try_finish(),
            Self::Zlib(decoder) => decoder.try_finish(),
        }
    }

    /// What has been decompressed and not been given.
    fn given(&mut self) -> Option<Bytes> {
        let done = match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Raw(decoder) => decoder.get_mut(),
            Self::Zlib(decoder) => decoder.get_mut(),
        };
        (!done.is_empty()).then(|| std::mem::take(done).into())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    /// These pieces compressed in each of the ways, each to be read before the next comes.
    fn packed(pieces: &[&[u8]]) -> [(Coding, Vec<Vec<u8>>); 3] {
        macro_rules! packed {
            ($coding:expr, $encoder:ident) => {{
                let mut encoder = $encoder::new(Vec::new(), Compression::fast());
                let mut packed: Vec<Vec<u8>> = pieces
                    .iter()
                    .map(|piece| {
                        encoder.write_all(piece).unwrap();
                        encoder.flush().unwrap();
                        std::mem::take(encoder.get_mut())
                    })
                    .collect();
                packed.push(encoder.finish().unwrap());
                ($coding, packed)
            }};
        }
        [
            packed!(Coding::Gzip, GzEncoder),
            packed!(Coding::Deflate, ZlibEncoder),
            packed!(Coding::Deflate, DeflateEncoder),
        ]
    }

    fn drain(inflate: &mut Inflate, into: &mut Vec<u8>) -> Result<(), Malformed> {
        while let Some(piece) = inflate.give()? {
            into.extend_from_slice(&piece);
        }
        Ok(())
    }

    #[test]
    fn each_piece_can_be_read_before_the_next_comes() {
        let pieces: [&[u8]; 3] = [b"data: one\n\n", b"data: two\n\n", b"data: three\n\n"];
        for (coding, packed) in packed(&pieces) {
            let mut inflate = Inflate::new(coding);
            let expect = pieces.iter().copied().chain([&b""[..]]);
            for (piece, expect) in packed.into_iter().zip(expect) {
                let mut read = Vec::new();
                inflate.push(piece.into());
                drain(&mut inflate, &mut read).unwrap();
                assert_eq!(read, expect, "{coding:?}");
            }
            assert_eq!(inflate.finish(), Ok(None));
        }
    }

    #[test]
    fn a_few_bytes_that_are_very_many_come_in_small_pieces() {
        for (coding, packed) in packed(&[&vec![0; 50_000_000]]) {
            let packed = packed.concat();
            assert!(packed.len() < 300_000);
            let mut inflate = Inflate::new(coding);
            inflate.push(packed.into());
            let mut read = 0;
            while let Some(piece) = inflate.give().unwrap() {
                assert!(piece.len() <= 1 << 17, "{}", piece.len());
                read += piece.len();
            }
            assert_eq!(read, 50_000_000);
        }
    }

    #[test]
    fn what_is_cut_or_none_of_it_is_malformed() {
        let [(_, packed), ..] = packed(&[b"a text that is long enough to be cut"]);
        let packed = packed.concat();
        for length in 1..packed.len() {
            let mut inflate = Inflate::new(Coding::Gzip);
            inflate.push(Bytes::copy_from_slice(&packed[..length]));
            let read = drain(&mut inflate, &mut Vec::new()).and_then(|()| inflate.finish());
            assert_eq!(read, Err(Malformed), "{length}");
        }
        let mut plain = Inflate::new(Coding::Gzip);
        plain.push(Bytes::from_static(b"{\"a\":\"in no way\"}"));
        assert_eq!(plain.give(), Err(Malformed));
        assert_eq!(Inflate::new(Coding::Gzip).finish(), Ok(None));
        assert_eq!(Coding::named(b"X-GZip"), Some(Coding::Gzip));
        assert_eq!(Coding::named(b"br"), None);
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same(
            text in proptest::collection::vec(any::<u8>(), 0..4000),
            sizes in proptest::collection::vec(1_usize..200, 1..20),
        ) {
            for (coding, packed) in packed(&[&text]) {
                let (mut inflate, mut read) = (Inflate::new(coding), Vec::new());
                let mut rest = Bytes::from(packed.concat());
                for size in sizes.iter().cycle() {
                    if rest.is_empty() {
                        break;
                    }
                    inflate.push(rest.split_to((*size).min(rest.len())));
                    drain(&mut inflate, &mut read).unwrap();
                }
                read.extend(inflate.finish().unwrap().unwrap_or_default());
                prop_assert_eq!(&read, &text, "{:?}", coding);
            }
        }

        #[test]
        fn bytes_of_any_kind_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for coding in [Coding::Gzip, Coding::Deflate] {
                let mut inflate = Inflate::new(coding);
                inflate.push(Bytes::copy_from_slice(&bytes));
                drop(drain(&mut inflate, &mut Vec::new()).and_then(|()| inflate.finish()));
            }
        }
    }
}
