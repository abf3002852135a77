//! The way of an answer that is passed on without being understood: every byte as it came. What it used is read on the
//! way, where it says so.

use bytes::Bytes;
use memchr::memmem;
use types::{Fault, Frame};

use crate::{Conduit, Metered, Tally};

/// Passes an answer on as it is.
#[derive(Debug)]
pub struct PassedOn {
    tally: Tally,
    text: Text,
}

/// What an answer is that is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Events, each looked through by itself.
    Events,
    /// JSON, which is looked through when all of it is there, if it is not larger than this.
    Json(usize),
    /// Anything else.
    Opaque,
}

/// The text so far.
#[derive(Debug)]
enum Text {
    Gathering { text: Vec<u8>, most: usize },
    InEvents,
    Unread,
}

impl PassedOn {
    /// The way of events, or of a body in pieces: each piece is then a frame of its own.
    pub fn new(content: Content) -> Self {
        let text = match content {
            Content::Events => Text::InEvents,
            Content::Json(most) => Text::Gathering { text: Vec::new(), most },
            Content::Opaque => Text::Unread,
        };
        Self { tally: Tally::default(), text }
    }

    fn gather(&mut self, piece: &[u8]) {
        if let Text::Gathering { text, most } = &mut self.text {
            if text.len() + piece.len() > *most {
                self.text = Text::Unread;
            } else {
                text.extend_from_slice(piece);
            }
        }
    }

    fn note(&mut self, said: &[u8]) {
        let Metered { usage, id, model, .. } = Metered::read(said);
        if let Some(usage) = usage {
            self.tally.usage = Some(self.tally.usage.map_or(usage, |before| before.updated(&usage)));
        }
        self.tally.id = self.tally.id.take().or(id);
        self.tally.model = self.tally.model.take().or(model);
    }
}

impl Conduit for PassedOn {
    fn push(&mut self, frame: Frame, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.tally.has_content = true;
        let (raw, said) = match frame {
            Frame::Event(event) => (event.raw, event.data),
            Frame::Whole(body) => (body.clone(), body),
        };
        match &self.text {
            Text::Gathering { .. } => self.gather(&raw),
            Text::InEvents if memmem::find(&said, b"\"usage").is_some() => self.note(&said),
            Text::InEvents | Text::Unread => {}
        }
        out.push(raw);
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if let Text::Gathering { text, .. } = std::mem::replace(&mut self.text, Text::Unread) {
            self.note(&text);
        }
        self.tally.is_complete = true;
        Ok(())
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

#[cfg(test)]
mod tests {
    use types::StreamEvent;

    use super::*;

    fn event(data: &'static str) -> Frame {
        let raw = Bytes::from(format!("data: {data}\n\n"));
        let data = raw.slice(6..raw.len() - 2);
        Frame::Event(StreamEvent { raw, name: Bytes::new(), data })
    }

    #[track_caller]
    fn check(content: Content, frames: Vec<Frame>, passed: &str, usage: Option<(u64, u64)>) {
        let mut way = PassedOn::new(content);
        let mut out = Vec::new();
        for frame in frames {
            way.push(frame, &mut out).unwrap();
        }
        way.end(&mut out).unwrap();
        assert_eq!(out.concat(), passed.as_bytes());
        let counted = way.tally().usage.map(|usage| (usage.input.0, usage.output.0));
        assert_eq!(counted, usage, "{passed}");
    }

    #[test]
    fn every_byte_passes_and_usage_is_read_on_the_way() {
        let piece = |text: &'static str| Frame::Whole(Bytes::from_static(text.as_bytes()));
        let whole = r#"{"usage":{"prompt_tokens":3,"completion_tokens":5}}"#;
        let (left, right) = whole.split_at(20);
        check(Content::Json(1024), vec![piece(left), piece(right)], whole, Some((3, 5)));
        check(Content::Json(30), vec![piece(left), piece(right)], whole, None);
        check(Content::Opaque, vec![piece(left), piece(right)], whole, None);
        let first = r#"{"message":{"usage":{"input_tokens":3,"output_tokens":1}}}"#;
        let last = r#"{"usage":{"output_tokens":9}}"#;
        let expect = format!("data: {first}\n\ndata: [DONE]\n\ndata: {last}\n\n");
        let events = || vec![event(first), event("[DONE]"), event(last)];
        check(Content::Events, events(), &expect, Some((3, 9)));
        check(Content::Opaque, events(), &expect, None);
    }
}
