//! What is wrong with a configuration: every problem with its code, place and remedy, rendered like a compiler does.

use std::fmt;

/// What kind of problem it is. Each has a page in `docs/errors/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProblemCode {
    /// The text is not YAML.
    Syntax,
    /// A value is of the wrong type.
    WrongType,
    /// A key that nothing reads.
    UnknownKey,
    /// A value of the right type that cannot be.
    BadValue,
    /// An environment variable that is named but not set.
    MissingVariable,
    /// A secret that is empty or that others can read.
    UnsafeSecret,
    /// A name that nothing is configured for.
    UnknownReference,
    /// A key written twice.
    DuplicateKey,
    /// Two settings that contradict each other.
    Conflict,
}

impl ProblemCode {
    /// Every code there is, in order.
    pub const ALL: &[Self] = &[
        Self::Syntax,
        Self::WrongType,
        Self::UnknownKey,
        Self::BadValue,
        Self::MissingVariable,
        Self::UnsafeSecret,
        Self::UnknownReference,
        Self::DuplicateKey,
        Self::Conflict,
    ];

    /// The code as printed, e.g. `TG-0203`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "TG-0201",
            Self::WrongType => "TG-0202",
            Self::UnknownKey => "TG-0203",
            Self::BadValue => "TG-0204",
            Self::MissingVariable => "TG-0205",
            Self::UnsafeSecret => "TG-0206",
            Self::UnknownReference => "TG-0207",
            Self::DuplicateKey => "TG-0208",
            Self::Conflict => "TG-0209",
        }
    }
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place in the file. Lines and columns count from one, columns and lengths in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The first character's column.
    pub column: usize,
    /// How many characters are meant, all on this line.
    pub length: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its kind.
    pub code: ProblemCode,
    /// What is wrong. Never contains a secret.
    pub message: String,
    /// Where in the file, if it is in the file.
    pub position: Option<Position>,
    /// The environment variable it is in, if it is in one.
    pub variable: Option<String>,
    /// What to do, e.g. ``did you mean `budget`?``.
    pub help: Option<String>,
    /// The setting, e.g. `providers.openai.key`.
    pub path: String,
}

impl Problem {
    /// A problem of the text as a whole rather than of one setting.
    pub(crate) fn of_text(code: ProblemCode, message: impl Into<String>, position: Option<Position>) -> Self {
        Self { code, message: message.into(), position, variable: None, help: None, path: String::new() }
    }

    /// The same problem with this remedy.
    #[must_use]
    pub(crate) fn with_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

/// A stretch of the file that holds a secret, in characters from the beginning: it is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mask {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Everything that is wrong, in the order of the file, then of the environment.
#[derive(Clone, Debug)]
pub struct Problems(pub Vec<Problem>, pub(crate) Vec<Mask>);

impl Problems {
    pub(crate) fn new(mut problems: Vec<Problem>, masks: Vec<Mask>) -> Self {
        problems.sort_by_key(|problem| (problem.position.is_none(), problem.position));
        Self(problems, masks)
    }
}

impl fmt::Display for Problems {
    /// One line per problem, without the file's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}: {}: {}", problem.code, problem.path, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
