//! The table: what was measured, next to its bar.

use std::collections::BTreeMap;
use std::process::Command;

use types::{Clock, SystemClock};

use crate::machine;
use crate::rows::Rounds;
use crate::stage::Target;

/// What a value is in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Kibibytes,
    Mebibytes,
    Micros,
    Millis,
    PerSecond,
    Ratio,
}

/// What is good enough.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bar {
    /// At least this often what nginx has.
    LeastTimesNginx(f64),
    /// At most this.
    Most(f64),
    /// At most this more than the mock itself.
    OverDirect(f64),
    /// At most this more than nginx.
    OverNginx(f64),
    /// At most this often what nginx has.
    TimesNginx(f64),
}

/// Each target's values, round by round.
pub(crate) struct Spread(pub(crate) BTreeMap<Target, Vec<f64>>);

/// One row of the table.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) bar: Bar,
    pub(crate) values: Spread,
}

impl Figure {
    /// A figure that only the gateway has.
    pub(crate) fn own(name: &str, unit: Unit, bar: Bar, values: Vec<f64>) -> Self {
        let values = Spread(BTreeMap::from([(Target::Tollgate, values)]));
        Self { name: name.to_owned(), unit, bar, values }
    }

    /// What the bar is held against, round by round.
    fn judged(&self) -> Vec<f64> {
        let own = self.values.of(Target::Tollgate);
        let against = |target| own.iter().zip(self.values.of(target));
        match self.bar {
            Bar::Most(_) => own.to_vec(),
            Bar::OverDirect(_) => against(Target::Direct).map(|(own, other)| own - other).collect(),
            Bar::OverNginx(_) => against(Target::Nginx).map(|(own, other)| own - other).collect(),
            Bar::LeastTimesNginx(_) | Bar::TimesNginx(_) => {
                against(Target::Nginx).map(|(own, other)| own / other).collect()
            }
        }
    }

    fn is_met(&self) -> bool {
        let judged = median(&self.judged());
        match self.bar {
            Bar::LeastTimesNginx(bar) => judged >= bar,
            Bar::Most(bar) | Bar::OverDirect(bar) | Bar::OverNginx(bar) | Bar::TimesNginx(bar) => {
                judged <= bar
            }
        }
    }

    fn row(&self) -> String {
        let unit = self.unit.word();
        let own = range(self.values.of(Target::Tollgate), self.unit);
        let judged = self.judged();
        let (judged, bar) = match self.bar {
            Bar::LeastTimesNginx(bar) => (range(&judged, Unit::Ratio), format!("≥ {bar} × nginx")),
            Bar::Most(bar) => (String::new(), format!("≤ {bar} {unit}")),
            Bar::OverDirect(bar) => (range(&judged, self.unit), format!("≤ {bar} {unit} over direct")),
            Bar::OverNginx(bar) => (range(&judged, self.unit), format!("≤ {bar} {unit} over nginx")),
            Bar::TimesNginx(bar) => (range(&judged, Unit::Ratio), format!("≤ {bar} × nginx")),
        };
        let other = |target| {
            let values = self.values.of(target);
            if values.is_empty() { String::new() } else { self.unit.text(median(values)) }
        };
        let met = if self.is_met() { "met" } else { "**not met**" };
        format!(
            "| {} ({unit}) | {} | {} | {} | {own} | {judged} | {bar} | {met} |\n",
            self.name,
            other(Target::Direct),
            other(Target::Nginx),
            other(Target::Hyper),
        )
    }
}

impl Spread {
    fn of(&self, target: Target) -> &[f64] {
        self.0.get(&target).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Unit {
    const fn word(self) -> &'static str {
        match self {
            Self::Kibibytes => "KiB",
            Self::Mebibytes => "MiB",
            Self::Micros => "µs",
            Self::Millis => "ms",
            Self::PerSecond => "1/s",
            Self::Ratio => "×",
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Self::Kibibytes | Self::Mebibytes | Self::Micros | Self::Millis => format!("{value:.1}"),
            Self::PerSecond => format!("{value:.0}"),
            Self::Ratio => format!("{value:.2}"),
        }
    }
}

/// Median, minimum and maximum.
fn range(values: &[f64], unit: Unit) -> String {
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{} ({} … {})", unit.text(median(values)), unit.text(min), unit.text(max))
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The whole page.
pub(crate) fn markdown(figures: &[Figure], rounds: &Rounds, busy: [f64; 2]) -> String {
    let rows: String = figures.iter().map(Figure::row).collect();
    let met = figures.iter().filter(|figure| figure.is_met()).count();
    let [before, after] = busy.map(|share| format!("{:.0} %", share * 100.0));
    format!(
        "# Benchmark results\n\n\
         Written by `cargo xtask bench`; do not edit. {date}. {machine}. {compiler}; {nginx}.\n\
         Others used {before} of the machine's processor time just before, {after} just after.\n\n\
         {count} rounds of {seconds} s for each row, everyone in turn in each round; median (minimum … maximum). The gateway has everything on\n\
         that there is: API keys and tokens, request, token and concurrency limits, weighted routing over two targets with breakers, the ledger, metrics,\n\
         and a line of JSON for each request, written to a file. nginx writes no log. Except where two cores are shared, who is measured runs on one core with one\n\
         worker, mock and load on the other. Ratios and differences are those of each round.\n\n\
         | figure | direct | nginx | bare hyper | tollgate | judged | bar | |\n|---|---|---|---|---|---|---|---|\n{rows}\n\
         {met} of {all} bars are met.\n",
        date = date(),
        machine = machine::name(),
        compiler = version("rustc", "--version"),
        nginx = version("nginx", "-v"),
        count = rounds.count,
        seconds = rounds.seconds,
        all = figures.len(),
    )
}

fn date() -> String {
    let now = SystemClock::new().wall().to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}

/// What a program says of its version, on whichever stream it does.
pub(crate) fn version(program: &str, flag: &str) -> String {
    let Ok(output) = Command::new(program).arg(flag).output() else { return format!("no {program}") };
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    String::from_utf8_lossy(&text).trim().to_owned()
}
