//! Proofs of calls, where Google's endpoint for this language has them: as `extra_content` on the call
//! (<https://ai.google.dev/gemini-api/docs/openai>).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::ID;
use crate::proofs;

/// What a call has beyond the language's own fields.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct ExtraContent<'a> {
    #[serde(borrow)]
    google: Signed<'a>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Signed<'a> {
    #[serde(borrow)]
    thought_signature: Cow<'a, str>,
}

impl<'a> ExtraContent<'a> {
    /// What callers carry: any proof, its maker's name in front where it is not of this language.
    pub(super) fn told(proof: &'a str) -> Self {
        Self::with(Self::own(proof).unwrap_or(proof))
    }

    /// What goes back to an upstream: this language's own proof.
    pub(super) fn returned(proof: &'a str) -> Option<Self> {
        Self::own(proof).map(Self::with)
    }

    /// The proof.
    pub(super) fn proof(&self) -> Option<String> {
        let said = self.google.thought_signature.as_ref();
        let is_known = proofs::is_marked(said) || said.is_empty();
        let proof = if is_known { said.to_owned() } else { proofs::marked(ID, said) };
        (!proof.is_empty()).then_some(proof)
    }

    fn own(proof: &str) -> Option<&str> {
        proofs::own(ID, proof)
    }

    const fn with(proof: &'a str) -> Self {
        Self { google: Signed { thought_signature: Cow::Borrowed(proof) } }
    }
}
