//! Logs: one line per fact, as JSON or for a person, written by a thread of its own.

mod access;
mod record;
mod stamp;
mod subscriber;
mod writer;

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use types::Clock;

pub(crate) use access::Access;
pub(crate) use record::Record;
pub use subscriber::{TracingInstalled, install_tracing};

use crate::metrics::Counter;
use crate::outbox::{Offer, Outbox};

/// How much a log line matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// A human must act.
    Error,
    /// Degraded, but served.
    Warn,
    /// The life of the gateway, and its access lines.
    #[default]
    Info,
    /// Per request.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word in a line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// One JSON object per line.
    #[default]
    Json,
    /// For a person at a terminal.
    Pretty,
}

thread_local! {
    /// The line being written on this thread, reused.
    static LINE: Cell<String> = const { Cell::new(String::new()) };
}

/// Where log lines go.
#[derive(Debug)]
pub(crate) struct Logs {
    format: LogFormat,
    level: LogLevel,
    clock: Arc<dyn Clock>,
    outbox: Arc<Outbox<u8>>,
    dropped: Arc<Counter>,
}

impl Logs {
    /// Starts the thread that writes to `output`.
    pub(crate) fn start(
        format: LogFormat,
        level: LogLevel,
        clock: Arc<dyn Clock>,
        dropped: Arc<Counter>,
        output: Box<dyn Write + Send>,
    ) -> io::Result<Self> {
        let outbox = Arc::new(Outbox::new(writer::BATCHING));
        let writer = writer::Writer {
            format,
            clock: Arc::clone(&clock),
            outbox: Arc::clone(&outbox),
            dropped: Arc::clone(&dropped),
            output,
        };
        std::thread::Builder::new().name("tollgate-log".to_owned()).spawn(move || writer.run())?;
        Ok(Self { format, level, clock, outbox, dropped })
    }

    /// The least important level that is written.
    pub(crate) const fn level(&self) -> LogLevel {
        self.level
    }

    /// Writes one line of fields.
    pub(crate) fn record(&self, level: LogLevel, message: &str, fill: impl FnOnce(&mut Record<'_>)) {
        if level <= self.level {
            self.line(|line| Record::write(line, (self.format, self.clock.wall()), (level, message), fill));
        }
    }

    /// Writes the line of one finished request.
    pub(crate) fn access(&self, level: LogLevel, access: &Access<'_>) {
        if level <= self.level {
            self.line(|line| access.write(line, self.format, (level, self.clock.wall())));
        }
    }

    /// Hands one line to the writer, or counts it as dropped. The buffer is taken out while it is filled, so that
    /// a value whose `Display` logs does not meet it.
    fn line(&self, fill: impl FnOnce(&mut String)) {
        let mut line = LINE.try_with(Cell::take).unwrap_or_default();
        line.clear();
        fill(&mut line);
        line.push('\n');
        let offer = self.outbox.offer(line.len(), |pending| pending.extend_from_slice(line.as_bytes()));
        if offer == Offer::Dropped {
            self.dropped.add(1);
        }
        // A thread that is ending has no buffer any more; the line itself is delivered.
        let _ = LINE.try_with(|cell| cell.set(line));
    }

    /// Takes no more lines.
    pub(crate) fn close(&self) {
        self.outbox.close();
    }

    /// Waits for what was taken to be written, at most this long.
    pub(crate) fn wait_until_written(&self, patience: Duration) {
        self.outbox.wait_until_finished(patience);
    }
}
