//! The way of a batch's results: every byte as it came. Each line of them is an answer that a model has given, and is
//! charged by that model's price for batches, once, however often the results are fetched.

use std::sync::Arc;

use bytes::Bytes;
use dialects::{Conduit, Metered, Tally};
use ledger::{Counted, Spent};
use types::{AttemptId, Fault, Frame, MicroUsd, ModelName, ServiceTier, Tokens, Usage};

use crate::counting::Believable;
use crate::destination::Destination;

/// After how many answers it is written down how far they are counted.
const KEEP_EVERY: u64 = 1000;

/// The way of a batch's results.
pub(crate) struct Batched {
    counted: Arc<Counted>,
    destination: Arc<Destination>,
    attempt: AttemptId,
    /// Whose results, and which.
    results: Box<str>,
    /// The line so far, as long as it is not larger than is taken in.
    line: Vec<u8>,
    most: usize,
    is_too_long: bool,
    /// The number of the last whole line.
    number: u64,
    /// Answers of which nobody has written down yet that they are counted.
    unkept: u64,
    tally: Tally,
}

impl Batched {
    /// The way of these results of this provider's, whose lines are at most so long.
    pub(crate) fn new(
        counted: Arc<Counted>,
        attempt: AttemptId,
        from: &Arc<Destination>,
        (path, most): (&str, usize),
    ) -> Self {
        Self {
            counted,
            attempt,
            destination: Arc::clone(from),
            results: format!("{}{path}", from.name).into(),
            line: Vec::new(),
            most,
            is_too_long: false,
            number: 0,
            unkept: 0,
            tally: Tally::default(),
        }
    }

    fn gather(&mut self, piece: &[u8]) {
        self.is_too_long |= self.line.len() + piece.len() > self.most;
        if self.is_too_long {
            self.line.clear();
        } else {
            self.line.extend_from_slice(piece);
        }
    }

    /// A line is whole: what it has used is counted, unless it has been before.
    fn end_line(&mut self) {
        self.number += 1;
        let line = std::mem::take(&mut self.line);
        if !std::mem::take(&mut self.is_too_long)
            && let Some(Metered { usage: Some(usage), model, .. }) = Metered::of_batch(&line)
        {
            let spent = self.spent(&usage, &model.unwrap_or_default().into(), line.len());
            if self.counted.count(&self.results, self.number, self.attempt, &spent) {
                self.add(&spent);
            }
        }
        self.line = line;
        self.line.clear();
    }

    /// What an answer of this model costs.
    fn spent(&self, usage: &Usage, model: &ModelName, length: usize) -> Spent {
        let known = self.destination.known(model);
        let believable = Believable::of(known.model.as_deref());
        let cut = believable.cut(usage, Tokens(0), length as u64);
        let usage = Usage { service_tier: Some(ServiceTier::Batch), ..cut.unwrap_or(*usage) };
        // One that nobody knows the price of has been answered long ago.
        let price = self.destination.charge_answered(Some(model), None).price;
        Spent { usage, cost: price.map_or(MicroUsd::ZERO, |price| price.cost(&usage)) }
    }

    fn add(&mut self, spent: &Spent) {
        let tally = &mut self.tally;
        tally.usage = Some(tally.usage.unwrap_or_default().plus(&spent.usage));
        tally.cost = Some(tally.cost.unwrap_or_default().plus(spent.cost));
        self.unkept += 1;
        if self.unkept == KEEP_EVERY {
            self.keep();
        }
    }

    fn keep(&mut self) {
        if self.unkept > 0 {
            self.unkept = 0;
            // This process knows it all the same.
            drop(self.counted.keep(&self.results));
        }
    }
}

impl Conduit for Batched {
    fn push(&mut self, frame: Frame, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.tally.has_content = true;
        let piece = match frame {
            Frame::Event(event) => event.raw,
            Frame::Whole(body) => body,
        };
        let mut rest = &piece[..];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(end);
            self.gather(line);
            self.end_line();
            rest = behind.get(1..).unwrap_or_default();
        }
        self.gather(rest);
        out.push(piece);
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Bytes>) -> Result<(), Fault> {
        // A last line may lack its end.
        self.end_line();
        // Before the attempt is settled: a process that is killed in between finds here what it had counted.
        self.keep();
        self.tally.is_complete = true;
        Ok(())
    }

    fn stop(&mut self) {
        self.keep();
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Drop for Batched {
    /// Hands a line to `write(2)`: what has passed is counted, though the rest never will.
    fn drop(&mut self) {
        self.keep();
        self.counted.end(&self.results, self.attempt);
    }
}
