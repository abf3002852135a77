//! Profiles: sections of the two files that AWS's own tools keep.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>

use std::collections::BTreeMap;
use std::path::PathBuf;

use types::Secret;

use super::metadata::{Container, Instance};
use super::sts::{Role, WebIdentity};
use super::{Place, keys_of};
use crate::error::ObtainError;
use crate::sigv4::Keys;
use crate::{Variables, files};

/// One profile, and what it may refer to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Profile {
    name: String,
    is_chosen: bool,
    config: Option<PathBuf>,
    credentials: Option<PathBuf>,
    /// What `credential_source` may name.
    environment: Option<Keys>,
    container: Option<Container>,
    instance: Option<Instance>,
}

/// What one profile says. Any of it may be a secret.
type Settings = BTreeMap<String, Secret<String>>;

impl Profile {
    /// The profile that the configuration chooses, else the one of `AWS_PROFILE`, else `default`.
    pub(super) fn new(chosen: Option<String>, variables: Variables<'_>) -> Self {
        let folder = variables("HOME").map(|home| PathBuf::from(home).join(".aws"));
        let file = |variable: &str, usual: &str| {
            let named = variables(variable).map(PathBuf::from);
            named.or_else(|| folder.as_ref().map(|folder| folder.join(usual)))
        };
        Self {
            is_chosen: chosen.is_some(),
            name: chosen.or_else(|| variables("AWS_PROFILE")).unwrap_or_else(|| "default".to_owned()),
            config: file("AWS_CONFIG_FILE", "config"),
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            environment: keys_of(variables),
            container: Container::new(variables),
            instance: Instance::new(variables),
        }
    }

    /// Whether the configuration chooses it.
    pub(super) const fn is_chosen(&self) -> bool {
        self.is_chosen
    }

    /// Its region, if it has one.
    pub(super) fn region(&self) -> Option<String> {
        let settings = self.settings(&self.name).ok()??;
        settings.get("region").map(|region| region.reveal().clone())
    }

    /// Where its keys are; `None` if it says nothing of keys.
    pub(super) fn place(&self) -> Result<Option<Place>, ObtainError> {
        self.place_of(&self.name, MOST_STEPS)
    }

    fn place_of(&self, name: &str, steps: u32) -> Result<Option<Place>, ObtainError> {
        let Some(settings) = self.settings(name)? else { return Ok(None) };
        let text = |key: &str| settings.get(key).map(|value| value.reveal().clone());
        let keys = || {
            Some(Place::Keys(Keys {
                access_key_id: text("aws_access_key_id")?,
                secret_access_key: Secret::new(text("aws_secret_access_key")?),
                session_token: text("aws_session_token").map(Secret::new),
            }))
        };
        let Some(arn) = text("role_arn") else {
            let other = OTHER_KINDS.iter().find(|kind| settings.contains_key(**kind));
            return match (keys(), other) {
                (Some(keys), _) => Ok(Some(keys)),
                (None, Some(kind)) => Err(self.unsupported((*kind).to_owned())),
                (None, None) => Ok(None),
            };
        };
        let role =
            Role { external_id: text("external_id"), session: text("role_session_name"), ..Role::new(arn) };
        if let Some(file) = text("web_identity_token_file") {
            return Ok(Some(Place::WebIdentity(WebIdentity { file: PathBuf::from(file), role })));
        }
        let by = match (text("source_profile"), text("credential_source")) {
            // A profile that names itself takes the role on with its own keys.
            (Some(source), _) if source == name => keys(),
            (Some(source), _) if steps > 0 => self.place_of(&source, steps - 1)?,
            (None, Some(source)) => match source.as_str() {
                "Ec2InstanceMetadata" => self.instance.clone().map(Place::Instance),
                "EcsContainer" => self.container.clone().map(Place::Container),
                "Environment" => self.environment.clone().map(Place::Keys),
                _ => return Err(self.unsupported(source)),
            },
            (Some(_) | None, _) => None,
        };
        Ok(by.map(|by| Place::Assumed { role, by: Box::new(by) }))
    }

    /// What both files say of a profile, where the one for credentials has the last word.
    fn settings(&self, name: &str) -> Result<Option<Settings>, ObtainError> {
        let in_config = if name == "default" { name.to_owned() } else { format!("profile {name}") };
        let mut found: Option<Settings> = None;
        for (file, title) in [(&self.config, in_config.as_str()), (&self.credentials, name)] {
            let Some(path) = file else { continue };
            let Some(text) = files::read_if_there(path)? else { continue };
            if let Some(section) = section(text.reveal(), title) {
                found.get_or_insert_default().extend(section);
            }
        }
        Ok(found)
    }

    fn unsupported(&self, kind: String) -> ObtainError {
        ObtainError::Unsupported { path: self.config.clone().unwrap_or_default(), kind }
    }
}

/// The settings below `[title]`. Comments and what is indented (settings of a service) are left out.
fn section(text: &str, title: &str) -> Option<Settings> {
    let (mut found, mut is_inside) = (None::<Settings>, false);
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix('[') {
            let heading = heading.split(']').next().unwrap_or_default();
            is_inside = heading.split_whitespace().eq(title.split_whitespace());
            if is_inside {
                found.get_or_insert_default();
            }
        } else if is_inside
            && !line.starts_with([' ', '\t', '#', ';'])
            && let Some((name, value)) = line.split_once('=')
        {
            let value = value.split(" #").next().unwrap_or_default().trim();
            let name = name.trim().to_ascii_lowercase();
            found.get_or_insert_default().insert(name, Secret::new(value.to_owned()));
        }
    }
    found
}

/// Ways to keys that a profile may name and that need a program or a person.
const OTHER_KINDS: [&str; 4] = ["credential_process", "login_session", "sso_session", "sso_start_url"];
/// How many profiles one may stand upon.
const MOST_STEPS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_read_as_awss_tools_read_it() {
        let text = "a = outside\n[default]\nregion=eu-west-1\n# b = c\n\n[ profile  x ]\nAWS_Access_Key_Id = A # why\ns3 =\n  nested = 1\nempty\n[default]\nlater = 1\n";
        let said = |title| -> Option<Vec<(String, String)>> {
            let settings = section(text, title)?;
            Some(settings.iter().map(|(name, value)| (name.clone(), value.reveal().clone())).collect())
        };
        let pairs = |pairs: &[(&str, &str)]| {
            Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        assert_eq!(said("default"), pairs(&[("later", "1"), ("region", "eu-west-1")]));
        assert_eq!(said("profile x"), pairs(&[("aws_access_key_id", "A"), ("s3", "")]));
        assert_eq!(said("profile y"), None);
    }
}
