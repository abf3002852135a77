//! The models of a provider, read when they are first asked for: most of what is built in is never used.

use std::sync::{Arc, OnceLock};

use crate::Model;
use crate::check::{self, ModelTexts};

/// A provider's models.
#[derive(Clone, Debug, Default)]
pub(crate) struct Models {
    /// Where they are read from, if they have not been yet.
    unread: Option<(&'static str, ModelTexts<'static>)>,
    read: OnceLock<Vec<Arc<Model>>>,
}

impl Models {
    /// The models that the files of the folder `name` describe. Files that are built in are known to be sound: the
    /// crate's tests read them all.
    pub(crate) const fn unread(name: &'static str, texts: ModelTexts<'static>) -> Self {
        Self { unread: Some((name, texts)), read: OnceLock::new() }
    }

    pub(crate) fn list(&self) -> &[Arc<Model>] {
        self.read
            .get_or_init(|| self.unread.map(|(name, texts)| check::models(name, texts).0).unwrap_or_default())
    }
}

impl From<Vec<Arc<Model>>> for Models {
    fn from(models: Vec<Arc<Model>>) -> Self {
        Self { unread: None, read: OnceLock::from(models) }
    }
}

impl PartialEq for Models {
    fn eq(&self, other: &Self) -> bool {
        self.list() == other.list()
    }
}

impl Eq for Models {}
