//! The tools a model may call.

use super::CacheMark;
use crate::Json;

/// One tool.
#[derive(Clone, Debug, PartialEq)]
pub enum Tool {
    /// A function with a JSON schema for its arguments.
    Function {
        /// Its name.
        name: String,
        /// What it does.
        description: Option<String>,
        /// The JSON schema of its arguments; `None` where the caller gave none.
        parameters: Option<Json>,
        /// Whether arguments must match the schema exactly.
        strict: Option<bool>,
        /// A prompt-cache marker after this tool.
        cache: Option<CacheMark>,
    },
    /// A tool only its own dialect understands (server tools, custom tools), kept whole.
    Opaque {
        /// The dialect's own word for it.
        kind: String,
        /// The tool as it came.
        json: Json,
    },
}

/// Which tool the model shall call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// At least one, whichever.
    Any,
    /// As the model likes.
    Auto,
    /// This one.
    Named(String),
    /// None.
    Never,
}
