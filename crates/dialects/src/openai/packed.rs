//! Sound that is packed into JSON, as some providers answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use types::Fault;

use crate::Fields;
use crate::openai_family::error::unreadable;
use crate::passage::Unpacked;

/// How recordings begin, and the media types of those that begin so.
const BEGINNINGS: [(&[u8], &str); 7] = [
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"RIFF", "audio/wav"),
    (b"fLaC", "audio/flac"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xfa", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
];
/// What has no beginning of its own.
pub(super) const SAMPLES: &str = "audio/pcm";

/// The sound in an answer that holds it as base64, and its media type.
pub(super) fn unpacked(body: &[u8], fields: &Fields) -> Result<Option<Unpacked>, Fault> {
    let Some(packed) = fields.value(body, "audio_data") else { return Ok(None) };
    let packed: String = serde_json::from_slice(packed).map_err(|error| unreadable(&error))?;
    let sound = STANDARD.decode(packed).map_err(|error| unreadable(&error))?;
    let media_type = media_type(&sound);
    Ok(Some((sound.into(), media_type)))
}

/// The media type of a recording.
pub(super) fn media_type(sound: &[u8]) -> &'static str {
    let known = BEGINNINGS.iter().find(|(beginning, _)| sound.starts_with(beginning));
    known.map_or(SAMPLES, |(_, media_type)| media_type)
}
