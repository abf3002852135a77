//! Programs that the benchmark starts, and ends.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use types::{Clock, SystemClock};

/// A running program, in a process group of its own. All of the group is ended when this is dropped: a server whose
/// first process is killed leaves its workers behind.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let child =
            command.process_group(0).spawn().with_context(|| format!("{command:?} cannot be started"))?;
        Ok(Self { child })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it says, if that goes through a pipe; only once.
    pub(crate) fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(mut self) -> anyhow::Result<()> {
        let done = Command::new("kill").arg(self.id().to_string()).status()?;
        ensure!(done.success(), "process {} cannot be ended", self.id());
        self.child.wait()?;
        Ok(())
    }

    /// Fails if it has ended by itself.
    pub(crate) fn ensure_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("process {} ended by itself: {status}", self.id()),
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        drop(
            Command::new("kill")
                .args(["-KILL", "--", &format!("-{}", self.id())])
                .stderr(Stdio::null())
                .status(),
        );
        drop(self.child.wait());
    }
}

/// Where a program may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On any core.
    Anywhere,
    /// On this one only.
    Core(u8),
}

/// A command for this program at that place.
pub(crate) fn command(program: &Path, place: Place) -> Command {
    match place {
        Place::Anywhere => Command::new(program),
        Place::Core(core) => {
            let mut command = Command::new("taskset");
            command.arg("-c").arg(core.to_string()).arg(program);
            command
        }
    }
}

/// One of the programs that were built together with this one.
pub(crate) fn built(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name(name);
    ensure!(path.exists(), "{} is not built", path.display());
    Ok(path)
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Waits until somebody listens there.
pub(crate) fn wait_for(address: SocketAddr, running: &mut Running) -> anyhow::Result<()> {
    let clock = SystemClock::new();
    while TcpStream::connect(address).is_err() {
        running.ensure_alive()?;
        ensure!(clock.now().as_nanos() < PATIENCE_NANOS, "nobody listens on {address}");
        pause(Duration::from_millis(5));
    }
    Ok(())
}

/// A hundred thousand keys take a while under valgrind.
const PATIENCE_NANOS: u64 = 60_000_000_000;

/// Standard output, added to a file.
pub(crate) fn appended(path: &Path) -> anyhow::Result<Stdio> {
    let file = File::options().create(true).append(true).open(path);
    Ok(Stdio::from(file.with_context(|| format!("{} cannot be written", path.display()))?))
}

#[expect(clippy::disallowed_methods, reason = "a measurement takes the time it takes")]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Installs a Debian package unless the program is there.
pub(crate) fn ensure_installed(program: &str, package: &str) -> anyhow::Result<()> {
    // That it starts is enough.
    if Command::new(program).arg("-v").output().is_ok() {
        return Ok(());
    }
    for words in [["update", "-q"].as_slice(), &["install", "-y", "-q", "--no-install-recommends", package]] {
        let status = Command::new("apt-get").args(words).stdout(Stdio::null()).status();
        ensure!(status.is_ok_and(|status| status.success()), "{package} cannot be installed");
    }
    Ok(())
}
