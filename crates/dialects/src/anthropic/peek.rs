//! What routing and limits need of a request, read from its fields without building values, and the API
//! version a request is in.

use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use types::conversation::Delivery;
use types::{Foreseen, ModelName, StreamForm};

use super::wire::wrong;
use crate::whole::{WHOLE, Whole};
use crate::{Calls, DecodeError, Fields, Peek, Vectors};

/// The header that names the API version.
pub(super) const VERSION_HEADER: &str = "anthropic-version";
/// Parameters that newer versions refuse even at their defaults.
pub(super) const SAMPLING: [&str; 3] = ["temperature", "top_p", "top_k"];

/// The API's versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// The first stable one.
    V20230601,
    /// Without sampling parameters, documents of the assistant's and citations of the user's.
    V20261021,
}

impl Version {
    const ALL: [Self; 2] = [Self::V20230601, Self::V20261021];

    /// The version as the header says it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::V20230601 => "2023-06-01",
            Self::V20261021 => "2026-10-21",
        }
    }

    /// The version these headers name.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, DecodeError> {
        let Some(named) = headers.get(VERSION_HEADER) else {
            return Err(DecodeError::Header { header: VERSION_HEADER, problem: "is required".to_owned() });
        };
        let known = Self::ALL.into_iter().find(|version| version.as_str().as_bytes() == named.as_bytes());
        known.ok_or_else(|| {
            let [old, new] = Self::ALL.map(Self::as_str);
            let problem = format!("must be one of `{old}`, `{new}`");
            DecodeError::Header { header: VERSION_HEADER, problem }
        })
    }
}

/// Reads of a request what routing and limits need.
pub(super) fn peek(headers: &HeaderMap, body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
    let version = Version::of(headers)?;
    let model = model(body, fields)?;
    let stream = field::<bool>(body, fields, "stream", "must be true or false")?.unwrap_or_default();
    let max_tokens = field(body, fields, "max_tokens", WHOLE)?.map(|Whole(number)| number);
    match value(body, fields, "messages")? {
        Some(list) if list.starts_with(b"[") => {}
        Some(_) => return Err(wrong("messages", "must be a list")),
        None => return Err(wrong("messages", "is required")),
    }
    for name in SAMPLING {
        if version == Version::V20261021 && value(body, fields, name)?.is_some() {
            return Err(not_in_new_version(name));
        }
    }
    let delivery = if stream { Delivery::Stream { include_usage: true } } else { Delivery::Whole };
    Ok(Peek {
        model,
        delivery,
        max_tokens,
        calls: Calls::Tools,
        form: StreamForm::Events,
        vectors: Vectors::default(),
        foreseen: Foreseen::default(),
    })
}

/// A field that version `2026-10-21` no longer takes.
pub(super) fn not_in_new_version(field: impl Into<String>) -> DecodeError {
    wrong(field, format!("is not supported under {VERSION_HEADER} {}", Version::V20261021.as_str()))
}

fn model(body: &[u8], fields: &Fields) -> Result<ModelName, DecodeError> {
    let Some(raw) = value(body, fields, "model")? else { return Err(wrong("model", "is required")) };
    let plain = raw.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let plain = plain.filter(|plain| !plain.contains(&b'\\')).map(std::str::from_utf8);
    let name = if let Some(Ok(name)) = plain {
        ModelName::from(name)
    } else {
        let name = serde_json::from_slice::<String>(raw).map_err(|_| wrong("model", "must be a string"))?;
        ModelName::from(name)
    };
    if name.as_str().is_empty() { Err(wrong("model", "must not be empty")) } else { Ok(name) }
}

/// The field's bytes; null counts as absent.
fn value<'a>(body: &'a [u8], fields: &Fields, name: &str) -> Result<Option<&'a [u8]>, DecodeError> {
    let span = fields.find(body, name).map_err(DecodeError::Json)?;
    Ok(span.and_then(|span| body.get(span)).filter(|value| *value != b"null"))
}

fn field<'a, T: Deserialize<'a>>(
    body: &'a [u8],
    fields: &Fields,
    name: &str,
    problem: &'static str,
) -> Result<Option<T>, DecodeError> {
    let Some(raw) = value(body, fields, name)? else { return Ok(None) };
    serde_json::from_slice(raw).map(Some).map_err(|_| wrong(name, problem))
}
