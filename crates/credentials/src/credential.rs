//! What a destination is asked with: where it comes from, the one that is held, and what it does to a request.

use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderValue, header};
use types::{Secret, UnixTime};

use crate::bearer::Bearer;
use crate::cache::Cache;
use crate::error::AuthorizeError;
use crate::escape::escaped;
use crate::fetch::Surroundings;
use crate::sigv4::{Keys, Scope, Unsigned, sign};
use crate::{aws, entra, google, oauth};

/// Where a credential comes from. It is data: nothing is read or asked before the first request.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// A signature with AWS's keys.
    Aws(aws::Plan),
    /// An access token of Microsoft Entra's.
    Entra(entra::Plan),
    /// An access token of Google's.
    Google(google::Plan),
    /// An access token of an OAuth 2.0 server's.
    Oauth(oauth::Plan),
    /// A key in the query.
    Query(QueryKey),
}

impl Plan {
    /// The region that requests are signed for, where they are.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Aws(plan) => Some(plan.region()),
            Self::Entra(_) | Self::Google(_) | Self::Oauth(_) | Self::Query(_) => None,
        }
    }
}

/// A key that goes into the query.
#[derive(Clone, Debug)]
pub struct QueryKey {
    /// The parameter's name.
    pub name: String,
    /// The key.
    pub key: Secret<String>,
}

impl PartialEq for QueryKey {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.key.reveal() == other.key.reveal()
    }
}

/// A credential that is more than a fixed header.
#[derive(Debug)]
pub struct Credential {
    plan: Plan,
    kind: Kind,
}

enum Kind {
    Keys(Cache<Keys>, Scope),
    Query(QueryKey),
    Token(Cache<Bearer>),
}

/// What one request is authorised with.
#[derive(Debug)]
pub struct Grant(Granted);

#[derive(Debug)]
enum Granted {
    Header(HeaderValue),
    Query(QueryKey),
    Signature { keys: Arc<Keys>, scope: Scope },
}

impl Credential {
    /// A credential of which nothing is known yet but where it comes from.
    pub fn new(plan: Plan, around: Surroundings) -> Self {
        let kind = match &plan {
            Plan::Aws(plan) => Kind::Keys(plan.clone().into_cache(around), plan.scope()),
            Plan::Entra(plan) => Kind::Token(plan.clone().into_cache(around)),
            Plan::Google(plan) => Kind::Token(plan.clone().into_cache(around)),
            Plan::Oauth(plan) => Kind::Token(plan.clone().into_cache(around)),
            Plan::Query(key) => Kind::Query(key.clone()),
        };
        Self { plan, kind }
    }

    /// Where it comes from.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What a request may be authorised with now. It waits only where nothing good is held.
    ///
    /// # Errors
    /// See [`AuthorizeError`].
    ///
    /// # Cancel safety
    /// Dropping it stops waiting; what is being obtained is obtained for the others.
    pub async fn grant(&self) -> Result<Grant, AuthorizeError> {
        let granted = match &self.kind {
            Kind::Keys(cache, scope) => {
                Granted::Signature { keys: cache.value().await?, scope: scope.clone() }
            }
            Kind::Query(key) => Granted::Query(key.clone()),
            Kind::Token(cache) => Granted::Header(cache.value().await?.header().clone()),
        };
        Ok(Grant(granted))
    }

    /// Whether it signs bodies, which then have to be there as a whole.
    pub const fn reads_body(&self) -> bool {
        match self.kind {
            Kind::Keys(..) => true,
            Kind::Query(_) | Kind::Token(_) => false,
        }
    }

    /// The provider has refused it: what is obtained is obtained anew with one of the next requests.
    pub fn doubt(&self) {
        match &self.kind {
            Kind::Keys(cache, _) => cache.doubt(),
            Kind::Query(_) => {}
            Kind::Token(cache) => cache.doubt(),
        }
    }

    /// `text` without what requests carry of it.
    pub fn without(&self, text: String) -> String {
        match &self.kind {
            Kind::Keys(cache, _) => cache.known().fold(without_signature(&text), |text, keys| {
                let token = keys.session_token.as_ref().map_or("", |token| token.reveal());
                without(without(text, &keys.access_key_id), token)
            }),
            Kind::Query(key) => {
                without(without(text, key.key.reveal()), &escaped(key.key.reveal().as_bytes()))
            }
            Kind::Token(cache) => cache.known().fold(text, |text, bearer| without(text, bearer.token())),
        }
    }
}

impl Grant {
    /// Whether the whole body has to be read for it.
    pub const fn reads_body(&self) -> bool {
        match self.0 {
            Granted::Header(_) | Granted::Query(_) => false,
            Granted::Signature { .. } => true,
        }
    }

    /// Authorises a request that has everything else.
    pub fn apply(self, unsigned: &mut Unsigned<'_>, now: UnixTime) {
        match self.0 {
            Granted::Header(value) => drop(unsigned.headers.insert(header::AUTHORIZATION, value)),
            Granted::Query(key) => key.add_to(unsigned.path),
            Granted::Signature { keys, scope } => sign(unsigned, &keys, &scope, now),
        }
    }
}

impl QueryKey {
    fn add_to(&self, path: &mut PathAndQuery) {
        let (name, key) = (escaped(self.name.as_bytes()), escaped(self.key.reveal().as_bytes()));
        let sign = if path.query().is_some() { '&' } else { '?' };
        if let Ok(longer) = PathAndQuery::try_from(format!("{path}{sign}{name}={key}")) {
            *path = longer;
        }
    }
}

/// `text` without `secret`. What is shorter is a word, and words may stand in any text.
fn without(text: String, secret: &str) -> String {
    if secret.len() < SHORTEST_SECRET { text } else { text.replace(secret, REDACTED) }
}

/// `text` without signatures: each is good for its request for some minutes.
fn without_signature(text: &str) -> String {
    let mut parts = text.split(SIGNATURE);
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        told.extend([SIGNATURE, REDACTED, rest]);
    }
    told
}

const SIGNATURE: &str = "Signature=";
const SHORTEST_SECRET: usize = 8;
const REDACTED: &str = "<redacted>";

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Keys(..) => "Keys",
            Self::Query(_) => "Query",
            Self::Token(_) => "Token",
        })
    }
}

/// The obtaining half of a plan, as a cache wants it.
pub(crate) fn cached<P, T, F>(
    plan: P,
    around: Surroundings,
    obtain: fn(Arc<P>, Surroundings) -> F,
) -> Cache<T>
where
    P: Send + Sync + 'static,
    T: Send + Sync + 'static,
    F: Future<Output = Result<crate::cache::Issued<T>, crate::error::ObtainError>> + Send + 'static,
{
    let (plan, with) = (Arc::new(plan), around.clone());
    Cache::new(Box::new(move || Box::pin(obtain(Arc::clone(&plan), with.clone()))), around)
}
