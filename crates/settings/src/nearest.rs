//! The name somebody probably meant.

/// The candidate closest to `written`, if it is close enough to be a slip of the finger. Case and hyphens do
/// not count; of equally close candidates the first wins.
pub(crate) fn nearest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let written = folded(written);
    let allowed = (written.chars().count() / 3).clamp(1, 3);
    let distances = candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&written, &folded(candidate)), candidate));
    let (distance, candidate) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= allowed).then_some(candidate)
}

/// ``did you mean `NAME`?`` for the candidate closest to `written`.
pub(crate) fn did_you_mean<'c>(
    written: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<String> {
    nearest(written, candidates).map(|name| format!("did you mean `{name}`?"))
}

fn folded(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}
