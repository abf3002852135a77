//! The first start on loopback makes one key, so that the first request needs no set-up.

use std::path::PathBuf;

use anyhow::{Context, bail};
use auth::{Keys, NewKey};
use settings::Settings;
use store::Allowed;
use store::private;
use types::{Secret, UnixTime};

use crate::ports;

/// The file with the first key, in the data directory.
const FILE: &str = "dev.key";

/// The first key, and where it is kept.
pub(crate) struct FirstKey {
    pub(crate) secret: Secret<String>,
    pub(crate) path: PathBuf,
}

/// The first key of this data directory: made if there are none at all, read again if it was made before and is
/// still in use. A listener that others can reach does not start without keys.
pub(crate) fn find_or_make(
    keys: &Keys,
    settings: &Settings,
    now: UnixTime,
) -> anyhow::Result<Option<FirstKey>> {
    let authentication = &settings.security.authentication;
    if authentication.anonymous == settings::Acceptance::Accepted {
        return Ok(None);
    }
    let path = settings.server.data.join(FILE);
    let existing = keys.list().context("the keys cannot be read")?;
    if existing.iter().any(|key| key.disabled.is_none()) {
        let in_use = existing.iter().any(|key| key.name == NAME && key.disabled.is_none());
        let kept = private::read(&path).ok().flatten().filter(|_| in_use);
        let secret = kept.and_then(|bytes| String::from_utf8(bytes.reveal().clone()).ok());
        return Ok(secret.map(|text| FirstKey { secret: Secret::new(text.trim().to_owned()), path }));
    }
    let listen = settings.server.listen;
    if !ports::is_loopback(listen) {
        bail!(
            "{listen} can be reached from other machines and there is no key yet; make one first: tollgate keys create"
        );
    }
    let new = NewKey {
        name: NAME.to_owned(),
        models: Allowed::All,
        lifetime: None,
        created_by: "first start".to_owned(),
    };
    let created = keys.create(new, now).context("the first key cannot be made")?;
    private::replace(&path, format!("{}\n", created.secret.reveal()).as_bytes())
        .with_context(|| format!("the first key cannot be saved to {}", path.display()))?;
    Ok(Some(FirstKey { secret: created.secret, path }))
}

/// What people see the first key called.
const NAME: &str = "dev";
