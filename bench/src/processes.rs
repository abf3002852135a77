//! What the kernel says of a process and its children: processor time and memory.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// The process and its children.
pub fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let Ok(entries) = fs::read_dir("/proc") else { return found };
    for entry in entries.flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if parent(process) == Some(root) {
            found.push(process);
        }
    }
    found
}

fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the name in parentheses, which may hold anything.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The processor time of all threads of these processes. It is the sum of utime and stime, read where the kernel
/// writes it in nanoseconds instead of ticks of ten milliseconds.
pub fn cpu(processes: &[u32]) -> Duration {
    let nanos = |process: &u32| {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        tasks.filter_map(|task| first_number(&task.path().join("schedstat"))).sum::<u64>()
    };
    Duration::from_nanos(processes.iter().map(nanos).sum())
}

fn first_number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.split_ascii_whitespace().next()?.parse().ok()
}

/// Resident memory of these processes in KiB.
pub fn resident_kib(processes: &[u32]) -> u64 {
    let resident = |process: &u32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    processes.iter().filter_map(resident).sum()
}
