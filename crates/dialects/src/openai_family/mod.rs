//! What the languages of one family have in common: their errors, their limits' names and
//! their words for how much to think.

pub(crate) mod edit;
pub(crate) mod effort;
pub(crate) mod error;
pub(crate) mod head;
pub(crate) mod limits;
pub(crate) mod shared;
pub(crate) mod usage;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::openai_family::error::unreadable;
use crate::{FileNames, shape};

/// The data that ends a stream.
pub(crate) const DONE: &[u8] = b"[DONE]";
/// How deeply an upstream's answer, or a part of a request, may be nested; `serde_json`'s own limit.
pub(crate) const MAX_DEPTH: usize = 128;
/// How its languages name files.
pub(crate) const FILES: FileNames = FileNames {
    types: &["computer_screenshot", "input_file", "input_image"],
    fields: &["file", "image", "images", "input_image_mask", "mask"],
    apart: &["metadata"],
    addresses: &[],
    // Google's endpoint opens addresses of its storage in any of them, servers of one's own those of their files.
    contents: &["audio_url", "data", "file_data", "file_url", "image_url", "url", "video_url"],
    in_lines: true,
};
/// The longest name of a tool.
pub(crate) const MAX_NAME: usize = 64;
/// The longest name of an end user.
pub(crate) const MAX_USER: usize = 64;

/// Why the paths of answers and conversations that a provider keeps are not served.
pub(crate) const NOTHING_KEPT: &str = "this gateway keeps no answers and no conversations: there is nothing to list, \
                                       fetch, cancel or delete; what a provider keeps is asked for there, or by way of \
                                       `/passthrough/PROVIDER/…` where the operator has allowed that";
/// As much as a small request or answer takes.
const USUAL_LENGTH: usize = 512;

/// `value` as JSON.
pub(crate) fn json_bytes(value: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::with_capacity(USUAL_LENGTH);
    shape::write(&mut out, value);
    out
}

/// An upstream's words as text.
pub(crate) fn answered_text(body: &[u8]) -> Result<&str, types::Fault> {
    std::str::from_utf8(body).map_err(|error| unreadable(&error))
}

/// A value that may have a form nobody foresaw: it is read if it fits and is nothing if it does not.
pub(crate) fn lenient<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    let raw = <&'de RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}
