//! Messages and the blocks they are made of.

use crate::Json;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The model.
    Assistant,
    /// The application, in the newer OpenAI word; dialects without it say `system`.
    Developer,
    /// The application.
    System,
    /// The person, and the results of tools.
    User,
}

/// One message: who speaks and what is said, in order. System prompts are messages too, where they stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said. Tool results are [`Content::ToolResult`] in a user message.
    pub content: Vec<Content>,
    /// The speaker's name, where the dialect has one.
    pub name: Option<String>,
}

/// A prompt-cache marker on a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheMark {
    /// Kept for the provider's default, five minutes.
    FiveMinutes,
    /// Kept for an hour.
    OneHour,
}

/// One block of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Sound.
    Audio(Media),
    /// A document, such as a PDF.
    Document(Media),
    /// A picture.
    Image(Media),
    /// A block only its own dialect understands, kept whole: it survives within that dialect and is reported
    /// as lost elsewhere.
    Opaque {
        /// The dialect's own word for it.
        kind: String,
        /// The block as it came.
        json: Json,
    },
    /// Reasoning whose text the provider has encrypted.
    RedactedThinking {
        /// The encrypted text.
        data: String,
    },
    /// The model's refusal to answer.
    Refusal(String),
    /// Text.
    Text {
        /// The text.
        text: String,
        /// A prompt-cache marker after this block.
        cache: Option<CacheMark>,
    },
    /// The model's reasoning.
    Thinking {
        /// The text; may be empty where the provider hides it.
        text: String,
        /// The provider's proof that the text is its own; goes back on the same block, unchanged.
        signature: Option<String>,
    },
    /// The model's wish to call a tool.
    ToolCall {
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
        /// The arguments, as JSON text. Never empty: no arguments are `{}`.
        arguments: String,
        /// The provider's proof that its model made the call; goes back on the same call, unchanged.
        signature: Option<String>,
        /// A prompt-cache marker after this block.
        cache: Option<CacheMark>,
    },
    /// What a tool answered.
    ToolResult {
        /// The id of the call it answers.
        call_id: String,
        /// The answer: text, images, documents.
        content: Vec<Content>,
        /// Whether the tool failed.
        is_error: bool,
        /// A prompt-cache marker after this block.
        cache: Option<CacheMark>,
    },
}

impl Content {
    /// Plain text without a marker.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into(), cache: None }
    }
}

/// Something that is not text.
#[derive(Clone, Debug, PartialEq)]
pub struct Media {
    /// Its MIME type, e.g. `image/png`, where known.
    pub mime: Option<String>,
    /// Where its bytes are.
    pub source: MediaSource,
    /// A file name or title.
    pub title: Option<String>,
    /// How closely to look (OpenAI's `detail`).
    pub detail: Option<String>,
    /// A prompt-cache marker after this block.
    pub cache: Option<CacheMark>,
}

/// Where the bytes of a [`Media`] are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaSource {
    /// In the request, as base64.
    Base64(String),
    /// At the provider, under this id.
    File(String),
    /// Plain text given as a document.
    Text(String),
    /// At this address. The gateway never fetches it.
    Url(String),
}
