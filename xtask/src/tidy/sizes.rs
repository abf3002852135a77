//! How long things may be. What is longer does more than one thing.

use super::Finding;
use super::source::Source;

const MAX_FUNCTION: usize = 100;
const MAX_FILE: usize = 800;
/// A destructor releases or enqueues; what takes more lines computes.
const MAX_DROP: usize = 10;

/// Functions, files and destructors that are too long.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = functions(source);
    findings.extend(destructors(source));
    let lines = source.lines_without_tests();
    if lines > MAX_FILE {
        let what = format!("{lines} lines without its tests, of at most {MAX_FILE}");
        findings.push(Finding::new(&source.path, 1, "file-size", what));
    }
    findings
}

fn functions(source: &Source) -> Vec<Finding> {
    let too_long = |item: super::source::Item| {
        let lines = source.line_at(item.body.end) - item.line + 1;
        let what = format!("`{}` has {lines} lines, of at most {MAX_FUNCTION}", item.name);
        (lines > MAX_FUNCTION).then(|| Finding::new(&source.path, item.line, "function-size", what))
    };
    source.items("fn").into_iter().filter_map(too_long).collect()
}

fn destructors(source: &Source) -> Vec<Finding> {
    let drops = source.items("fn").into_iter().filter(|item| item.name == "drop");
    let too_long = |item: super::source::Item| {
        let lines = source.line_at(item.body.end) - source.line_at(item.body.start);
        let inner = lines.saturating_sub(1);
        let what = format!("`drop` has {inner} lines, of at most {MAX_DROP}");
        (inner > MAX_DROP).then(|| Finding::new(&source.path, item.line, "drop-size", what))
    };
    drops.filter_map(too_long).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_rules(text: &str, expect: &[&str]) {
        let findings = check(&Source::new("crates/x/src/a.rs", text));
        let rules: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, expect);
    }

    #[test]
    fn what_is_too_long_is_found() {
        let lines = |count: usize| "  x();\n".repeat(count);
        check_rules(&format!("fn a() {{\n{}}}\n", lines(98)), &[]);
        check_rules(&format!("fn a() {{\n{}}}\n", lines(99)), &["function-size"]);
        check_rules(&format!("fn drop(&mut self) {{\n{}}}\n", lines(10)), &[]);
        check_rules(&format!("fn drop(&mut self) {{\n{}}}\n", lines(11)), &["drop-size"]);
        check_rules(&"// x\n".repeat(800), &[]);
        check_rules(&"// x\n".repeat(801), &["file-size"]);
        check_rules(&format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "// x\n".repeat(900)), &[]);
    }
}
