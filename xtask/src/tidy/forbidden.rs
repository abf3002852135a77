//! What is written nowhere, or only in a named place, whatever file it is in.

use super::Finding;
use super::source::{Source, occurrences, parenthesised};

/// The files that may say which features are on: wiring alone chooses backends.
const FEATURE_FILES: &[&str] = &["crates/tollgate/src/wiring.rs", "crates/backends/src/lib.rs"];
/// Names that say nothing: a module is a noun of the domain.
const EMPTY_NAMES: &[&str] = &["common", "core", "helpers", "manager", "misc", "util", "utils"];

/// Every such place in this file.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut report = |line, rule, what: &str| findings.push(Finding::new(&source.path, line, rule, what));
    let first = source.text.lines().find(|line| !line.starts_with("#![") && !line.is_empty());
    if !first.is_some_and(|line| line.starts_with("//!")) {
        report(1, "file-doc", "begins without a `//!` line that says which question it answers");
    }
    if let Some(name) = EMPTY_NAMES.iter().find(|name| is_module(&source.path, name)) {
        report(1, "file-name", &format!("`{name}` says nothing: name it after the domain"));
    }
    for line in source.lines_with("#[allow").into_iter().chain(source.lines_with("#![allow")) {
        report(line, "allow", "use `#[expect(…, reason = \"…\")]`, which ends when its cause does");
    }
    for line in source.lines_with("#[ignore") {
        report(line, "ignored-test", "a test that does not run is not a test");
    }
    for line in features(source) {
        report(line, "feature", "only wiring.rs and backends/lib.rs ask which features are on");
    }
    for line in errors_from_text(source) {
        report(line, "error-from-text", "an error keeps its cause: no `to_string` in `map_err`");
    }
    for line in sleeps(source) {
        report(
            line,
            "sleep-in-test",
            "wait for what happens: ask again in a loop, pause the clock (`start_paused`), or say why not",
        );
    }
    for (line, name) in names(source) {
        report(line, "name", &name);
    }
    for line in untyped(source) {
        report(line, "untyped-json", "`serde_json::Value` is no word of `types`: use `types::Json`");
    }
    findings
}

fn is_module(path: &str, name: &str) -> bool {
    path.ends_with(&format!("/{name}.rs")) || path.contains(&format!("/{name}/"))
}

fn features(source: &Source) -> Vec<usize> {
    if FEATURE_FILES.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let code = source.code();
    let starts = ["cfg(", "cfg!(", "cfg_attr("].into_iter().flat_map(|start| {
        let at = occurrences(code, start).into_iter();
        at.filter(move |at| !occurrences(parenthesised(code, *at), "feature").is_empty())
    });
    starts.map(|at| source.line_at(at)).collect()
}

/// Places where a cause becomes a text inside `map_err`. A `Refusal` may: it is the text that a caller reads.
fn errors_from_text(source: &Source) -> Vec<usize> {
    let code = source.code();
    let is_text = |at: &usize| {
        let inner = parenthesised(code, *at);
        let cause = inner.split('|').nth(1).unwrap_or_default().split(':').next().unwrap_or_default().trim();
        let makes_text = !cause.is_empty() && inner.contains(&format!("{cause}.to_string()"));
        makes_text && !inner.contains("Refusal::")
    };
    let found = occurrences(code, "map_err(").into_iter().filter(is_text).map(|at| source.line_at(at));
    found.filter(|line| !source.is_test(*line)).collect()
}

/// Waiting in tests for a time. On a paused clock it costs none and always comes out the same; in a loop it is the
/// pause before another process is asked again; what else it may be for, a comment just above says. The fake
/// upstream's delays are what it is for.
fn sleeps(source: &Source) -> Vec<usize> {
    if source.masked.uncommented.contains("start_paused") || source.path.starts_with("crates/testkit/") {
        return Vec::new();
    }
    let loops: Vec<_> = ["loop", "while"].into_iter().flat_map(|keyword| source.items(keyword)).collect();
    let is_alone = |at: &usize| !loops.iter().any(|item| item.body.contains(at));
    let found =
        occurrences(source.code(), "sleep(").into_iter().filter(is_alone).map(|at| source.line_at(at));
    found.filter(|line| source.is_test(*line) && !is_argued(source, *line)).collect()
}

/// Whether a comment stands in one of the two lines above.
fn is_argued(source: &Source, line: usize) -> bool {
    let above = source.text.lines().take(line - 1).skip(line.saturating_sub(3));
    above.map(str::trim_start).any(|line| line.starts_with("//"))
}

fn names(source: &Source) -> Vec<(usize, String)> {
    let problem = |item: super::source::Item| {
        let name = item.name.as_str();
        let is_test = source.is_test(item.line);
        let what = if name.starts_with("get_") {
            format!("`{name}`: leave out `get_`")
        } else if name.starts_with("test_") && is_test {
            format!("`{name}`: a test's name is a sentence of behaviour")
        } else if name == "validate" && !is_test {
            "`validate`: parse into a type that cannot be wrong".to_owned()
        } else {
            return None;
        };
        Some((item.line, what))
    };
    source.items("fn").into_iter().filter_map(problem).collect()
}

fn untyped(source: &Source) -> Vec<usize> {
    if !source.path.starts_with("crates/types/") {
        return Vec::new();
    }
    let mut lines = source.lines_with("serde_json::Value");
    let imported = occurrences(source.code(), "use serde_json::").into_iter().filter(|at| {
        let (import, _) = source.code().get(*at..).unwrap_or_default().split_once(';').unwrap_or_default();
        !occurrences(import, "Value").is_empty()
    });
    lines.extend(imported.map(|at| source.line_at(at)));
    lines.into_iter().filter(|line| !source.is_test(*line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_rules(path: &str, code: &str, expect: &[&str]) {
        let findings = check(&Source::new(path, format!("//! What it is.\n{code}\n")));
        let rules: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, expect, "{code}");
    }

    #[test]
    fn what_is_written_nowhere_is_found() {
        let lib = "crates/x/src/lib.rs";
        check_rules(lib, "#[allow(dead_code)] fn a() {}", &["allow"]);
        check_rules(lib, "#[expect(dead_code, reason = \"…\")] fn a() {} // #[allow", &[]);
        check_rules(lib, "#[ignore] fn a() {}", &["ignored-test"]);
        check_rules(lib, "#[cfg(feature = \"redis\")] fn a() {}", &["feature"]);
        check_rules(lib, "#[cfg_attr(not(feature = \"redis\"), x)] fn a() {}", &["feature"]);
        check_rules("crates/tollgate/src/wiring.rs", "#[cfg(feature = \"redis\")] fn a() {}", &[]);
        check_rules(lib, "fn a() { b.map_err(|e| e.to_string()) }", &["error-from-text"]);
        check_rules(lib, "fn a() { b.map_err(|e: D| C { text: e.to_string() }) }", &["error-from-text"]);
        check_rules(lib, "fn a() { b.map_err(C::D).map(|e| e.to_string()) }", &[]);
        check_rules(lib, "fn a() { b.map_err(|e| Refusal::new(e.code(), e.to_string())) }", &[]);
        check_rules(lib, "fn get_it() {}", &["name"]);
        check_rules(lib, "fn validate() {}", &["name"]);
        check_rules("crates/x/src/utils.rs", "", &["file-name"]);
        check_rules("crates/types/src/a.rs", "use serde_json::{Map, Value};", &["untyped-json"]);
        check_rules("crates/types/src/a.rs", "use serde_json::value::RawValue;", &[]);
        check_rules("crates/types/src/a.rs", "pub fn a(b: serde_json::Value) {}", &["untyped-json"]);
    }

    #[test]
    fn tests_wait_for_what_happens() {
        let path = "crates/x/tests/it/a.rs";
        check_rules(path, "\n\nasync fn a() { tokio::time::sleep(B).await }", &["sleep-in-test"]);
        check_rules(path, "#[tokio::test(start_paused = true)] async fn a() { sleep(B).await }", &[]);
        check_rules(path, "async fn a() {\n// At some moment.\nsleep(B).await }", &[]);
        check_rules(path, "async fn a() { while !b() { sleep(C).await } }", &[]);
        check_rules("crates/x/src/a.rs", "async fn a() { tokio::time::sleep(B).await }", &[]);
    }

    #[test]
    fn every_file_says_what_it_is() {
        let findings = check(&Source::new("crates/x/src/a.rs", "fn a() {}\n"));
        assert_eq!(findings.first().map(|finding| finding.rule), Some("file-doc"));
    }
}
