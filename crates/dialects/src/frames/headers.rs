//! The headers of a frame: names, and values of ten types, of which only texts matter here.

use bytes::{Buf, Bytes};

use super::FrameError;

pub(super) const CONTENT_TYPE: &str = ":content-type";
pub(super) const EVENT_TYPE: &str = ":event-type";
pub(super) const EXCEPTION_TYPE: &str = ":exception-type";
pub(super) const MESSAGE_TYPE: &str = ":message-type";
const ERROR_CODE: &str = ":error-code";
const ERROR_MESSAGE: &str = ":error-message";

/// The type of a value that is text.
const TEXT: u8 = 7;

/// The headers that say what a frame is; empty where they are not there.
#[derive(Default)]
pub(super) struct Headers {
    pub(super) message_type: Bytes,
    pub(super) event_type: Bytes,
    pub(super) exception_type: Bytes,
    pub(super) error_code: Bytes,
    pub(super) error_message: Bytes,
}

impl Headers {
    /// Reads all headers of a frame.
    pub(super) fn read(block: &Bytes) -> Result<Self, FrameError> {
        let mut headers = Self::default();
        let mut rest = block.clone();
        while !rest.is_empty() {
            let (name, value) = take(&mut rest).ok_or(FrameError::Malformed { expected: "a header" })?;
            let Some(text) = value else { continue };
            let slot = match name.as_ref() {
                name if name == MESSAGE_TYPE.as_bytes() => &mut headers.message_type,
                name if name == EVENT_TYPE.as_bytes() => &mut headers.event_type,
                name if name == EXCEPTION_TYPE.as_bytes() => &mut headers.exception_type,
                name if name == ERROR_CODE.as_bytes() => &mut headers.error_code,
                name if name == ERROR_MESSAGE.as_bytes() => &mut headers.error_message,
                _ => continue,
            };
            *slot = text;
        }
        Ok(headers)
    }
}

/// Takes one header off the front: its name, and its value where that is text.
fn take(rest: &mut Bytes) -> Option<(Bytes, Option<Bytes>)> {
    let name_length = usize::from(rest.try_get_u8().ok()?);
    let name = split(rest, name_length).filter(|name| !name.is_empty())?;
    let kind = rest.try_get_u8().ok()?;
    let length = match kind {
        // True, false, a byte, a short, an int, a long.
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        6 | TEXT => usize::from(rest.try_get_u16().ok()?),
        9 => 16,
        _ => return None,
    };
    let value = split(rest, length)?;
    if kind != TEXT {
        return Some((name, None));
    }
    std::str::from_utf8(&value).ok()?;
    Some((name, Some(value)))
}

fn split(rest: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= rest.len()).then(|| rest.split_to(length))
}

/// Appends a header whose value is text. Neither is longer than its length can say: both are the gateway's own words.
pub(super) fn write(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(name.as_bytes());
    out.push(TEXT);
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(value.as_bytes());
}
