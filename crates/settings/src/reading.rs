//! The state of one reading: where every setting was written, and every problem found so far.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use types::ProviderName;

use crate::Environment;
use crate::interpolate::{Interpolated, interpolate, is_reference};
use crate::nearest::{did_you_mean, nearest};
use crate::node::{Entry, Node, Origin, Value};
use crate::problem::{Mask, Position, Problem, ProblemCode, Problems};
use crate::providers::ProviderSetting;
use crate::read::At;
use crate::schema::known_keys;
use crate::variables::KnownKind;

/// What a reading notes down on its way through the tree.
pub(crate) struct Reading<'e> {
    environment: &'e Environment,
    folder: PathBuf,
    origins: BTreeMap<String, Written>,
    problems: Vec<Problem>,
    masks: Vec<Mask>,
    sources: BTreeMap<String, String>,
    references: Vec<(String, ProviderName)>,
}

/// Where a setting was written.
struct Written {
    key: Option<Origin>,
    value: Origin,
    is_scalar: bool,
}

/// What a reading leaves behind when there were no problems: the written form of every interpolated value.
pub(crate) type Sources = BTreeMap<String, String>;

impl<'e> Reading<'e> {
    /// A reading of `tree`; keys that are written twice are noted at once.
    pub(crate) fn new(tree: &Node, environment: &'e Environment, folder: PathBuf) -> Self {
        let mut reading = Self {
            environment,
            folder,
            origins: BTreeMap::new(),
            problems: Vec::new(),
            masks: Vec::new(),
            sources: BTreeMap::new(),
            references: Vec::new(),
        };
        reading.index(tree, "", None);
        reading
    }

    /// The sources of interpolated values, or everything that was wrong.
    pub(crate) fn finish(self) -> Result<Sources, Problems> {
        if self.problems.is_empty() {
            Ok(self.sources)
        } else {
            Err(Problems::new(self.problems, self.masks))
        }
    }

    /// The environment that the settings are read in.
    pub(crate) const fn environment(&self) -> &'e Environment {
        self.environment
    }

    /// How many problems there are so far.
    pub(crate) fn problem_count(&self) -> usize {
        self.problems.len()
    }

    /// Notes a problem of the setting at `path`, at the place where it or its nearest parent was written.
    pub(crate) fn note(&mut self, code: ProblemCode, path: &str, message: String, help: Option<String>) {
        let origin = self.origin_of(path);
        self.note_at(code, (path, origin.as_ref()), message, help);
    }

    /// Notes a value of the right type that cannot be.
    pub(crate) fn bad_value(&mut self, at: &At<'_>, message: String, help: Option<String>) {
        self.note(ProblemCode::BadValue, &at.path, message, help);
    }

    /// Notes a value of the wrong type.
    pub(crate) fn wrong_type(&mut self, at: &At<'_>, expected: &str) {
        let message = format!("expected {expected}, found {}", at.node.described());
        self.note(ProblemCode::WrongType, &at.path, message, None);
    }

    /// Notes a key that nothing reads, with the key that was probably meant. What it holds is not shown: it
    /// may be a secret under a misspelt name.
    pub(crate) fn unknown_key(&mut self, child: &At<'_>, keys: &[&str]) {
        self.mask(child.node);
        let key = child.key();
        let elsewhere = || {
            let path = known_keys().into_iter().find(|path| path.rsplit('.').next() == Some(key))?;
            Some(format!("did you mean `{path}`?"))
        };
        let help = did_you_mean(key, keys.iter().copied())
            .or_else(elsewhere)
            .unwrap_or_else(|| format!("known here: {}", keys.join(", ")));
        let origin = self.origins.get(&child.path).and_then(|written| written.key.clone());
        let message = format!("unknown key `{key}`");
        self.note_at(ProblemCode::UnknownKey, (&child.path, origin.as_ref()), message, Some(help));
    }

    /// Keeps what this node holds out of every rendering, unless it only refers to a secret.
    pub(crate) fn mask(&mut self, node: &Node) {
        node.walk(&mut |node| {
            if let (Origin::File { start, end, .. }, Value::Scalar { text, .. }) = (&node.origin, &node.value)
                && !is_reference(text)
            {
                self.masks.push(Mask { start: *start, end: *end });
            }
        });
    }

    /// The scalar at this place with its references replaced; `None` if there is no scalar, which is noted.
    pub(crate) fn text(&mut self, at: &At<'_>, expected: &str) -> Option<String> {
        let interpolated = self.resolved(at, expected)?;
        if interpolated.referred {
            self.sources.insert(at.path.clone(), at.written().to_owned());
        }
        Some(interpolated.value)
    }

    /// The same for a secret, whose written form is not kept: there may be a part of the secret in it.
    pub(crate) fn secret_text(&mut self, at: &At<'_>) -> Option<String> {
        self.resolved(at, "a secret such as ${NAME}").map(|interpolated| interpolated.value)
    }

    fn resolved(&mut self, at: &At<'_>, expected: &str) -> Option<Interpolated> {
        let Value::Scalar { text, .. } = &at.node.value else {
            self.wrong_type(at, expected);
            return None;
        };
        match interpolate(text, self.environment, &self.base(&at.node.origin)) {
            Ok(interpolated) => Some(interpolated),
            Err(broken) => {
                for reference in broken {
                    self.note(reference.code, &at.path, reference.message, reference.help);
                }
                None
            }
        }
    }

    /// The folder that relative paths at this place start at: the file's own, or the working directory for a
    /// path that came in an environment variable.
    pub(crate) fn base(&self, origin: &Origin) -> PathBuf {
        match origin {
            Origin::File { .. } => self.folder.clone(),
            Origin::Variable(_) => Path::new("").to_owned(),
        }
    }

    /// Remembers that the setting at `path` names a provider.
    pub(crate) fn refers_to(&mut self, path: &str, provider: ProviderName) {
        self.references.push((path.to_owned(), provider));
    }

    /// Notes every named provider that is not among `providers`.
    pub(crate) fn check_references(&mut self, providers: &[&str]) {
        for (path, provider) in std::mem::take(&mut self.references) {
            if providers.contains(&provider.as_str()) {
                continue;
            }
            let help = match nearest(provider.as_str(), providers.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => {
                    format!("add `{provider}: {{}}` to `providers`; configured: {}", providers.join(", "))
                }
            };
            let message = format!("provider `{provider}` is not configured");
            self.note(ProblemCode::UnknownReference, &path, message, Some(help));
        }
    }

    /// Notes every provider of a kind that does not exist, and every variable of an address that nobody sets.
    pub(crate) fn check_kinds(&mut self, providers: &[ProviderSetting], kinds: &[KnownKind]) {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
        for provider in providers {
            if let Some(kind) = kinds.iter().find(|kind| kind.name == provider.kind) {
                self.check_variables(provider, kind);
                continue;
            }
            let section = joined("providers", provider.name.as_str());
            let written = joined(&section, "kind");
            let path = if self.origin_of(&written).is_some() { written } else { section };
            let help = did_you_mean(&provider.kind, names.iter().copied());
            let help = help.unwrap_or_else(|| format!("give it a `kind`; there are {}", names.join(", ")));
            let message = format!("there is no kind of provider `{}`", provider.kind);
            self.note(ProblemCode::UnknownReference, &path, message, Some(help));
        }
    }

    fn index(&mut self, node: &Node, path: &str, key: Option<Origin>) {
        let is_scalar = matches!(node.value, Value::Scalar { .. });
        self.origins.insert(path.to_owned(), Written { key, value: node.origin.clone(), is_scalar });
        match &node.value {
            Value::Null | Value::Scalar { .. } => {}
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.index(item, &format!("{path}[{index}]"), None);
                }
            }
            Value::Map(entries) => entries.iter().for_each(|entry| self.index_entry(entry, path)),
        }
    }

    fn index_entry(&mut self, entry: &Entry, parent: &str) {
        let path = joined(parent, &entry.key);
        let Some(first) = self.origins.get(&path) else {
            return self.index(&entry.node, &path, Some(entry.key_origin.clone()));
        };
        let help = first
            .key
            .as_ref()
            .and_then(Origin::position)
            .map(|at| format!("first written on line {}", at.line));
        self.mask(&entry.node);
        let message = format!("key `{}` is written twice", entry.key);
        self.note_at(ProblemCode::DuplicateKey, (&path, Some(&entry.key_origin)), message, help);
    }

    /// Where `path` or its nearest parent was written: a value, or the key of a section.
    fn origin_of(&self, path: &str) -> Option<Origin> {
        let mut path = path;
        loop {
            match self.origins.get(path) {
                Some(Written { value, is_scalar: true, .. } | Written { value, key: None, .. }) => {
                    return Some(value.clone());
                }
                Some(Written { key, .. }) => return key.clone(),
                None => path = path.get(..path.rfind(['.', '['])?)?,
            }
        }
    }

    fn note_at(
        &mut self,
        code: ProblemCode,
        place: (&str, Option<&Origin>),
        message: String,
        help: Option<String>,
    ) {
        let (path, origin) = place;
        let (position, variable) = match origin {
            Some(Origin::File { position, .. }) => (Some(*position), None),
            Some(Origin::Variable(name)) => (None, Some(name.to_string())),
            None => (None, None),
        };
        self.problems.push(Problem { code, message, position, variable, help, path: path.to_owned() });
    }
}

impl Origin {
    fn position(&self) -> Option<Position> {
        match self {
            Self::File { position, .. } => Some(*position),
            Self::Variable(_) => None,
        }
    }
}

/// The path of `key` in the section at `parent`.
pub(crate) fn joined(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}
