//! Removes segments when all that they hold is older than it is to be kept.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use types::{Monotonic, UnixTime};

use crate::segment::{self, SegmentNumber};
use crate::shared::{Shared, lock};

/// How long between two looks at what there is.
const INTERVAL: Duration = Duration::from_hours(1);

/// What may be removed, and when that is next looked at.
pub(crate) struct Retention {
    directory: PathBuf,
    keep: Option<Duration>,
    due: Monotonic,
}

impl Retention {
    pub(crate) fn new(directory: &Path, keep: Option<Duration>) -> Self {
        Self { directory: directory.to_owned(), keep, due: Monotonic::default() }
    }

    /// Removes what is no longer kept, if it is time to look.
    pub(crate) fn tend(&mut self, shared: &Shared) {
        let Some(keep) = self.keep else { return };
        let now = shared.clock.now();
        if now < self.due {
            return;
        }
        // Until the current segment is on the disk, a start may need the one before.
        let Some(current) = lock(&shared.writer).durable_segment() else { return };
        self.due = now.plus(INTERVAL);
        let oldest = shared.clock.wall().minus(keep);
        // A segment in which an open attempt began was written no earlier than that.
        let open = lock(&shared.queue).open.values().map(|open| open.intent.at).min();
        let before = open.map_or(oldest, |began| began.min(oldest));
        // What cannot be removed now is tried again at the next look; no request is worse off for it.
        remove(&self.directory, current, before).ok();
    }
}

/// Removes the segments before `current` that were last written before this time. One at a time and the oldest first,
/// so that those which are left follow on one another, after a power cut too.
fn remove(directory: &Path, current: SegmentNumber, before: UnixTime) -> io::Result<()> {
    let segments = segment::list(directory)?.segments;
    let names = File::open(directory)?;
    for number in segments.into_iter().take_while(|number| *number < current) {
        let path = number.path(directory);
        if last_written(&path)? >= before {
            break;
        }
        fs::remove_file(&path)?;
        names.sync_all()?;
    }
    Ok(())
}

/// When the segment's last record was written. A copy of the ledger that does not keep this time is kept longer.
fn last_written(path: &Path) -> io::Result<UnixTime> {
    let since_epoch = fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(UnixTime::default().plus(since_epoch))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tempfile::TempDir;
    use types::SystemClock;

    use super::*;
    use crate::samples::{answered, intent};
    use crate::{Ledger, Options};

    #[test]
    fn a_segment_in_which_an_open_attempt_began_stays() {
        let directory = TempDir::new().unwrap();
        let flush_interval = Duration::from_hours(10);
        let options = Options { flush_interval, reserve: 4096, segment_size: 400, ..Options::default() };
        let (ledger, _) = Ledger::open(directory.path(), options, Arc::new(SystemClock::new())).unwrap();
        let long = ledger.begin(intent()).unwrap();
        let segments = || segment::list(directory.path()).unwrap().segments;
        while segments().len() < 4 {
            ledger.begin(intent()).unwrap().settle(answered());
            ledger.flush().unwrap();
        }
        let all = segments();
        let [old @ .., current] = all.as_slice() else { panic!("no segments") };
        for number in old {
            let file = File::options().append(true).open(number.path(directory.path())).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(intent().at.as_secs() + 1)).unwrap();
        }
        let tend = || Retention::new(directory.path(), Some(Duration::from_hours(1))).tend(ledger.shared());
        tend();
        assert_eq!(segments(), all);
        long.settle(answered());
        tend();
        assert_eq!(segments(), [*current]);
        ledger.close().unwrap();
    }
}
