//! Proofs: what a provider signs of its model's words. A proof goes back to those who made it and to nobody else, so a
//! language whose proofs others would take for their own marks them.

use types::DialectId;

/// In front of a proof that says who made it. No provider's own has a colon in it.
pub(crate) const MARK: &str = "tollgate:";
/// In front of the proof of a call, in a language whose calls have no place for one.
const OF_CALL: &str = "tollgate:call:";

/// The proof as others carry it: with its maker's name.
pub(crate) fn marked(owner: DialectId, proof: &str) -> String {
    format!("{MARK}{owner}:{proof}")
}

/// The proof itself, if this language made it.
pub(crate) fn own(owner: DialectId, canonical: &str) -> Option<&str> {
    canonical.strip_prefix(MARK)?.strip_prefix(owner.as_str())?.strip_prefix(':')
}

/// Whether the proof says who made it: it is worth nothing to those that do not mark theirs.
pub(crate) fn is_marked(proof: &str) -> bool {
    proof.starts_with(MARK)
}

/// The proof of a call, carried by reasoning that stands in front of the call.
pub(crate) fn of_call(proof: &str) -> String {
    format!("{OF_CALL}{proof}")
}

/// The proof of the call that follows, if reasoning carries one.
pub(crate) fn call(carried: &str) -> Option<&str> {
    carried.strip_prefix(OF_CALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_comes_back_to_its_maker_alone() {
        let (one, other) = (DialectId("one"), DialectId("other"));
        let proof = marked(one, "abc=");
        assert_eq!(own(one, &proof), Some("abc="));
        assert_eq!(own(other, &proof), None);
        assert_eq!(own(one, "abc="), None);
        assert!(is_marked(&proof) && !is_marked("abc="));
        assert_eq!(call(&of_call(&proof)), Some(proof.as_str()));
        assert_eq!(call(&proof), None);
        assert_eq!(own(one, &of_call(&proof)), None);
    }
}
