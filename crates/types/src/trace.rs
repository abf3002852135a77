//! W3C trace context (<https://www.w3.org/TR/trace-context/>): what crosses from caller to upstream.

use std::fmt;

/// Identifies a whole trace: sixteen bytes, not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

/// Identifies one span: eight bytes, not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(pub [u8; 8]);

impl SpanId {
    /// A new random span id.
    pub fn generate() -> Self {
        let bits = uuid::Uuid::new_v4().into_bytes();
        let mut id = [0; 8];
        // All but six of its bits are random, and none of those six is in the last seven bytes.
        id.copy_from_slice(bits.last_chunk::<8>().unwrap_or(&[1; 8]));
        Self(id)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 32];
        f.write_str(hexadecimal(&self.0, &mut text))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 16];
        f.write_str(hexadecimal(&self.0, &mut text))
    }
}

/// Writes `bytes` as lower-case hexadecimal digits into `text`, which is twice as long, and returns it as text. Ids are written several
/// times per request; formatting each byte by itself would cost more than the rest of a log line.
pub fn hexadecimal<'a>(bytes: &[u8], text: &'a mut [u8]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied().unwrap_or(b'0');
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            (*high, *low) = (digit(byte >> 4), digit(*byte));
        }
    }
    std::str::from_utf8(text).unwrap_or_default()
}

/// The trace a request belongs to and the gateway's own span in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The caller's span, if it sent one.
    pub parent: Option<SpanId>,
    /// The gateway's span.
    pub span_id: SpanId,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

impl TraceContext {
    /// Continues the caller's `traceparent`, or starts a trace where it sent none or an invalid one.
    pub fn continue_from(traceparent: Option<&str>, sample_new: bool) -> Self {
        let span_id = SpanId::generate();
        match traceparent.and_then(parse_traceparent) {
            Some((trace_id, parent, sampled)) => Self { trace_id, parent: Some(parent), span_id, sampled },
            None => Self {
                trace_id: TraceId(uuid::Uuid::new_v4().into_bytes()),
                parent: None,
                span_id,
                sampled: sample_new,
            },
        }
    }

    /// The `traceparent` header that names `span` as the parent.
    pub fn traceparent(&self, span: SpanId) -> String {
        let mut header = String::with_capacity(55);
        let (mut trace_text, mut span_text) = ([0; 32], [0; 16]);
        header.push_str("00-");
        header.push_str(hexadecimal(&self.trace_id.0, &mut trace_text));
        header.push('-');
        header.push_str(hexadecimal(&span.0, &mut span_text));
        header.push_str(if self.sampled { "-01" } else { "-00" });
        header
    }
}

/// Reads `version-traceid-parentid-flags`; `None` for anything the recommendation calls invalid.
fn parse_traceparent(header: &str) -> Option<(TraceId, SpanId, bool)> {
    let mut parts = header.trim().split('-');
    let version: [u8; 1] = hex(parts.next()?)?;
    let trace_id: [u8; 16] = hex(parts.next()?)?;
    let parent: [u8; 8] = hex(parts.next()?)?;
    let flags: [u8; 1] = hex(parts.next()?)?;
    let extended = parts.next().is_some();
    let invalid =
        version == [0xff] || (version == [0] && extended) || trace_id == [0; 16] || parent == [0; 8];
    (!invalid).then_some((TraceId(trace_id), SpanId(parent), flags[0] & 1 == 1))
}

/// Exactly `N` bytes of lower-case hexadecimal.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, valid: bool) {
        assert_eq!(parse_traceparent(header).is_some(), valid, "{header}");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = TraceContext::continue_from(Some(header), false);
        assert_eq!(context.traceparent(context.parent.unwrap()), header);
        assert_eq!(context.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn traceparent_is_read_as_the_recommendation_says() {
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true);
        check("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra", true);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra", false);
        check("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false);
        check("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false);
        check("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false);
        check("", false);
    }
}
