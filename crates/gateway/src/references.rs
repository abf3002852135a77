//! The files that a request names: they have to be its caller's, and lead to the provider that keeps them.

use std::sync::Arc;

use auth::{Marks, Principal};
use bytes::Bytes;
use dialects::{Dialect, EncodeError, NamedFiles};
use types::{Operation, ProviderName};

use crate::destination::Destination;
use crate::rejection::Cause;

/// What a refusal names.
const FIELD: &str = "file";

/// Whose files a request may name.
#[derive(Clone)]
pub(crate) struct Whose {
    pub(crate) marks: Arc<Marks>,
    pub(crate) principal: Arc<Principal>,
}

/// What is known of the files that a request names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    /// Who keeps those whose ids say so.
    keeper: Option<ProviderName>,
    /// Whether any has a provider's own id, of which nobody knows whose it is.
    is_unproven: bool,
    /// Whether any is in a storage that is opened with the gateway's own account.
    in_storage: bool,
    /// Who names them, where that matters.
    who: Option<Arc<Principal>>,
}

/// The most files that a body may name by ids of this gateway's.
const MOST: usize = 1000;

impl Files {
    /// What a body names, and the body with the ids that the provider knows.
    ///
    /// # Errors
    /// A body that cannot be looked through, or that names files of two providers.
    pub(crate) fn read(
        dialect: &dyn Dialect,
        body: Bytes,
        depth: usize,
        whose: &Whose,
    ) -> Result<(Self, Bytes), Cause> {
        // A form holds its files, and names none.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Ok((Self::of_nobody(whose), body));
        }
        let named = dialects::named_files(&body, dialect.file_names(), depth).map_err(Cause::Json)?;
        Self::of(named, body, whose)
    }

    /// Of a request that is not looked through.
    pub(crate) fn of_nobody(whose: &Whose) -> Self {
        Self { who: Some(Arc::clone(&whose.principal)), ..Self::default() }
    }

    /// What is known of the files that a body names, and the body with the ids that the provider knows.
    ///
    /// # Errors
    /// A body that names files of two providers.
    pub(crate) fn of(named: NamedFiles, body: Bytes, whose: &Whose) -> Result<(Self, Bytes), Cause> {
        let mut files = Self { in_storage: named.in_storage, ..Self::of_nobody(whose) };
        let (mut written, mut at) = (Vec::new(), 0);
        // More than anybody names, and each costs some digests: those beyond are taken for another's.
        files.is_unproven |= named.ids.len() > MOST;
        for place in named.ids.into_iter().take(MOST) {
            let id = body.get(place.clone()).and_then(|id| serde_json::from_slice::<String>(id).ok());
            let known = id.as_ref().and_then(|id| whose.marks.read(id, &whose.principal.tenant));
            let Some((provider, own)) = known else {
                files.is_unproven = true;
                continue;
            };
            files.keep_at(provider)?;
            written.extend_from_slice(body.get(at..place.start).unwrap_or_default());
            written.extend(serde_json::to_vec(own).unwrap_or_default());
            at = place.end;
        }
        if at == 0 {
            return Ok((files, body));
        }
        written.extend_from_slice(body.get(at..).unwrap_or_default());
        Ok((files, written.into()))
    }

    fn keep_at(&mut self, provider: &str) -> Result<(), Cause> {
        let keeper = self.keeper.get_or_insert_with(|| ProviderName::from(provider));
        if keeper.as_str() == provider { Ok(()) } else { Err(elsewhere(keeper)) }
    }

    /// Who names them, and how that is proved.
    pub(crate) fn whose(&self, marks: &Arc<Marks>) -> Option<Whose> {
        let principal = Arc::clone(self.who.as_ref()?);
        Some(Whose { marks: Arc::clone(marks), principal })
    }

    /// Who keeps them, if their ids say so.
    pub(crate) const fn keeper(&self) -> Option<&ProviderName> {
        self.keeper.as_ref()
    }

    /// Whether the request may go there with them.
    ///
    /// # Errors
    /// Files that another provider keeps, or that may be another caller's: only who may pass anything through to a provider
    /// may use its own ids there.
    pub(crate) fn suit(&self, destination: &Destination) -> Result<(), Cause> {
        if let Some(keeper) = self.keeper.as_ref().filter(|keeper| **keeper != destination.name) {
            return Err(elsewhere(keeper));
        }
        if self.who.as_ref().is_some_and(|who| may_pass_anything(who, destination)) {
            return Ok(());
        }
        if self.in_storage {
            return Err(unsayable(
                "is opened with the gateway's own account, which this key may not use for that",
            ));
        }
        if self.is_unproven && destination.keeps_files() { Err(Cause::NotKept) } else { Ok(()) }
    }
}

/// Whether this caller may pass anything through to that provider.
pub(crate) fn may_pass_anything(who: &Principal, to: &Destination) -> bool {
    to.passthrough.is_some() && who.may_use(&format!("{}/{}", Operation::Passthrough.as_str(), to.name))
}

fn elsewhere(keeper: &ProviderName) -> Cause {
    unsayable(&format!("is kept at {keeper}, and goes nowhere else"))
}

fn unsayable(problem: &str) -> Cause {
    Cause::Encode(EncodeError::Unsayable { field: FIELD.to_owned(), problem: problem.to_owned() })
}
