//! Payloads survive the way there and back, and no bytes at all upset the decoder.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use types::{KeyId, ModelName, ProviderName, Tenant};

use super::*;

const OUTCOMES: [Outcome; 18] = [
    Outcome::Answered,
    Outcome::ClientGone,
    Outcome::Lost,
    Outcome::Unsent,
    Outcome::Failed(FaultKind::ClientGone),
    Outcome::Failed(FaultKind::ContextLength),
    Outcome::Failed(FaultKind::Credential),
    Outcome::Failed(FaultKind::Cut),
    Outcome::Failed(FaultKind::Filtered),
    Outcome::Failed(FaultKind::ForeignProof),
    Outcome::Failed(FaultKind::Invalid),
    Outcome::Failed(FaultKind::Overloaded),
    Outcome::Failed(FaultKind::Quota),
    Outcome::Failed(FaultKind::Server),
    Outcome::Failed(FaultKind::Timeout),
    Outcome::Failed(FaultKind::TooLarge),
    Outcome::Failed(FaultKind::Unreachable),
    Outcome::Failed(FaultKind::Unreadable),
];

fn ids() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn texts() -> impl Strategy<Value = String> {
    ".{0,40}"
}

fn usages() -> impl Strategy<Value = Usage> {
    let tiers = option::of(prop::sample::select(ServiceTier::ALL));
    let units = option::of(any::<[u64; 11]>()).prop_map(|counts| {
        let counts = Unit::ALL.iter().zip(counts.unwrap_or_default());
        counts.fold(Units::default(), |units, (unit, count)| units.with(*unit, count))
    });
    let level = (tiers, option::of(prop::sample::select(Residency::ALL)));
    (any::<[u64; 11]>(), level, units).prop_map(|([a, b, c, d, e, f, g, h, i, j, k], level, units)| {
        let (service_tier, residency) = level;
        Usage {
            input: Tokens(a),
            input_audio: Tokens(b),
            input_image: Tokens(c),
            cache_read: Tokens(d),
            cache_read_audio: Tokens(e),
            cache_write_5m: Tokens(f),
            cache_write_1h: Tokens(g),
            output: Tokens(h),
            output_audio: Tokens(i),
            output_image: Tokens(j),
            reasoning: Tokens(k),
            service_tier,
            residency,
            units,
        }
    })
}

fn intents() -> impl Strategy<Value = Intent> {
    let numbers = (any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>());
    let names = (option::of(texts()), texts(), texts(), texts(), texts(), option::of(texts()));
    (ids(), ids(), numbers, names, any::<bool>()).prop_map(|(attempt, request, numbers, names, counts)| {
        Intent {
            attempt: AttemptId::from_uuid(attempt),
            request: RequestId::from_uuid(request),
            number: numbers.0,
            at: UnixTime::from_micros(numbers.1),
            operation: if counts { Operation::CountTokens } else { Operation::Chat },
            key: names.0.map(KeyId::from),
            tenant: Tenant::from(names.1),
            model: ModelName::from(names.2),
            provider: ProviderName::from(names.3),
            upstream_model: ModelName::from(names.4),
            price_version: names.5.map(Arc::from),
            input_estimate: Tokens(numbers.2),
            reserved: MicroUsd::from_micros(numbers.3),
        }
    })
}

fn settlements() -> impl Strategy<Value = Settlement> {
    let numbers =
        (any::<u64>(), any::<u64>(), option::of(any::<u16>()), option::of(any::<u64>()), any::<u64>());
    (prop::sample::select(&OUTCOMES), usages(), numbers, option::of(texts()), any::<bool>()).prop_map(
        |(outcome, usage, numbers, upstream_id, guessed)| Settlement {
            outcome,
            at: UnixTime::from_micros(numbers.0),
            usage,
            cost: MicroUsd::from_micros(numbers.1),
            estimated: if guessed { Estimated::Yes } else { Estimated::No },
            status: numbers.2,
            upstream_id,
            first_token: numbers.3.map(Duration::from_nanos),
            duration: Duration::from_nanos(numbers.4),
        },
    )
}

fn headers() -> impl Strategy<Value = Header> {
    any::<(u32, u64, [u8; DIGEST], u64, u64)>().prop_map(|(segment, length, digest, rewritten, carried)| {
        Header { segment: SegmentNumber(segment), previous: Link { length, digest }, rewritten, carried }
    })
}

fn entries() -> impl Strategy<Value = Entry> {
    prop_oneof![
        headers().prop_map(Entry::Header),
        intents().prop_map(|intent| Entry::Record(Record::Begun(intent))),
        intents().prop_map(|intent| Entry::Record(Record::Carried(intent))),
        (ids(), usages()).prop_map(|(id, usage)| {
            Entry::Record(Record::Checkpoint { attempt: AttemptId::from_uuid(id), usage })
        }),
        (ids(), settlements()).prop_map(|(id, settlement)| {
            Entry::Record(Record::Settled { attempt: AttemptId::from_uuid(id), settlement })
        }),
        any::<[u8; DIGEST]>().prop_map(Entry::Sealed),
    ]
}

fn encode(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::new();
    match entry {
        Entry::Header(header) => put_header(&mut out, header),
        Entry::Record(Record::Begun(intent)) => put_begun(&mut out, intent),
        Entry::Record(Record::Carried(intent)) => put_carried(&mut out, intent),
        Entry::Record(Record::Checkpoint { attempt, usage }) => put_checkpoint(&mut out, *attempt, usage),
        Entry::Record(Record::Settled { attempt, settlement }) => put_settled(&mut out, *attempt, settlement),
        Entry::Sealed(digest) => put_sealed(&mut out, digest),
    }
    out
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(entry in entries()) {
        prop_assert_eq!(decode(&encode(&entry)), Some(entry));
    }

    #[test]
    fn a_payload_that_is_cut_or_continued_is_none(entry in entries(), cut in any::<prop::sample::Index>()) {
        let mut payload = encode(&entry);
        prop_assert_eq!(decode(&payload[..cut.index(payload.len())]), None);
        payload.push(0);
        prop_assert_eq!(decode(&payload), None);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(mut payload in vec(any::<u8>(), 0..300), kind in 0_u8..8) {
        let _ = decode(&payload);
        payload.splice(0..0, [VERSION, kind]);
        let _ = decode(&payload);
        let _ = glance(&payload);
        let _: usize = crate::frame::split(&payload).map(|(frame, _)| frame.len()).sum();
    }

    #[test]
    fn one_changed_byte_never_panics(entry in entries(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut payload = encode(&entry);
        let at = at.index(payload.len());
        payload[at] = to;
        let _ = decode(&payload);
    }
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let mut out = Vec::new();
    put_text(&mut out, &"é".repeat(2_000));
    assert_eq!(Fields { version: VERSION, rest: &out }.text(), Some("é".repeat(512).as_str()));
    out.clear();
    put_text(&mut out, &format!("a{}", "é".repeat(2_000)));
    assert_eq!(Fields { version: VERSION, rest: &out }.text().map(str::len), Some(1_023));
}

#[test]
fn records_of_the_first_version_are_still_read() {
    let attempt = AttemptId::from_uuid(Uuid::from_u128(7));
    let mut payload = vec![1, CHECKPOINT];
    put_id(&mut payload, attempt.as_uuid());
    payload.extend([1, 2, 3, 4, 5, 6, 7, 8]);
    let usage = Usage {
        input: Tokens(1),
        input_audio: Tokens(2),
        cache_read: Tokens(3),
        cache_write_5m: Tokens(4),
        cache_write_1h: Tokens(5),
        output: Tokens(6),
        output_audio: Tokens(7),
        reasoning: Tokens(8),
        ..Usage::default()
    };
    assert_eq!(decode(&payload), Some(Entry::Record(Record::Checkpoint { attempt, usage })));
    payload[0] = VERSION + 1;
    assert_eq!(decode(&payload), None);
}
