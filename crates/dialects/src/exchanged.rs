//! The conduit between two languages of one kind whose answers are whole: an answer is read, and written anew. Of a
//! request that went out in parts, each part's answer is a frame, and one answer is written of them all.

use bytes::Bytes;
use types::{Fault, FaultKind, Frame, Units, Usage, embedding, rerank, speech};

use crate::{Asked, Conduit, Exchange, Tally};

/// Translates a whole answer.
pub(crate) struct Exchanged<Asks: 'static, Answers: 'static> {
    upstream: &'static dyn Exchange<Asks, Answers>,
    caller: &'static dyn Exchange<Asks, Answers>,
    asked: Asked,
    answer: Option<Answers>,
    /// What the head of the next answer has told.
    told: Option<Usage>,
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
    /// Says what it used, where it does not say so itself.
    fn tell(&mut self, usage: Usage);
    /// The same with the answer to the next part of the request.
    fn join(&mut self, next: Self);
}

/// All canonical answers hold the first three alike.
macro_rules! told {
    ($($answer:ty, $list:ident: |$this:ident| $units:expr;)+) => {$(
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

            fn tell(&mut self, usage: Usage) {
                self.usage = self.usage.or(Some(usage));
            }

            fn join(&mut self, next: Self) {
                self.$list.extend(next.$list);
                self.usage = match (self.usage, next.usage) {
                    (Some(before), Some(usage)) => Some(before.plus(&usage)),
                    (before, usage) => before.or(usage),
                };
            }
        }
    )+};
}

told! {
    embedding::Answer, vectors: |_answer| Units::default();
    speech::Answer, sound: |_answer| Units::default();
    rerank::Answer, ranked: |answer| Units { query: answer.searches.unwrap_or_default(), ..Units::default() };
}

impl<Asks, Answers> Exchanged<Asks, Answers> {
    pub(crate) fn new(
        upstream: &'static dyn Exchange<Asks, Answers>,
        caller: &'static dyn Exchange<Asks, Answers>,
        asked: &Asked,
    ) -> Self {
        Self { upstream, caller, asked: asked.clone(), answer: None, told: None, tally: Tally::default() }
    }
}

impl<Asks, Answers: Told + Send> Conduit for Exchanged<Asks, Answers> {
    fn push(&mut self, frame: Frame, _out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let body = match frame {
            Frame::Whole(body) => body,
            Frame::Event(_) => {
                return Err(Fault::new(FaultKind::Unreadable, "the provider's answer came as a stream"));
            }
        };
        let mut next = self.upstream.decode_answer(&body)?;
        if let Some(usage) = self.told.take() {
            next.tell(usage);
        }
        let answer = match &mut self.answer {
            Some(answer) => {
                answer.join(next);
                answer
            }
            empty => empty.insert(next),
        };
        self.tally = Tally {
            usage: answer.usage(),
            units: answer.units(),
            has_content: true,
            id: answer.id().cloned(),
            model: answer.model().cloned(),
            ..Tally::default()
        };
        Ok(())
    }

    fn hear(&mut self, usage: Usage) {
        self.told = Some(usage);
    }

    fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if let Some(answer) = &self.answer {
            self.tally.media_type = self.caller.media_type(answer, &self.asked);
            out.push(self.caller.encode_answer(answer, &self.asked).into());
        }
        self.tally.is_complete = true;
        Ok(())
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}
