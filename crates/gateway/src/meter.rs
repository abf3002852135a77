//! What a session comes to: read from its messages, answer by answer, whichever way they end.

mod heard;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use dialects::{Metered, Tally};
use net::websocket::Message;
use providers::Price;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use types::{MicroUsd, Tokens, Usage};

use self::heard::Heard;
use crate::account::Account;
use crate::counting::{self, Believable};
use crate::rejection::Cause;

/// Bytes of sound in base64 for each token of it: 24,000 samples of two bytes a second, at 20 tokens.
const SOUND_PER_TOKEN: u64 = 3200;

/// The answers that are under way. The way to the upstream needs to know of them when the caller leaves.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    open: Mutex<HashSet<String>>,
    ended: Notify,
}

impl Answers {
    /// Their ids.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Whether there is any.
    pub(crate) fn is_any(&self) -> bool {
        !self.open.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Waits until there is none.
    pub(crate) async fn none(&self) {
        while self.is_any() {
            self.ended.notified().await;
        }
    }

    fn begin(&self, id: &str) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
    }

    fn end(&self, id: &str) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.ended.notify_one();
    }
}

/// What a session has come to so far.
pub(crate) struct Meter<'a> {
    pub(crate) tally: Tally,
    answers: &'a Answers,
    /// What is believed of one answer.
    believable: Believable,
    /// The session's own list of prices.
    price: Option<Arc<Price>>,
    /// What its own model has used.
    own: Usage,
    /// What has been written down of what was said.
    heard: Heard,
    /// Of the answers under way: bytes of text, and of sound.
    seen: (u64, u64),
}

/// What is looked for in a message of the upstream's. What it is stands in its own field: callers' words are repeated in
/// others.
#[derive(Deserialize)]
struct Said<'m> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'m RawValue>,
    #[serde(borrow)]
    delta: Option<&'m RawValue>,
    response: Option<Answer>,
    #[serde(borrow)]
    session: Option<&'m RawValue>,
}

#[derive(Deserialize)]
struct Answer {
    id: Option<String>,
}

impl<'a> Meter<'a> {
    /// Nothing so far, in a session with the model that `account` is served by.
    pub(crate) fn new(answers: &'a Answers, account: &Account) -> Self {
        let served = account.facts.served_by.as_ref();
        let known = served.map(|served| served.destination.known(&served.candidate.model));
        let believable = Believable::of(known.and_then(|known| known.model.as_deref()));
        let charge = served.zip(known).and_then(|(served, known)| served.destination.charge(known).ok());
        let price = charge.and_then(|charge| charge.price.cloned());
        let heard = Heard::at(served.map(|served| Arc::clone(&served.destination)), price.clone());
        let (tally, own, seen) = (Tally::default(), Usage::default(), (0, 0));
        Self { tally, answers, believable, price, own, heard, seen }
    }

    /// Whether an answer is under way.
    pub(crate) fn is_answering(&self) -> bool {
        self.answers.is_any()
    }

    /// Takes in what a message of the upstream's tells. An answer that ends is settled, and the next one's share of the
    /// limits is taken.
    pub(crate) fn note(&mut self, message: &Message, account: &mut Account) -> Result<(), Cause> {
        let Message::Text(text) = message else { return Ok(()) };
        let Ok(said) = serde_json::from_slice::<Said<'_>>(text) else { return Ok(()) };
        let kind = said.kind.map_or("", |kind| kind.get().trim_matches('"'));
        let id = said.response.and_then(|answer| answer.id).unwrap_or_default();
        match kind {
            "response.created" if !id.is_empty() => self.answers.begin(&id),
            "response.done" => {
                let counted = self.count(text, account);
                self.answers.end(&id);
                if !self.answers.is_any() {
                    self.seen = (0, 0);
                }
                return counted;
            }
            "session.created"
            | "session.updated"
            | "transcription_session.created"
            | "transcription_session.updated" => self.heard.begin(kind, said.session.map(RawValue::get)),
            "conversation.item.input_audio_transcription.completed" => return self.hear(text, account),
            _ => self.see(kind, said.delta.map_or(0, |delta| delta.get().len() as u64)),
        }
        Ok(())
    }

    /// Takes in a piece of an answer: should its end not tell what it used, this has to.
    fn see(&mut self, kind: &str, bytes: u64) {
        let piece = kind.strip_prefix("response.").and_then(|rest| rest.rsplit_once('.'));
        let Some((what, "delta")) = piece else { return };
        if what.ends_with("audio") {
            self.seen.1 += bytes;
        } else {
            self.seen.0 += bytes;
        }
    }

    /// Counts what a message says was used.
    fn count(&mut self, text: &[u8], account: &mut Account) -> Result<(), Cause> {
        let Metered { usage: Some(usage), id, model, .. } = Metered::read(text) else { return Ok(()) };
        self.own = self.own.plus(&self.believed(usage, account));
        self.tally.id = id.or(self.tally.id.take());
        self.tally.model = model.or(self.tally.model.take());
        let used = self.sum(account);
        account.renew_hold(used)
    }

    /// Counts what a message says was listened to. In a session that answers, this is another model's use: it is charged by
    /// that model's price, and no matter of limits.
    fn hear(&mut self, text: &[u8], account: &mut Account) -> Result<(), Cause> {
        let Metered { usage: Some(usage), heard, .. } = Metered::read(text) else { return Ok(()) };
        let usage = self.believed(usage, account);
        self.heard.add(&usage, heard);
        let used = self.sum(account);
        if self.heard.is_all() { account.renew_hold(used) } else { Ok(()) }
    }

    /// What is believed of one answer: every answer has all that was said before it as its input.
    fn believed(&self, usage: Usage, account: &Account) -> Usage {
        let Some(cut) = self.believable.cut(&usage, Tokens(0), 0) else { return usage };
        account.disbelieve(&usage);
        cut
    }

    /// Sums up what has been used, for whoever has to know should the session end now.
    fn sum(&mut self, account: &mut Account) -> Tokens {
        let used = if self.heard.is_all() { self.own.plus(&self.heard.usage()) } else { self.own };
        (self.tally.usage, self.tally.has_content) = (Some(used), true);
        self.tally.cost = self.heard.cost().map(|heard| {
            let own = self.price.as_ref().map_or(MicroUsd::ZERO, |price| price.cost(&self.own));
            own.plus(heard)
        });
        account.look();
        account.note(&self.tally);
        used.total()
    }

    /// Adds what answers without an end are likely to have used.
    pub(crate) fn estimate(&mut self, account: &mut Account) {
        let (text, sound) = self.seen;
        let sound = Tokens(sound.div_ceil(SOUND_PER_TOKEN));
        let likely = Usage { output: counting::of_bytes(text), output_audio: sound, ..Usage::default() };
        self.own = self.own.plus(&likely);
        self.sum(account);
    }
}
