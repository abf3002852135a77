//! Frames: a length that checks itself, a running CRC-32, a payload.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};

use crate::codec::{self, Glance};
use crate::segment::{DIGEST, Link};

/// Bytes before a payload.
const HEAD: usize = 8;

/// Appends a frame whose payload `put` writes. Its check stays open until [`seal`].
pub(crate) fn append(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    put(out);
    let written = out.get_mut(start..).and_then(|frame| frame.split_at_mut_checked(HEAD));
    let Some((head, payload)) = written else { return };
    #[expect(clippy::expect_used, reason = "every text in a payload is capped far below the limit")]
    let length = u16::try_from(payload.len()).expect("a payload fits a frame");
    head.copy_from_slice(&head_of(length, 0));
}

/// Fills in the checks of every frame, running on from `chain`; returns where the run ends.
pub(crate) fn seal(frames: &mut [u8], mut chain: u32) -> u32 {
    let mut rest = frames;
    while let Some((head, tail)) = rest.split_first_chunk_mut::<HEAD>() {
        let Some((length, _)) = parse_head(*head) else { break };
        let Some((payload, next)) = tail.split_at_mut_checked(length.into()) else { break };
        chain = check(chain, length, payload);
        *head = head_of(length, chain);
        rest = next;
    }
    chain
}

/// The frames in a buffer, each as (whole frame, payload).
pub(crate) fn split(mut rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (length, _) = parse_head(*rest.first_chunk()?)?;
        let (frame, next) = rest.split_at_checked(HEAD + usize::from(length))?;
        rest = next;
        Some((frame, frame.get(HEAD..)?))
    })
}

/// Length in the low half, its complement in the high one, then the check.
fn head_of(length: u16, check: u32) -> [u8; HEAD] {
    let sizes = u32::from(length) | u32::from(!length) << 16;
    (u64::from(sizes) | u64::from(check) << 32).to_le_bytes()
}

/// Length and check, if the length agrees with its complement.
fn parse_head(head: [u8; HEAD]) -> Option<(u16, u32)> {
    let head = u64::from_le_bytes(head);
    let [length, complement] = [0, 16].map(|shift| u16::try_from(head >> shift & 0xffff).unwrap_or_default());
    let check = u32::try_from(head >> 32).unwrap_or_default();
    (length == !complement).then_some((length, check))
}

fn check(chain: u32, length: u16, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(chain);
    hasher.update(&length.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// A point in a segment: how many bytes lie before it, and the state of their digest.
#[derive(Clone)]
pub(crate) struct Point {
    pub(crate) length: u64,
    digest: Context,
}

impl Point {
    pub(crate) fn start() -> Self {
        Self { length: 0, digest: Context::new(&SHA256) }
    }

    /// Moves past these bytes.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.digest.update(bytes);
    }

    pub(crate) fn digest(&self) -> [u8; DIGEST] {
        self.digest.clone().finish().as_ref().try_into().unwrap_or_default()
    }

    pub(crate) fn link(&self) -> Link {
        Link { length: self.length, digest: self.digest() }
    }
}

/// What reading the next frame came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A whole frame; its payload is in [`Frames::payload`].
    Whole,
    /// The file ends here, between frames.
    End,
    /// The file ends here, within a frame.
    Torn,
    /// The frame's length is not one.
    BadHead([u8; HEAD]),
    /// The frame's check does not hold.
    BadPayload {
        /// The check that its bytes come to.
        computed: u32,
        /// The check that stands there.
        stored: u32,
    },
}

/// Reads a segment frame by frame, checking as it goes. After anything but a whole frame it stands where that frame
/// would begin as far as [`point`](Self::point) goes; the file itself has been read further.
pub(crate) struct Frames {
    input: BufReader<File>,
    chain: u32,
    point: Point,
    payload: Vec<u8>,
    before_seal: Option<[u8; DIGEST]>,
}

impl Frames {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let input = BufReader::with_capacity(64 * 1024, File::open(path)?);
        Ok(Self { input, chain: 0, point: Point::start(), payload: Vec::new(), before_seal: None })
    }

    pub(crate) fn point(&self) -> &Point {
        &self.point
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The digest of all before the frame just read, if that frame is a seal.
    pub(crate) fn before_seal(&self) -> Option<[u8; DIGEST]> {
        self.before_seal
    }

    pub(crate) fn advance(&mut self) -> io::Result<Step> {
        let step = self.read_frame()?;
        let Step::Whole = step else { return Ok(step) };
        self.before_seal =
            (codec::glance(&self.payload) == Some(Glance::Sealed)).then(|| self.point.digest());
        #[expect(clippy::cast_possible_truncation, reason = "the length came from 16 bits")]
        self.point.pass(&head_of(self.payload.len() as u16, self.chain));
        self.point.pass(&self.payload);
        Ok(step)
    }

    /// Goes back to the end of the last whole frame, to read on after the file has grown.
    pub(crate) fn rewind(&mut self) -> io::Result<()> {
        self.input.seek(SeekFrom::Start(self.point.length)).map(drop)
    }

    /// After [`Step::BadPayload`]: whether the following frame continues from one of the two checks, so that the damage
    /// lies within the segment and not at its torn end.
    pub(crate) fn continues_from(&mut self, checks: [u32; 2]) -> io::Result<bool> {
        let Ok((length, stored)) = self.read_raw()? else { return Ok(false) };
        Ok(checks.into_iter().any(|chain| check(chain, length, &self.payload) == stored))
    }

    /// After [`Step::BadHead`]: whether nothing but zeros follows, as a power cut may leave them.
    pub(crate) fn is_blank(&mut self, head: [u8; HEAD]) -> io::Result<bool> {
        let mut chunk = [0; 4096];
        let mut blank = head == [0; HEAD];
        while blank {
            let read = fill(&mut self.input, &mut chunk)?;
            blank = chunk.iter().take(read).all(|byte| *byte == 0);
            if read < chunk.len() {
                break;
            }
        }
        Ok(blank)
    }

    fn read_frame(&mut self) -> io::Result<Step> {
        let (length, stored) = match self.read_raw()? {
            Ok(head) => head,
            Err(step) => return Ok(step),
        };
        let computed = check(self.chain, length, &self.payload);
        if computed != stored {
            return Ok(Step::BadPayload { computed, stored });
        }
        self.chain = stored;
        Ok(Step::Whole)
    }

    /// Reads the next frame's payload unchecked; its length and check, or why there is none.
    fn read_raw(&mut self) -> io::Result<Result<(u16, u32), Step>> {
        let mut head = [0; HEAD];
        match fill(&mut self.input, &mut head)? {
            0 => return Ok(Err(Step::End)),
            HEAD => {}
            _ => return Ok(Err(Step::Torn)),
        }
        let Some((length, stored)) = parse_head(head) else { return Ok(Err(Step::BadHead(head))) };
        self.payload.resize(length.into(), 0);
        let whole = fill(&mut self.input, &mut self.payload)? == self.payload.len();
        Ok(if whole { Ok((length, stored)) } else { Err(Step::Torn) })
    }
}

/// Reads until `buffer` is full or the file ends; returns how much was read.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
