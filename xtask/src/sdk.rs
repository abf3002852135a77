//! The clients that run against the gateway in tests: Python's libraries in a virtual environment, Node's in a folder of
//! modules, coding agents in another, all below `target/sdk`. What is wanted stands in `crates/tollgate/tests/sdk` and
//! `crates/tollgate/tests/agents`, to the version; it is installed again only when that changes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use anyhow::{Context, Result, bail};

/// Where the lists of what is wanted are.
const WANTED: &str = "crates/tollgate/tests";
/// Where it is installed.
const PLACE: &str = "target/sdk";

/// Installs what is missing.
pub(crate) fn prepare(root: &Path) -> Result<()> {
    let (wanted, place) = (root.join(WANTED), root.join(PLACE));
    fs::create_dir_all(&place).with_context(|| format!("{} cannot be made", place.display()))?;
    python(&wanted.join("sdk/python"), &place).context("Python's client libraries cannot be installed")?;
    modules(&wanted.join("sdk/node"), &place, "node")
        .context("Node's client libraries cannot be installed")?;
    // Apart from the libraries: they are large, and each kind changes on its own.
    modules(&wanted.join("agents"), &place, "agents").context("coding agents cannot be installed")
}

fn python(wanted: &Path, place: &Path) -> Result<()> {
    let list = wanted.join("requirements.txt");
    // An environment belongs to the interpreter that made it.
    let stamp = Stamp::new(place, "python", &[version("python3")?, read(&list)?]);
    let environment = place.join("venv");
    if stamp.is_there() && environment.join("bin/python").exists() {
        return Ok(());
    }
    remove(&environment)?;
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&list);
    run(&mut pip)?;
    stamp.leave()
}

/// Installs a list of npm's packages into the folder `name`. None of their own scripts runs.
fn modules(wanted: &Path, place: &Path, name: &str) -> Result<()> {
    let lists = ["package.json", "package-lock.json"];
    let texts = lists.map(|name| read(&wanted.join(name)));
    let [package, lock] = texts;
    let stamp = Stamp::new(place, name, &[package?, lock?]);
    let folder = place.join(name);
    if stamp.is_there() && folder.join("node_modules").exists() {
        return Ok(());
    }
    remove(&folder)?;
    fs::create_dir_all(&folder)?;
    for list in lists {
        fs::copy(wanted.join(list), folder.join(list))?;
    }
    let quietly = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run(Command::new("npm").args(quietly).current_dir(&folder))?;
    stamp.leave()
}

/// A file that says what has been installed. It is written last: an installation that broke off starts over.
pub(crate) struct Stamp {
    file: std::path::PathBuf,
    text: String,
}

impl Stamp {
    pub(crate) fn new(place: &Path, name: &str, texts: &[String]) -> Self {
        Self { file: place.join(format!("{name}.stamp")), text: texts.concat() }
    }

    pub(crate) fn is_there(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|text| text == self.text)
    }

    pub(crate) fn leave(&self) -> Result<()> {
        fs::write(&self.file, &self.text)
            .with_context(|| format!("{} cannot be written", self.file.display()))
    }
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", folder.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What a program says it is.
fn version(program: &str) -> Result<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("{program} cannot be run"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("{command:?} cannot be run"))?;
    if status.success() { Ok(()) } else { bail!("{command:?} ended with {status}") }
}
