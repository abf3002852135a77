//! What a session has written down of what was said: by a model that the session names, at that model's price.

use std::sync::Arc;
use std::time::Duration;

use providers::Price;
use serde_json::Value;
use types::{MicroUsd, ModelName, Units, Usage};

use crate::destination::Destination;

/// What has been listened to so far.
pub(super) struct Heard {
    destination: Option<Arc<Destination>>,
    /// The session's own list of prices.
    price: Option<Arc<Price>>,
    /// Whether the session answers nothing, and writes down what is said.
    is_all: bool,
    listener: Option<ModelName>,
    now: Listened,
    /// By those who listened before, and what it cost.
    before: (Usage, MicroUsd),
}

/// What one model has listened to.
#[derive(Clone, Copy, Default)]
struct Listened {
    usage: Usage,
    /// Summed up as it is told: seconds that have begun would count with every sentence.
    time: Duration,
}

/// Where a session names the model that listens, now and in its first version.
const LISTENER: [&str; 2] = ["/audio/input/transcription/model", "/input_audio_transcription/model"];

impl Heard {
    /// Nothing yet, in a session there that has this list of prices.
    pub(super) fn at(destination: Option<Arc<Destination>>, price: Option<Arc<Price>>) -> Self {
        let (listener, now, before) = (None, Listened::default(), (Usage::default(), MicroUsd::ZERO));
        Self { destination, price, is_all: false, listener, now, before }
    }

    /// Takes in what an event of this kind tells of the session.
    pub(super) fn begin(&mut self, kind: &str, session: Option<&str>) {
        let session: Value = session.and_then(|said| serde_json::from_str(said).ok()).unwrap_or_default();
        let transcribes = session.get("type").and_then(Value::as_str) == Some("transcription");
        self.is_all = transcribes || kind.starts_with("transcription_session.");
        let named = LISTENER.iter().find_map(|place| session.pointer(place)?.as_str());
        let named = named.map(ModelName::from);
        if named.is_some() && named != self.listener {
            self.before = (self.usage(), self.cost().unwrap_or_default());
            (self.listener, self.now) = (named, Listened::default());
        }
    }

    /// Whether it is all that the session is for.
    pub(super) const fn is_all(&self) -> bool {
        self.is_all
    }

    /// Adds what a sentence has used, or how long it was.
    pub(super) fn add(&mut self, usage: &Usage, time: Duration) {
        let input_second = if time.is_zero() { usage.units.input_second } else { 0 };
        let usage = Usage { units: Units { input_second, ..usage.units }, ..*usage };
        self.now.usage = self.now.usage.plus(&usage);
        self.now.time = self.now.time.saturating_add(time);
    }

    /// All of it.
    pub(super) fn usage(&self) -> Usage {
        self.before.0.plus(&self.now.usage())
    }

    /// What it cost, if anything of it has a price: its model's, or where the session is for nothing else, the session's own.
    pub(super) fn cost(&self) -> Option<MicroUsd> {
        let (usage, before) = (self.now.usage(), self.before.1);
        let price = self.listed().or(self.price.as_deref().filter(|_| self.is_all));
        let cost = price.filter(|_| usage != Usage::default()).map(|price| price.cost(&usage));
        cost.map(|cost| before.plus(cost)).or((before > MicroUsd::ZERO).then_some(before))
    }

    fn listed(&self) -> Option<&Price> {
        let known = self.destination.as_ref()?.known(self.listener.as_ref()?);
        known.model.as_ref()?.price.as_deref()
    }
}

impl Listened {
    /// A second that has begun counts.
    fn usage(&self) -> Usage {
        let seconds = self.usage.units.input_second.saturating_add(Units::begun_seconds(self.time));
        Usage { units: Units { input_second: seconds, ..self.usage.units }, ..self.usage }
    }
}
