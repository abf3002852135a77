//! Debian packages that the tests need, installed where they are missing and nothing else is done.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A command that tests call, and the packages that bring it.
struct Need {
    /// Succeeds where nothing is missing.
    probe: &'static [&'static str],
    packages: &'static [&'static str],
}

const NEEDS: &[Need] = &[
    // The client libraries of both languages run against the gateway.
    Need { probe: &["python3", "-c", "import ensurepip, venv"], packages: &["python3", "python3-venv"] },
    Need { probe: &["node", "--version"], packages: &["nodejs"] },
    Need { probe: &["npm", "--version"], packages: &["npm"] },
    // The line that the gateway prints to try it with.
    Need { probe: &["curl", "--version"], packages: &["curl"] },
    // Counts the instructions of a request. It reads the C library's own symbols.
    Need { probe: &["valgrind", "--version"], packages: &["valgrind", "libc6-dbg"] },
    // The cryptography and the database are built from C.
    Need { probe: &["cc", "--version"], packages: &["gcc", "libc6-dev"] },
    // The fuzzer's engine is built from C++.
    Need { probe: &["c++", "--version"], packages: &["g++"] },
];

/// Installs what is missing.
pub(crate) fn install() -> Result<()> {
    let missing: Vec<&str> =
        NEEDS.iter().filter(|need| !is_met(need)).flat_map(|need| need.packages).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !succeeds(&["apt-get", "--version"]) {
        bail!("this is no Debian: install {} by hand", missing.join(", "));
    }
    println!("installing {}", missing.join(", "));
    apt_get(&["update", "--quiet"])?;
    let mut arguments = vec!["install", "--quiet", "--yes", "--no-install-recommends"];
    arguments.extend(&missing);
    apt_get(&arguments)?;
    match NEEDS.iter().find(|need| !is_met(need)) {
        Some(need) => bail!("`{}` still does not run", need.probe.join(" ")),
        None => Ok(()),
    }
}

fn is_met(need: &Need) -> bool {
    succeeds(need.probe)
}

fn succeeds(words: &[&str]) -> bool {
    let Some((program, arguments)) = words.split_first() else { return false };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs apt-get, through sudo unless the user is root.
fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = if is_root() { Command::new("env") } else { Command::new("sudo") };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(arguments).stdin(Stdio::null());
    let status = command.status().context("apt-get cannot be run")?;
    if status.success() { Ok(()) } else { bail!("apt-get {} failed", arguments.join(" ")) }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    // The owner of one's own process, without a dependency that knows system calls.
    Path::new("/proc/self").metadata().is_ok_and(|own| own.uid() == 0)
}
