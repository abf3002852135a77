//! The long form as YAML: every default filled in, every secret as its source.

use crate::reading::Sources;
use crate::reading::joined;

/// A setting on its way to YAML.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    /// Not set.
    Nothing,
    /// A number, truth value, duration or address: never quoted.
    Bare(String),
    /// Text: quoted where YAML would take it for something else.
    Text(String),
    /// Items in order.
    List(Vec<Self>),
    /// Named settings in order.
    Map(Vec<(String, Self)>),
}

/// Something that has a long form.
pub(crate) trait Show {
    /// The long form.
    fn shown(&self) -> Shown;
}

impl<T: Show> Show for Option<T> {
    fn shown(&self) -> Shown {
        self.as_ref().map_or(Shown::Nothing, Show::shown)
    }
}

impl<T: Show> Show for Vec<T> {
    fn shown(&self) -> Shown {
        Shown::List(self.iter().map(Show::shown).collect())
    }
}

impl Shown {
    /// The YAML text, with the written form of every value that `sources` knows one for.
    pub(crate) fn to_yaml(&self, sources: &Sources) -> String {
        let mut out = String::new();
        self.write(&mut out, "", 0, sources);
        out
    }

    /// The paths at which `self` is another than `other`: as deep as both have the same keys.
    pub(crate) fn differences(&self, other: &Self, path: &str, paths: &mut Vec<String>) {
        match (self, other) {
            (Self::Map(own), Self::Map(others))
                if own.iter().map(|(key, _)| key).eq(others.iter().map(|(key, _)| key)) =>
            {
                for ((key, own), (_, other)) in own.iter().zip(others) {
                    own.differences(other, &joined(path, key), paths);
                }
            }
            (own, other) if own == other => {}
            (_, _) => paths.push(path.to_owned()),
        }
    }

    fn write(&self, out: &mut String, path: &str, indent: usize, sources: &Sources) {
        match self {
            Self::Map(entries) => {
                for (key, value) in entries {
                    pad(out, indent);
                    out.push_str(&quoted(key));
                    out.push(':');
                    value.write_value(out, &joined(path, key), indent, sources);
                }
            }
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    pad(out, indent);
                    out.push('-');
                    item.write_item(out, &format!("{path}[{index}]"), indent, sources);
                }
            }
            Self::Nothing | Self::Bare(_) | Self::Text(_) => {
                out.push_str(&self.leaf(path, sources));
                out.push('\n');
            }
        }
    }

    /// What follows a key: on its line, or below it and indented.
    fn write_value(&self, out: &mut String, path: &str, indent: usize, sources: &Sources) {
        if self.is_block() {
            out.push('\n');
            self.write(out, path, indent + 1, sources);
        } else {
            out.push(' ');
            out.push_str(&self.leaf(path, sources));
            out.push('\n');
        }
    }

    /// What follows a dash: a section begins on the dash's own line.
    fn write_item(&self, out: &mut String, path: &str, indent: usize, sources: &Sources) {
        let mut nested = String::new();
        self.write_value(&mut nested, path, indent, sources);
        let below = nested.trim_start();
        out.push(' ');
        out.push_str(below);
    }

    fn is_block(&self) -> bool {
        match self {
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
            Self::Nothing | Self::Bare(_) | Self::Text(_) => false,
        }
    }

    fn leaf(&self, path: &str, sources: &Sources) -> String {
        match (self, sources.get(path)) {
            (Self::Bare(_) | Self::Text(_), Some(written)) => quoted(written),
            (Self::Bare(text), None) => text.clone(),
            (Self::Text(text), None) => quoted(text),
            (Self::Nothing, _) => "null".to_owned(),
            (Self::List(_), _) => "[]".to_owned(),
            (Self::Map(_), _) => "{}".to_owned(),
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n("  ", indent));
}

/// The text as it is where no reader of YAML could mistake it, else in JSON's quotes, which YAML shares.
fn quoted(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let starts_as_text = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if starts_as_text && !word && text.chars().all(safe) {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}
