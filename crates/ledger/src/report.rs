//! Totals by key and model: what `tollgate usage` shows.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use foldhash::{HashMap, HashMapExt};
use serde::Serialize;
use types::{AttemptId, KeyId, MicroUsd, ModelName, UnixTime, Usage};

use crate::error::ReadError;
use crate::record::{Estimated, Intent, Outcome, Record, Settlement};

/// Which attempts a report counts: those that began in `from..until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Window {
    /// The first moment that counts.
    pub from: UnixTime,
    /// The first moment that no longer counts.
    pub until: UnixTime,
}

impl Window {
    /// All of time.
    pub const ALL: Self = Self { from: UnixTime::from_micros(0), until: UnixTime::from_micros(u64::MAX) };

    fn contains(self, time: UnixTime) -> bool {
        (self.from..self.until).contains(&time)
    }
}

/// Sums over attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Callers' requests that reached an upstream. A request that failed over is one.
    pub requests: u64,
    /// Requests to upstreams.
    pub attempts: u64,
    /// Attempts that have not ended.
    pub open: u64,
    /// Attempts that the upstream failed.
    pub failures: u64,
    /// Attempts whose usage and cost are the ledger's guess.
    pub estimated: u64,
    /// Tokens by class.
    pub usage: Usage,
    /// What it cost, in millionths of a US dollar.
    pub cost: MicroUsd,
}

impl Totals {
    fn begin(&mut self, intent: &Intent) {
        self.requests += u64::from(intent.number <= 1);
        self.attempts += 1;
        self.open += 1;
    }

    fn settle(&mut self, settlement: &Settlement) {
        self.open = self.open.saturating_sub(1);
        self.failures += match settlement.outcome {
            Outcome::Failed(_) => 1,
            Outcome::Answered | Outcome::ClientGone | Outcome::Lost | Outcome::Unsent => 0,
        };
        self.estimated += match settlement.estimated {
            Estimated::No => 0,
            Estimated::Yes => 1,
        };
        self.usage = self.usage.plus(&settlement.usage);
        self.cost = self.cost.plus(settlement.cost);
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            attempts: self.attempts + other.attempts,
            open: self.open + other.open,
            failures: self.failures + other.failures,
            estimated: self.estimated + other.estimated,
            usage: self.usage.plus(&other.usage),
            cost: self.cost.plus(other.cost),
        }
    }
}

/// One key's totals on one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The key, if a key asked.
    pub key: Option<KeyId>,
    /// The model's public name; for one that the configuration does not list, its provider's and the one there.
    pub model: ModelName,
    /// Its totals.
    #[serde(flatten)]
    pub totals: Totals,
}

/// Totals by key and model. Serialises to JSON, and prints as a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What it covers.
    pub window: Window,
    /// By key, then by model.
    pub rows: Vec<Row>,
    /// All of them together.
    pub total: Totals,
}

type Cell = (Option<KeyId>, ModelName);

impl Report {
    /// Sums up records in the order they were read. Memory grows with the keys, the models and the attempts open at
    /// one time, not with the records.
    pub fn collect(
        records: impl IntoIterator<Item = Result<Record, ReadError>>,
        window: Window,
    ) -> Result<Self, ReadError> {
        let mut cells = BTreeMap::<Cell, Totals>::new();
        let mut open = HashMap::<AttemptId, Cell>::new();
        for record in records {
            match record? {
                Record::Begun(intent) | Record::Carried(intent) => {
                    if window.contains(intent.at) && !open.contains_key(&intent.attempt) {
                        let cell = (intent.key.clone(), model(&intent));
                        cells.entry(cell.clone()).or_default().begin(&intent);
                        open.insert(intent.attempt, cell);
                    }
                }
                Record::Settled { attempt, settlement } => {
                    if let Some(totals) = open.remove(&attempt).and_then(|cell| cells.get_mut(&cell)) {
                        totals.settle(&settlement);
                    }
                }
                Record::Checkpoint { .. } => {}
            }
        }
        let total = cells.values().fold(Totals::default(), |sum, totals| sum.plus(totals));
        let rows = cells.into_iter().map(|((key, model), totals)| Row { key, model, totals }).collect();
        Ok(Self { window, rows, total })
    }
}

/// The name to count under. Metrics know a model that the configuration does not list as its provider's `*`, so that
/// callers cannot make series without end; whoever pays wants to know which it was.
fn model(intent: &Intent) -> ModelName {
    let provider = intent.model.as_str().strip_suffix("/*");
    if provider == Some(intent.provider.as_str()) {
        format!("{}/{}", intent.provider, intent.upstream_model).into()
    } else {
        intent.model.clone()
    }
}

impl fmt::Display for Report {
    /// A table for a terminal; the last line is the total.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![HEADINGS.map(str::to_owned)];
        for row in &self.rows {
            let key = row.key.as_ref().map_or("-", KeyId::as_str);
            lines.push(cells(key, row.model.as_str(), &row.totals));
        }
        lines.push(cells("total", "", &self.total));
        let mut widths = [0; COLUMNS];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = cell.chars().count().max(*width);
            }
        }
        for line in &lines {
            let mut text = String::new();
            for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
                if column < NAMES {
                    write!(text, "{cell:<width$}  ")?;
                } else {
                    write!(text, "{cell:>width$}  ")?;
                }
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

const COLUMNS: usize = 12;
/// The first columns are names and stand to the left.
const NAMES: usize = 2;
const HEADINGS: [&str; COLUMNS] = [
    "key",
    "model",
    "requests",
    "attempts",
    "open",
    "failures",
    "estimated",
    "input",
    "cache_read",
    "cache_write",
    "output",
    "cost_usd",
];

fn cells(key: &str, model: &str, totals: &Totals) -> [String; COLUMNS] {
    let usage = &totals.usage;
    let input = [usage.input, usage.input_audio, usage.input_image];
    let input = input.iter().fold(0_u64, |sum, tokens| sum.saturating_add(tokens.0));
    [
        key.to_owned(),
        plain(model),
        totals.requests.to_string(),
        totals.attempts.to_string(),
        totals.open.to_string(),
        totals.failures.to_string(),
        totals.estimated.to_string(),
        input.to_string(),
        usage.cache_read.0.saturating_add(usage.cache_read_audio.0).to_string(),
        usage.cache_write_5m.0.saturating_add(usage.cache_write_1h.0).to_string(),
        usage.output_total().0.to_string(),
        totals.cost.to_string(),
    ]
}

/// A caller may have invented the name, and a terminal obeys control characters and does not show direction marks.
fn plain(name: &str) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    name.chars().map(|c| if obeyed(c) { '\u{fffd}' } else { c }).collect()
}
