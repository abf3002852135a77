//! Names and identities, each its own type: a raw string never crosses a function border.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Declares a cheaply cloned name: an `Arc<str>` with its own type.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, shared: for another name that reads the same.
            pub fn to_shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl<T: Into<Arc<str>>> From<T> for $name {
            fn from(name: T) -> Self {
                Self(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

names! {
    /// The public identity of an API key, e.g. `k_01j…`: safe to print, says nothing of the secret.
    KeyId;
    /// A model's name, either the public one that callers use or the one an upstream knows.
    ModelName;
    /// A configured provider's name, e.g. `openai`.
    ProviderName;
    /// One place a model's requests may go: `provider/upstream-model`.
    TargetId;
    /// Whose data and limits a request falls under. Every counter, cache and ledger key carries one.
    Tenant;
}

/// A wire language's name, e.g. `openai_chat`. Constructed only by the dialects themselves and their tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct DialectId(pub &'static str);

impl DialectId {
    /// The name as written in `provider.toml`.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for DialectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Declares an identity that the gateway makes: a UUIDv7 (RFC 9562), so that ids sort by time.
macro_rules! identities {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identity.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The identity with these bits.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bits.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_simple().fmt(f)
            }
        }
    )+};
}

identities! {
    /// One request to one upstream. Always made by the gateway, never taken from a client.
    AttemptId;
    /// One reservation against a caller's limits.
    HoldId;
    /// One request of a caller.
    RequestId;
}

/// Declares the operations once: variant, printed word, meaning.
macro_rules! operations {
    ($($variant:ident $text:literal $doc:literal;)+) => {
        /// What a caller asks for. Every operation takes the same path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Operation { $(#[doc = $doc] $variant,)+ }

        impl Operation {
            /// Every operation.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// OpenTelemetry's `gen_ai.operation.name` where it has a word, the label in metrics and logs, and the
            /// key of a path in `provider.toml`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

operations! {
    AudioTranslation "audio_translation" "Text in English of what is said in a recording.";
    Batches "batches" "Requests that are answered together, later.";
    Chat "chat" "One turn of a conversation, whole or streamed.";
    Compaction "compaction" "A conversation made shorter, to go on from.";
    CountTokens "count_tokens" "How many tokens a conversation would take.";
    Embeddings "embeddings" "Vectors that stand for texts.";
    Files "files" "Files that are kept at a provider.";
    ImageEdit "image_edit" "Another image of given ones.";
    ImageGeneration "image_generation" "An image of a description.";
    ImageVariation "image_variation" "An image like a given one.";
    Moderation "moderation" "Whether content is harmful, by category.";
    Passthrough "passthrough" "Something of one provider's that is passed on without being understood.";
    Realtime "realtime" "A session of many turns, in messages both ways.";
    Rerank "rerank" "Which documents answer a query best.";
    Speech "speech" "A text, spoken.";
    TextCompletion "text_completion" "How a text goes on.";
    Transcription "transcription" "The text of what is said in a recording.";
}

impl Operation {
    /// Whether it is passed on to its provider without being understood.
    pub const fn is_passed_on(self) -> bool {
        self.is_kept() || matches!(self, Self::Passthrough)
    }

    /// Whether it is about a conversation.
    pub const fn is_conversation(self) -> bool {
        matches!(self, Self::Chat | Self::CountTokens)
    }

    /// Whether it is about what is kept at a provider, which knows it by an id.
    pub const fn is_kept(self) -> bool {
        matches!(self, Self::Batches | Self::Files)
    }

    /// Whether it is a session, of messages both ways, and no request with an answer.
    pub const fn is_session(self) -> bool {
        matches!(self, Self::Realtime)
    }
}
