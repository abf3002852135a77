//! Long runs of lines that stand in two places: whoever mends one has to know of the other.

use std::collections::HashMap;

use super::Finding;
use super::source::{Source, Tree};

/// The shortest run that counts, in lines with a word on them.
const RUN: usize = 12;

/// Every run outside tests that stands in two places, once.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut seen: HashMap<String, (&str, usize)> = HashMap::new();
    let mut findings = Vec::new();
    for source in &tree.sources {
        let lines = telling_lines(source);
        let mut skip_until = 0;
        for (index, window) in lines.windows(RUN).enumerate() {
            let Some((first, _)) = window.first() else { continue };
            let key = window.iter().map(|(_, text)| *text).collect::<Vec<_>>().join("\n");
            match seen.get(&key) {
                Some((path, line)) if index >= skip_until => {
                    let what = format!("{RUN} lines as in {path}:{line}");
                    findings.push(Finding::new(&source.path, *first, "repetition", what));
                    skip_until = index + RUN;
                }
                Some(_) => {}
                None => {
                    seen.insert(key, (&source.path, *first));
                }
            }
        }
    }
    findings
}

/// The lines outside tests that say something: neither imports nor closing brackets, nor the signatures of functions,
/// which a trait dictates to all who have it.
fn telling_lines(source: &Source) -> Vec<(usize, &str)> {
    let lines = source.masked.uncommented.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let says_something = |line: &str| {
        let has_word = line.chars().any(char::is_alphanumeric);
        has_word && !["use ", "mod ", "fn ", "#["].iter().any(|start| line.starts_with(start))
    };
    lines.filter(|(line, text)| !source.is_test(*line) && says_something(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_stands_twice_is_found_once() {
        let run = (0..15).map(|line| format!("    call_{line}();")).collect::<Vec<_>>().join("\n");
        let text = |name: &str| format!("fn {name}() {{\n{run}\n}}\n");
        let one = Source::new("crates/a/src/a.rs", text("one"));
        let other = Source::new("crates/b/src/b.rs", text("other"));
        let tests = Source::new("crates/b/tests/b.rs", text("tests"));
        let findings = check(&Tree::new(vec![one, other, tests]));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings.first().map(|finding| finding.file.as_str()), Some("crates/b/src/b.rs"));
    }
}
