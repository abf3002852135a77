//! Every quirk that the catalogue may name is one that a language honours, and the other way round.

use std::collections::BTreeSet;

#[test]
fn the_catalogue_and_the_languages_know_the_same_quirks() {
    let known: BTreeSet<&str> = providers::QUIRKS.iter().map(|(name, _)| *name).collect();
    let honoured: BTreeSet<&str> = dialects::QUIRKS.iter().copied().collect();
    assert_eq!(known, honoured);
}
