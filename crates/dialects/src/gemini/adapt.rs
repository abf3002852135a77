//! Changes a request of this language as little as the target allows. The path says the model, so that most requests
//! stay as they are.

use bytes::Bytes;
use memchr::memmem;
use serde_json::value::RawValue;
use types::conversation::{Change, Target};

use super::{MAX_DEPTH, proofs};
use crate::splice::quoted;
use crate::{EncodeError, Encoded, Fields, Span, Splice, quirks};

/// The request with the target's model where it names one, and without proofs that another language made.
pub(super) fn adapt(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let mut encoded = Encoded::default();
    let mut splice = Splice::default();
    if let Some(counted) = fields.value(body, "generateContentRequest") {
        name_model(body, counted, target, &mut splice);
    }
    let calls = |name: &&str| memmem::find(body, name.as_bytes()).is_some();
    let wants_proofs = target.has_quirk(quirks::CALL_PROOFS) && CALLS.iter().any(calls);
    if wants_proofs || memmem::find(body, proofs::CARRIED.as_bytes()).is_some() {
        let mut history = History { body, target, splice, changes: Vec::new() };
        history.contents(fields);
        (splice, encoded.changes) = (history.splice, history.changes);
    }
    encoded.body = splice.apply(body);
    encoded.checked(target)
}

/// The names of a call's field, and of its proof's.
const CALLS: [&str; 2] = ["functionCall", "function_call"];
const PROOFS: [&str; 2] = ["thoughtSignature", "thought_signature"];

/// Names the model in a request to count the tokens of another request.
fn name_model(body: &[u8], counted: &[u8], target: &Target, splice: &mut Splice) {
    let Ok(fields) = Fields::scan(counted, MAX_DEPTH) else { return };
    let model = quoted(&format!("models/{}", target.model.as_str()));
    if let Some(said) = fields.value(counted, "model").filter(|said| *said != model) {
        splice.replace(span(body, said), model);
    }
}

/// What has been done to the contents.
struct History<'a> {
    body: &'a [u8],
    target: &'a Target,
    splice: Splice,
    changes: Vec<Change>,
}

impl History<'_> {
    fn contents(&mut self, fields: &Fields) {
        let contents = fields.value(self.body, "contents").unwrap_or_default();
        for (index, content) in items(contents).into_iter().enumerate() {
            let content = content.get().as_bytes();
            let Ok(fields) = Fields::scan(content, MAX_DEPTH) else { continue };
            let parts = fields.value(content, "parts").unwrap_or_default();
            let mut is_first = true;
            for (at, part) in items(parts).into_iter().enumerate() {
                let (part, path) = (part.get().as_bytes(), format!("contents[{index}].parts[{at}]"));
                let Ok(fields) = Fields::scan(part, MAX_DEPTH) else { continue };
                let is_call = CALLS.iter().any(|name| fields.value(part, name).is_some());
                self.part(part, &fields, is_call, &path);
                if is_call && std::mem::take(&mut is_first) {
                    self.prove(part, &fields, &path);
                }
            }
        }
    }

    /// Takes a carried proof off a part. The target that wants one on every call is told not to look at this one.
    fn part(&mut self, part: &[u8], fields: &Fields, is_call: bool, path: &str) {
        for name in PROOFS {
            let carried = format!("\"{}", proofs::CARRIED);
            let Some(said) = fields.value(part, name).filter(|said| said.starts_with(carried.as_bytes()))
            else {
                continue;
            };
            if is_call && self.target.has_quirk(quirks::CALL_PROOFS) {
                self.splice.replace(span(self.body, said), quoted(proofs::NONE_NEEDED));
                self.changes.push(Change::emulated(format!("{path}.{name}")));
                continue;
            }
            let offset = span(self.body, part).start;
            let moved = |at: Span| at.start + offset..at.end + offset;
            let places = fields.places(part).map(|(known, at)| (known == name, moved(at)));
            self.splice.cut_items(places.collect::<Vec<_>>());
            self.changes.push(Change::dropped(format!("{path}.{name}")));
        }
    }

    /// Gives the first call of a turn what the target takes for a proof where another model made it and gave none.
    fn prove(&mut self, part: &[u8], fields: &Fields, path: &str) {
        let is_proven = PROOFS.iter().any(|name| fields.value(part, name).is_some());
        if is_proven || !self.target.has_quirk(quirks::CALL_PROOFS) {
            return;
        }
        let at = span(self.body, part).start + fields.start();
        let [name, _] = PROOFS;
        self.splice.replace(at..at, format!(r#""{name}":"{}","#, proofs::NONE_NEEDED));
        self.changes.push(Change::emulated(format!("{path}.{name}")));
    }
}

fn items(list: &[u8]) -> Vec<&RawValue> {
    serde_json::from_slice(list).unwrap_or_default()
}

/// Where in the body a value lies that is borrowed from it.
fn span(body: &[u8], value: &[u8]) -> Span {
    let start = value.as_ptr().addr() - body.as_ptr().addr();
    start..start + value.len()
}
