//! AWS's keys, searched for as its own libraries do: the environment, the profile, a web identity, the container's and
//! the instance's metadata. <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>

mod metadata;
mod profile;
mod sts;

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use types::Secret;

use crate::Variables;
use crate::cache::{Cache, Issued};
use crate::credential::cached;
use crate::error::ObtainError;
use crate::fetch::Surroundings;
use crate::sigv4::{Keys, Scope};

use self::metadata::{Container, Instance};
use self::profile::Profile;
use self::sts::{Role, Sts, WebIdentity};

/// What the configuration says of where keys come from. What it leaves out, the environment may say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The keys themselves.
    pub keys: Option<Keys>,
    /// A profile in AWS's own files.
    pub profile: Option<String>,
    /// The role to act as.
    pub role: Option<String>,
    /// A file with a web identity's token, by which the role is taken on.
    pub token_file: Option<PathBuf>,
    /// The region.
    pub region: Option<String>,
    /// The region where neither this nor the environment names one.
    pub usual_region: Option<String>,
}

/// Where AWS's keys come from, and what they sign for.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    places: Vec<Place>,
    role: Option<Role>,
    sts: Sts,
    scope: Scope,
}

/// One place that may hold keys.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    /// Those of a role, taken on with other keys.
    Assumed {
        role: Role,
        by: Box<Self>,
    },
    Container(Container),
    Instance(Instance),
    Keys(Keys),
    Profile(Profile),
    WebIdentity(WebIdentity),
}

/// Neither the configuration nor the environment names a region, and signatures are for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRegion;

impl fmt::Display for NoRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no region is named: set `variables.region`, AWS_REGION, or the region of the profile")
    }
}

impl std::error::Error for NoRegion {}

impl Plan {
    /// Keys that sign for `service`. What `options` name is the only place; else the environment's are searched.
    ///
    /// # Errors
    /// [`NoRegion`].
    pub fn new(options: Options, service: String, variables: Variables<'_>) -> Result<Self, NoRegion> {
        let Options { keys, profile, role, token_file, region, usual_region } = options;
        let profile = Profile::new(profile, variables);
        let region = region.or_else(|| variables("AWS_REGION")).or_else(|| variables("AWS_DEFAULT_REGION"));
        let region = region.or_else(|| profile.region()).or(usual_region);
        // It becomes part of host names.
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let region =
            region.filter(|region| !region.is_empty() && region.chars().all(fits)).ok_or(NoRegion)?;
        let mut role = role.map(Role::new);
        let places = match (keys, token_file, role.take()) {
            (Some(keys), _, taken) => {
                role = taken;
                vec![Place::Keys(keys)]
            }
            (None, Some(file), Some(role)) => vec![Place::WebIdentity(WebIdentity { file, role })],
            (None, _, taken) => {
                role = taken;
                search(profile, variables)
            }
        };
        let sts = Sts::new(&region, variables);
        Ok(Self { places, role, sts, scope: Scope { region, service } })
    }

    /// The region that it is for.
    pub fn region(&self) -> &str {
        &self.scope.region
    }

    pub(crate) fn scope(&self) -> Scope {
        self.scope.clone()
    }

    pub(crate) fn into_cache(self, around: Surroundings) -> Cache<Keys> {
        cached(self, around, |plan, around| async move { plan.obtain(&around).await })
    }

    async fn obtain(self: Arc<Self>, around: &Surroundings) -> Result<Issued<Keys>, ObtainError> {
        for place in &self.places {
            if let Some(issued) = place.keys(&self.sts, around).await? {
                let Some(role) = &self.role else { return Ok(issued) };
                return self.sts.assume(role, &issued.value, around).await;
            }
        }
        Err(ObtainError::Absent { searched: SEARCHED })
    }
}

/// Every place that the environment names, in the order of AWS's libraries. A profile that is named is the only one.
fn search(profile: Profile, variables: Variables<'_>) -> Vec<Place> {
    if profile.is_chosen() {
        return vec![Place::Profile(profile)];
    }
    let keys = keys_of(variables).map(Place::Keys);
    let container = Container::new(variables).map(Place::Container);
    let instance = Instance::new(variables).map(Place::Instance);
    let web_identity = WebIdentity::new(variables).map(Place::WebIdentity);
    [keys, Some(Place::Profile(profile)), web_identity, container, instance].into_iter().flatten().collect()
}

/// The keys in the environment.
fn keys_of(variables: Variables<'_>) -> Option<Keys> {
    Some(Keys {
        access_key_id: variables("AWS_ACCESS_KEY_ID")?,
        secret_access_key: Secret::new(variables("AWS_SECRET_ACCESS_KEY")?),
        session_token: variables("AWS_SESSION_TOKEN").map(Secret::new),
    })
}

/// Keys that are waited for.
type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Option<Issued<Keys>>, ObtainError>> + Send + 'a>>;

impl Place {
    /// What this place holds, if it is there at all. Boxed: one place stands upon another.
    fn keys<'a>(&'a self, sts: &'a Sts, around: &'a Surroundings) -> Waiting<'a> {
        Box::pin(async move {
            match self {
                Self::Assumed { role, by } => match by.keys(sts, around).await? {
                    Some(issued) => sts.assume(role, &issued.value, around).await.map(Some),
                    None => Ok(None),
                },
                Self::Container(container) => container.keys(around).await.map(Some),
                Self::Instance(instance) => instance.keys(around).await.map(Some),
                Self::Keys(keys) => Ok(Some(Issued { value: keys.clone(), lasts: None })),
                Self::Profile(profile) => match profile.place()? {
                    Some(place) => place.keys(sts, around).await,
                    None => Ok(None),
                },
                Self::WebIdentity(identity) => sts.exchange(identity, around).await.map(Some),
            }
        })
    }
}

const SEARCHED: &str = "the environment, the profile and the metadata of container and instance";
