//! Thought signatures (<https://ai.google.dev/gemini-api/docs/thought-signatures>): this language's proofs, and what
//! its callers carry of others'. The field is bytes to its clients, which may spell them anew.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::ID;
use crate::proofs;

/// What Google documents for a call that another model has made: it is then not held against its proof.
pub(super) const NONE_NEEDED: &str = "skip_thought_signature_validator";
/// How a carried proof begins: [`proofs::MARK`] in base64, which its length makes whole letters.
pub(super) const CARRIED: &str = "dG9sbGdhdGU6";
/// In front of reasoning that its provider has encrypted.
const REDACTED: &str = "redacted:";

/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A signature as it is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// A proof, its maker's name in front where its language needs that.
    Proof(String),
    /// Another language's encrypted reasoning.
    Redacted(String),
}

impl Signature {
    /// What a part's `thoughtSignature` means; `None` of one that asks not to be looked at.
    pub(super) fn read(said: &str) -> Option<Self> {
        if said.is_empty() || said == NONE_NEEDED {
            return None;
        }
        let Some(carried) = carried(said) else { return Some(Self::Proof(proofs::marked(ID, said))) };
        Some(match carried.strip_prefix(REDACTED) {
            Some(data) => Self::Redacted(data.to_owned()),
            None => Self::Proof(carried),
        })
    }

    /// The proof, if it is one.
    pub(super) fn into_proof(self) -> Option<String> {
        match self {
            Self::Proof(proof) => Some(proof),
            Self::Redacted(_) => None,
        }
    }
}

fn carried(said: &str) -> Option<String> {
    let standard = said.starts_with(CARRIED).then(|| said.replace('-', "+").replace('_', "/"))?;
    let text = String::from_utf8(BASE64.decode(standard).ok()?).ok()?;
    text.strip_prefix(proofs::MARK).map(str::to_owned)
}

/// A proof as callers of this language carry it.
pub(super) fn written(proof: &str) -> Cow<'_, str> {
    own(proof).map_or_else(|| Cow::Owned(carry(proof)), Cow::Borrowed)
}

/// Encrypted reasoning as callers of this language carry it.
pub(super) fn redacted(data: &str) -> String {
    carry(&format!("{REDACTED}{data}"))
}

/// This language's own proof, as its makers wrote it.
pub(super) fn own(proof: &str) -> Option<&str> {
    proofs::own(ID, proof)
}

fn carry(text: &str) -> String {
    BASE64.encode(format!("{}{text}", proofs::MARK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_comes_back_however_its_bytes_were_spelled() {
        for proof in ["sig+/==", "a", "tollgate:other:x?>~~"] {
            let carried = written(proof);
            assert!(carried.starts_with(CARRIED), "{carried}");
            let respelled = carried.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned();
            for spelling in [carried.as_ref(), respelled.as_str()] {
                assert_eq!(Signature::read(spelling), Some(Signature::Proof(proof.to_owned())));
            }
        }
        assert_eq!(Signature::read(&redacted("x")), Some(Signature::Redacted("x".to_owned())));
        let own = Signature::read("CiQB").and_then(Signature::into_proof).unwrap();
        assert_eq!(written(&own), "CiQB");
        assert_eq!(Signature::read(""), None);
        assert_eq!(Signature::read(NONE_NEEDED), None);
    }
}
