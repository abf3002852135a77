//! Reads an upstream's answer, whole or streamed, and holds it back until its first valid content: a status of
//! 200 is not success, and what has not been sent to the caller can still fail over.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use dialects::frames::{FrameError, FrameParser};
use dialects::{Conduit, Content, PassedOn, Tally};
use net::lines::LineParser;
use net::sse::{SseParser, Tail};
use types::conversation::Delivery;
use types::{Fault, FaultKind, Frame, Refusal, StreamEvent, StreamForm};

use crate::deadline::{self, Elapsed};
use crate::upstream::UpstreamBody;
use crate::{Caps, heavy};

/// An upstream's answer on its way to the caller: bytes in, frames, the conduit, bytes out.
pub(crate) struct Source {
    body: UpstreamBody,
    framing: Framing,
    conduit: Box<dyn Conduit>,
    /// What the caller is to read next.
    pub(crate) out: Vec<Bytes>,
    pub(crate) ended: bool,
}

/// How the body is cut into frames: a whole answer is a stream of one.
enum Framing {
    Events(SseParser),
    Frames(FrameParser),
    Lines(LineParser),
    /// Each piece is a frame.
    Pieces,
    Whole {
        gathered: Gathered,
        cap: usize,
    },
}

/// A body as it comes in. Most whole answers arrive in one piece, which is then not copied.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    more: BytesMut,
}

/// What one step of reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Ended,
    Read,
}

impl Source {
    pub(crate) fn new(
        body: UpstreamBody,
        form: Option<StreamForm>,
        conduit: Box<dyn Conduit>,
        caps: &Caps,
    ) -> Self {
        let framing = match form {
            Some(StreamForm::Bytes) => Framing::Pieces,
            Some(StreamForm::Events) => Framing::Events(SseParser::new(caps.event)),
            Some(StreamForm::Frames) => Framing::Frames(FrameParser::new(caps.event)),
            Some(StreamForm::Lines) => Framing::Lines(LineParser::new(caps.event)),
            Some(StreamForm::Array) | None => {
                Framing::Whole { gathered: Gathered::default(), cap: caps.answer }
            }
        };
        Self { body, framing, conduit, out: Vec::new(), ended: false }
    }

    /// A body that is passed on as it comes.
    pub(crate) fn passing(
        body: UpstreamBody,
        form: Option<StreamForm>,
        content: Content,
        caps: &Caps,
    ) -> Self {
        let mut source = Self::new(body, form, Box::new(PassedOn::new(content)), caps);
        if form.is_none() {
            source.framing = Framing::Pieces;
        }
        source
    }

    pub(crate) fn tally(&self) -> &Tally {
        self.conduit.tally()
    }

    /// The answer breaks off here, and is settled next.
    pub(crate) fn stop(&mut self) {
        self.conduit.stop();
    }

    /// What the caller is told where the answer breaks off, if that depends on what it has been told before.
    pub(crate) fn fail(&mut self, refusal: &Refusal) -> Option<Vec<u8>> {
        self.conduit.fail(refusal)
    }

    /// Reads one piece of the body and takes it through the conduit into `out`.
    pub(crate) fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Result<Step, Fault>> {
        Poll::Ready(match ready!(self.body.poll_data(context)) {
            Some(Ok(bytes)) => self.take(bytes).and_then(|()| self.end_of_length()),
            Some(Err(cut)) => Err(cut.into_fault()),
            None => {
                self.ended = true;
                let finished = if self.is_left_over() { Ok(()) } else { self.finish() };
                finished.map(|()| Step::Ended)
            }
        })
    }

    /// Where the length of what is passed on was told, nobody asks for more once all of it is there.
    fn end_of_length(&mut self) -> Result<Step, Fault> {
        if !matches!(self.framing, Framing::Pieces) || !self.body.is_at_end() {
            return Ok(Step::Read);
        }
        self.ended = true;
        self.finish().map(|()| Step::Ended)
    }

    fn take(&mut self, bytes: Bytes) -> Result<(), Fault> {
        match &mut self.framing {
            Framing::Whole { gathered, cap } => gathered.add(bytes, *cap),
            Framing::Pieces => {
                let piece = StreamEvent { raw: bytes.clone(), name: Bytes::new(), data: bytes };
                self.conduit.push(Frame::Event(piece), &mut self.out)
            }
            Framing::Events(parser) => {
                parser.push(bytes);
                while let Some(event) = parser.next().map_err(|_| too_large("event"))? {
                    self.conduit.push(Frame::Event(event), &mut self.out)?;
                }
                Ok(())
            }
            Framing::Frames(parser) => {
                parser.push(bytes);
                while let Some(event) = parser.next().map_err(unframed)? {
                    self.conduit.push(Frame::Event(event), &mut self.out)?;
                }
                Ok(())
            }
            Framing::Lines(parser) => {
                parser.push(bytes);
                while let Some(event) = parser.next().map_err(|_| too_large("event"))? {
                    self.conduit.push(Frame::Event(event), &mut self.out)?;
                }
                Ok(())
            }
        }
    }

    fn finish(&mut self) -> Result<(), Fault> {
        match &mut self.framing {
            Framing::Whole { gathered, .. } => {
                let body = std::mem::take(gathered).into_bytes();
                self.conduit.push(Frame::Whole(body), &mut self.out)?;
            }
            // Some servers end the body without the blank line behind their last event.
            Framing::Events(parser) => {
                if let Some(Tail::Complete(event) | Tail::Cut(event)) = parser.finish() {
                    self.conduit.push(Frame::Event(event), &mut self.out)?;
                }
            }
            // Half a frame says nothing.
            Framing::Frames(_) | Framing::Pieces => {}
            // A last line may lack its end.
            Framing::Lines(parser) => {
                if let Some(event) = parser.finish() {
                    self.conduit.push(Frame::Event(event), &mut self.out)?;
                }
            }
        }
        self.conduit.end(&mut self.out)
    }

    /// Whether a whole answer is all here and too large to be taken through the conduit on the worker's thread.
    pub(crate) fn is_left_over(&self) -> bool {
        matches!(&self.framing, Framing::Whole { gathered, .. } if self.ended && heavy::is(gathered.len()))
    }

    /// What can be said of an answer that is left over.
    pub(crate) fn estimate(&self) -> Tally {
        let gathered = match &self.framing {
            Framing::Whole { gathered, .. } => gathered.len(),
            Framing::Events(_) | Framing::Frames(_) | Framing::Lines(_) | Framing::Pieces => 0,
        };
        Tally { output_bytes: gathered as u64, ..Tally::default() }
    }

    /// Takes what is left over through the conduit.
    ///
    /// # Cancel safety
    /// As that of [`heavy::run`]; the source is lost.
    pub(crate) async fn finish_elsewhere(mut self) -> (Self, Result<(), Fault>) {
        heavy::run(move || {
            let finished = self.finish();
            (self, finished)
        })
        .await
    }

    /// Reads until there is content that the caller may see, or all of it. A large whole answer is then left over.
    ///
    /// # Cancel safety
    /// Dropping it loses what was read; the upstream's request is cancelled with the source.
    pub(crate) async fn open(&mut self, limit: Duration, delivery: Delivery) -> Result<(), Fault> {
        // A caller that waits for one body gets nothing before its end, in whatever form it comes.
        let is_enough = |tally: &Tally| tally.has_content && delivery != Delivery::Whole;
        let content = async {
            while !self.ended && !is_enough(self.tally()) {
                std::future::poll_fn(|context| self.poll_step(context)).await?;
            }
            Ok(())
        };
        match deadline::within(limit, content).await {
            Ok(result) => result,
            Err(Elapsed { after }) => Err(Fault::new(
                FaultKind::Timeout,
                format!("the provider sent no content within {} s", after.as_secs_f32()),
            )),
        }
    }
}

impl Gathered {
    fn len(&self) -> usize {
        self.first.len() + self.more.len()
    }

    fn add(&mut self, bytes: Bytes, cap: usize) -> Result<(), Fault> {
        if self.len() + bytes.len() > cap {
            return Err(too_large("answer"));
        }
        if self.first.is_empty() && self.more.is_empty() {
            self.first = bytes;
        } else {
            if self.more.is_empty() {
                self.more.extend_from_slice(&std::mem::take(&mut self.first));
            }
            self.more.extend_from_slice(&bytes);
        }
        Ok(())
    }

    fn into_bytes(self) -> Bytes {
        if self.more.is_empty() { self.first } else { self.more.freeze() }
    }
}

fn unframed(error: FrameError) -> Fault {
    match error {
        FrameError::Checksum { .. } | FrameError::Malformed { .. } => {
            Fault::new(FaultKind::Unreadable, format!("the provider's stream cannot be read: {error}"))
        }
        FrameError::TooLarge { .. } => too_large("event"),
    }
}

fn too_large(what: &str) -> Fault {
    Fault::new(FaultKind::TooLarge, format!("the provider's {what} is larger than the gateway takes in"))
}
