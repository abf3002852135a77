//! A text to be spoken between the canonical form and this language
//! (<https://platform.openai.com/docs/api-reference/audio/createSpeech>).

use bytes::Bytes;
use serde::Serialize;
use types::conversation::{Extras, Target};
use types::speech::{Answer, Format, Request};
use types::{Fault, FaultKind};

use super::SPEECH;
use super::packed::{SAMPLES, media_type};
use crate::extras::carry;
use crate::object::{Object, Path, Readable};
use crate::openai_family::MAX_DEPTH;
use crate::{Asked, DecodeError, EncodeError, Encoded, Exchange, Fields, Head};

/// The canonical form, in and out.
#[derive(Debug)]
pub(super) struct Speech;

/// The word for samples alone, and the one for a file of them.
const PCM: &str = "pcm";
const WAV: &str = "wav";

#[derive(Serialize)]
struct WriteRequest<'a> {
    model: &'a str,
    input: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<&'a str>,
}

/// The form of sound that a request wants, as it says so.
pub(super) fn format(body: &Bytes, fields: &Fields) -> Bytes {
    fields.value(body, "response_format").map_or_else(Bytes::new, |value| body.slice_ref(value))
}

impl Exchange<Request, Answer> for Speech {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Request, DecodeError> {
        let body = Readable::read(head, body, MAX_DEPTH)?;
        let mut object = Object::of(body.root(), &Path::Root)?;
        let voice = object.take_as("voice", "must be a string for this model's provider")?;
        // Who names a voice so reads sound as it is packed, which only its provider does.
        if voice.is_none() && object.names().any(|name| name == "voice_id") {
            let place = Path::Field(&Path::Root, "voice_id");
            return Err(place.wrong("must be `voice`: this model's provider is asked in another language"));
        }
        if object.take_text("stream_format")?.is_some_and(|form| form == "sse") {
            let place = Path::Field(&Path::Root, "stream_format");
            return Err(place.wrong("must be `audio`: this model's provider is asked in another language"));
        }
        let format = match object.take_text("response_format")? {
            Some(word) if word == PCM => Format::Samples,
            Some(word) if word == WAV => Format::Wave,
            word => Format::Compressed(word),
        };
        Ok(Request {
            model: object.model(head)?,
            text: object.require_text("input")?,
            voice,
            format,
            extras: Extras { dialect: Some(SPEECH.id), fields: object.rest().collect() },
        })
    }

    fn encode_request(&self, request: &Request, target: &Target) -> Result<Encoded, EncodeError> {
        let changes = carry(&request.extras, SPEECH.id, &[])?.lost;
        let body = WriteRequest {
            model: target.model.as_str(),
            input: &request.text,
            voice: request.voice.as_deref(),
            response_format: match &request.format {
                Format::Compressed(word) => word.as_deref(),
                Format::Samples => Some(PCM),
                Format::Wave => Some(WAV),
            },
        };
        Encoded::of(&body, changes).checked(target)
    }

    fn decode_answer(&self, body: &[u8]) -> Result<Answer, Fault> {
        if body.is_empty() {
            return Err(Fault::new(FaultKind::Unreadable, "the provider's answer is empty"));
        }
        Ok(Answer { sound: body.to_vec(), ..Answer::default() })
    }

    fn encode_answer(&self, answer: &Answer, asked: &Asked) -> Vec<u8> {
        match answer.rate {
            Some(rate) if !wants_samples(asked) => wave(&answer.sound, rate),
            Some(_) | None => answer.sound.clone(),
        }
    }

    fn media_type(&self, answer: &Answer, asked: &Asked) -> Option<&'static str> {
        Some(match answer.rate {
            Some(_) if wants_samples(asked) => SAMPLES,
            Some(_) => "audio/wav",
            None => media_type(&answer.sound),
        })
    }
}

fn wants_samples(asked: &Asked) -> bool {
    serde_json::from_slice::<&str>(&asked.echo).is_ok_and(|word| word == PCM)
}

/// Samples of one channel as a file of RIFF.
fn wave(samples: &[u8], rate: u32) -> Vec<u8> {
    const HEAD: u32 = 36;
    const SAMPLE: u16 = 2;
    let length = u32::try_from(samples.len()).unwrap_or(u32::MAX - HEAD);
    let mut file = b"RIFF".to_vec();
    file.extend((HEAD + length).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(rate.to_le_bytes());
    file.extend(rate.saturating_mul(u32::from(SAMPLE)).to_le_bytes());
    file.extend(SAMPLE.to_le_bytes());
    file.extend((SAMPLE * 8).to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend(length.to_le_bytes());
    file.extend_from_slice(samples);
    file
}
