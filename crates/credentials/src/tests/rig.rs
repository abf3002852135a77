//! A clock moved by hand and token endpoints that answer by a script.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method};
use net::client::Reach;
use net::drain::Tasks;
use types::{Clock, Monotonic, Secret, UnixTime};

use crate::{Ask, AuthorizeError, Credential, Fetch, Fetching, Heard, Plan, Surroundings, Unsigned};

/// When tests begin: 2026-11-22T17:30:00Z.
pub(super) const BEGIN: UnixTime = UnixTime::from_secs(1_795_368_600);

/// A clock moved by hand.
#[derive(Debug, Default)]
pub(super) struct HandClock(AtomicU64);

impl Clock for HandClock {
    fn now(&self) -> Monotonic {
        Monotonic::from_nanos(self.0.load(Ordering::SeqCst))
    }

    fn wall(&self) -> UnixTime {
        BEGIN.plus(self.now().since(Monotonic::default()))
    }
}

/// One question, as it was asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    pub(super) reach: Reach,
}

impl Asked {
    /// The text of a header; empty where there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// What a form says under this name; empty where it does not.
    pub(super) fn field(&self, name: &str) -> String {
        let found = self.body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        String::from_utf8(crate::escape::unescaped(found.unwrap_or_default())).unwrap()
    }
}

type Script = Box<dyn Fn(&Asked) -> (u16, String) + Send + Sync>;

struct Endpoints {
    script: Script,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fetch for Endpoints {
    fn fetch(&self, ask: Ask) -> Fetching<'_> {
        let asked = Asked {
            method: ask.method,
            url: ask.url,
            headers: ask.headers.into_iter().collect(),
            body: ask.body.reveal().clone(),
            reach: ask.reach,
        };
        self.asked.lock().unwrap().push(asked.clone());
        Box::pin(async move {
            // Others come in the meantime.
            tokio::task::yield_now().await;
            let (status, body) = (self.script)(&asked);
            if status == NEVER {
                std::future::pending::<()>().await;
            }
            Ok(Heard { status, body: Secret::new(body.into_bytes()) })
        })
    }
}

/// The status of an answer that never comes.
pub(super) const NEVER: u16 = 0;

/// A credential in scripted surroundings.
pub(super) struct Rig {
    pub(super) credential: Arc<Credential>,
    pub(super) clock: Arc<HandClock>,
    pub(super) tasks: Tasks,
    asked: Arc<Mutex<Vec<Asked>>>,
    reports: Arc<Mutex<Vec<Option<String>>>>,
}

impl Rig {
    pub(super) fn new(plan: Plan, script: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Self {
        let (clock, tasks) = (Arc::new(HandClock::default()), Tasks::new());
        let (asked, reports) = (Arc::default(), Arc::<Mutex<Vec<_>>>::default());
        let heard = Arc::clone(&reports);
        let around = Surroundings {
            clock: Arc::<HandClock>::clone(&clock),
            fetch: Arc::new(Endpoints { script: Box::new(script), asked: Arc::clone(&asked) }),
            limit: Duration::from_secs(10),
            report: Arc::new(move |outcome| {
                heard.lock().unwrap().push(outcome.err().map(ToString::to_string));
            }),
            tasks: tasks.clone(),
        };
        Self { credential: Arc::new(Credential::new(plan, around)), clock, tasks, asked, reports }
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds * 1_000_000_000, Ordering::SeqCst);
    }

    /// Everything that was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How each attempt ended so far: `None` for well.
    pub(super) fn reports(&self) -> Vec<Option<String>> {
        self.reports.lock().unwrap().clone()
    }

    /// The headers of a request that is sent now.
    pub(super) async fn headers(&self) -> Result<HeaderMap, AuthorizeError> {
        let mut path = PathAndQuery::from_static("/v1/chat");
        self.sent(&mut path).await
    }

    /// The same, with what becomes of the path.
    pub(super) async fn sent(&self, path: &mut PathAndQuery) -> Result<HeaderMap, AuthorizeError> {
        let (mut headers, host) = (HeaderMap::new(), HeaderValue::from_static("host.example"));
        let mut unsigned =
            Unsigned { method: &Method::POST, host: &host, path, headers: &mut headers, body: &[] };
        self.credential.grant().await?.apply(&mut unsigned, self.clock.wall());
        Ok(headers)
    }

    /// The `authorization` of a request that is sent now.
    pub(super) async fn authorization(&self) -> String {
        self.headers().await.unwrap()["authorization"].to_str().unwrap().to_owned()
    }

    /// Waits until no attempt is under way.
    pub(super) async fn settled(&self) {
        while self.tasks.running("credential") > 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// Environment variables.
pub(super) fn variables<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}
