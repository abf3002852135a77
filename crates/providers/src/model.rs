//! What is known of a model: its limits, what it takes and gives, its price.

use types::ModelName;

use crate::Price;

/// A model that a provider serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The provider's name for it.
    pub name: ModelName,
    /// Other names the provider accepts for it.
    pub aliases: Vec<ModelName>,
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
    pub price: Option<Price>,
}

impl Model {
    /// Whether the model can do this.
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// Whether the model goes by exactly this name.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name.as_str() == name || self.aliases.iter().any(|alias| alias.as_str() == name)
    }
}

/// Something a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Answer in JSON that matches a schema.
    JsonSchema,
    /// Think before it answers.
    Reasoning,
    /// Stream.
    Streaming,
    /// Call tools.
    Tools,
    /// See pictures.
    Vision,
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
    ("reasoning", Capability::Reasoning),
    ("streaming", Capability::Streaming),
    ("tools", Capability::Tools),
    ("vision", Capability::Vision),
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
}

/// The words for modalities in `models.toml`.
pub(crate) const MODALITIES: &[(&str, Modality)] = &[
    ("audio", Modality::Audio),
    ("document", Modality::Document),
    ("image", Modality::Image),
    ("text", Modality::Text),
];

/// `name` without the date it ends in: `gpt-4o-2024-08-06` and `claude-haiku-4-5-20251001`. Shorter numbers are
/// versions of their own, with their own prices, and stay.
pub(crate) fn undated(name: &str) -> Option<&str> {
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
