//! What a request means, in the canonical form of its kind: read once, said in as many languages as need be.

use types::conversation::{Content, Conversation, Target};
use types::{embedding, rerank, speech};

use crate::{DecodeError, Dialect, EncodeError, Encoded, Head, Place, by_name};

/// A request that can be said in more than one language.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// A turn of a conversation.
    Conversation(Box<Conversation>),
    /// Texts to embed.
    Embedding(embedding::Request),
    /// Documents to rerank.
    Rerank(rerank::Request),
    /// A text to be spoken.
    Speech(speech::Request),
}

impl Meaning {
    /// Reads a request in the language `from`; `None` where there is nothing like it in any other language.
    pub fn read(from: &dyn Dialect, head: Head<'_>, body: &[u8]) -> Option<Result<Self, DecodeError>> {
        if let Some(language) = from.conversational() {
            return Some(language.decode_request(head, body).map(|read| Self::Conversation(Box::new(read))));
        }
        if let Some(language) = from.embedding() {
            return Some(language.decode_request(head, body).map(Self::Embedding));
        }
        if let Some(language) = from.speaking() {
            return Some(language.decode_request(head, body).map(Self::Speech));
        }
        Some(from.reranking()?.decode_request(head, body).map(Self::Rerank))
    }

    /// Says it in the language `to`; `None` where that has nothing like it.
    pub fn say(&self, to: &dyn Dialect, target: &Target) -> Option<Result<Encoded, EncodeError>> {
        match self {
            Self::Conversation(conversation) => {
                let language = to.conversational()?;
                let said = check_blocks(conversation, to);
                Some(said.and_then(|()| language.encode_request(conversation, target)))
            }
            Self::Embedding(request) => Some(to.embedding()?.encode_request(request, target)),
            Self::Rerank(request) => Some(to.reranking()?.encode_request(request, target)),
            Self::Speech(request) => Some(to.speaking()?.encode_request(request, target)),
        }
    }
}

/// Refuses what would lose too much in another language.
fn check_blocks(conversation: &Conversation, to: &dyn Dialect) -> Result<(), EncodeError> {
    let caller = conversation.extras.dialect.filter(|id| *id != to.id());
    let Some(caller) = caller.and_then(|id| by_name(id.as_str())?.conversational()) else { return Ok(()) };
    for (index, message) in conversation.messages.iter().enumerate() {
        for (content, block) in message.content.iter().enumerate() {
            if let Content::Opaque { kind, .. } = block
                && let Some(problem) = caller.indispensable_block(kind)
            {
                let place = Place::Message { index, content: Some(content), rest: "" };
                let (field, problem) = (caller.place(conversation, place), problem.to_owned());
                return Err(EncodeError::Unsayable { field, problem });
            }
        }
    }
    Ok(())
}
