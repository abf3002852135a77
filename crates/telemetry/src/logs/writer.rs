//! The thread that writes lines: in batches when busy, at once when idle, and never in anybody's way.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use types::Clock;

use super::{LogFormat, LogLevel, Record};
use crate::metrics::Counter;
use crate::names::field;
use crate::outbox::{Batching, Next, Outbox};

/// Lines may take 8 MiB: this much waits, as much is being written, and a growing buffer is up to twice its content.
pub(super) const BATCHING: Batching =
    Batching { capacity: 2 * 1024 * 1024, enough: 64 * 1024, interval: Duration::from_millis(50) };

/// A batch larger than this gives its memory back once it is written.
const KEPT: usize = 256 * 1024;

pub(super) struct Writer {
    pub(super) format: LogFormat,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) outbox: Arc<Outbox<u8>>,
    pub(super) dropped: Arc<Counter>,
    pub(super) output: Box<dyn Write + Send>,
}

impl Writer {
    pub(super) fn run(mut self) {
        let mut batch = Vec::new();
        let mut told = 0;
        loop {
            let next = self.outbox.take(&mut batch);
            self.tell_dropped(&mut batch, &mut told);
            // Nobody is left to be told that the log itself cannot be written; the next batch may fare better.
            let _ = self.output.write_all(&batch).and_then(|()| self.output.flush());
            batch.clear();
            batch.shrink_to(KEPT);
            match next {
                Next::Deliver => self.outbox.gather(),
                Next::Last => break,
            }
        }
        self.outbox.finish();
    }

    /// Says once per batch how many lines are missing before it.
    fn tell_dropped(&self, batch: &mut Vec<u8>, told: &mut u64) {
        let dropped = self.dropped.value();
        if dropped == *told {
            return;
        }
        let mut line = String::new();
        let stamp = (self.format, self.clock.wall());
        Record::write(&mut line, stamp, (LogLevel::Warn, "log lines dropped"), |record| {
            record.integer(field::DROPPED, dropped - *told);
        });
        line.push('\n');
        batch.extend_from_slice(line.as_bytes());
        *told = dropped;
    }
}
