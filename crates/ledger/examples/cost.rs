//! What one attempt costs: `cargo run --release -p ledger --example cost [attempts] [threads]`.

use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};

use ledger::{Estimated, Intent, Ledger, LedgerError, Options, Outcome, Settlement};
use types::{AttemptId, Clock, MicroUsd, Operation, RequestId, SystemClock, Tokens, UnixTime, Usage};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let attempts: usize = arguments.next().map_or(Ok(500_000), |text| text.parse())?;
    let threads: usize = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let directory = tempfile::TempDir::new()?;
    let clock = Arc::new(SystemClock::new());
    let (ledger, _) = Ledger::open(directory.path(), Options::default(), clock.clone())?;
    let template = intent();
    let start = clock.now();
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (ledger, template, clock) = (ledger.clone(), template.clone(), clock.clone());
            thread::spawn(move || work(&ledger, &template, &*clock, attempts / threads))
        })
        .collect();
    let mut waits = Vec::new();
    for worker in workers {
        waits.extend(worker.join().map_err(|_| "a worker panicked")??);
    }
    let elapsed = clock.now().since(start);
    ledger.close()?;
    waits.sort_unstable();
    let at =
        |part: usize| waits.get(waits.len().saturating_sub(1) * part / 10_000).copied().unwrap_or_default();
    println!("{:?} per attempt over {threads} threads", elapsed / u32::try_from(attempts.max(1))?);
    println!(
        "begin: p50 {:?}, p99 {:?}, p99.99 {:?}, most {:?}",
        at(5_000),
        at(9_900),
        at(9_999),
        at(10_000)
    );
    let start = clock.now();
    let (_ledger, _) = Ledger::open(directory.path(), Options::default(), clock.clone())?;
    println!("{:?} to open again", clock.now().since(start));
    Ok(())
}

/// Begins and settles, and says how long each `begin` took.
fn work(
    ledger: &Ledger,
    template: &Intent,
    clock: &dyn Clock,
    attempts: usize,
) -> Result<Vec<Duration>, LedgerError> {
    let mut waits = Vec::with_capacity(attempts);
    for _ in 0..attempts {
        let start = clock.now();
        let intent =
            Intent { attempt: AttemptId::generate(), request: RequestId::generate(), ..template.clone() };
        let begun = ledger.begin(intent)?;
        waits.push(clock.now().since(start));
        begun.settle(answered());
    }
    Ok(waits)
}

fn intent() -> Intent {
    Intent {
        attempt: AttemptId::generate(),
        request: RequestId::generate(),
        number: 1,
        at: UnixTime::from_secs(1_795_368_600),
        operation: Operation::Chat,
        key: Some("k_01jd6v8n5y0000000000000000".into()),
        tenant: "default".into(),
        model: "gpt-4o-mini".into(),
        provider: "openai".into(),
        upstream_model: "gpt-4o-mini-2024-07-18".into(),
        price_version: Some("2026-11-01".into()),
        input_estimate: Tokens(300),
        reserved: MicroUsd::from_micros(1_200),
    }
}

fn answered() -> Settlement {
    Settlement {
        outcome: Outcome::Answered,
        at: UnixTime::from_secs(1_795_368_601),
        usage: Usage { input: Tokens(290), output: Tokens(120), ..Usage::default() },
        cost: MicroUsd::from_micros(115),
        estimated: Estimated::No,
        status: Some(200),
        upstream_id: Some("chatcmpl-9x8y7z6w5v4u3t2s1r0q".into()),
        first_token: Some(Duration::from_millis(220)),
        duration: Duration::from_millis(1_400),
    }
}
