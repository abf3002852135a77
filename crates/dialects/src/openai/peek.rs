//! What routing and limits need of a request.

use types::conversation::Delivery;
use types::{Foreseen, StreamForm, Units};

use crate::ask::{Ask, wrong};
use crate::{DecodeError, Peek, openai_chat, sound};

/// The model that moderates where the caller names none.
const MODERATOR: &str = "omni-moderation-latest";

/// What is to be made shorter stands in the request, or is kept at the provider.
pub(super) fn compactions(ask: Ask<'_>) -> Result<Peek, DecodeError> {
    let model = ask.model()?;
    match ask.find("input")? {
        Some([b'[' | b'"', ..]) => {}
        Some(_) => return Err(wrong("input", "must be a string or an array")),
        None if ask.find("previous_response_id")?.is_some() => {}
        None => return Err(wrong("input", "is missing")),
    }
    Ok(Peek { max_tokens: None, ..Peek::of(model) })
}

pub(super) fn completions(ask: Ask<'_>) -> Result<Peek, DecodeError> {
    let delivery = openai_chat::delivery(ask.body, ask.fields)?;
    Ok(Peek { delivery, max_tokens: ask.whole("max_tokens")?, ..Peek::of(ask.model()?) })
}

/// The model that makes and varies pictures where the caller names none, and the one that edits them and knows more.
const PAINTER: &str = "dall-e-2";
const EDITOR: &str = "gpt-image-1.5";
/// What the first does not know.
const EDITOR_S_OWN: [&str; 5] =
    ["background", "moderation", "output_compression", "output_format", "partial_images"];

pub(super) fn images(ask: Ask<'_>) -> Result<Peek, DecodeError> {
    let model = ask.model_or(Some(artist(ask)))?;
    let output_image = ask.whole("n")?.unwrap_or(1);
    let guessed = Units { output_image, ..Units::default() };
    let foreseen = Foreseen { guessed, ..Foreseen::default() };
    let delivery = streamed(ask.is_true("stream")?);
    Ok(Peek { delivery, max_tokens: None, foreseen, ..Peek::of(model) })
}

/// The default of the three operations, which their fields tell apart: only an edit has both a picture and a prompt.
fn artist(ask: Ask<'_>) -> &'static str {
    let has = |names: &[&str]| names.iter().any(|name| ask.fields.value(ask.body, name).is_some());
    let is_edit = has(&["image", "image[]", "images"]) && has(&["prompt"]);
    if is_edit || has(&EDITOR_S_OWN) { EDITOR } else { PAINTER }
}

pub(super) fn moderations(ask: Ask<'_>) -> Result<Peek, DecodeError> {
    let model = ask.model_or(Some(MODERATOR))?;
    ask.require("input")?;
    Ok(Peek::of(model))
}

/// The bytes of text that a second of speech has: fifteen letters of Latin script, five of Chinese.
const SPOKEN_PER_SECOND: u64 = 15;

/// Sound comes in pieces, whether or not in events.
pub(super) fn speech(ask: Ask<'_>) -> Result<Peek, DecodeError> {
    let model = ask.model()?;
    ask.require("input")?;
    let text = ask.text("input").ok().flatten().unwrap_or_default();
    let counted = Units { input_character: text.chars().count() as u64, ..Units::default() };
    let output_second = (text.len() as u64).div_ceil(SPOKEN_PER_SECOND);
    let guessed = Units { output_second, ..Units::default() };
    let foreseen = Foreseen { counted, guessed };
    // Who names a voice so reads sound as it is packed: in a JSON object, or in events where they are asked for.
    let is_packed = ask.find("voice_id")?.is_some() && ask.find("voice")?.is_none();
    let (delivery, form) = match ask.text("stream_format")?.as_deref() {
        Some("sse") => (streamed(true), StreamForm::Events),
        Some(_) | None if is_packed => (streamed(ask.is_true("stream")?), StreamForm::Events),
        Some(_) | None => (streamed(true), StreamForm::Bytes),
    };
    Ok(Peek { delivery, form, max_tokens: None, foreseen, ..Peek::of(model) })
}

/// The answer is a JSON object, events, or in one of the formats of subtitles or plain text.
pub(super) fn transcriptions(ask: Ask<'_>) -> Result<Peek, DecodeError> {
    let model = ask.model()?;
    let streams = ask.is_true("stream")?;
    let form = match ask.text("response_format")?.as_deref() {
        Some("srt" | "text" | "vtt") if !streams => StreamForm::Bytes,
        Some(_) | None => StreamForm::Events,
    };
    let recording = ask.fields.value(ask.body, "file").unwrap_or_default();
    let guessed = Units { input_second: sound::seconds(recording), ..Units::default() };
    let foreseen = Foreseen { guessed, ..Foreseen::default() };
    Ok(Peek { delivery: streamed(streams), form, max_tokens: None, foreseen, ..Peek::of(model) })
}

const fn streamed(streams: bool) -> Delivery {
    // Usage stands in the event that ends such a stream, asked for or not.
    if streams { Delivery::Stream { include_usage: true } } else { Delivery::Whole }
}
