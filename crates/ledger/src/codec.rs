//! A record's payload: version, kind, then the fields in order. Numbers are LEB128, texts length-prefixed.
//!
//! The decoder takes any bytes: what it does not understand is `None`, never a panic and never an allocation larger
//! than its input.

use std::sync::Arc;
use std::time::Duration;

use types::{
    AttemptId, FaultKind, MicroUsd, Operation, RequestId, Residency, ServiceTier, TokenClass, Tokens, Unit,
    Units, UnixTime, Usage,
};
use uuid::Uuid;

use crate::record::{Estimated, Intent, Outcome, Record, Settlement};
use crate::segment::{DIGEST, Header, Link, SegmentNumber};

/// What is written. Those before are still read: version 1 had fewer classes of tokens and no service tier, and both had
/// no units.
const VERSION: u8 = 3;
const MAGIC: [u8; 8] = *b"tollgate";
/// No text in a record is longer; so no record comes near the frame's limit.
const TEXT_MAX: usize = 1024;

const HEADER: u8 = 0;
const BEGUN: u8 = 1;
const CHECKPOINT: u8 = 2;
const SETTLED: u8 = 3;
const CARRIED: u8 = 4;
const SEALED: u8 = 5;

/// Everything that can stand in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are records, and each is looked at where it is read"
)]
pub(crate) enum Entry {
    Header(Header),
    Record(Record),
    Sealed([u8; DIGEST]),
}

pub(crate) fn put_header(out: &mut Vec<u8>, header: &Header) {
    out.extend_from_slice(&[VERSION, HEADER]);
    out.extend_from_slice(&MAGIC);
    put_number(out, u64::from(header.segment.0));
    put_number(out, header.previous.length);
    out.extend_from_slice(&header.previous.digest);
    put_number(out, header.rewritten);
    put_number(out, header.carried);
}

pub(crate) fn put_begun(out: &mut Vec<u8>, intent: &Intent) {
    put_intent(out, BEGUN, intent);
}

pub(crate) fn put_carried(out: &mut Vec<u8>, intent: &Intent) {
    put_intent(out, CARRIED, intent);
}

pub(crate) fn put_checkpoint(out: &mut Vec<u8>, attempt: AttemptId, usage: &Usage) {
    out.extend_from_slice(&[VERSION, CHECKPOINT]);
    put_id(out, attempt.as_uuid());
    put_usage(out, usage);
}

pub(crate) fn put_settled(out: &mut Vec<u8>, attempt: AttemptId, settlement: &Settlement) {
    out.extend_from_slice(&[VERSION, SETTLED]);
    put_id(out, attempt.as_uuid());
    out.push(outcome_code(settlement.outcome));
    put_time(out, settlement.at);
    put_usage(out, &settlement.usage);
    put_number(out, settlement.cost.as_micros());
    out.push(match settlement.estimated {
        Estimated::No => 0,
        Estimated::Yes => 1,
    });
    put_number(out, settlement.status.map_or(0, |status| u64::from(status) + 1));
    put_option(out, settlement.upstream_id.as_deref());
    match settlement.first_token {
        None => out.push(0),
        Some(first_token) => {
            out.push(1);
            put_duration(out, first_token);
        }
    }
    put_duration(out, settlement.duration);
}

pub(crate) fn put_sealed(out: &mut Vec<u8>, digest: &[u8; DIGEST]) {
    out.extend_from_slice(&[VERSION, SEALED]);
    out.extend_from_slice(digest);
}

/// What a payload is about, for those who need not read all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glance {
    Begun(AttemptId),
    Carried(AttemptId),
    Checkpoint(AttemptId),
    Header,
    Sealed,
    Settled(AttemptId),
}

/// Reads a payload's kind and attempt; `None` if it has none.
pub(crate) fn glance(payload: &[u8]) -> Option<Glance> {
    let mut fields = Fields::of(payload)?;
    Some(match fields.byte()? {
        HEADER => Glance::Header,
        BEGUN => Glance::Begun(AttemptId::from_uuid(fields.id()?)),
        CARRIED => Glance::Carried(AttemptId::from_uuid(fields.id()?)),
        CHECKPOINT => Glance::Checkpoint(AttemptId::from_uuid(fields.id()?)),
        SETTLED => Glance::Settled(AttemptId::from_uuid(fields.id()?)),
        SEALED => Glance::Sealed,
        _ => return None,
    })
}

/// Reads one payload; `None` if it is not one.
pub(crate) fn decode(payload: &[u8]) -> Option<Entry> {
    let mut fields = Fields::of(payload)?;
    let entry = match fields.byte()? {
        HEADER => Entry::Header(fields.header()?),
        BEGUN => Entry::Record(Record::Begun(fields.intent()?)),
        CARRIED => Entry::Record(Record::Carried(fields.intent()?)),
        CHECKPOINT => Entry::Record(Record::Checkpoint {
            attempt: AttemptId::from_uuid(fields.id()?),
            usage: fields.usage()?,
        }),
        SETTLED => Entry::Record(Record::Settled {
            attempt: AttemptId::from_uuid(fields.id()?),
            settlement: fields.settlement()?,
        }),
        SEALED => Entry::Sealed(fields.array()?),
        _ => return None,
    };
    fields.rest.is_empty().then_some(entry)
}

fn put_intent(out: &mut Vec<u8>, kind: u8, intent: &Intent) {
    out.extend_from_slice(&[VERSION, kind]);
    put_id(out, intent.attempt.as_uuid());
    put_id(out, intent.request.as_uuid());
    put_number(out, u64::from(intent.number));
    put_time(out, intent.at);
    out.push(operation_code(intent.operation));
    put_option(out, intent.key.as_ref().map(types::KeyId::as_str));
    put_text(out, intent.tenant.as_str());
    put_text(out, intent.model.as_str());
    put_text(out, intent.provider.as_str());
    put_text(out, intent.upstream_model.as_str());
    put_option(out, intent.price_version.as_deref());
    put_number(out, intent.input_estimate.0);
    put_number(out, intent.reserved.as_micros());
}

fn put_id(out: &mut Vec<u8>, id: Uuid) {
    out.extend_from_slice(id.as_bytes());
}

fn put_time(out: &mut Vec<u8>, time: UnixTime) {
    out.extend_from_slice(&time.as_micros().to_le_bytes());
}

fn put_duration(out: &mut Vec<u8>, duration: Duration) {
    put_number(out, u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
}

fn put_usage(out: &mut Vec<u8>, usage: &Usage) {
    for class in TokenClass::ALL {
        put_number(out, usage.of(*class).0);
    }
    out.push(level_code(usage));
    put_units(out, &usage.units);
}

/// Most records have none: how many kinds there are, then each with its count.
fn put_units(out: &mut Vec<u8>, units: &Units) {
    put_number(out, units.used().count() as u64);
    for (unit, count) in units.used() {
        out.push(unit_code(unit));
        put_number(out, count);
    }
}

fn put_option(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        put_text(out, text);
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let (kept, _) = text.split_at_checked(text.floor_char_boundary(TEXT_MAX)).unwrap_or_default();
    put_number(out, kept.len() as u64);
    out.extend_from_slice(kept.as_bytes());
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

const fn operation_code(operation: Operation) -> u8 {
    match operation {
        Operation::Chat => 1,
        Operation::CountTokens => 2,
        Operation::AudioTranslation => 10,
        Operation::Embeddings => 11,
        Operation::ImageEdit => 12,
        Operation::ImageGeneration => 13,
        Operation::ImageVariation => 14,
        Operation::Moderation => 15,
        Operation::Rerank => 16,
        Operation::Speech => 17,
        Operation::TextCompletion => 18,
        Operation::Transcription => 19,
        Operation::Passthrough => 20,
        Operation::Realtime => 21,
        Operation::Files => 22,
        Operation::Batches => 23,
        Operation::Compaction => 24,
    }
}

const fn operation(code: u8) -> Option<Operation> {
    match code {
        1 => Some(Operation::Chat),
        2 => Some(Operation::CountTokens),
        10 => Some(Operation::AudioTranslation),
        11 => Some(Operation::Embeddings),
        12 => Some(Operation::ImageEdit),
        13 => Some(Operation::ImageGeneration),
        14 => Some(Operation::ImageVariation),
        15 => Some(Operation::Moderation),
        16 => Some(Operation::Rerank),
        17 => Some(Operation::Speech),
        18 => Some(Operation::TextCompletion),
        19 => Some(Operation::Transcription),
        20 => Some(Operation::Passthrough),
        21 => Some(Operation::Realtime),
        22 => Some(Operation::Files),
        23 => Some(Operation::Batches),
        24 => Some(Operation::Compaction),
        _ => None,
    }
}

const fn service_tier_code(tier: ServiceTier) -> u8 {
    match tier {
        ServiceTier::Balanced => 1,
        ServiceTier::Batch => 2,
        ServiceTier::Fast => 3,
        ServiceTier::Flex => 4,
        ServiceTier::Priority => 5,
        ServiceTier::Ultrafast => 6,
    }
}

/// The tier in the lower half of a byte, the place in the upper one.
fn level_code(usage: &Usage) -> u8 {
    let residency = usage.residency.map_or(0, residency_code);
    usage.service_tier.map_or(0, service_tier_code) | residency << 4
}

const fn residency_code(residency: Residency) -> u8 {
    match residency {
        Residency::Us => 1,
    }
}

const fn unit_code(unit: Unit) -> u8 {
    match unit {
        Unit::InputCharacter => 1,
        Unit::InputImage => 2,
        Unit::InputSecond => 3,
        Unit::OutputImage => 4,
        Unit::OutputSecond => 5,
        Unit::Page => 6,
        Unit::Query => 7,
        Unit::Request => 8,
        Unit::WebSearch => 9,
        Unit::WebSearchLow => 10,
        Unit::WebSearchHigh => 11,
    }
}

/// Failures have the top bit set, with the fault's code below it.
const fn outcome_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Answered => 1,
        Outcome::ClientGone => 2,
        Outcome::Lost => 3,
        Outcome::Unsent => 4,
        Outcome::Failed(FaultKind::ClientGone) => 0x81,
        Outcome::Failed(FaultKind::ContextLength) => 0x82,
        Outcome::Failed(FaultKind::Credential) => 0x83,
        Outcome::Failed(FaultKind::Filtered) => 0x84,
        Outcome::Failed(FaultKind::Invalid) => 0x85,
        Outcome::Failed(FaultKind::Overloaded) => 0x86,
        Outcome::Failed(FaultKind::Quota) => 0x87,
        Outcome::Failed(FaultKind::Server) => 0x88,
        Outcome::Failed(FaultKind::Timeout) => 0x89,
        Outcome::Failed(FaultKind::Unreachable) => 0x8a,
        Outcome::Failed(FaultKind::Cut) => 0x8b,
        Outcome::Failed(FaultKind::TooLarge) => 0x8c,
        Outcome::Failed(FaultKind::Unreadable) => 0x8d,
        Outcome::Failed(FaultKind::ForeignProof) => 0x8e,
    }
}

const fn outcome(code: u8) -> Option<Outcome> {
    let fault = match code {
        1 => return Some(Outcome::Answered),
        2 => return Some(Outcome::ClientGone),
        3 => return Some(Outcome::Lost),
        4 => return Some(Outcome::Unsent),
        0x81 => FaultKind::ClientGone,
        0x82 => FaultKind::ContextLength,
        0x83 => FaultKind::Credential,
        0x84 => FaultKind::Filtered,
        0x85 => FaultKind::Invalid,
        0x86 => FaultKind::Overloaded,
        0x87 => FaultKind::Quota,
        0x88 => FaultKind::Server,
        0x89 => FaultKind::Timeout,
        0x8a => FaultKind::Unreachable,
        0x8b => FaultKind::Cut,
        0x8c => FaultKind::TooLarge,
        0x8d => FaultKind::Unreadable,
        0x8e => FaultKind::ForeignProof,
        _ => return None,
    };
    Some(Outcome::Failed(fault))
}

/// What is left of a payload.
struct Fields<'a> {
    version: u8,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields behind a payload's version; `None` if that is one nobody knows.
    fn of(payload: &'a [u8]) -> Option<Self> {
        let (version, rest) = payload.split_first()?;
        (1..=VERSION).contains(version).then_some(Self { version: *version, rest })
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*array)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        str::from_utf8(text).ok()
    }

    #[expect(
        clippy::option_option,
        reason = "the outer one is a payload that is none, the inner one an absent field"
    )]
    fn option(&mut self) -> Option<Option<&'a str>> {
        if self.flag()? { self.text().map(Some) } else { Some(None) }
    }

    fn id(&mut self) -> Option<Uuid> {
        self.array().map(Uuid::from_bytes)
    }

    fn time(&mut self) -> Option<UnixTime> {
        self.array().map(|micros| UnixTime::from_micros(u64::from_le_bytes(micros)))
    }

    fn tokens(&mut self) -> Option<Tokens> {
        self.number().map(Tokens)
    }

    fn money(&mut self) -> Option<MicroUsd> {
        self.number().map(MicroUsd::from_micros)
    }

    fn duration(&mut self) -> Option<Duration> {
        self.number().map(Duration::from_nanos)
    }

    /// A count that version 1 did not have.
    fn later_tokens(&mut self) -> Option<Tokens> {
        if self.version == 1 { Some(Tokens(0)) } else { self.tokens() }
    }

    /// In the order of [`TokenClass::ALL`].
    fn usage(&mut self) -> Option<Usage> {
        let mut usage = Usage {
            input: self.tokens()?,
            input_audio: self.tokens()?,
            input_image: self.later_tokens()?,
            cache_read: self.tokens()?,
            cache_read_audio: self.later_tokens()?,
            cache_write_5m: self.tokens()?,
            cache_write_1h: self.tokens()?,
            output: self.tokens()?,
            output_audio: self.tokens()?,
            output_image: self.later_tokens()?,
            reasoning: self.tokens()?,
            ..Usage::default()
        };
        (usage.service_tier, usage.residency) = self.level()?;
        usage.units = self.units()?;
        Some(usage)
    }

    fn units(&mut self) -> Option<Units> {
        let kinds = if self.version < 3 { 0 } else { self.number()? };
        let mut units = Units::default();
        for _ in 0..kinds {
            let code = self.byte()?;
            let unit = Unit::ALL.iter().find(|unit| unit_code(**unit) == code)?;
            units = units.with(*unit, self.number()?);
        }
        Some(units)
    }

    /// The tier and the place; none of either where it is the usual one.
    fn level(&mut self) -> Option<(Option<ServiceTier>, Option<Residency>)> {
        let code = if self.version == 1 { 0 } else { self.byte()? };
        let (tier, place) = (code & 0xf, code >> 4);
        let known_tier = ServiceTier::ALL.iter().copied().find(|known| service_tier_code(*known) == tier);
        let known_place = Residency::ALL.iter().copied().find(|known| residency_code(*known) == place);
        let is_known = known_tier.is_some() == (tier > 0) && known_place.is_some() == (place > 0);
        is_known.then_some((known_tier, known_place))
    }

    fn header(&mut self) -> Option<Header> {
        (self.array()? == MAGIC).then_some(())?;
        Some(Header {
            segment: SegmentNumber(u32::try_from(self.number()?).ok()?),
            previous: Link { length: self.number()?, digest: self.array()? },
            rewritten: self.number()?,
            carried: self.number()?,
        })
    }

    fn intent(&mut self) -> Option<Intent> {
        Some(Intent {
            attempt: AttemptId::from_uuid(self.id()?),
            request: RequestId::from_uuid(self.id()?),
            number: u32::try_from(self.number()?).ok()?,
            at: self.time()?,
            operation: operation(self.byte()?)?,
            key: self.option()?.map(Into::into),
            tenant: self.text()?.into(),
            model: self.text()?.into(),
            provider: self.text()?.into(),
            upstream_model: self.text()?.into(),
            price_version: self.option()?.map(Arc::from),
            input_estimate: self.tokens()?,
            reserved: self.money()?,
        })
    }

    fn settlement(&mut self) -> Option<Settlement> {
        Some(Settlement {
            outcome: outcome(self.byte()?)?,
            at: self.time()?,
            usage: self.usage()?,
            cost: self.money()?,
            estimated: if self.flag()? { Estimated::Yes } else { Estimated::No },
            status: match self.number()? {
                0 => None,
                status => Some(u16::try_from(status - 1).ok()?),
            },
            upstream_id: self.option()?.map(str::to_owned),
            first_token: if self.flag()? { Some(self.duration()?) } else { None },
            duration: self.duration()?,
        })
    }
}

#[cfg(test)]
mod tests;
