//! The conduit between two languages, or between two forms of one: frames to events to the caller's bytes.

use bytes::Bytes;
use types::conversation::{Delivery, Delta, Event, Opening};
use types::{Fault, Frame, Refusal, Usage};

use crate::fold::into_events;
use crate::vocabulary::Listener;
use crate::{Asked, Conduit, Conversational, Decoder, Encoder, Fold, Tally, ToolNames};

/// Translates an answer.
pub(crate) struct Translation {
    upstream: &'static dyn Conversational,
    decoder: Box<dyn Decoder>,
    sink: Sink,
    listener: Listener,
    tally: Tally,
    tool_names: ToolNames,
    events: Vec<Event>,
}

/// Where the events go.
enum Sink {
    /// To a caller that reads a stream.
    Stream(Box<dyn Encoder>),
    /// To a caller that waits for one body.
    Whole(Box<Whole>),
}

/// What a caller that waits for one body will read.
struct Whole {
    fold: Fold,
    dialect: &'static dyn Conversational,
    asked: Asked,
}

impl Translation {
    pub(crate) fn new(
        upstream: &'static dyn Conversational,
        caller: &'static dyn Conversational,
        asked: &Asked,
    ) -> Self {
        let sink = match asked.delivery {
            Delivery::Stream { .. } => Sink::Stream(caller.encoder(asked)),
            Delivery::Whole => {
                Sink::Whole(Box::new(Whole { fold: Fold::default(), dialect: caller, asked: asked.clone() }))
            }
        };
        let tool_names = asked.tool_names.clone();
        let (decoder, tally) = (upstream.decoder(), Tally::default());
        let listener = Listener::new(caller.vocabulary(), asked);
        Self { upstream, decoder, sink, listener, tally, tool_names, events: Vec::new() }
    }

    /// What a whole answer that failed says it has used: its provider bills it all the same.
    fn spent(&self, body: Bytes) -> Option<Usage> {
        let Sink::Whole(whole) = &self.sink else { return None };
        let mut reader = self.upstream.forwarder(&whole.asked);
        // It may be no answer at all; then it says nothing.
        let _ = reader.push(Frame::Whole(body), &mut Vec::new());
        reader.tally().usage
    }

    /// Takes note of the usage that came with a piece at which a stream failed.
    fn note_usage(&mut self) {
        for event in self.events.drain(..) {
            if let Event::Usage(usage) = event {
                self.tally.usage = Some(usage);
            }
        }
    }

    /// Hands the gathered events on.
    fn emit(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let mut written = Vec::new();
        for mut event in self.events.drain(..) {
            match &mut event {
                Event::Failed(fault) => return Err(fault.clone()),
                Event::Open { opening: Opening::ToolCall { name, .. }, .. } => self.tool_names.restore(name),
                Event::Start { .. }
                | Event::Open { .. }
                | Event::Delta { .. }
                | Event::Close { .. }
                | Event::Logprobs { .. }
                | Event::Finish { .. }
                | Event::Usage(_)
                | Event::Ping
                | Event::End => {}
            }
            count(&mut self.tally, &event);
            self.listener.hear(&event, &mut self.tally.changes);
            match &mut self.sink {
                Sink::Stream(encoder) => encoder.push(&event, &mut written),
                Sink::Whole(whole) => whole.fold.push(event)?,
            }
        }
        if !written.is_empty() {
            out.push(written.into());
        }
        Ok(())
    }
}

impl Conduit for Translation {
    fn push(&mut self, frame: Frame, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let read = match frame {
            Frame::Event(event) => self.decoder.push(&event, &mut self.events),
            Frame::Whole(body) => match self.upstream.decode_answer(&body) {
                Ok(answer) => {
                    self.events = into_events(answer);
                    Ok(())
                }
                Err(fault) => {
                    self.tally.usage = self.spent(body);
                    Err(fault)
                }
            },
        };
        if read.is_err() {
            self.note_usage();
        }
        read?;
        self.emit(out)
    }

    fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if !self.tally.is_complete {
            self.decoder.end(&mut self.events)?;
            self.emit(out)?;
        }
        if let Sink::Whole(whole) = &mut self.sink {
            let answer = std::mem::take(&mut whole.fold).finish();
            out.push(whole.dialect.encode_answer(&answer, &whole.asked).into());
        }
        Ok(())
    }

    fn fail(&mut self, refusal: &Refusal) -> Option<Vec<u8>> {
        match &mut self.sink {
            Sink::Stream(encoder) => encoder.fail(refusal),
            Sink::Whole(_) => None,
        }
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

/// Adds what one event says to the tally.
fn count(tally: &mut Tally, event: &Event) {
    match event {
        Event::Start { id, model, .. } => {
            tally.id.clone_from(id);
            tally.model.clone_from(model);
        }
        Event::Open { opening, .. } => match opening {
            Opening::Opaque { .. } | Opening::RedactedThinking { .. } | Opening::ToolCall { .. } => {
                tally.has_content = true;
            }
            Opening::Refusal | Opening::Text | Opening::Thinking => {}
        },
        Event::Delta { delta, .. } => {
            let length = match delta {
                Delta::Arguments(text) | Delta::Refusal(text) | Delta::Text(text) | Delta::Thinking(text) => {
                    text.len()
                }
                Delta::Signature(_) => 0,
            };
            tally.output_bytes += length as u64;
            tally.has_content |= length > 0;
        }
        Event::Finish { reason, .. } => {
            tally.stop.get_or_insert(*reason);
            tally.has_content = true;
        }
        Event::Usage(usage) => tally.usage = Some(*usage),
        Event::End => tally.is_complete = true,
        Event::Close { .. } | Event::Logprobs { .. } | Event::Failed(_) | Event::Ping => {}
    }
}
