//! The rows about a fresh process: how soon it is ready, what it holds when idle, and what an open stream adds.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use anyhow::ensure;
use bench::processes;

use crate::process::{Running, pause};
use crate::report::{Bar, Figure, Spread, Unit};
use crate::rows::Rounds;
use crate::stage::{self, Cores, Folder, Gateway, Server, Target};

const STREAMS: u32 = 1_000;

const READY: &str = "ready after start";
const IDLE: &str = "idle RSS";
const STREAM: &str = "memory per open stream";

/// Measures what is wanted; memory does not vary enough for more than three rounds.
pub(crate) fn run(rounds: &Rounds) -> anyhow::Result<Vec<Figure>> {
    if ![READY, IDLE, STREAM].iter().any(|name| rounds.wants(name)) {
        return Ok(Vec::new());
    }
    let mock = stage::mock(Cores::One)?;
    let (mut ready, mut idle) = (Vec::new(), BTreeMap::<Target, Vec<f64>>::new());
    let mut per_stream = BTreeMap::<Target, Vec<f64>>::new();
    for _ in 0..rounds.count.min(3) {
        let folder = Folder::new(&std::env::temp_dir(), "memory")?;
        // The second start is the usual one: the first makes keys and secrets.
        drop(Gateway::new(&folder, Cores::One, mock.address).start()?);
        let (tollgate, after) = Gateway::new(&folder, Cores::One, mock.address).start()?;
        ready.push(after.as_secs_f64() * 1e3);
        let fresh = [
            (Target::Nginx, stage::nginx(&folder, Cores::One, mock.address)?),
            (Target::Hyper, stage::hyper(Cores::One, mock.address)?),
            (Target::Tollgate, tollgate),
        ];
        for (target, server) in fresh {
            pause(Duration::from_millis(300));
            let before = resident(&server);
            idle.entry(target).or_default().push(f64::from(before) / 1024.0);
            let open = hold(&server, STREAMS, 1_000, 600)?;
            // Each stream has had two events by then.
            pause(Duration::from_millis(2_500));
            let added = f64::from(resident(&server)) - f64::from(before);
            drop(open);
            per_stream.entry(target).or_default().push(added / f64::from(STREAMS));
        }
    }
    let figure = |name: &str, unit, bar, values| Figure { name: name.to_owned(), unit, bar, values };
    Ok(vec![
        figure(STREAM, Unit::Kibibytes, Bar::Most(20.0), Spread(per_stream)),
        figure(IDLE, Unit::Mebibytes, Bar::Most(20.0), Spread(idle)),
        Figure::own(READY, Unit::Millis, Bar::Most(50.0), ready),
    ])
}

fn resident(server: &Server) -> u32 {
    let kib = processes::resident_kib(&processes::tree(server.running.id()));
    u32::try_from(kib).unwrap_or(u32::MAX)
}

/// Opens streams and keeps them open until what is returned is dropped.
pub(crate) fn hold(server: &Server, streams: u32, gap: u64, events: usize) -> anyhow::Result<Running> {
    let words = format!("--connections {streams} --stream {events} --gap {gap} --hold");
    let mut command = stage::load_command(server, Cores::One.others(), &words)?;
    let mut running = Running::start(command.stdout(Stdio::piped()))?;
    let mut said = String::new();
    if let Some(output) = running.output() {
        BufReader::new(output).read_line(&mut said)?;
    }
    ensure!(said.starts_with("open="), "the streams did not open");
    Ok(running)
}
