//! Secrets: the value for the one who uses it, the source for everybody else.

use serde_json::{Value, json};
use types::Secret;

use crate::interpolate::is_reference;
use crate::node::Origin;
use crate::problem::ProblemCode;
use crate::read::{At, Shape};
use crate::reading::Reading;
use crate::shown::{Show, Shown};

/// What is printed for a secret that stands in the file itself. Read back, it is refused.
const REDACTED: &str = "<redacted>";

/// A secret and where it came from.
#[derive(Clone, Debug)]
pub struct SecretSetting {
    /// The secret itself.
    pub value: Secret<String>,
    /// What may be printed, e.g. `${OPENAI_API_KEY}`.
    pub source: String,
}

impl SecretSetting {
    /// The value of the environment variable `name`.
    pub(crate) fn of_variable(name: &str, value: &str) -> Self {
        Self { value: Secret::new(value.trim().to_owned()), source: format!("${{{name}}}") }
    }
}

impl Shape for SecretSetting {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        reading.mask(at.node);
        let text = reading.secret_text(at)?;
        let value = text.trim();
        let help = || Some("write ${NAME} for an environment variable or ${file:PATH} for a file".to_owned());
        if value.is_empty() || value == REDACTED {
            let what = if value.is_empty() { "the secret is empty" } else { "the secret was redacted" };
            reading.note(ProblemCode::UnsafeSecret, &at.path, what.to_owned(), help());
            return None;
        }
        if value.contains(char::is_control) {
            let message = "the secret contains a line break or control character".to_owned();
            reading.bad_value(at, message, None);
            return None;
        }
        Some(Self { value: Secret::new(value.to_owned()), source: source(at) })
    }

    fn schema() -> Value {
        json!({"type": "string", "minLength": 1, "examples": ["${OPENAI_API_KEY}", "${file:/run/secrets/openai}"]})
    }
}

impl Show for SecretSetting {
    fn shown(&self) -> Shown {
        Shown::Text(self.source.clone())
    }
}

/// The written form if it only refers to the secret; never any part of the secret itself.
fn source(at: &At<'_>) -> String {
    let written = at.written();
    match &at.node.origin {
        _ if is_reference(written) => written.to_owned(),
        Origin::Variable(name) => format!("${{{name}}}"),
        Origin::File { .. } => REDACTED.to_owned(),
    }
}
