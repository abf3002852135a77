//! Changes a request as little as the target allows.

use bytes::Bytes;
use serde::Deserialize;
use types::conversation::{Change, Target};

use crate::splice::quoted;
use crate::{EncodeError, Encoded, Fields, Splice, openai_chat, quirks};

/// The request with the target's model; every other byte stays.
pub(crate) fn model(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let mut splice = Splice::default();
    rename(body, fields, target, &mut splice);
    Encoded { body: splice.apply(body), ..Encoded::default() }.checked(target)
}

/// The same, with usage asked for at the end of a stream.
pub(super) fn completions(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    openai_chat::adapt_plainly(body, fields, target)
}

/// Texts to be spoken, in the words of who packs sound into JSON.
pub(super) fn speech(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    if !target.has_quirk(quirks::PACKED_SPEECH) {
        return model(body, fields, target);
    }
    let (mut splice, mut changes) = (Splice::default(), Vec::new());
    rename(body, fields, target, &mut splice);
    let said = |name| fields.value(body, name).filter(|value| *value != b"null");
    // What says nothing goes as well: a field that is not known is refused.
    let mut cuts = vec!["stream_format"];
    if let Some(form) = said("stream_format") {
        if is_text(form, "sse") {
            let problem = "must be `audio`: this model's provider has events of another form".to_owned();
            return Err(EncodeError::Unsayable { field: "stream_format".to_owned(), problem });
        }
        changes.push(Change::emulated("stream_format"));
    }
    if said("voice_id").is_some() {
        cuts.push("voice");
        changes.extend(said("voice").map(|_| Change::dropped("voice")));
    } else if let Some(key) = fields.key_span(body, "voice") {
        cuts.push("voice_id");
        splice.replace(key, "voice_id");
        if let (Ok(Some(span)), Some(Voice { id })) = (fields.find(body, "voice"), voice(said("voice"))) {
            splice.replace(span, quoted(&id));
        }
    }
    splice.cut(body, fields, &cuts);
    Encoded { body: splice.apply(body), changes, ..Encoded::default() }.checked(target)
}

/// A voice of the caller's own making.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Voice {
    id: String,
}

/// The voice that is named by its id; what else a voice may be is left to the provider.
fn voice(json: Option<&[u8]>) -> Option<Voice> {
    let json = json.filter(|json| json.starts_with(b"{"))?;
    serde_json::from_slice(json).ok()
}

/// Whether a JSON value is this text, however it is spelled.
fn is_text(json: &[u8], text: &str) -> bool {
    serde_json::from_slice::<String>(json).is_ok_and(|said| said == text)
}

/// Puts the target's name for the model in the place of the caller's, or in front of all where the caller named none.
pub(crate) fn rename(body: &Bytes, fields: &Fields, target: &Target, splice: &mut Splice) {
    name(body, fields, target.model.as_str(), splice);
}

/// The same with this name.
pub(crate) fn name(body: &Bytes, fields: &Fields, name: &str, splice: &mut Splice) {
    // One that stands there twice has been refused before.
    let span = fields.find(body, "model").ok().flatten();
    match span {
        Some(span) if fields.is_form() => splice.replace(span, name.to_owned()),
        Some(span) => splice.replace(span, quoted(name)),
        None => {
            let named = if fields.is_form() { part(body, fields, name) } else { field(fields, name) };
            splice.replace(fields.start()..fields.start(), named);
        }
    }
}

fn field(fields: &Fields, name: &str) -> Vec<u8> {
    let comma = if fields.is_empty() { "" } else { "," };
    [br#""model":"#, &quoted(name)[..], comma.as_bytes()].concat()
}

/// A part of a form with the boundary that the form begins with; nothing where the form has no part at all.
fn part(body: &Bytes, fields: &Fields, name: &str) -> Vec<u8> {
    let rest = body.get(fields.start()..).unwrap_or_default();
    let line = rest.iter().position(|byte| *byte == b'\r').and_then(|end| rest.get(..end));
    let Some(boundary) = line.filter(|_| !fields.is_empty()) else { return Vec::new() };
    let head: &[u8] = b"\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n";
    [boundary.trim_ascii_end(), head, name.as_bytes(), b"\r\n"].concat()
}
