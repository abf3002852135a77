//! The conduit between two languages of one kind whose answers are whole: an answer is read, and written anew.

use bytes::Bytes;
use types::{Fault, FaultKind, Frame, Units, Usage, embedding, rerank};

use crate::{Asked, Conduit, Exchange, Tally};

/// Translates a whole answer.
pub(crate) struct Exchanged<Asks: 'static, Answers: 'static> {
    upstream: &'static dyn Exchange<Asks, Answers>,
    caller: &'static dyn Exchange<Asks, Answers>,
    asked: Asked,
    tally: Tally,
}

/// What is told of any answer.
pub(crate) trait Told {
    /// The upstream's id for it.
    fn id(&self) -> Option<&String>;
    /// The upstream's name for the model.
    fn model(&self) -> Option<&String>;
    /// What it used, if the upstream said so.
    fn usage(&self) -> Option<Usage>;
    /// What it is billed as beside tokens.
    fn units(&self) -> Units;
}

/// All canonical answers hold the first three alike.
macro_rules! told {
    ($($answer:ty: |$this:ident| $units:expr;)+) => {$(
        impl Told for $answer {
            fn id(&self) -> Option<&String> {
                self.id.as_ref()
            }

            fn model(&self) -> Option<&String> {
                self.model.as_ref()
            }

            fn usage(&self) -> Option<Usage> {
                self.usage
            }

            fn units(&self) -> Units {
                let $this = self;
                $units
            }
        }
    )+};
}

told! {
    embedding::Answer: |_answer| Units::default();
    rerank::Answer: |answer| Units { query: answer.searches.unwrap_or_default(), ..Units::default() };
}

impl<Asks, Answers> Exchanged<Asks, Answers> {
    pub(crate) fn new(
        upstream: &'static dyn Exchange<Asks, Answers>,
        caller: &'static dyn Exchange<Asks, Answers>,
        asked: &Asked,
    ) -> Self {
        Self { upstream, caller, asked: asked.clone(), tally: Tally::default() }
    }
}

impl<Asks, Answers: Told> Conduit for Exchanged<Asks, Answers> {
    fn push(&mut self, frame: Frame, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let body = match frame {
            Frame::Whole(body) => body,
            Frame::Event(_) => {
                return Err(Fault::new(FaultKind::Unreadable, "the provider's answer came as a stream"));
            }
        };
        let answer = self.upstream.decode_answer(&body)?;
        self.tally = Tally {
            usage: answer.usage(),
            units: answer.units(),
            has_content: true,
            is_complete: true,
            id: answer.id().cloned(),
            model: answer.model().cloned(),
            ..Tally::default()
        };
        out.push(self.caller.encode_answer(&answer, &self.asked).into());
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Bytes>) -> Result<(), Fault> {
        Ok(())
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}
