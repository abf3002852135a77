//! How many checks passed and failed, and which.

use std::fmt;

/// The results so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    failures: Vec<String>,
}

impl Tally {
    /// Counts a check that is done as a whole.
    pub(crate) fn note(&mut self, name: &str, result: anyhow::Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => {
                println!("{name}: {error:#}");
                self.fail(name);
            }
        }
    }

    /// Counts a failure.
    fn fail(&mut self, name: &str) {
        self.failed += 1;
        self.failures.push(name.to_owned());
    }

    /// Counts what a line of a test program's output says, if it says a result.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some((passed, failed)) = results(line) {
            self.passed += passed;
            self.failed += failed;
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failures.push(name.to_owned());
        }
    }

    /// How many checks there were.
    pub(crate) fn count(&self) -> usize {
        self.passed + self.failed
    }

    /// How many failed.
    pub(crate) fn failed(&self) -> usize {
        self.failed
    }

    /// What failed, by name.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }
}

impl fmt::Display for Tally {
    /// The last line, which other programs read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The counts in `test result: ok. 12 passed; 0 failed; …`.
fn results(line: &str) -> Option<(usize, usize)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |word: &str| {
        let (number, _) =
            counts.split("; ").find_map(|part| part.split_once(' ').filter(|(_, w)| *w == word))?;
        number.parse().ok()
    };
    Some((count("passed")?, count("failed")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_test_programs_are_added_up() {
        let mut tally = Tally::default();
        tally.read("running 3 tests");
        tally.read("test a::b ... ok");
        tally.read("test a::c ... FAILED");
        tally.read("test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        tally.read(
            "test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
        );
        tally.note("tidy", Ok(()));
        tally.note("format", Err(anyhow::anyhow!("no")));
        assert_eq!(tally.to_string(), "43 passed, 2 failed");
        assert_eq!(tally.failures(), ["a::c", "format"]);
    }
}
