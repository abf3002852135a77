//! What the targets have in common: the properties that hold for every language, and for any two.

pub mod answer;
pub mod gist;
pub mod language;
/// The parser itself; the crate around it would bring a TLS stack along.
#[path = "../../crates/net/src/lines/mod.rs"]
pub mod lines;
pub mod pair;
pub mod proofs;
pub mod report;
pub mod request;
pub mod rules;
/// The same of this one.
#[path = "../../crates/net/src/sse/mod.rs"]
pub mod sse;
pub mod stream;
/// And of this one.
#[path = "../../crates/net/src/websocket/frame/mod.rs"]
pub mod websocket;

use bytes::Bytes;
use dialects::{Asked, Calls, Conduit, Tally, ToolNames, Vectors};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use types::conversation::{Answer, Delivery};
use types::{Fault, Frame, RequestId, UnixTime};

use language::Language;

/// The model's name as callers know it. No seed holds it.
pub const PUBLIC: &str = "public model";

/// An answer in events.
pub const STREAM: Delivery = Delivery::Stream { include_usage: true };

/// Headers that every language accepts.
pub fn headers() -> HeaderMap {
    let version = (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
    HeaderMap::from_iter([version])
}

/// How a caller of this language asked.
pub fn asked(caller: Language, delivery: Delivery) -> Asked {
    let request = RequestId::generate();
    Asked {
        model: PUBLIC.into(),
        delivery,
        calls: Calls::Tools,
        form: caller.form(),
        vectors: Vectors::default(),
        tool_names: ToolNames::default(),
        request,
        at: UnixTime::from_secs(1_760_000_000),
        echo: Bytes::new(),
    }
}

/// What a caller reads of these frames.
pub fn pass(mut conduit: Box<dyn Conduit>, frames: Vec<Frame>) -> Result<(Vec<u8>, Tally), Fault> {
    let mut out = Vec::new();
    frames.into_iter().try_for_each(|frame| conduit.push(frame, &mut out))?;
    conduit.end(&mut out)?;
    Ok((out.concat(), conduit.tally().clone()))
}

/// The fields of an object in order, where its names are text.
pub fn fields(body: &[u8]) -> Option<Vec<(String, String)>> {
    struct Pairs(Vec<(String, String)>);
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Pairs;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
            let mut pairs = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, &serde_json::value::RawValue>()? {
                pairs.push((name, value.get().to_owned()));
            }
            Ok(Pairs(pairs))
        }
    }
    impl<'de> serde::Deserialize<'de> for Pairs {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(Visitor)
        }
    }
    serde_json::from_slice::<Pairs>(body).ok().map(|pairs| pairs.0)
}

/// The value, which must be JSON; none where it has a number or an escape that the grammar allows and nothing can hold.
pub fn json(body: &[u8]) -> Option<Value> {
    let text = || String::from_utf8_lossy(body);
    assert!(serde_json::from_slice::<&serde_json::value::RawValue>(body).is_ok(), "no JSON: {}", text());
    serde_json::from_slice(body).ok()
}

/// An answer without what differs from one writing to the next.
pub fn essence(answer: &Answer) -> Answer {
    Answer { id: None, model: None, created: None, ..answer.clone() }
}
