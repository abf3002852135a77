//! Languages through the crate's public surface: what one says, the callers of another read.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod betas;
mod citations;
mod crowds;
mod family;
mod halves;
mod lines;
mod pairs;
mod searches;
mod shown;
mod tool_answers;
mod translate;

use bytes::Bytes;
use dialects::{Asked, Calls, ToolNames, Vectors};
use types::conversation::Delivery;
use types::{RequestId, StreamForm, UnixTime};

/// A request for an answer that is delivered in this way.
fn asked(delivery: Delivery) -> Asked {
    let request: RequestId = serde_json::from_str("\"00000000000000000000000000000007\"").unwrap();
    Asked {
        model: "public".into(),
        delivery,
        calls: Calls::Tools,
        form: StreamForm::Events,
        vectors: Vectors::default(),
        tool_names: ToolNames::default(),
        request,
        at: UnixTime::from_secs(5),
        echo: Bytes::new(),
    }
}
