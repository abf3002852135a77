//! The catalogue's files as they are written. Unknown keys are errors; meaning is checked in `check.rs`.

use std::collections::BTreeMap;

use serde::Deserialize;
use types::Operation;

/// `provider.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawProvider {
    pub(crate) title: String,
    pub(crate) docs: String,
    pub(crate) kind: String,
    pub(crate) base_url: String,
    #[serde(default)]
    pub(crate) base_url_env: Vec<String>,
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, RawVariable>,
    pub(crate) semconv: String,
    pub(crate) credential: Option<RawCredential>,
    pub(crate) dialects: BTreeMap<String, RawEndpoint>,
    pub(crate) prefers: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) quirks: Vec<String>,
    #[serde(default)]
    pub(crate) errors: BTreeMap<String, String>,
    pub(crate) probe: Option<RawProbe>,
}

/// `[variables.<name>]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawVariable {
    pub(crate) meaning: String,
    #[serde(default)]
    pub(crate) env: Vec<String>,
    pub(crate) default: Option<String>,
    #[serde(default)]
    pub(crate) alike: Vec<String>,
    #[serde(default)]
    pub(crate) addresses: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) dialects: BTreeMap<String, RawEndpoint>,
}

/// `[credential]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCredential {
    pub(crate) scheme: Option<String>,
    #[serde(default)]
    pub(crate) header: String,
    pub(crate) query: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) token_url: Option<String>,
    pub(crate) grant: Option<String>,
    pub(crate) parameter: Option<String>,
    #[serde(default)]
    pub(crate) client_env: Vec<String>,
    #[serde(default)]
    pub(crate) secret_env: Vec<String>,
    #[serde(default)]
    pub(crate) prefix: String,
    #[serde(default)]
    pub(crate) env: Vec<String>,
    pub(crate) required: bool,
    #[serde(default)]
    pub(crate) variants: Vec<RawVariant>,
}

/// `[[credential.variants]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawVariant {
    pub(crate) header: String,
    #[serde(default)]
    pub(crate) prefix: String,
    pub(crate) env: Vec<String>,
}

/// `[dialects.<id>]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawEndpoint {
    pub(crate) audio_translation: Option<String>,
    pub(crate) chat: Option<String>,
    pub(crate) chat_stream: Option<String>,
    pub(crate) compaction: Option<String>,
    pub(crate) count_tokens: Option<String>,
    pub(crate) embeddings: Option<String>,
    pub(crate) image_edit: Option<String>,
    pub(crate) image_generation: Option<String>,
    pub(crate) image_variation: Option<String>,
    pub(crate) moderation: Option<String>,
    pub(crate) rerank: Option<String>,
    pub(crate) speech: Option<String>,
    pub(crate) text_completion: Option<String>,
    pub(crate) transcription: Option<String>,
    pub(crate) realtime: Option<String>,
    pub(crate) files: Option<String>,
    pub(crate) batches: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) key: Option<RawKeyPlace>,
    #[serde(default)]
    pub(crate) models: Vec<String>,
    #[serde(default)]
    pub(crate) except: Vec<String>,
}

/// `[dialects.<id>.key]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawKeyPlace {
    pub(crate) header: String,
    #[serde(default)]
    pub(crate) prefix: String,
}

impl RawEndpoint {
    /// The path of an operation, where it is offered.
    pub(crate) const fn path(&self, operation: Operation) -> Option<&String> {
        let path = match operation {
            Operation::AudioTranslation => &self.audio_translation,
            Operation::Batches => &self.batches,
            Operation::Chat => &self.chat,
            Operation::Compaction => &self.compaction,
            Operation::CountTokens => &self.count_tokens,
            Operation::Embeddings => &self.embeddings,
            Operation::Files => &self.files,
            Operation::ImageEdit => &self.image_edit,
            Operation::ImageGeneration => &self.image_generation,
            Operation::ImageVariation => &self.image_variation,
            Operation::Moderation => &self.moderation,
            // Whatever is below a provider's address.
            Operation::Passthrough => return None,
            Operation::Realtime => &self.realtime,
            Operation::Rerank => &self.rerank,
            Operation::Speech => &self.speech,
            Operation::TextCompletion => &self.text_completion,
            Operation::Transcription => &self.transcription,
        };
        path.as_ref()
    }
}

/// `[probe]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawProbe {
    pub(crate) address: String,
    pub(crate) models: String,
}

/// `models.toml` and `models.local.toml`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawModels {
    pub(crate) price_version: Option<String>,
    #[serde(default)]
    pub(crate) models: Vec<RawModel>,
}

/// `[[models]]`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawModel {
    pub(crate) name: String,
    pub(crate) aliases: Option<Vec<String>>,
    pub(crate) task: Option<String>,
    pub(crate) dialect: Option<String>,
    pub(crate) context_window: Option<u64>,
    pub(crate) max_output_tokens: Option<u64>,
    pub(crate) input: Option<Vec<String>>,
    pub(crate) output: Option<Vec<String>>,
    pub(crate) capabilities: Option<Vec<String>>,
    pub(crate) quirks: Option<Vec<String>>,
    pub(crate) price: Option<BTreeMap<String, String>>,
    pub(crate) rules: Option<Vec<RawRule>>,
    pub(crate) units: Option<BTreeMap<String, String>>,
    pub(crate) residency: Option<BTreeMap<String, String>>,
}

/// One of a model's `rules`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRule {
    pub(crate) above: Option<u64>,
    pub(crate) service_tier: Option<String>,
    pub(crate) price: BTreeMap<String, String>,
}
