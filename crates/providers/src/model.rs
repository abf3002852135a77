//! What is known of a model: its limits, what it takes and gives, its price.

use std::sync::Arc;

use types::ModelName;

use crate::Price;

/// A model that a provider serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The provider's name for it.
    pub name: ModelName,
    /// Other names the provider accepts for it.
    pub aliases: Vec<ModelName>,
    /// What it is for.
    pub task: Task,
    /// The one language that it is spoken to in; `None` where it speaks what its provider does.
    pub dialect: Option<String>,
    /// The most tokens of input and output together.
    pub context_window: Option<u64>,
    /// The most tokens of output, reasoning included.
    pub max_output_tokens: Option<u64>,
    /// What it takes.
    pub input: Vec<Modality>,
    /// What it gives.
    pub output: Vec<Modality>,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// What is odd about it, by the names of [`crate::QUIRKS`].
    pub quirks: Vec<String>,
    /// What it costs; `None` where nobody says, which is not the same as nothing.
    pub price: Option<Arc<Price>>,
}

impl Model {
    /// Whether the model can do this.
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// Every name it goes by.
    pub fn names(&self) -> impl Iterator<Item = &ModelName> {
        std::iter::once(&self.name).chain(&self.aliases)
    }
}

/// What a model is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Task {
    /// Conversations.
    #[default]
    Chat,
    /// Going on with a text, as models did before conversations.
    Completion,
    /// Vectors of what is sent.
    Embedding,
    /// Pictures.
    Image,
    /// Judging whether content is harmless.
    Moderation,
    /// The text of documents.
    Ocr,
    /// Spoken conversations over one connection.
    Realtime,
    /// Putting documents in order.
    Rerank,
    /// Speech from text.
    Speech,
    /// Text from speech.
    Transcription,
    /// Films.
    Video,
}

/// The words for tasks in `models.toml`.
pub(crate) const TASKS: &[(&str, Task)] = &[
    ("chat", Task::Chat),
    ("completion", Task::Completion),
    ("embedding", Task::Embedding),
    ("image", Task::Image),
    ("moderation", Task::Moderation),
    ("ocr", Task::Ocr),
    ("realtime", Task::Realtime),
    ("rerank", Task::Rerank),
    ("speech", Task::Speech),
    ("transcription", Task::Transcription),
    ("video", Task::Video),
];

/// Something a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Answer in JSON that matches a schema.
    JsonSchema,
    /// Keep the beginning of a prompt for the next one.
    PromptCaching,
    /// Think before it answers.
    Reasoning,
    /// Stream.
    Streaming,
    /// Call tools.
    Tools,
    /// See pictures.
    Vision,
    /// Search the web.
    WebSearch,
}

impl Capability {
    /// The word in `models.toml` and in listings.
    pub fn as_str(self) -> &'static str {
        CAPABILITIES.iter().find(|(_, known)| *known == self).map_or("", |(word, _)| word)
    }
}

/// The words for capabilities in `models.toml`.
pub(crate) const CAPABILITIES: &[(&str, Capability)] = &[
    ("json_schema", Capability::JsonSchema),
    ("prompt_caching", Capability::PromptCaching),
    ("reasoning", Capability::Reasoning),
    ("streaming", Capability::Streaming),
    ("tools", Capability::Tools),
    ("vision", Capability::Vision),
    ("web_search", Capability::WebSearch),
];

/// A kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Modality {
    /// Sound.
    Audio,
    /// Documents such as PDF.
    Document,
    /// Pictures.
    Image,
    /// Text.
    Text,
    /// Films.
    Video,
}

/// The words for modalities in `models.toml`.
pub(crate) const MODALITIES: &[(&str, Modality)] = &[
    ("audio", Modality::Audio),
    ("document", Modality::Document),
    ("image", Modality::Image),
    ("text", Modality::Text),
    ("video", Modality::Video),
];

/// `name` without the date it ends in: `gpt-4o-2024-08-06` and `claude-haiku-4-5-20251001`. Shorter numbers are
/// versions of their own, with their own prices, and stay.
pub fn undated(name: &str) -> Option<&str> {
    ["-dddd-dd-dd", "-dddddddd"].iter().find_map(|form| {
        let (stem, suffix) = name.split_at_checked(name.len().checked_sub(form.len())?)?;
        (!stem.is_empty() && has_form(suffix, form)).then_some(stem)
    })
}

/// Whether `text` looks like `form`, where a `d` stands for a digit and anything else for itself.
pub(crate) fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, wanted): (u8, u8)| if wanted == b'd' { byte.is_ascii_digit() } else { byte == wanted };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_dates_are_cut_off() {
        assert_eq!(undated("gpt-4o-2024-08-06"), Some("gpt-4o"));
        assert_eq!(undated("claude-haiku-4-5-20251001"), Some("claude-haiku-4-5"));
        for whole in
            ["gpt-4o", "deepseek-v4-pro-0813", "-20251001", "", "modèle", "x-2024-8-06", "é-2024108-6"]
        {
            assert_eq!(undated(whole), None, "{whole}");
        }
    }
}
