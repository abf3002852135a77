//! The Rust files of the tree: their code, their items, and which lines are tests.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};

use super::mask::{Masked, is_word, mask};

/// Every Rust file of the workspace.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) sources: Vec<Source>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the root of the tree, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) masked: Masked,
    /// Where in the code each line ends.
    ends: Vec<usize>,
    /// For each line from the first, whether it only exists in tests.
    test: Vec<bool>,
}

/// An item with a body.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) name: String,
    /// The line it begins in.
    pub(crate) line: usize,
    /// Where its body lies in the code, braces included.
    pub(crate) body: Range<usize>,
}

/// Folders with Rust files. `fuzz` is a workspace of its own.
const FOLDERS: &[&str] = &["bench", "crates", "fuzz", "xtask"];
const SKIPPED: &[&str] = &["target", "fixtures", "node_modules", "corpus", "artifacts"];

impl Tree {
    /// Reads the tree.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut sources = Vec::new();
        for folder in FOLDERS {
            read_folder(root, folder, &mut sources)?;
        }
        sources.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self::new(sources))
    }

    /// A tree of these files. A file that is declared under `#[cfg(test)]` is a test, too.
    pub(crate) fn new(mut sources: Vec<Source>) -> Self {
        let of_tests: BTreeSet<String> = sources.iter().flat_map(Source::modules_of_tests).collect();
        for source in &mut sources {
            let stem = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
            let is_test = of_tests.iter().any(|module| {
                stem == module || stem.strip_prefix(module.as_str()).is_some_and(|rest| rest.starts_with('/'))
            });
            if is_test {
                source.test.fill(true);
            }
        }
        Self { sources }
    }

    /// The file at `path`.
    pub(crate) fn find(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.path == path)
    }
}

fn read_folder(root: &Path, folder: &str, sources: &mut Vec<Source>) -> Result<()> {
    let path = root.join(folder);
    if !path.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(&path).with_context(|| format!("{} cannot be read", path.display()))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let below = format!("{folder}/{name}");
        if entry.file_type()?.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                read_folder(root, &below, sources)?;
            }
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(entry.path()).with_context(|| format!("{below} cannot be read"))?;
            sources.push(Source::new(&below, text));
        }
    }
    Ok(())
}

impl Source {
    /// The file at `path` with this text.
    pub(crate) fn new(path: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        let masked = mask(&text);
        let is_test = vec![is_test_path(path); text.lines().count()];
        let ends = masked.code.match_indices('\n').map(|(at, _)| at).collect();
        let mut source = Self { path: path.to_owned(), text, masked, ends, test: is_test };
        for line in source.lines_of_tests() {
            if let Some(test) = source.test.get_mut(line - 1) {
                *test = true;
            }
        }
        source
    }

    /// The code alone.
    pub(crate) fn code(&self) -> &str {
        &self.masked.code
    }

    /// Whether line `line` only exists in tests.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.test.get(line.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// How many lines are not tests.
    pub(crate) fn lines_without_tests(&self) -> usize {
        self.test.iter().filter(|is_test| !**is_test).count()
    }

    /// The number of the line in which offset `at` of the code lies.
    pub(crate) fn line_at(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end < at) + 1
    }

    /// The lines in which `needle` occurs in the code, from a word's beginning to a word's end.
    pub(crate) fn lines_with(&self, needle: &str) -> Vec<usize> {
        occurrences(self.code(), needle).into_iter().map(|at| self.line_at(at)).collect()
    }

    /// Every item that `keyword` begins and that has a body.
    pub(crate) fn items(&self, keyword: &str) -> Vec<Item> {
        let code = self.code();
        let item = |at: usize| {
            let after = at + keyword.len();
            let head = code.get(after..)?;
            let name: String = head.trim_start().chars().take_while(|c| is_word(*c)).collect();
            let is_named = !name.is_empty() || keyword != "fn";
            let body = is_named.then(|| body(code, after)).flatten()?;
            Some(Item { name, line: self.line_at(at), body })
        };
        occurrences(code, keyword).into_iter().filter_map(item).collect()
    }

    /// The lines of items under `#[cfg(test)]`.
    fn lines_of_tests(&self) -> Vec<usize> {
        let code = self.code();
        let lines = |at: usize| {
            let end = item_end(code, at + CFG_TEST.len());
            self.line_at(at)..=self.line_at(end)
        };
        code.match_indices(CFG_TEST).flat_map(|(at, _)| lines(at)).collect()
    }

    /// The files, without `.rs`, of modules that are declared under `#[cfg(test)]`.
    fn modules_of_tests(&self) -> Vec<String> {
        let folder = match self.path.strip_suffix("/lib.rs").or_else(|| self.path.strip_suffix("/mod.rs")) {
            Some(folder) => folder,
            None => self.path.strip_suffix("/main.rs").unwrap_or(self.path.trim_end_matches(".rs")),
        };
        let module = |(at, _): (usize, &str)| {
            let after = self.code().get(at + CFG_TEST.len()..)?;
            let (head, _) = after.split_once(';')?;
            let name = head.split_whitespace().collect::<Vec<_>>().join(" ");
            let name = name.strip_prefix("mod ").or_else(|| name.strip_prefix("pub(crate) mod "))?;
            name.chars().all(is_word).then(|| format!("{folder}/{name}"))
        };
        self.code().match_indices(CFG_TEST).filter_map(module).collect()
    }
}

const CFG_TEST: &str = "#[cfg(test)]";

/// Whether everything in a file of this path is a test.
fn is_test_path(path: &str) -> bool {
    let folders = ["/tests/", "/examples/", "/benches/"];
    path.ends_with("/tests.rs")
        || path.starts_with("crates/testkit/")
        || path.starts_with("fuzz/")
        || folders.iter().any(|folder| path.contains(folder))
}

/// Where `needle` occurs in `code`, not as part of a longer word.
pub(crate) fn occurrences(code: &str, needle: &str) -> Vec<usize> {
    let is_edge = |at: usize, inner: Option<char>, outer: Option<char>| {
        let joins = |c: Option<char>| c.is_some_and(is_word);
        (!(joins(inner) && joins(outer))).then_some(at)
    };
    let whole = |(at, _): (usize, &str)| {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        let after = code.get(at + needle.len()..).and_then(|text| text.chars().next());
        is_edge(at, needle.chars().next(), before)
            .and_then(|at| is_edge(at, needle.chars().next_back(), after))
    };
    code.match_indices(needle).filter_map(whole).collect()
}

/// The braces of the item whose head continues at `from`; none where it ends without a body.
fn body(code: &str, from: usize) -> Option<Range<usize>> {
    let end = item_end(code, from);
    let open = head_end(code, from)?;
    (code.get(open..)?.starts_with('{')).then_some(open..end)
}

/// Where the head ends: at its `{` or `;`, but not at one inside parentheses or brackets.
fn head_end(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    let end = code.get(from..)?.bytes().position(|byte| {
        depth += match byte {
            b'(' | b'[' => 1,
            b')' | b']' => -1,
            _ => 0,
        };
        depth <= 0 && (byte == b'{' || byte == b';')
    })?;
    Some(from + end)
}

/// Where the item ends whose head continues at `from`.
fn item_end(code: &str, from: usize) -> usize {
    let Some(open) = head_end(code, from) else { return code.len() };
    let mut depth = 0_i32;
    let end = code.bytes().skip(open).position(|byte| {
        depth += match byte {
            b'{' => 1,
            b'}' => -1,
            _ => 0,
        };
        depth == 0
    });
    end.map_or(code.len(), |end| open + end)
}

/// The text between the parenthesis that stands at or behind `from` and its partner.
pub(crate) fn parenthesised(code: &str, from: usize) -> &str {
    let text = code.get(from..).unwrap_or_default();
    let mut depth = 0_i32;
    let end = text.bytes().position(|byte| {
        depth += match byte {
            b'(' => 1,
            b')' => -1,
            _ => 0,
        };
        byte == b')' && depth <= 0
    });
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole() {
        assert_eq!(occurrences("fn a(); xfn b; fn", "fn"), [0, 15]);
        assert_eq!(occurrences("Instant::now() SomeInstant::now()", "Instant::now("), [0]);
        assert_eq!(occurrences("a.b(); c.b()", ".b("), [1, 8]);
    }

    #[test]
    fn items_have_bodies() {
        let source =
            Source::new("a.rs", "fn a() -> [u8; 2] {\n  { 1 }\n}\nfn b();\nfn c(x: T) where T: U {}\n");
        let found: Vec<_> = source.items("fn").into_iter().map(|item| (item.name, item.line)).collect();
        assert_eq!(found, [("a".to_owned(), 1), ("c".to_owned(), 5)]);
    }

    #[test]
    fn tests_are_told_from_the_rest() {
        let text =
            "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod faults;\n";
        let tree = Tree::new(vec![
            Source::new("crates/x/src/lib.rs", text),
            Source::new("crates/x/src/faults.rs", "fn d() {}\n"),
            Source::new("crates/x/src/faults/deep.rs", "fn e() {}\n"),
            Source::new("crates/x/tests/it/main.rs", "fn f() {}\n"),
        ]);
        let counts: Vec<_> = tree.sources.iter().map(Source::lines_without_tests).collect();
        assert_eq!(counts, [2, 0, 0, 0]);
    }
}
