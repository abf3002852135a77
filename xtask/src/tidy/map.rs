//! `ARCHITECTURE.md` is a map: it names the crates and phases there are, and for each invariant a test there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Finding;
use super::source::{Tree, occurrences};

const MAP: &str = "ARCHITECTURE.md";
const PATH: &str = "crates/gateway/src/lib.rs";
const MAX_LINES: usize = 250;

/// What the map says and the tree does not, and the other way round.
pub(crate) fn check(root: &Path, tree: &Tree) -> Result<Vec<Finding>> {
    let path = root.join(MAP);
    if !path.exists() {
        return Ok(vec![Finding::new(MAP, 1, "map", "is not there")]);
    }
    let text = fs::read_to_string(&path).with_context(|| format!("{MAP} cannot be read"))?;
    let mut findings = check_crates(&text, &crates(root)?);
    findings.extend(check_phases(&text, tree));
    findings.extend(check_invariants(&text, tree));
    let lines = text.lines().count();
    if lines > MAX_LINES {
        findings.push(Finding::new(MAP, lines, "map", format!("{lines} lines, of at most {MAX_LINES}")));
    }
    Ok(findings)
}

/// The names of the folders that hold crates.
fn crates(root: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(root.join("crates")).context("crates/ cannot be read")? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").exists() {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

/// The first column of the table under a heading that says "crates" holds exactly the crates' names.
fn check_crates(text: &str, crates: &BTreeSet<String>) -> Vec<Finding> {
    let mut named = BTreeSet::new();
    let mut findings = Vec::new();
    for (line, row) in section(text, "crates") {
        let Some(cell) = row.strip_prefix("| `").and_then(|rest| rest.split_once('`')) else { continue };
        let name = cell.0.trim_end_matches('/').trim_start_matches("crates/");
        // The developer's commands are no part of the product, but may be named with it.
        if !crates.contains(name) && name != "xtask" {
            findings.push(Finding::new(MAP, line, "map", format!("there is no crate `{name}`")));
        }
        named.insert(name.to_owned());
    }
    let missing = crates.difference(&named);
    findings
        .extend(missing.map(|name| Finding::new(MAP, 1, "map", format!("the crate `{name}` is not named"))));
    findings
}

/// The lines of the block under the heading on the path begin with the phases, as `walk` calls them.
fn check_phases(text: &str, tree: &Tree) -> Vec<Finding> {
    let walked = walked_phases(tree);
    let mut fences = 0;
    let mut listed = Vec::new();
    let mut place = 1;
    for (line, row) in section(text, "the path") {
        if row.starts_with("```") {
            fences += 1;
        } else if fences == 1 {
            place = line;
            listed.extend(row.split_whitespace().next());
        }
    }
    if listed == walked && !walked.is_empty() {
        return Vec::new();
    }
    let what = format!("lists the phases {}; `walk` has {}", listed.join(" "), walked.join(" "));
    vec![Finding::new(MAP, place, "map", what)]
}

/// The modules whose functions `walk` calls, in order.
fn walked_phases(tree: &Tree) -> Vec<String> {
    let Some(source) = tree.find(PATH) else { return Vec::new() };
    let Some(walk) = source.items("fn").into_iter().find(|item| item.name == "walk") else {
        return Vec::new();
    };
    let code = source.code().get(walk.body).unwrap_or_default();
    let mut phases: Vec<String> = Vec::new();
    for (at, _) in code.match_indices("::") {
        let before = code.get(..at).unwrap_or_default();
        let start = before.rfind(|c: char| !super::mask::is_word(c)).map_or(0, |start| start + 1);
        let module = before.get(start..).unwrap_or_default();
        let is_module = tree.find(&format!("crates/gateway/src/{module}.rs")).is_some();
        if is_module && !phases.iter().any(|phase| phase == module) {
            phases.push(module.to_owned());
        }
    }
    phases
}

/// Every entry of the section on what must stay true names tests in backquotes that exist: `it::file::name`, or
/// `crate::module::name`.
fn check_invariants(text: &str, tree: &Tree) -> Vec<Finding> {
    let entries = invariants(text);
    let mut findings = Vec::new();
    if entries.is_empty() {
        findings.push(Finding::new(MAP, 1, "map", "has no section on what must stay true"));
    }
    for (line, entry) in entries {
        let tests: Vec<_> = quoted(&entry).filter(|word| is_test_name(word)).collect();
        if tests.is_empty() {
            findings.push(Finding::new(MAP, line, "map", "an invariant names its test"));
        }
        let missing = tests.into_iter().filter(|test| !exists(test, tree));
        findings
            .extend(missing.map(|test| Finding::new(MAP, line, "map", format!("there is no test `{test}`"))));
    }
    findings
}

/// The rows of a table, or the points of a list with the lines that belong to them.
fn invariants(text: &str) -> Vec<(usize, String)> {
    let mut entries: Vec<(usize, String)> = Vec::new();
    let mut is_table_head = true;
    for (line, row) in section(text, "must stay true") {
        if row.starts_with("|--") || row.starts_with("| --") {
            is_table_head = false;
        } else if row.starts_with("- ")
            || starts_with_number(row)
            || (row.starts_with("| ") && !is_table_head)
        {
            entries.push((line, row.to_owned()));
        } else if let Some((_, last)) = entries.last_mut() {
            last.push_str(row);
        }
    }
    entries
}

/// The numbered lines below headings that contain `word`, up to the next heading.
fn section<'a>(text: &'a str, word: &'static str) -> impl Iterator<Item = (usize, &'a str)> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.starts_with('#') {
            inside = line.to_lowercase().contains(word);
        }
        inside.then_some((index + 1, line.trim_start()))
    })
}

fn starts_with_number(row: &str) -> bool {
    row.split_once(". ")
        .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn quoted(row: &str) -> impl Iterator<Item = &str> {
    row.split('`').skip(1).step_by(2)
}

/// `it::replay::name` or `router::breaker::name`: lower case, with at least one `::`.
fn is_test_name(word: &str) -> bool {
    let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ':';
    word.contains("::") && word.chars().all(is_path)
}

/// Whether some test of this name stands in a file of the module that is named.
fn exists(test: &str, tree: &Tree) -> bool {
    let segments: Vec<_> = test.split("::").collect();
    let [first, modules @ .., name] = segments.as_slice() else { return false };
    let module = modules.first();
    tree.sources.iter().any(|source| {
        let is_place = match *first {
            "it" => source.path.starts_with("crates/tollgate/tests/it/"),
            "xtask" => source.path.starts_with("xtask/"),
            _ => source.path.starts_with(&format!("crates/{first}/")),
        };
        let is_file = module.is_none_or(|module| {
            matches!(*module, "tests" | "it")
                || source.path.ends_with(&format!("/{module}.rs"))
                || source.path.contains(&format!("/{module}/"))
        });
        is_place && is_file && has_test(source, name)
    })
}

fn has_test(source: &super::source::Source, name: &str) -> bool {
    let is_named = |item: &super::source::Item| item.name == name && source.is_test(item.line);
    // Tests of properties are declared inside a macro, where `fn` is a word like any other.
    source.items("fn").iter().any(is_named)
        || occurrences(source.code(), &format!("fn {name}"))
            .into_iter()
            .any(|at| source.is_test(source.line_at(at)))
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    const TEXT: &str = "# Map\n## The path\n```text\nreceive reads\nadmit   asks\nrelay   writes\n```\n## Crates\n| crate | what |\n|---|---|\n\
        | `gateway` | the path |\n## What must stay true\n| invariant | test |\n|---|---|\n| it holds | `it::a::it_holds` |\n";

    fn tree() -> Tree {
        let walk = "fn walk() { let a = receive::decode(b); let c = admit::hold(a); Ok(relay::start(c)) }";
        let files = ["receive", "admit", "relay"]
            .map(|phase| Source::new(&format!("crates/gateway/src/{phase}.rs"), ""));
        let mut sources =
            vec![Source::new(PATH, walk), Source::new("crates/tollgate/tests/it/a.rs", "fn it_holds() {}")];
        sources.extend(files);
        Tree::new(sources)
    }

    #[track_caller]
    fn check_text(text: &str, expect: &[&str]) {
        let crates = BTreeSet::from(["gateway".to_owned()]);
        let mut findings = check_crates(text, &crates);
        findings.extend(check_phases(text, &tree()));
        findings.extend(check_invariants(text, &tree()));
        let said: Vec<_> = findings.into_iter().map(|finding| finding.what).collect();
        assert_eq!(said, expect);
    }

    #[test]
    fn a_map_that_fits_the_tree_is_left_alone() {
        check_text(TEXT, &[]);
    }

    #[test]
    fn a_map_that_does_not_fit_the_tree_is_reported() {
        check_text(
            &TEXT.replace("`gateway`", "`gate`"),
            &["there is no crate `gate`", "the crate `gateway` is not named"],
        );
        check_text(
            &TEXT.replace("admit   asks\n", ""),
            &["lists the phases receive relay; `walk` has receive admit relay"],
        );
        check_text(
            &TEXT.replace("it::a::it_holds", "it::b::it_holds"),
            &["there is no test `it::b::it_holds`"],
        );
        check_text(&TEXT.replace("`it::a::it_holds`", "soon"), &["an invariant names its test"]);
        check_text(&TEXT.replace("must stay true", "was"), &["has no section on what must stay true"]);
    }
}
