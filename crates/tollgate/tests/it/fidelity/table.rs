//! The table of what survives, as `docs/reference/fidelity.md` has it.

use std::fmt::Write as _;

use dialects::Conversational;
use types::conversation::Delivery;

use super::{Outcome, answer, answered, ask, asked};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/fidelity.md");

/// Where it is set, the file is written anew.
const WRITE: &str = "TOLLGATE_WRITE_REFERENCE";

const HEAD: &str = "\
# What survives a translation

This page is written by the test run (`cargo xtask reference`), which asks every feature in every language of a provider that speaks every other, and compares what
arrives with what was said; it fails where something is lost and nobody is told.

| word | what it means |
|---|---|
| exact | arrives as it was said |
| emulated | the same is reached by other means, and `x-tollgate-changed` names it |
| lost | left out or sent with another value, and `x-tollgate-changed` names it; with `strict: true` the request is refused instead |
| refused | the request is refused, since it makes no sense without |
| – | the language it comes from has no word for it |

The same language on both sides is passed through byte by byte but for the model's name, and is left out here. A provider's quirks (`crates/providers/catalogue`)
may take more away, and are reported in the same way.
";

const ANSWERS: &str = "
# Answers

What an answer loses is named too: `dropped;answer.logprobs`. A whole answer has it in `x-tollgate-changed`; of a stream, whose head is gone by then, it stands in the
access log's `changes`. No answer is refused for it: it has been paid for. Whole and streamed answers have one row where they fare alike.
";

/// Everything that becomes of everything; what is not as it should be goes to `problems`.
pub(super) fn write(problems: &mut Vec<String>) -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n# Requests\n");
    for caller in dialects::conversational() {
        let _ = write!(page, "\n## Asked in `{}` of a provider that speaks …\n\n", caller.id());
        rows(&mut page, caller, asked::FEATURES.iter().map(|feature| feature.name), |index, upstream| {
            let feature = &asked::FEATURES[index];
            let outcome = ask(caller, upstream, &[feature]);
            judged(outcome, problems, || {
                format!("{} from {} to {}", feature.name, caller.id(), upstream.id())
            })
        });
    }
    page.push_str(ANSWERS);
    for caller in dialects::conversational() {
        let _ = write!(page, "\n## Read in `{}` from a provider that speaks …\n\n", caller.id());
        rows(&mut page, caller, answered::FEATURES.iter().map(|feature| feature.name), |index, upstream| {
            let feature = &answered::FEATURES[index];
            let [whole, streamed] =
                [Delivery::Whole, Delivery::Stream { include_usage: true }].map(|delivery| {
                    let outcome = answer(upstream, caller, feature, delivery);
                    let what =
                        || format!("{} {delivery:?} from {} to {}", feature.name, upstream.id(), caller.id());
                    judged(outcome, problems, what)
                });
            if whole == streamed { whole } else { format!("{whole}, streamed {streamed}") }
        });
    }
    page
}

/// A table with a row for each feature and a column for each other language.
fn rows(
    page: &mut String,
    caller: &'static dyn Conversational,
    names: impl Iterator<Item = &'static str>,
    mut cell: impl FnMut(usize, &'static dyn Conversational) -> String,
) {
    let others: Vec<_> = dialects::conversational().filter(|other| other.id() != caller.id()).collect();
    let heads: Vec<_> = others.iter().map(|other| format!("`{}`", other.id())).collect();
    let _ = writeln!(page, "| | {} |\n|---|{}", heads.join(" | "), "---|".repeat(others.len()));
    for (index, name) in names.enumerate() {
        let cells: Vec<_> = others.iter().map(|other| cell(index, *other)).collect();
        let _ = writeln!(page, "| {name} | {} |", cells.join(" | "));
    }
}

fn judged(outcome: Result<Outcome, String>, problems: &mut Vec<String>, what: impl Fn() -> String) -> String {
    match outcome {
        Ok(Outcome::Exact) => "exact".to_owned(),
        Ok(Outcome::Emulated) => "emulated".to_owned(),
        Ok(Outcome::Lost) => "lost".to_owned(),
        Ok(Outcome::Refused) => "refused".to_owned(),
        Ok(Outcome::Unsaid) => "–".to_owned(),
        Err(problem) => {
            problems.push(format!("{}: {problem:.600}", what()));
            String::new()
        }
    }
}

/// The file says the same.
pub(super) fn compare(table: &str) {
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(FILE, table).unwrap();
    }
    let known = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        known == table,
        "docs/reference/fidelity.md is out of date: `cargo xtask reference` writes it anew"
    );
}
