//! References in values: `${NAME}`, `${file:PATH}` and systemd's `$CREDENTIALS_DIRECTORY/NAME`.

use std::path::{Path, PathBuf};

use crate::Environment;
use crate::nearest::did_you_mean;
use crate::problem::ProblemCode;

/// Where systemd puts the credentials of a service (systemd.exec, `LoadCredential=`).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// A value with its references replaced.
pub(crate) struct Interpolated {
    pub(crate) value: String,
    /// Whether there was any reference in it.
    pub(crate) referred: bool,
}

/// A reference that leads nowhere.
pub(crate) struct BrokenReference {
    pub(crate) code: ProblemCode,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Whether `text` only refers to a secret and holds no part of one: one reference, after a word such as
/// `Bearer` at most.
pub(crate) fn is_reference(text: &str) -> bool {
    let text = match text.split_once(' ') {
        Some((scheme, rest)) if scheme.chars().all(char::is_alphanumeric) => rest,
        _ => text,
    };
    let inside = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let refers =
        |inside: &str| is_variable_name(inside) || inside.starts_with("file:") && !inside.contains('}');
    inside.is_some_and(refers) || credential_name(text).is_some()
}

/// Replaces every reference in `text`; `$${` stands for `${` itself. Relative files start at `folder`.
pub(crate) fn interpolate(
    text: &str,
    environment: &Environment,
    folder: &Path,
) -> Result<Interpolated, Vec<BrokenReference>> {
    if let Some(name) = credential_name(text) {
        let value = credential(name, environment).map_err(|broken| vec![broken])?;
        return Ok(Interpolated { value, referred: true });
    }
    let (mut value, mut rest, mut referred, mut broken) = (String::new(), text, false, Vec::new());
    while let Some(at) = rest.find("${") {
        let (before, reference) =
            (rest.get(..at).unwrap_or_default(), rest.get(at + 2..).unwrap_or_default());
        if let Some(escaped) = before.strip_suffix('$') {
            value.push_str(escaped);
            value.push_str("${");
            rest = reference;
            continue;
        }
        value.push_str(before);
        let Some((inside, after)) = reference.split_once('}') else {
            broken.push(malformed("a reference is not closed"));
            rest = "";
            break;
        };
        referred = true;
        match resolve(inside, environment, folder) {
            Ok(resolved) => value.push_str(&resolved),
            Err(problem) => broken.push(problem),
        }
        rest = after;
    }
    value.push_str(rest);
    if broken.is_empty() { Ok(Interpolated { value, referred }) } else { Err(broken) }
}

fn resolve(inside: &str, environment: &Environment, folder: &Path) -> Result<String, BrokenReference> {
    if let Some(path) = inside.strip_prefix("file:") {
        return match credential_name(path) {
            Some(name) => credential(name, environment),
            None => read_secret_file(&folder.join(path)),
        };
    }
    if !is_variable_name(inside) {
        return Err(malformed("a reference names no variable and no file"));
    }
    variable(inside, environment).map(str::to_owned)
}

/// A name as POSIX has it (IEEE 1003.1, section 8.1, lower case included).
fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn variable<'e>(name: &str, environment: &'e Environment) -> Result<&'e str, BrokenReference> {
    environment.get(name).ok_or_else(|| BrokenReference {
        code: ProblemCode::MissingVariable,
        message: format!("environment variable `{name}` is not set"),
        help: did_you_mean(name, environment.names()).or_else(|| Some(format!("export {name}=…"))),
    })
}

/// The name of the credential that `$CREDENTIALS_DIRECTORY/NAME` stands for.
fn credential_name(text: &str) -> Option<&str> {
    text.strip_prefix('$')?.strip_prefix(CREDENTIALS)?.strip_prefix('/')
}

fn credential(name: &str, environment: &Environment) -> Result<String, BrokenReference> {
    let folder = variable(CREDENTIALS, environment)?;
    read_secret_file(&PathBuf::from(folder).join(name))
}

/// What is inside is not quoted: it may be the secret itself, put in braces by mistake.
fn malformed(message: &str) -> BrokenReference {
    BrokenReference {
        code: ProblemCode::BadValue,
        message: message.to_owned(),
        help: Some("write ${NAME} or ${file:PATH}; $${ stands for ${ itself".to_owned()),
    }
}

/// The file's text without the white space around it. A file that everybody on the host may read is refused.
fn read_secret_file(path: &Path) -> Result<String, BrokenReference> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| BrokenReference {
        code: ProblemCode::BadValue,
        message: format!("secret file `{shown}` cannot be read: {error}"),
        help: None,
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if is_world_readable(&metadata) {
        return Err(BrokenReference {
            code: ProblemCode::UnsafeSecret,
            message: format!("secret file `{shown}` can be read by everybody"),
            help: Some(format!("chmod o= {shown} (a container's secret mount: mode 0440)")),
        });
    }
    std::fs::read_to_string(path).map(|text| text.trim().to_owned()).map_err(unreadable)
}

#[cfg(unix)]
fn is_world_readable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_world_readable(_: &std::fs::Metadata) -> bool {
    false
}
