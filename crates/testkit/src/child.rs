//! A child process: started with an environment of its own, its output read line by line.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use tokio::sync::watch;

use crate::patiently;

/// A running process and everything it has printed. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    printed: watch::Receiver<Printed>,
}

/// What a process has printed so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Printed {
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
    ended: usize,
}

impl Printed {
    /// The lines of both, for a failure's message.
    pub(crate) fn text(&self) -> String {
        format!("standard output:\n{}\nstandard error:\n{}", self.stdout.join("\n"), self.stderr.join("\n"))
    }
}

/// A command with nothing of this process's environment but the path.
pub(crate) fn command(binary: &Path, folder: &Path, environment: &[(String, String)]) -> Command {
    let mut command = Command::new(binary);
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    command.envs(std::env::vars().filter(|(name, _)| name == "PATH"));
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let (tell, printed) = watch::channel(Printed::default());
        listen(child.stdout.take().expect("a pipe"), tell.clone(), |printed| &mut printed.stdout);
        listen(child.stderr.take().expect("a pipe"), tell, |printed| &mut printed.stderr);
        Self { child, printed }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn printed(&self) -> Printed {
        self.printed.borrow().clone()
    }

    /// Waits until what was printed satisfies `condition`; fails at once when the process ends before that.
    pub(crate) async fn until(&self, what: &str, mut condition: impl FnMut(&Printed) -> bool) -> Printed {
        let mut printed = self.printed.clone();
        let heard = tokio::time::timeout(
            crate::PATIENCE,
            printed.wait_for(|printed| condition(printed) || printed.ended == 2),
        );
        let so_far = match heard.await {
            Ok(Ok(printed)) => printed.clone(),
            Ok(Err(_)) | Err(_) => panic!("no {what}; {}", self.printed().text()),
        };
        assert!(condition(&so_far), "the process ended without {what}; {}", so_far.text());
        so_far
    }

    /// Waits for the end of the process and of everything it printed.
    pub(crate) async fn wait(&mut self) -> ExitStatus {
        patiently("the process to end", self.ended()).await
    }

    /// The end of the process and of everything it printed.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut printed = self.printed.clone();
        let ended = printed.wait_for(|printed| printed.ended == 2).await;
        drop(ended.expect("the output is read to its end"));
        self.child.wait().expect("a child")
    }

    /// Sends a signal by name, e.g. `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.id());
        let sent = Command::new("sh").args(["-c", &line]).status().expect("a shell");
        assert!(sent.success(), "{line}");
    }

    /// Ends it as `kill -9` does, and waits for the end.
    pub(crate) fn kill(&mut self) -> ExitStatus {
        self.child.kill().expect("a child");
        self.child.wait().expect("a child")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn listen(
    pipe: impl Read + Send + 'static,
    tell: watch::Sender<Printed>,
    lines: fn(&mut Printed) -> &mut Vec<String>,
) {
    let read = move || {
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { break };
            tell.send_modify(|printed| lines(printed).push(line));
        }
        tell.send_modify(|printed| printed.ended += 1);
    };
    std::thread::Builder::new().name("output".to_owned()).spawn(read).expect("a thread");
}
