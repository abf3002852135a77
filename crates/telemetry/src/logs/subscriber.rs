//! `tracing` events of every crate, written as lines to the same log.
//!
//! A subscriber of our own instead of tracing-subscriber: spans are not kept (the tracer has its own), so nothing
//! is formatted or stored but the event itself, and a disabled call site costs one load.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Metadata, Subscriber};

use super::{LogLevel, Record};
use crate::names::field;
use crate::redact;
use crate::telemetry::Telemetry;

/// The crates whose events are written at the chosen level. Others may print what they were given, secrets
/// included, below `warn`; so below `warn` they are not heard.
const OWN: &[&str] = &[
    "admin",
    "auth",
    "credentials",
    "dialects",
    "gateway",
    "ledger",
    "limits",
    "mock",
    "net",
    "providers",
    "router",
    "settings",
    "store",
    "telemetry",
    "testkit",
    "tollgate",
    "types",
];

/// Fields that every line has; an event's own field of that name gets an underscore.
const RESERVED: &[&str] = &[field::LEVEL, field::MODULE, field::TIME];

/// Another subscriber is installed in this process.
#[derive(Debug)]
pub struct TracingInstalled;

impl fmt::Display for TracingInstalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tracing subscriber is already installed")
    }
}

impl std::error::Error for TracingInstalled {}

/// Sends the process's `tracing` events to this telemetry's log. The only global there is: the binary calls it, once.
pub fn install_tracing(telemetry: &Telemetry) -> Result<(), TracingInstalled> {
    let bridge = Bridge(telemetry.clone());
    tracing::subscriber::set_global_default(bridge).map_err(|_| TracingInstalled)
}

/// The subscriber.
struct Bridge(Telemetry);

impl Subscriber for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let crate_name = metadata.target().split("::").next().unwrap_or_default();
        let level = level_of(*metadata.level());
        let heard = OWN.contains(&crate_name) || level <= LogLevel::Warn;
        metadata.is_event() && heard && level <= self.0.logs().level()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.0.logs().level() {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        })
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let metadata = event.metadata();
        self.0.logs().record(level_of(*metadata.level()), &redact::text(&message.0), |record| {
            record.text(field::MODULE, metadata.target());
            event.record(&mut Fields(record));
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn level_of(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

/// Finds an event's message.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == field::MESSAGE {
            self.0 = format!("{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

/// Writes an event's other fields.
struct Fields<'a, 'b>(&'a mut Record<'b>);

impl Fields<'_, '_> {
    fn name(field: &Field) -> std::borrow::Cow<'static, str> {
        let name = field.name();
        if RESERVED.contains(&name) { format!("{name}_").into() } else { name.into() }
    }
}

impl Visit for Fields<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() != field::MESSAGE {
            self.0.text(&Self::name(field), &redact::text(&format!("{value:?}")));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() != field::MESSAGE {
            self.0.text(&Self::name(field), &redact::text(value));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.integer(&Self::name(field), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.number(&Self::name(field), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for infinity and the like.
        if value.is_finite() {
            self.0.number(&Self::name(field), &value);
        } else {
            self.0.display(&Self::name(field), &value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.number(&Self::name(field), &value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        self.0.text(&Self::name(field), &redact::text(&text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_of_the_workspace_is_heard() {
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of crates");
        for entry in std::fs::read_dir(crates).expect("crates") {
            let name = entry.expect("crate").file_name().into_string().expect("a name");
            assert!(OWN.contains(&name.as_str()), "{name} is missing in OWN");
        }
    }
}
