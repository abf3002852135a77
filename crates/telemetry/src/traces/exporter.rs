//! The thread that sends spans to one collector.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use types::Clock;

use super::collector::{Collector, CollectorUrlError, UrlDefaults};
use super::span::Span;
use super::{Resource, SERVICE, otlp, zipkin};
use crate::events::{CollectorDown, CollectorUp};
use crate::outbox::{Batching, Next, Offer, Outbox};
use crate::telemetry::Core;

/// The most spans in one request to a collector.
const MAX_BATCH: usize = 512;

const BATCHING: Batching =
    Batching { capacity: 8 * MAX_BATCH, enough: MAX_BATCH, interval: Duration::from_secs(1) };

/// How spans are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Otlp,
    Zipkin,
}

impl Language {
    /// The word in metrics and logs.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Otlp => "otlp",
            Self::Zipkin => "zipkin",
        }
    }

    /// OTLP over gRPC has 4317, over HTTP 4318, on every collector that has both: a URL that names the first alone
    /// means the collector, not the protocol.
    const fn defaults(self) -> UrlDefaults {
        match self {
            Self::Otlp => UrlDefaults { port: 4318, path: "/v1/traces", instead: Some((4317, 4318)) },
            Self::Zipkin => UrlDefaults { port: 9411, path: "/api/v2/spans", instead: None },
        }
    }

    fn encode(self, spans: &[Arc<Span>], resource: &Resource, out: &mut String) {
        match self {
            Self::Otlp => otlp::encode(spans, resource, out),
            Self::Zipkin => zipkin::encode(spans, resource, out),
        }
    }
}

/// A collector and the language it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    language: Language,
    collector: Collector,
}

impl Destination {
    pub(crate) fn parse(
        language: Language,
        url: &str,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, CollectorUrlError> {
        Ok(Self { language, collector: Collector::parse(url, language.defaults(), tls)? })
    }
}

/// The near end of the thread.
#[derive(Debug)]
pub(crate) struct Exporter {
    outbox: Arc<Outbox<Arc<Span>>>,
    core: Arc<Core>,
}

impl Exporter {
    pub(crate) fn start(destination: Destination, resource: Resource, core: Arc<Core>) -> io::Result<Self> {
        let outbox = Arc::new(Outbox::new(BATCHING));
        let sender = Sender {
            agent: format!("{SERVICE}/{}", resource.version),
            destination,
            resource,
            core: Arc::clone(&core),
            outbox: Arc::clone(&outbox),
            reach: Reach::Unknown,
        };
        let name = format!("tollgate-{}", sender.destination.language.as_str());
        std::thread::Builder::new().name(name).spawn(move || sender.run())?;
        Ok(Self { outbox, core })
    }

    /// Hands over one span, or counts it as dropped.
    pub(super) fn offer(&self, span: Arc<Span>) {
        if self.outbox.offer(1, |pending| pending.push(span)) == Offer::Dropped {
            self.core.metrics.spans_dropped.with(&[], |dropped| dropped.add(1));
        }
    }

    pub(super) fn close(&self) {
        self.outbox.close();
    }

    pub(super) fn wait_until_sent(&self, patience: Duration) {
        self.outbox.wait_until_finished(patience);
    }
}

/// What is known of a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Down,
    Unknown,
    Up,
}

/// The far end.
struct Sender {
    destination: Destination,
    resource: Resource,
    agent: String,
    core: Arc<Core>,
    outbox: Arc<Outbox<Arc<Span>>>,
    reach: Reach,
}

impl Sender {
    fn run(mut self) {
        let mut batch = Vec::new();
        let mut body = String::new();
        loop {
            let next = self.outbox.take(&mut batch);
            self.send(&batch, &mut body);
            batch.clear();
            match next {
                Next::Deliver => self.outbox.gather(),
                Next::Last => break,
            }
        }
        self.outbox.finish();
    }

    /// Sends a batch in requests of bounded size. After the first failure the rest is dropped too: a collector that
    /// is away would let each request wait for its deadline.
    fn send(&mut self, batch: &[Arc<Span>], body: &mut String) {
        let mut left = batch.len();
        for spans in batch.chunks(MAX_BATCH) {
            body.clear();
            self.destination.language.encode(spans, &self.resource, body);
            let clock: &dyn Clock = &*self.core.clock;
            if let Err(error) = self.destination.collector.post(body, &self.agent, clock) {
                self.core.metrics.spans_dropped.with(&[], |dropped| dropped.add(left as u64));
                return self.failed(&error);
            }
            left -= spans.len();
            self.succeeded();
        }
    }

    /// Reported once, until the collector is back.
    fn failed(&mut self, error: &io::Error) {
        if std::mem::replace(&mut self.reach, Reach::Down) != Reach::Down {
            let (exporter, url) = (self.destination.language, &self.destination.collector);
            CollectorDown { exporter, url, error }.emit(&self.core);
        }
    }

    fn succeeded(&mut self) {
        let before = std::mem::replace(&mut self.reach, Reach::Up);
        if before != Reach::Up {
            let (exporter, url) = (self.destination.language, &self.destination.collector);
            CollectorUp { exporter, url }.emit(&self.core);
        }
    }
}
