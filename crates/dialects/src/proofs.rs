//! Proofs: what a provider signs of its model's words. A proof goes back to those who made it and to nobody else, so a
//! language whose proofs others would take for their own marks them.

use types::DialectId;
use types::conversation::Content;

/// In front of a proof that says who made it. No provider's own has a colon in it.
pub(crate) const MARK: &str = "tollgate:";
/// In front of the proof of a call, in a language whose calls have no place for one.
const OF_CALL: &str = "tollgate:call:";
/// In front of a proof of those that do not mark theirs, in a language that has its own in the same place.
const OF_SIGNATURE: &str = "tollgate:signature:";
/// In front of reasoning that is encrypted as a whole, in a language that has one field for proofs of every kind.
const OF_REDACTED: &str = "tollgate:redacted:";

/// What a proof is to a language that has one field for proofs of every kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof<'a> {
    /// Another language's, marked as such.
    Foreign(&'a str),
    /// The language's own.
    Own(&'a str),
    /// Reasoning that is encrypted as a whole.
    Redacted(&'a str),
    /// A proof of those that do not mark theirs.
    Signature(&'a str),
}

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

/// Whether `body` may hold a proof that says who made it.
pub(crate) fn may_hold_mark(body: &[u8]) -> bool {
    memchr::memmem::find(body, b"\"tollgate:").is_some()
}

/// The proof of a call, carried by reasoning that stands in front of the call.
pub(crate) fn of_call(proof: &str) -> String {
    format!("{OF_CALL}{proof}")
}

/// The proof of the call that follows, if reasoning carries one.
pub(crate) fn call(carried: &str) -> Option<&str> {
    carried.strip_prefix(OF_CALL)
}

/// Moves the proofs of calls onto them that the reasoning in front of them has carried. What carried one stays, empty.
pub(crate) fn move_to_calls(content: &mut [Content]) {
    for at in 1..content.len() {
        if let Some([Content::Thinking { signature: carrier, .. }, Content::ToolCall { signature, .. }]) =
            content.get_mut(at - 1..=at)
            && let Some(proof) = carrier.as_deref().and_then(call)
        {
            *signature = Some(proof.to_owned());
            *carrier = None;
        }
    }
}

/// A proof of those that do not mark theirs, as a language carries it that has its own in the same place.
pub(crate) fn of_signature(signature: &str) -> String {
    format!("{OF_SIGNATURE}{signature}")
}

/// Reasoning that is encrypted as a whole, as such a language carries it.
pub(crate) fn of_redacted(data: &str) -> String {
    format!("{OF_REDACTED}{data}")
}

/// What a proof is that stands where the language `owner` has its own, which go without a mark there.
pub(crate) fn read(owner: DialectId, written: &str) -> Proof<'_> {
    if !is_marked(written) {
        return Proof::Own(written);
    }
    if let Some(signature) = written.strip_prefix(OF_SIGNATURE) {
        return Proof::Signature(signature);
    }
    if let Some(data) = written.strip_prefix(OF_REDACTED) {
        return Proof::Redacted(data);
    }
    own(owner, written).map_or(Proof::Foreign(written), Proof::Own)
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

    #[test]
    fn a_proof_is_known_by_its_mark_where_one_field_holds_them_all() {
        let (one, other) = (DialectId("one"), DialectId("other"));
        assert_eq!(read(one, "abc="), Proof::Own("abc="));
        assert_eq!(read(one, &marked(one, "abc=")), Proof::Own("abc="));
        assert_eq!(read(one, &of_signature("abc=")), Proof::Signature("abc="));
        assert_eq!(read(one, &of_redacted("abc=")), Proof::Redacted("abc="));
        let foreign = marked(other, "abc=");
        assert_eq!(read(one, &foreign), Proof::Foreign(&foreign));
    }
}
