//! Totals by key and model.

use ledger::report::{Report, Window};
use ledger::{Estimated, Intent, Outcome, Settlement, read};
use tempfile::TempDir;
use types::{FaultKind, KeyId, MicroUsd, RequestId, Tokens, UnixTime, Usage};

use crate::support::{answered, intent, open, quiet};

fn sample() -> (TempDir, Report) {
    let directory = TempDir::new().unwrap();
    let (ledger, _) = open(directory.path(), quiet());
    let request = RequestId::generate();
    let failed = Settlement {
        outcome: Outcome::Failed(FaultKind::Overloaded),
        usage: Usage::default(),
        cost: MicroUsd::ZERO,
        status: Some(429),
        ..answered()
    };
    let fallback = Intent { request, number: 2, ..intent() };
    ledger.begin(Intent { request, ..intent() }).unwrap().settle(failed);
    ledger.begin(fallback).unwrap().settle(answered());
    ledger.begin(intent()).unwrap().settle(Settlement { estimated: Estimated::Yes, ..answered() });
    ledger.begin(Intent { model: "large".into(), ..intent() }).unwrap().settle(Settlement {
        usage: Usage {
            cache_read: Tokens(7),
            cache_write_5m: Tokens(8),
            reasoning: Tokens(9),
            ..Usage::default()
        },
        cost: MicroUsd::from_micros(1_000_000),
        ..answered()
    });
    ledger.begin(Intent { key: None, at: UnixTime::from_secs(200), ..intent() }).unwrap().settle(answered());
    let open = ledger.begin(Intent { key: Some(KeyId::from("k_two")), ..intent() }).unwrap();
    ledger.flush().unwrap();
    let report = Report::collect(read(directory.path()).unwrap(), Window::ALL).unwrap();
    drop(open);
    (directory, report)
}

#[test]
fn totals_are_by_key_and_model() {
    let (_directory, report) = sample();
    let expected = "\
key    model  requests  attempts  open  failures  estimated  input  cache_read  cache_write  output  cost_usd
-      small         1         1     0         0          0     30           0            0      12  0.000250
k_one  large         1         1     0         0          0      0           7            8       9  1.000000
k_one  small         2         3     0         1          1     60           0            0      24  0.000500
k_two  small         1         1     1         0          0      0           0            0       0  0.000000
total                5         6     1         1          1     90           7            8      45  1.000750
";
    assert_eq!(report.to_string(), expected);
}

#[test]
fn a_window_counts_attempts_by_when_they_began() {
    let (directory, all) = sample();
    let collect = |from, until| {
        let window = Window { from: UnixTime::from_secs(from), until: UnixTime::from_secs(until) };
        Report::collect(read(directory.path()).unwrap(), window).unwrap().total.attempts
    };
    assert_eq!(all.total.attempts, 6);
    assert_eq!((collect(0, 100), collect(100, 200), collect(101, 201), collect(200, 200)), (0, 5, 1, 0));
}

#[test]
fn a_report_is_json() {
    let (_directory, report) = sample();
    let json: serde_json::Value = serde_json::to_value(&report).unwrap();
    assert_eq!(json["total"]["cost"], 1_000_750);
    assert_eq!(json["rows"][1]["model"], "large");
    assert_eq!(json["rows"][1]["usage"]["reasoning"], 9);
    assert_eq!(json["rows"][0]["key"], serde_json::Value::Null);
}

#[test]
fn a_model_that_the_configuration_does_not_list_is_told_by_its_own_name() {
    let directory = TempDir::new().unwrap();
    let (ledger, _) = open(directory.path(), quiet());
    for (model, upstream_model) in [
        ("mock/*", "new-7"),
        ("mock/*", "new-7"),
        ("mock/*", "\u{1b}[2J"),
        ("mock/small", "small"),
        ("other/*", "x"),
    ] {
        let unlisted = Intent { model: model.into(), upstream_model: upstream_model.into(), ..intent() };
        ledger.begin(unlisted).unwrap().settle(answered());
    }
    ledger.flush().unwrap();
    let report = Report::collect(read(directory.path()).unwrap(), Window::ALL).unwrap();
    let rows: Vec<_> = report.rows.iter().map(|row| (row.model.as_str(), row.totals.attempts)).collect();
    assert_eq!(rows, [("mock/\u{1b}[2J", 1), ("mock/new-7", 2), ("mock/small", 1), ("other/*", 1)]);
    assert!(!report.to_string().contains('\u{1b}'), "{report}");
}
