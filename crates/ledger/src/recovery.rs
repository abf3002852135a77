//! What a start makes of the segments that it finds.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::time::Duration;

use foldhash::HashMap;
use types::{AttemptId, UnixTime};

use crate::codec::{self, Entry, Glance};
use crate::counted::{Readings, Spent};
use crate::error::LedgerError;
use crate::frame::{self, Frames, Point, Step};
use crate::queue::Open;
use crate::record::{Estimated, Outcome, Record, Settlement};
use crate::segment::{self, Header, Link, Position, SegmentNumber};

/// What a start found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Attempts that were open, and are settled as lost now.
    pub lost: Vec<AttemptId>,
    /// The record that was being written when the last process ended.
    pub truncated: Option<Truncation>,
}

/// A tail that was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// Where it began.
    pub position: Position,
    /// How many bytes it had.
    pub bytes: u64,
}

/// How to go on.
pub(crate) struct Found {
    pub(crate) recovery: Recovery,
    pub(crate) start: Start,
}

/// The segment to start.
pub(crate) struct Start {
    pub(crate) number: SegmentNumber,
    pub(crate) previous: Link,
    /// The terminal records of all that was open.
    pub(crate) frames: Vec<u8>,
}

/// Reads the last segment, cuts off its torn tail and settles what is open. What is settled is written by the start of
/// the next segment alone, so a start that is killed leaves nothing behind.
pub(crate) fn recover(directory: &Path, now: UnixTime, readings: &Readings) -> Result<Found, LedgerError> {
    let opening = |source| LedgerError::Open { path: directory.to_owned(), source };
    let mut listing = segment::list(directory).map_err(opening)?;
    for draft in &listing.drafts {
        fs::remove_file(draft).map_err(opening)?;
    }
    let mut recovery = Recovery::default();
    let mut start = Start { number: SegmentNumber::FIRST, previous: Link::default(), frames: Vec::new() };
    let mut open = LeftOpen::default();
    while let Some(number) = listing.segments.pop() {
        let replay = replay(directory, number, None)?;
        let truncated = cut(directory, number, &replay.end)?;
        recovery.truncated = truncated.or(recovery.truncated);
        if replay.header.is_some() {
            start = Start { number: number.next(), previous: replay.end.link(), frames: Vec::new() };
            open = replay.open;
            break;
        }
        // A power cut took the whole segment, so the one before is still the last.
        start.number = number;
        fs::remove_file(number.path(directory)).map_err(opening)?;
    }
    for (attempt, left) in open {
        let mut settlement = left.decode()?.estimate(Outcome::Lost, now, Duration::ZERO);
        if let Some(Spent { usage, cost }) = readings.get(&attempt).copied() {
            settlement = Settlement { usage, cost, estimated: Estimated::No, ..settlement };
        }
        frame::append(&mut start.frames, |out| codec::put_settled(out, attempt, &settlement));
        recovery.lost.push(attempt);
    }
    recovery.lost.sort_unstable();
    Ok(Found { recovery, start })
}

/// An attempt that is open as far as the segment was read. Decoded only if it stays so, since hardly any does.
struct Left {
    intent: Box<[u8]>,
    checkpoint: Option<Box<[u8]>>,
    position: Position,
}

type LeftOpen = HashMap<AttemptId, Left>;

impl Left {
    fn decode(&self) -> Result<Open, LedgerError> {
        let Some(Entry::Record(Record::Begun(intent) | Record::Carried(intent))) =
            codec::decode(&self.intent)
        else {
            return Err(LedgerError::Corrupt { position: self.position });
        };
        let checkpoint = match self.checkpoint.as_deref().map(codec::decode) {
            None => None,
            Some(Some(Entry::Record(Record::Checkpoint { usage, .. }))) => Some(usage),
            Some(_) => return Err(LedgerError::Corrupt { position: self.position }),
        };
        Ok(Open { intent, checkpoint })
    }
}

/// What a segment, and those before it as far as they matter, came to.
struct Replay {
    header: Option<Header>,
    /// How many copies of open intents it really has.
    carried: u64,
    open: LeftOpen,
    end: Point,
}

/// Replays the segment; if a power cut took some of the copies it should start with, then on top of the one before.
fn replay(directory: &Path, number: SegmentNumber, limit: Option<u64>) -> Result<Replay, LedgerError> {
    let replay_alone = scan(directory, number, limit, LeftOpen::default())?;
    let Some(header) = replay_alone.header.filter(|header| replay_alone.carried < header.carried) else {
        return Ok(replay_alone);
    };
    let before = SegmentNumber(number.0.saturating_sub(1));
    if !before.path(directory).exists() {
        return Ok(replay_alone);
    }
    let earlier = replay(directory, before, Some(header.previous.length))?;
    scan(directory, number, limit, earlier.open)
}

/// Applies one segment, up to a limit if one is known, to what was open before.
fn scan(
    directory: &Path,
    number: SegmentNumber,
    limit: Option<u64>,
    open: LeftOpen,
) -> Result<Replay, LedgerError> {
    let path = number.path(directory);
    let failed = |source| LedgerError::Open { path: path.clone(), source };
    let mut frames = Frames::open(&path).map_err(failed)?;
    let mut replay = Replay { header: None, carried: 0, open, end: Point::start() };
    while limit.is_none_or(|limit| frames.point().length < limit) {
        let position = Position { segment: number, offset: frames.point().length };
        let corrupt = Err(LedgerError::Corrupt { position });
        match frames.advance().map_err(failed)? {
            Step::Whole => {
                if !replay.apply(frames.payload(), position) {
                    return corrupt;
                }
            }
            Step::End | Step::Torn => break,
            Step::BadHead(head) if frames.is_blank(head).map_err(failed)? => break,
            Step::BadPayload { computed, stored }
                if !frames.continues_from([computed, stored]).map_err(failed)? =>
            {
                break;
            }
            Step::BadHead(_) | Step::BadPayload { .. } => return corrupt,
        }
    }
    replay.end = frames.point().clone();
    Ok(replay)
}

impl Replay {
    /// Whether the record may stand here.
    fn apply(&mut self, payload: &[u8], position: Position) -> bool {
        let left = || Left { intent: payload.into(), checkpoint: None, position };
        match codec::glance(payload) {
            Some(Glance::Begun(attempt)) => drop(self.open.insert(attempt, left())),
            Some(Glance::Carried(attempt)) => {
                self.carried += 1;
                self.open.entry(attempt).or_insert_with(left);
            }
            Some(Glance::Checkpoint(attempt)) => {
                if let Some(left) = self.open.get_mut(&attempt) {
                    left.checkpoint = Some(payload.into());
                }
            }
            Some(Glance::Header) => {
                let Some(Entry::Header(header)) = codec::decode(payload) else { return false };
                self.header = Some(header);
                return position.offset == 0 && header.segment == position.segment;
            }
            Some(Glance::Sealed) => {}
            Some(Glance::Settled(attempt)) => drop(self.open.remove(&attempt)),
            None => return false,
        }
        self.header.is_some()
    }
}

/// Cuts off what lies beyond the last whole record.
fn cut(directory: &Path, segment: SegmentNumber, end: &Point) -> Result<Option<Truncation>, LedgerError> {
    let path = segment.path(directory);
    let cut = || {
        let file = OpenOptions::new().write(true).open(&path)?;
        let bytes = file.metadata()?.len().saturating_sub(end.length);
        if bytes > 0 {
            file.set_len(end.length)?;
            file.sync_all()?;
        }
        Ok(bytes)
    };
    let bytes = cut().map_err(|source| LedgerError::Open { path: path.clone(), source })?;
    let position = Position { segment, offset: end.length };
    Ok((bytes > 0).then_some(Truncation { position, bytes }))
}
