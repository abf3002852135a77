//! Texts spoken by a model that answers with sound (<https://ai.google.dev/gemini-api/docs/speech-generation>): upstreams
//! alone are asked so for nothing but speech.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use types::conversation::{Change, Extras, Target};
use types::speech::{Answer, Format, Request};
use types::{DialectId, Fault, FaultKind};

use super::usage::{ReadUsage, WriteUsage};
use super::{Gemini, MAX_DEPTH, model};
use crate::ask::Ask;
use crate::embeddings::unchanged;
use crate::extras::carry;
use crate::object::{Object, Path, Readable};
use crate::openai_family::error::{read_answer, unreadable};
use crate::openai_family::json_bytes;
use crate::passage::Answers;
use crate::surface::{Kind, Surface};
use crate::{Asked, DecodeError, EncodeError, Encoded, Exchange, Head, Peek};

/// The language's name.
const ID: DialectId = DialectId("gemini_speech");
/// The samples of a second where nobody says how many there are.
const USUAL_RATE: u32 = 24_000;

/// Texts spoken.
pub static SPEECH: Surface = Surface {
    id: ID,
    routes: &[],
    family: &Gemini,
    peek,
    adapt: unchanged,
    answers: Answers { needs: Some("candidates"), ..Answers::DEFAULT },
    kind: Kind::Speaking(&Speech),
};

/// The canonical form, in and out.
#[derive(Debug)]
struct Speech;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Asks {
    contents: Vec<Content>,
    generation_config: Config,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inline_data: Option<Blob>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    #[serde(default)]
    mime_type: String,
    data: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    response_modalities: [String; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    speech_config: Option<SpeechConfig>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct SpeechConfig {
    voice_config: VoiceConfig,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct VoiceConfig {
    prebuilt_voice_config: Voice,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Voice {
    voice_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    candidates: Vec<Candidate>,
    #[serde(default)]
    usage_metadata: Option<ReadUsage>,
    #[serde(default)]
    model_version: Option<String>,
    #[serde(default)]
    response_id: Option<String>,
}

#[derive(Deserialize)]
struct Candidate {
    #[serde(default)]
    content: Content,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WriteSaid {
    candidates: [WriteCandidate; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<WriteUsage>,
}

#[derive(Serialize)]
struct WriteCandidate {
    content: Content,
}

fn peek(ask: Ask<'_>) -> Result<Peek, DecodeError> {
    Ok(Peek::of(model(ask.head.path)?))
}

impl Exchange<Request, Answer> for Speech {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Request, DecodeError> {
        let body = Readable::read(head, body, MAX_DEPTH)?;
        Object::of(body.root(), &Path::Root)?.kept();
        let wrong = |_| Path::Field(&Path::Root, "contents").wrong("must ask for one text to be spoken");
        let asks: Asks = serde_json::from_str(body.root().written()).map_err(wrong)?;
        let texts = asks.contents.into_iter().flat_map(|content| content.parts).filter_map(|part| part.text);
        let voice = asks.generation_config.speech_config;
        Ok(Request {
            model: model(head.path)?,
            text: texts.collect::<Vec<_>>().join("\n"),
            voice: voice.map(|said| said.voice_config.prebuilt_voice_config.voice_name),
            format: Format::Samples,
            extras: Extras { dialect: Some(ID), fields: Vec::new() },
        })
    }

    /// Sound comes in samples, of which a file can be made, and in no other form.
    fn encode_request(&self, request: &Request, target: &Target) -> Result<Encoded, EncodeError> {
        let mut changes = carry(&request.extras, ID, &[])?.lost;
        if let Format::Compressed(_) = request.format {
            changes.push(Change::rewritten("response_format"));
        }
        let voice = request.voice.clone().map(|voice_name| SpeechConfig {
            voice_config: VoiceConfig { prebuilt_voice_config: Voice { voice_name } },
        });
        let said = Part { text: Some(request.text.clone()), inline_data: None };
        let body = Asks {
            contents: vec![Content { role: Some("user".to_owned()), parts: vec![said] }],
            generation_config: Config { response_modalities: ["AUDIO".to_owned()], speech_config: voice },
        };
        Encoded::of(&body, changes).checked(target)
    }

    fn decode_answer(&self, body: &[u8]) -> Result<Answer, Fault> {
        let said: Said = read_answer(body)?;
        let parts = said.candidates.into_iter().take(1).flat_map(|candidate| candidate.content.parts);
        let (mut sound, mut rate) = (Vec::new(), None);
        for blob in parts.filter_map(|part| part.inline_data) {
            STANDARD.decode_vec(&blob.data, &mut sound).map_err(|error| unreadable(&error))?;
            rate = rate.or_else(|| samples(&blob.mime_type));
        }
        if sound.is_empty() {
            return Err(Fault::new(FaultKind::Unreadable, "the provider's answer has no sound"));
        }
        let usage = said.usage_metadata.map(|usage| usage.canonical(0));
        Ok(Answer { id: said.response_id, model: said.model_version, sound, rate, usage })
    }

    fn encode_answer(&self, answer: &Answer, _asked: &Asked) -> Vec<u8> {
        let rate = answer.rate.unwrap_or(USUAL_RATE);
        let blob = Blob {
            mime_type: format!("audio/L16;codec=pcm;rate={rate}"),
            data: STANDARD.encode(&answer.sound),
        };
        let part = Part { text: None, inline_data: Some(blob) };
        let content = Content { role: Some("model".to_owned()), parts: vec![part] };
        let usage_metadata = answer.usage.as_ref().map(WriteUsage::from);
        json_bytes(&WriteSaid { candidates: [WriteCandidate { content }], usage_metadata })
    }
}

/// The samples of a second, where a media type is that of samples alone.
fn samples(media_type: &str) -> Option<u32> {
    let mut words = media_type.split(';').map(str::trim);
    let is_samples = words
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("audio/l16") || kind.eq_ignore_ascii_case("audio/pcm"));
    let rate = words.find_map(|word| word.strip_prefix("rate=")?.parse().ok());
    is_samples.then_some(rate.unwrap_or(USUAL_RATE))
}
