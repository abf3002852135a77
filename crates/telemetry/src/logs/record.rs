//! One line of named values, in either format.

use std::fmt;
use std::time::Duration;

use types::UnixTime;

use super::LogFormat;
use super::LogLevel;
use super::stamp::push_time;
use crate::json::{self, Object};
use crate::names::field;

/// The fields of a line being written.
pub(crate) enum Record<'a> {
    Json(Object<'a>),
    Pretty(&'a mut String),
}

impl Record<'_> {
    /// Writes one line without its end: time, level, message, then what `fill` adds.
    pub(crate) fn write(
        line: &mut String,
        (format, time): (LogFormat, UnixTime),
        (level, message): (LogLevel, &str),
        fill: impl FnOnce(&mut Record<'_>),
    ) {
        match format {
            LogFormat::Json => {
                fill(&mut Record::Json(head(line, time, (level, message))));
                line.push('}');
            }
            LogFormat::Pretty => {
                push_time(line, time, format);
                line.push(' ');
                line.push_str(level.as_str());
                line.push(' ');
                push_plain(line, message);
                fill(&mut Record::Pretty(line));
            }
        }
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        match self {
            Self::Json(object) => object.text(name, value),
            Self::Pretty(line) => push_pair(line, name, value),
        }
    }

    pub(crate) fn display(&mut self, name: &str, value: &dyn fmt::Display) {
        match self {
            Self::Json(object) => object.display(name, value),
            Self::Pretty(line) => push_pair(line, name, &value.to_string()),
        }
    }

    pub(crate) fn integer(&mut self, name: &str, value: u64) {
        match self {
            Self::Json(object) => object.integer(name, value),
            Self::Pretty(line) => push_pair(line, name, itoa::Buffer::new().format(value)),
        }
    }

    /// A number already in JSON's spelling.
    pub(crate) fn number(&mut self, name: &str, value: &dyn fmt::Display) {
        match self {
            Self::Json(object) => object.value(name).push_str(&value.to_string()),
            Self::Pretty(line) => push_pair(line, name, &value.to_string()),
        }
    }

    pub(crate) fn millis(&mut self, name: &str, value: Duration) {
        let mut text = String::new();
        json::push_millis(&mut text, value);
        self.number(name, &text);
    }
}

/// The fields every line begins with.
pub(super) fn head<'a>(
    line: &'a mut String,
    time: UnixTime,
    (level, message): (LogLevel, &str),
) -> Object<'a> {
    let mut object = Object::open(line);
    let value = object.value(field::TIME);
    value.push('"');
    push_time(value, time, LogFormat::Json);
    value.push('"');
    object.text(field::LEVEL, level.as_str());
    object.text(field::MESSAGE, message);
    object
}

fn push_pair(line: &mut String, name: &str, value: &str) {
    line.push(' ');
    push_plain(line, name);
    line.push('=');
    if value.contains([' ', '"', '=']) {
        json::push_text(line, &plain(value));
    } else {
        push_plain(line, value);
    }
}

/// A terminal obeys control characters and does not show direction marks: neither gets there as it is.
pub(super) fn push_plain(line: &mut String, text: &str) {
    line.push_str(&plain(text));
}

fn plain(text: &str) -> std::borrow::Cow<'_, str> {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(obeyed) {
        return text.into();
    }
    text.chars().map(|c| if obeyed(c) { '\u{fffd}' } else { c }).collect::<String>().into()
}
