//! Recorded provider traffic through the real gateway, one process and one upstream for all of it: in its own
//! language byte by byte, and translated. Where there are no recordings, the repository's own fixtures go the same
//! way; they always do. Translations are read by the gateway's own readers and by the providers' client libraries.

mod packages;
mod same;
mod translated;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use dialects::Conversational;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use testkit::{FakeUpstream, Gateway, Received, Reply, Response, Split};
use tokio::task::JoinSet;
use types::{DialectId, Fault, FaultKind};

use crate::exchange::{self, Exchange};
use crate::{gateway, heard, language, question};
use packages::Translated;

/// How many exchanges are under way at the same time.
const PARALLEL: usize = 8;

/// How many exchanges share a gateway: each is a few models that no list knows, of which a gateway tells so many apart.
const AT_ONCE: usize = 400;

/// Which way an exchange goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// To a caller of another language.
    Into(DialectId),
    /// To a caller of its own language.
    Same,
}

/// What does not come through as it should to callers of its own language, and why that is right.
const EXCEPTIONS: &[(&str, &str)] =
    &[("anthropic/72178497e565", "a relay's `[DONE]` behind `message_stop` is no event of Messages")];

/// What is not translated, into whichever language, and why that is right.
const UNTRANSLATED: &[(&str, &str)] = &[
    ("llamacpp/d61b614357a5", "a temperature in words has no translation; the provider refuses it too"),
    ("openai/01e7fc4400ab", "goes on from an answer that the provider keeps"),
    ("openai/089bec223818", "goes on from an answer that the provider keeps"),
    ("openai/6ad44670c0a2", "goes on from an answer that the provider keeps"),
];

/// The exceptions for this way.
const fn exceptions(way: Way) -> &'static [(&'static str, &'static str)] {
    match way {
        Way::Into(_) => UNTRANSLATED,
        Way::Same => EXCEPTIONS,
    }
}

#[tokio::test]
async fn the_repository_s_own_exchanges_come_through_whole() {
    replay(exchange::of_fixtures()).await;
}

#[tokio::test]
async fn recorded_exchanges_come_through_whole() {
    replay(exchange::recorded()).await;
}

/// Takes every exchange all ways.
async fn replay(mut exchanges: Vec<Exchange>) {
    let (mut ids, mut problems, mut answers) = (Vec::new(), BTreeMap::new(), Vec::new());
    while !exchanges.is_empty() {
        let rest = exchanges.split_off(exchanges.len().min(AT_ONCE));
        ids.extend(exchanges.iter().map(|exchange| exchange.id.clone()));
        let (found, translated) = replay_at_once(std::mem::replace(&mut exchanges, rest)).await;
        problems.extend(found);
        answers.extend(translated);
    }
    judge(&ids, &problems);
    packages::check(answers).await;
}

/// What is wrong with an exchange that goes some way.
type Problems = BTreeMap<(Way, String), String>;

/// Takes these exchanges all ways through one gateway; says what is wrong, and what was answered in other languages.
async fn replay_at_once(exchanges: Vec<Exchange>) -> (Problems, Vec<Translated>) {
    let stage = Arc::new(Stage::start(exchanges).await);
    let mut workers = JoinSet::new();
    for first in 0..PARALLEL {
        let stage = Arc::clone(&stage);
        workers.spawn(async move {
            let (mut problems, mut answers) = (Problems::new(), Vec::new());
            for index in (first..stage.exchanges.len()).step_by(PARALLEL) {
                let id = stage.exchanges[index].id.clone();
                if let Err(problem) = same::check(&stage, index).await {
                    problems.insert((Way::Same, id.clone()), problem);
                }
                for caller in translated::callers(&stage.exchanges[index]) {
                    match translated::check(&stage, index, caller).await {
                        Ok(answer) => answers.extend(answer),
                        Err(problem) => drop(problems.insert((Way::Into(caller.id()), id.clone()), problem)),
                    }
                }
            }
            (problems, answers)
        });
    }
    let (problems, answers): (Vec<_>, Vec<_>) = workers.join_all().await.into_iter().unzip();
    (problems.into_iter().flatten().collect(), answers.into_iter().flatten().collect())
}

/// Every problem is a declared exception, and every exception still is a problem.
fn judge(ids: &[String], found: &Problems) {
    let declared = |way: Way, id: &str| exceptions(way).iter().any(|(known, _)| *known == id);
    let problems: Vec<_> = found
        .iter()
        .filter(|((way, id), _)| !declared(*way, id))
        .map(|((way, id), problem)| format!("{way:?} {id}: {problem:.1500}"))
        .collect();
    let is_here = |id: &str| ids.iter().any(|known| known == id);
    let is_translation = |way: Way| matches!(way, Way::Into(_));
    let fails = |id: &str, translated: bool| {
        found.keys().any(|(way, known)| known == id && is_translation(*way) == translated)
    };
    let stale = EXCEPTIONS.iter().filter(|(id, _)| is_here(id) && !fails(id, false));
    let untranslated = UNTRANSLATED.iter().filter(|(id, _)| is_here(id) && !fails(id, true));
    let stale: Vec<_> = stale.chain(untranslated).collect();
    assert!(
        problems.is_empty() && stale.is_empty(),
        "{} of {} exchanges:\n{}\nexceptions without need: {stale:?}",
        problems.len(),
        ids.len(),
        problems.join("\n")
    );
}

/// One gateway, one upstream, and everything the upstream can answer.
struct Stage {
    gateway: Gateway,
    exchanges: Arc<Vec<Exchange>>,
    /// What was sent upstream, by the model's name there.
    received: Arc<Mutex<HashMap<String, Received>>>,
    _upstream: FakeUpstream,
}

impl Stage {
    async fn start(exchanges: Vec<Exchange>) -> Self {
        let exchanges = Arc::new(exchanges);
        let received = Arc::new(Mutex::new(HashMap::new()));
        let (script, noted) = (Arc::clone(&exchanges), Arc::clone(&received));
        let upstream = FakeUpstream::start(move |request| {
            let model = question::model(request);
            let Some(index) = index_of(&model).filter(|index| *index < script.len()) else {
                return Reply::json(500, "the model's name is no exchange");
            };
            noted.lock().unwrap().insert(model, request.clone());
            recorded_reply(&script[index], index)
        })
        .await;
        let url = upstream.url();
        let gateway = language::spoken_alone(gateway(), &url).start().await;
        Self { gateway, exchanges, received, _upstream: upstream }
    }

    /// What callers call the exchange: a target of its own, so that no other exchange can open its circuit.
    fn public_name(&self, way: Way, index: usize) -> String {
        format!("{}/{}", self.exchanges[index].dialect.id().as_str(), upstream_name(way, index))
    }

    /// Asks the gateway in the caller's language.
    async fn call(
        &self,
        (way, index): (Way, usize),
        caller: &dyn Conversational,
        body: String,
    ) -> Result<(Response, Received), String> {
        let is_streamed = serde_json::from_str::<Value>(&body).unwrap()["stream"] == true
            || self.exchanges[index].is_streamed();
        let path = question::path(caller, &self.public_name(way, index), is_streamed);
        let mut call = self.gateway.post(&path, body);
        for (name, value) in &spoken_headers(&self.exchanges[index]) {
            call = call.header(name.as_str(), value.to_str().unwrap());
        }
        let answer = call.send().await;
        let received = self.received.lock().unwrap().remove(&upstream_name(way, index));
        received.map(|received| (answer.clone(), received)).ok_or_else(|| format!("not sent on: {answer:?}"))
    }
}

/// The model's name upstream, by which the exchange is told.
fn upstream_name(way: Way, index: usize) -> String {
    match way {
        Way::Same => format!("same-{index}"),
        Way::Into(caller) => format!("{caller}-{index}"),
    }
}

fn index_of(upstream_name: &str) -> Option<usize> {
    upstream_name.split_once('-')?.1.parse().ok()
}

/// The recorded answer, in pieces that differ from exchange to exchange.
fn recorded_reply(exchange: &Exchange, index: usize) -> Reply {
    let mut reply = Reply::json(exchange.status, exchange.body.clone()).split(Split::Random(index as u64));
    for (name, value) in &exchange.headers {
        if let Ok(value) = value.to_str() {
            reply = reply.header(name.as_str(), value);
        }
    }
    reply
}

/// The headers that say something about the language, with the version that its readers demand.
fn spoken_headers(exchange: &Exchange) -> HeaderMap {
    let mut headers = HeaderMap::from_iter([(
        HeaderName::from_static("anthropic-version"),
        HeaderValue::from_static("2023-06-01"),
    )]);
    for (name, value) in &exchange.request_headers {
        if name.as_str().starts_with("anthropic-") {
            headers.insert(name.clone(), value.clone());
        }
    }
    headers
}

/// An exchange that failed is an error in the caller's language, with the provider's words where they concern the
/// caller and without them where they concern the gateway's own account.
fn answer_of_error(
    exchange: &Exchange,
    caller: &dyn Conversational,
    inside: Option<Fault>,
    answer: &Response,
) -> Result<(), String> {
    let fault = inside
        .filter(|_| exchange.status == 200)
        .unwrap_or_else(|| exchange.dialect.read_fault(exchange.status, &exchange.headers, &exchange.body));
    let status = status_of(&fault);
    let tells = !matches!(fault.kind, FaultKind::Credential | FaultKind::Quota);
    let (found, error) = if answer.status == 200 && exchange.is_streamed() {
        // The stream had begun before it failed: the error is its last event.
        let last = heard::last_error(&answer.body).unwrap_or_default();
        (status, last.data)
    } else {
        (answer.status, answer.body.clone())
    };
    let value: Value = serde_json::from_slice(&error).map_err(|error| error.to_string())?;
    let message = language::of(caller).error(&value);
    let holds = found == status && message.is_some_and(|said| said.contains(&fault.message) == tells);
    if holds { Ok(()) } else { Err(format!("{fault:?} became {} {value}", answer.status)) }
}

/// The status that a caller is answered with.
fn status_of(fault: &Fault) -> u16 {
    let of_server = fault.status.filter(|status| (500..600).contains(status));
    match fault.kind {
        FaultKind::ContextLength | FaultKind::Filtered | FaultKind::ForeignProof | FaultKind::Invalid => {
            fault.status.filter(|status| *status < 500).unwrap_or(400)
        }
        FaultKind::Overloaded => fault.status.filter(|status| [503, 529].contains(status)).unwrap_or(429),
        FaultKind::Quota => 503,
        FaultKind::Credential => 502,
        FaultKind::ClientGone
        | FaultKind::Cut
        | FaultKind::Server
        | FaultKind::TooLarge
        | FaultKind::Unreachable
        | FaultKind::Unreadable => of_server.unwrap_or(502),
        FaultKind::Timeout => of_server.unwrap_or(504),
    }
}
