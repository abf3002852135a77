//! The rows that are measured by asking: each round asks everyone in turn, so that a busy moment meets them all.

use std::collections::BTreeMap;

use crate::process;
use crate::report::{Bar, Figure, Spread, Unit};
use crate::stage::{self, Cores, Folder, Gateway, Seen, Server, Target};

/// How often and how long is measured.
pub(crate) struct Rounds {
    pub(crate) count: usize,
    pub(crate) seconds: f64,
    /// Only rows whose name contains this.
    pub(crate) only: Option<String>,
}

impl Rounds {
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }
}

/// What is asked for, what is made of what was seen, and the bar for it.
struct Row {
    name: &'static str,
    load: &'static str,
    cores: Cores,
    unit: Unit,
    of: fn(&Seen) -> f64,
    bar: Bar,
}

const ROWS: [Row; 8] = [
    Row {
        name: "CPU per small chat",
        load: "--connections 32",
        cores: Cores::One,
        unit: Unit::Micros,
        of: per_request,
        bar: Bar::TimesNginx(1.5),
    },
    Row {
        name: "… 10 KB prompt",
        load: "--connections 32 --prompt 10240",
        cores: Cores::One,
        unit: Unit::Micros,
        of: per_request,
        bar: Bar::TimesNginx(1.5),
    },
    Row {
        name: "… 100 KB prompt",
        load: "--connections 32 --prompt 102400",
        cores: Cores::One,
        unit: Unit::Micros,
        of: per_request,
        bar: Bar::TimesNginx(1.0),
    },
    Row {
        name: "… translated (Messages in, Chat out)",
        load: "--connections 32 --shape messages",
        cores: Cores::One,
        unit: Unit::Micros,
        of: per_request,
        bar: Bar::TimesNginx(2.5),
    },
    Row {
        name: "requests/s, two cores shared",
        load: "--connections 64",
        cores: Cores::Shared,
        unit: Unit::PerSecond,
        of: |seen| seen.requests / seen.seconds,
        bar: Bar::LeastTimesNginx(0.7),
    },
    Row {
        name: "CPU per paced chunk",
        load: "--connections 200 --stream 100 --gap 20",
        cores: Cores::One,
        unit: Unit::Micros,
        of: |seen| seen.cpu_us / seen.events,
        bar: Bar::TimesNginx(1.4),
    },
    Row {
        name: "first chunk added, p50",
        load: "--stream 3 --gap 1 --rate 100",
        cores: Cores::One,
        unit: Unit::Micros,
        of: |seen| seen.first_us,
        bar: Bar::OverDirect(300.0),
    },
    Row {
        name: "latency p50 at 500/s",
        load: "--rate 500",
        cores: Cores::One,
        unit: Unit::Micros,
        of: |seen| seen.p50_us,
        bar: Bar::OverNginx(80.0),
    },
];

fn per_request(seen: &Seen) -> f64 {
    seen.cpu_us / seen.requests
}

/// Measures every row that is wanted.
pub(crate) fn run(rounds: &Rounds) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for cores in [Cores::One, Cores::Shared] {
        let rows: Vec<_> = ROWS.iter().filter(|row| row.cores == cores && rounds.wants(row.name)).collect();
        if rows.is_empty() {
            continue;
        }
        let everyone = Everyone::start(cores)?;
        for row in rows {
            figures.push(everyone.measure(row, rounds)?);
            everyone.empty_log()?;
        }
    }
    Ok(figures)
}

/// Everyone who is asked.
struct Everyone {
    cores: Cores,
    servers: BTreeMap<Target, Server>,
    folder: Folder,
}

impl Everyone {
    fn start(cores: Cores) -> anyhow::Result<Self> {
        let folder = Folder::new(&std::env::temp_dir(), "rows")?;
        let mock = stage::mock(cores)?;
        let upstream = mock.address;
        let (tollgate, _) = Gateway::new(&folder, cores, upstream).start()?;
        let servers = BTreeMap::from([
            (Target::Hyper, stage::hyper(cores, upstream)?),
            (Target::Nginx, stage::nginx(&folder, cores, upstream)?),
            (Target::Tollgate, tollgate),
            (Target::Direct, mock),
        ]);
        Ok(Self { cores, servers, folder })
    }

    fn measure(&self, row: &Row, rounds: &Rounds) -> anyhow::Result<Figure> {
        let mut values: BTreeMap<Target, Vec<f64>> = BTreeMap::new();
        let words = format!("{} --seconds {}", row.load, rounds.seconds);
        for round in 1..=rounds.count {
            for (&target, server) in &self.servers {
                let is_needed = target != Target::Direct || matches!(row.bar, Bar::OverDirect(_));
                if is_needed {
                    let seen = stage::load(server, self.cores.others(), &words)?;
                    let value = (row.of)(&seen);
                    eprintln!("{} {round}/{} {target:?}: {value:.1}", row.name, rounds.count);
                    values.entry(target).or_default().push(value);
                }
            }
        }
        Ok(Figure { name: row.name.to_owned(), unit: row.unit, bar: row.bar, values: Spread(values) })
    }

    /// A disk has an end.
    fn empty_log(&self) -> anyhow::Result<()> {
        process::appended(&self.folder.path().join("access.log"))?;
        Ok(std::fs::File::options().write(true).open(self.folder.path().join("access.log"))?.set_len(0)?)
    }
}
