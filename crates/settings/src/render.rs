//! Problems as a person reads them: the line, carets under the place, and what was probably meant.

use std::fmt::Write as _;

use crate::problem::{Mask, Position, Problem, Problems};

/// Where a problem's place stands in its first line.
const PLACE_COLUMN: usize = 48;
/// A line longer than this is shown in part.
const WINDOW: usize = 120;
/// How much of a long line is shown before the place.
const BEFORE: usize = 40;

impl Problems {
    /// Every problem with its line of `text`, and their number in the last line. Secrets in the text are masked.
    pub fn render(&self, file: &str, text: &str) -> String {
        let shown = masked(text, &self.1);
        let lines: Vec<&str> = shown.lines().collect();
        let mut out = String::new();
        for problem in &self.0 {
            render_problem(&mut out, problem, file, &lines);
        }
        let noun = if self.0.len() == 1 { "problem" } else { "problems" };
        let _ = write!(out, "{} {noun}", self.0.len());
        out
    }
}

fn render_problem(out: &mut String, problem: &Problem, file: &str, lines: &[&str]) {
    let title = format!("error {}: {}", problem.code, problem.message);
    let place = match (&problem.position, &problem.variable) {
        (Some(position), _) => format!("{file}:{}:{}", position.line, position.column),
        (None, Some(variable)) => format!("${variable}"),
        (None, None) => problem.path.clone(),
    };
    let _ = writeln!(out, "{title:PLACE_COLUMN$}  {place}");
    let help = problem.help.as_deref().unwrap_or_default();
    let line =
        problem.position.and_then(|position| Some((position, *lines.get(position.line.checked_sub(1)?)?)));
    match line {
        Some((position, line)) => {
            let (excerpt, column) = excerpt(line, position);
            let carets =
                "^".repeat(position.length.clamp(1, excerpt.chars().count().saturating_sub(column).max(1)));
            let _ = writeln!(out, "{:>5} | {excerpt}", position.line);
            let _ = writeln!(out, "{}", format!("      | {}{carets} {help}", " ".repeat(column)).trim_end());
        }
        None if help.is_empty() => {}
        None => {
            let _ = writeln!(out, "      = {help}");
        }
    }
}

/// The part of a line around a place, and the place's column in it, counted from zero. Tabs become one space
/// and control characters a replacement, so that carets stand where they should and terminals stay sane.
fn excerpt(line: &str, position: Position) -> (String, usize) {
    let clean = |character: char| match character {
        '\t' => ' ',
        other if other.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    };
    let column = position.column.saturating_sub(1);
    let length = line.chars().count();
    if length <= WINDOW {
        return (line.chars().map(clean).collect(), column);
    }
    let skipped = column.saturating_sub(BEFORE);
    let head = if skipped > 0 { "…" } else { "" };
    let tail = if skipped + WINDOW < length { "…" } else { "" };
    let middle: String = line.chars().skip(skipped).take(WINDOW).map(clean).collect();
    (format!("{head}{middle}{tail}"), column - skipped + head.chars().count())
}

/// The text with every masked character replaced, so that columns stay where they are.
fn masked(text: &str, masks: &[Mask]) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut characters: Vec<char> = text.chars().collect();
    for mask in masks {
        let end = mask.end.min(characters.len());
        for character in characters.get_mut(mask.start..end).into_iter().flatten() {
            if !matches!(character, '\n' | '\r') {
                *character = '*';
            }
        }
    }
    characters.into_iter().collect()
}
