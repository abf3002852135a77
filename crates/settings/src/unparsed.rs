//! What may be shown of a text that could not be parsed: without a tree, secrets are known by their keys' names.

use crate::problem::Mask;

/// How the names of secret settings and headers end.
const SECRET_NAMES: &[&str] = &["key", "token", "secret", "password", "authorization"];

/// The stretches that look like the values of secrets.
pub(crate) fn masks(text: &str) -> Vec<Mask> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut masks = Vec::new();
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let characters: Vec<char> = line.chars().collect();
        masks.extend(
            line_masks(&characters)
                .map(|mask| Mask { start: line_start + mask.start, end: line_start + mask.end }),
        );
        line_start += characters.len();
    }
    masks
}

fn line_masks(line: &[char]) -> impl Iterator<Item = Mask> {
    let colons = line.iter().enumerate().filter(|(_, character)| **character == ':').map(|(index, _)| index);
    colons.filter_map(|colon| {
        let (before, after) = (line.get(..colon)?, line.get(colon + 1..)?);
        let name: String = before
            .iter()
            .rev()
            .skip_while(|c| matches!(c, '"' | '\'' | ' '))
            .take_while(|c| c.is_alphanumeric())
            .collect();
        let name: String = name.chars().rev().collect::<String>().to_lowercase();
        let value: String = after.iter().collect();
        let secret = SECRET_NAMES.iter().any(|ending| name.ends_with(ending)) && !value.contains("${");
        let length = after.iter().take_while(|c| !matches!(c, ',' | '}' | '\n')).count();
        secret.then_some(Mask { start: colon + 1, end: colon + 1 + length })
    })
}
