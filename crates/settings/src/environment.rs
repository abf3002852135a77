//! The process environment as data: what the process was started with, read once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use types::Secret;

/// What the environment twin of every setting begins with.
const TWIN_PREFIX: &str = "TOLLGATE__";

/// The environment variables as they were at one moment. Values may be secrets, so `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, Secret<String>>,
}

impl Environment {
    /// The variables of this process. Names and values that are not UTF-8 are left out.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::from_pairs(variables)
    }

    /// An environment made of these names and values.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = pairs.into_iter().map(|(name, value)| (name.into(), Secret::new(value.into())));
        Self { variables: variables.collect() }
    }

    /// The value of one variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.reveal().as_str())
    }

    /// Every name, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// Where data goes when nothing is said: `$XDG_DATA_HOME/tollgate`, or `~/.local/share/tollgate`
    /// (XDG Base Directory Specification; a relative `XDG_DATA_HOME` is invalid and ignored).
    pub(crate) fn data_folder(&self) -> Option<PathBuf> {
        let xdg = self.get("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home =
            || Some(PathBuf::from(self.get("HOME").filter(|home| !home.is_empty())?).join(".local/share"));
        Some(xdg.or_else(home)?.join("tollgate"))
    }

    /// The twins of settings: the variable's name, the path it names, and its value.
    pub(crate) fn twins(&self) -> impl Iterator<Item = Twin<'_>> {
        self.variables.iter().filter_map(|(name, value)| {
            let segments = name.strip_prefix(TWIN_PREFIX)?.split("__").map(str::to_lowercase).collect();
            Some(Twin { name, segments, value: value.reveal() })
        })
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

/// One variable that stands for a setting, e.g. `TOLLGATE__SERVER__LISTEN`.
pub(crate) struct Twin<'e> {
    pub(crate) name: &'e str,
    /// The path in lower case, e.g. `server`, `listen`.
    pub(crate) segments: Vec<String>,
    pub(crate) value: &'e str,
}
