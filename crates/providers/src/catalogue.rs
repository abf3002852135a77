//! All providers there are: those built into the program, and those of folders named at run time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::{fs, io};

use include_dir::{Dir, include_dir};
use types::ProviderName;

use crate::check::{self, Folder, ModelTexts};
use crate::models::Models;
use crate::{Problem, Provider};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/catalogue");

/// The providers, by name. It never changes: extending it makes another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    providers: BTreeMap<ProviderName, Arc<Provider>>,
}

impl Catalogue {
    /// The providers built into the program. They are read once, and their models when someone asks for them.
    ///
    /// # Errors
    /// Everything that is wrong with the files, at once.
    pub fn embedded() -> Result<Self, Vec<Problem>> {
        static READ: OnceLock<Result<Catalogue, Vec<Problem>>> = OnceLock::new();
        READ.get_or_init(Self::read_embedded).clone()
    }

    fn read_embedded() -> Result<Self, Vec<Problem>> {
        let text =
            |folder: &Dir<'static>, file: &str| EMBEDDED.get_file(folder.path().join(file))?.contents_utf8();
        let mut problems = Vec::new();
        let folders: Vec<_> =
            EMBEDDED.dirs().filter_map(|folder| Some((folder.path().to_str()?, folder))).collect();
        let folders = folders.into_iter().map(|(name, folder)| {
            let texts =
                ModelTexts { table: text(folder, "models.toml"), local: text(folder, "models.local.toml") };
            Folder { name, provider: text(folder, "provider.toml"), models: Models::unread(name, texts) }
        });
        let mut catalogue = Self { providers: BTreeMap::new() };
        folders.for_each(|folder| catalogue.take(folder, &mut problems));
        catalogue.unless(problems)
    }

    /// These providers and those of `folder`, which holds a folder for each as `catalogue/` does. One of the same name
    /// takes the place of the one there was.
    ///
    /// # Errors
    /// Everything that cannot be read and everything that is wrong with the files, at once.
    pub fn extended_by(mut self, folder: &Path) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let names = subfolders(folder).unwrap_or_else(|error| {
            problems.push(unreadable(folder, &error));
            Vec::new()
        });
        for name in names {
            let mut text = |file: &str| {
                let path = folder.join(&name).join(file);
                read_if_present(&path).unwrap_or_else(|error| {
                    problems.push(unreadable(&path, &error));
                    None
                })
            };
            let [provider, table, local] =
                ["provider.toml", "models.toml", "models.local.toml"].map(&mut text);
            let texts = ModelTexts { table: table.as_deref(), local: local.as_deref() };
            let (models, more) = check::models(&name, texts);
            let provider = provider.as_deref();
            self.take(Folder { name: &name, provider, models: models.into() }, &mut problems);
            problems.extend(more);
        }
        self.unless(problems)
    }

    /// The provider of this name.
    pub fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.get(name)
    }

    /// All of them, in order of their names.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.providers.values()
    }

    fn take(&mut self, folder: Folder<'_>, problems: &mut Vec<Problem>) {
        match check::provider(folder) {
            Ok(provider) => drop(self.providers.insert(provider.name.clone(), Arc::new(provider))),
            Err(more) => problems.extend(more),
        }
    }

    fn unless(self, problems: Vec<Problem>) -> Result<Self, Vec<Problem>> {
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }
}

/// The names of the folders in `folder`, sorted so that problems come in a stable order.
fn subfolders(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn read_if_present(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem {
        file: path.display().to_string(),
        field: String::new(),
        message: format!("cannot be read: {error}"),
    }
}
