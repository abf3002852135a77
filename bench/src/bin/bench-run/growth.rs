//! The rows about growth: what a request costs a gateway that has much, next to what it costs one that has little.

use std::path::Path;

use anyhow::Context;
use auth::{Keys, NewKey};
use store::Allowed;
use types::{Clock, SystemClock};

use crate::memory;
use crate::report::{Bar, Figure, Unit};
use crate::rows::Rounds;
use crate::stage::{self, Cores, Folder, Gateway, Server};

const KEYS: u32 = 100_000;
const MODELS: usize = 2_000;
const STREAMS: u32 = 5_000;

/// What noise leaves of "the same".
const FLAT: Bar = Bar::Most(1.1);

/// Measures what is wanted.
pub(crate) fn run(rounds: &Rounds) -> anyhow::Result<Vec<Figure>> {
    let (keys, models, streams) = (
        format!("growth: {KEYS} keys / 1"),
        format!("growth: {MODELS} models / few"),
        format!("growth: {STREAMS} open streams / none"),
    );
    if ![&keys, &models, &streams].iter().any(|name| rounds.wants(name)) {
        return Ok(Vec::new());
    }
    // Making keys is durable; in memory that takes seconds instead of minutes.
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let mock = stage::mock(Cores::One)?;
    let folders = [
        Folder::new(&parent, "small")?,
        Folder::new(&parent, "keys")?,
        Folder::new(&parent, "models")?,
        Folder::new(&parent, "streams")?,
    ];
    let [small, many_keys, many_models, many_streams] = &folders;
    let start = |folder| Gateway::new(folder, Cores::One, mock.address);
    let (small, _) = start(small).start()?;
    drop(start(many_keys).start()?);
    add_keys(&many_keys.path().join("data"))?;
    let many = [
        (keys, start(many_keys).start()?.0),
        (models, Gateway { more_models: MODELS, ..start(many_models) }.start()?.0),
        (streams, start(many_streams).start()?.0),
    ];
    let [.., (_, streaming)] = &many;
    let mut figures: Vec<_> =
        many.iter().map(|(name, _)| Figure::own(name, Unit::Ratio, FLAT, Vec::new())).collect();
    let open = memory::hold(streaming, STREAMS, 30_000, 20)?;
    for _ in 0..rounds.count {
        for ((_, server), figure) in many.iter().zip(&mut figures) {
            // In this order a machine that slows down or speeds up meets both alike.
            let [first, second, third, fourth] =
                [&small, server, server, &small].map(|one| cost(one, rounds));
            let (little, much) = (first? + fourth?, second? + third?);
            eprintln!("{}: {:.1} / {:.1}", figure.name, much / 2.0, little / 2.0);
            for values in figure.values.0.values_mut() {
                values.push(much / little);
            }
        }
    }
    drop(open);
    Ok(figures)
}

/// CPU for a small chat, in microseconds.
fn cost(server: &Server, rounds: &Rounds) -> anyhow::Result<f64> {
    let words = format!("--connections 32 --seconds {}", rounds.seconds);
    let seen = stage::load(server, Cores::One.others(), &words)?;
    Ok(seen.cpu_us / seen.requests)
}

fn add_keys(data: &Path) -> anyhow::Result<()> {
    let keys = Keys::open(data).context("the keys cannot be opened")?;
    let now = SystemClock::new().wall();
    for index in 0..KEYS {
        let name = format!("bench-{index}");
        keys.create(
            NewKey { name, models: Allowed::All, lifetime: None, created_by: "bench".to_owned() },
            now,
        )?;
    }
    Ok(())
}
