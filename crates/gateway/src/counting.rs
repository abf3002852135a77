//! Token estimates from bytes: cheap enough for every request, good enough to reserve by. What an upstream
//! reports replaces them.

use providers::{Model, Price};
use types::{Foreseen, Tokens, Unit, Units, Usage};

use crate::media;
use crate::receive::Request;

/// Output to reserve for a request that names no limit of its own.
pub(crate) const USUAL_OUTPUT: u64 = 1024;

/// Bytes of English JSON per token of the common vocabularies, rounded down: an estimate errs upwards.
const BYTES_PER_TOKEN: u64 = 4;

/// About how many tokens a request is. The files of a form are not counted, and media in a body only for what it is:
/// the bytes of a recording or a picture say little of it.
pub(crate) fn estimate(request: &Request) -> Tokens {
    let length = request.fields.text_length(&request.body) as u64;
    if request.fields.is_form() {
        return of_bytes(length);
    }
    let media = media::find(&request.body);
    Tokens(of_bytes(length.saturating_sub(media.bytes)).0 + media.tokens)
}

/// About how many tokens so many bytes of text are.
pub(crate) fn of_bytes(bytes: u64) -> Tokens {
    Tokens(bytes.div_ceil(BYTES_PER_TOKEN))
}

/// What an answer that broke off has used: what the upstream reported, or an estimate of what was seen.
pub(crate) fn so_far(reported: Option<Usage>, input: Tokens, output_bytes: u64) -> Usage {
    let seen = of_bytes(output_bytes);
    match reported {
        Some(usage) if usage.output_total() >= seen => usage,
        Some(usage) => Usage { output: Tokens(seen.0.saturating_sub(usage.reasoning.0)), ..usage },
        None => Usage { input, output: seen, ..Usage::default() },
    }
}

/// What an answer has used beside tokens: what it is, what it reports, and what the request was. Where nobody tells what
/// the model charges for, the guess counts, and the second says so.
pub(crate) fn units(told: &Units, foreseen: &Foreseen, price: Option<&Price>) -> (Units, bool) {
    let mut units = foreseen.counted.updated(told);
    let is_charged = |unit| price.is_some_and(|price| price.unit(unit).is_some());
    if is_charged(Unit::Request) {
        units.request = 1;
    }
    let mut is_guess = false;
    for (unit, count) in foreseen.guessed.used() {
        if units.of(unit) == 0 && is_charged(unit) {
            units = units.with(unit, count);
            is_guess = true;
        }
    }
    (units, is_guess)
}

/// How much usage an upstream is believed to have had with one request. A report beyond that is a fault of the
/// upstream's and must not spoil totals, costs and limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Believable {
    input: Tokens,
    output: Tokens,
}

/// How many turns' worth is believed: some providers search or call tools behind one request, or give several
/// answers to it, and count them all.
const TURNS: u64 = 32;
/// The context window of a model of which nothing is known: as large as any.
const LARGEST_WINDOW: u64 = 2_000_000;
/// How many times the tokens that went through the gateway are believed in any case: the catalogue may lag behind.
const TIMES_SEEN: u64 = 16;
/// How many of a unit are believed: characters of as large a body as any, or seconds of months.
const MOST_UNITS: u64 = 100_000_000;

impl Believable {
    /// Any use at all.
    pub(crate) const ANYTHING: Self = Self { input: Tokens(u64::MAX), output: Tokens(u64::MAX) };

    /// What can be believed of this model.
    pub(crate) fn of(model: Option<&Model>) -> Self {
        let window = model.and_then(|model| model.context_window).unwrap_or(LARGEST_WINDOW);
        let output = model.and_then(|model| model.max_output_tokens).unwrap_or(window);
        let turns = |most: u64| Tokens(most.saturating_mul(TURNS));
        Self { input: turns(window), output: turns(output) }
    }

    /// What is left of a usage that cannot be, given the request's estimate and the output seen; `None` of one that
    /// can.
    pub(crate) fn cut(&self, usage: &Usage, input: Tokens, output_bytes: u64) -> Option<Usage> {
        let most = |known: Tokens, seen: Tokens| known.max(Tokens(seen.0.saturating_mul(TIMES_SEEN)));
        let (input, output) = (most(self.input, input), most(self.output, of_bytes(output_bytes)));
        let units = usage.units.at_most(MOST_UNITS);
        let can_be = usage.input_total() <= input && usage.output_total() <= output && units == usage.units;
        (!can_be).then(|| Usage { units, ..usage.at_most(input, output) })
    }
}
