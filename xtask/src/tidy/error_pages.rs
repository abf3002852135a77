//! Every error code has a page that says what it means, where it comes from and what to do.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Finding;
use super::source::Tree;

const PAGES: &str = "docs/errors";
/// The files that declare codes.
const DECLARATIONS: &[&str] = &["crates/types/src/code.rs", "crates/settings/src/problem.rs"];
const SECTIONS: &[&str] = &["## Meaning", "## Cause", "## Remedy"];

/// Codes without a page, pages without a code, pages without one of their sections.
pub(crate) fn check(root: &Path, tree: &Tree) -> Result<Vec<Finding>> {
    let codes = declared(tree);
    let mut findings = Vec::new();
    let mut pages = BTreeSet::new();
    for entry in fs::read_dir(root.join(PAGES)).with_context(|| format!("{PAGES} cannot be read"))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let text = fs::read_to_string(entry.path()).with_context(|| format!("{name} cannot be read"))?;
        findings.extend(check_page(&name, &text, &codes));
        pages.insert(name);
    }
    let missing = codes.iter().filter(|(_, _, code)| !pages.contains(&format!("{code}.md")));
    findings.extend(missing.map(|(file, line, code)| {
        Finding::new(file, *line, "error-page", format!("{code} has no page {PAGES}/{code}.md"))
    }));
    Ok(findings)
}

type Declared = (String, usize, String);

/// Every code that is declared, with its place.
fn declared(tree: &Tree) -> Vec<Declared> {
    let files = DECLARATIONS.iter().filter_map(|path| tree.find(path));
    let codes = files.flat_map(|source| {
        let codes = source.masked.literals.iter().filter_map(|(line, literal)| {
            let code = literal.trim_matches('"');
            is_code(code).then(|| (source.path.clone(), *line, code.to_owned()))
        });
        codes.filter(|(_, line, _)| !source.is_test(*line))
    });
    codes.collect()
}

fn is_code(text: &str) -> bool {
    text.strip_prefix("TG-").is_some_and(|rest| rest.len() == 4 && rest.bytes().all(|b| b.is_ascii_digit()))
}

fn check_page(name: &str, text: &str, codes: &[Declared]) -> Vec<Finding> {
    let path = format!("{PAGES}/{name}");
    let code = name.trim_end_matches(".md");
    let mut findings = Vec::new();
    let mut report = |what: String| findings.push(Finding::new(&path, 1, "error-page", what));
    if !codes.iter().any(|(_, _, known)| known == code) {
        report(format!("there is no code {code}"));
    }
    if !text.starts_with(&format!("# {code}: ")) {
        report(format!("begins with `# {code}: ` and a title"));
    }
    let missing = SECTIONS.iter().filter(|section| !text.lines().any(|line| line == **section));
    missing.for_each(|section| report(format!("has no section `{section}`")));
    findings
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    #[test]
    fn pages_and_codes_fit_each_other() {
        let source = Source::new("crates/types/src/code.rs", "x \"TG-0101\"; y \"TG-99\"; z \"TG-0102\";");
        let codes = declared(&Tree::new(vec![source]));
        assert_eq!(
            codes.iter().map(|(_, _, code)| code.as_str()).collect::<Vec<_>>(),
            ["TG-0101", "TG-0102"]
        );
        let page = "# TG-0101: it\n\n## Meaning\n\n## Cause\n\n## Remedy\n";
        assert_eq!(check_page("TG-0101.md", page, &codes), []);
        assert_eq!(check_page("TG-0103.md", page, &codes).len(), 2);
        assert_eq!(check_page("TG-0101.md", "# TG-0101: it\n\n## Meaning\n\n## Cause\n", &codes).len(), 1);
    }
}
