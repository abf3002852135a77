//! What the table must say of the machine it was measured on.

use std::fs;
use std::time::Duration;

/// The share of the machine's processor time that was in use for half a second in which the benchmark did nothing.
pub(crate) fn busy() -> f64 {
    let before = times();
    crate::process::pause(Duration::from_millis(500));
    let after = times();
    let (total, idle) = (after.0 - before.0, after.1 - before.1);
    if total > 0.0 { 1.0 - idle / total } else { 0.0 }
}

/// All and idle processor time since the start, in ticks.
fn times() -> (f64, f64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<f64> =
        line.split_ascii_whitespace().skip(1).take(8).filter_map(|tick| tick.parse().ok()).collect();
    (ticks.iter().sum(), ticks.iter().skip(3).take(2).sum())
}

/// The processor and the kernel, in words.
pub(crate) fn name() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches(['\t', ' ', ':']);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {model}, Linux {}", kernel.trim())
}
