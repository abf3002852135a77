//! The way out to whoever gives out tokens: over the gateway's own client, and to metadata services only for who asks
//! there on purpose.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Uri, header};
use net::body::{Outgoing, Pace, collect_capped};
use net::client::{Client, ClientConfig, Origin, OriginError, SendTimers};
use net::drain::Tasks;
use net::tls::ClientTls;
use types::{Clock, Secret};

use crate::error::FetchError;
use crate::fetch::{Ask, Fetch, Fetching, Heard};

/// The network, as seen from here.
#[derive(Debug)]
pub struct Egress {
    clock: Arc<dyn Clock>,
    tasks: Tasks,
    timers: SendTimers,
    tls: Arc<ClientTls>,
}

impl Egress {
    /// Through connections of its own.
    pub const fn new(clock: Arc<dyn Clock>, tls: Arc<ClientTls>, timers: SendTimers, tasks: Tasks) -> Self {
        Self { clock, tasks, timers, tls }
    }

    async fn send(&self, ask: Ask) -> Result<Heard, FetchError> {
        let Ask { method, url, headers, body, reach } = ask;
        let uri: Uri = url.parse().map_err(|_| FetchError::Url(OriginError::Malformed))?;
        let (scheme, authority) = (uri.scheme_str().unwrap_or_default(), uri.authority());
        let authority = authority.map(http::uri::Authority::as_str).unwrap_or_default();
        let (origin, _) = Origin::parse(&format!("{scheme}://{authority}")).map_err(FetchError::Url)?;
        let body = Outgoing::from(body.reveal().clone());
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri.path_and_query().cloned().map_or_else(|| Uri::from_static("/"), Uri::from);
        request.headers_mut().extend(headers);
        request.headers_mut().insert(header::USER_AGENT, AGENT);
        // A client each time: a connection belongs to the runtime it was opened on, and nobody asks again before it
        // would have been closed.
        let config = ClientConfig { reach, ..ClientConfig::default() };
        let client = Client::new(config, Arc::clone(&self.tls), Arc::clone(&self.clock), self.tasks.clone());
        let response = client.send(&origin, request, self.timers).await.map_err(FetchError::Send)?;
        let status = response.status().as_u16();
        let body =
            collect_capped(response.into_body(), LARGEST_ANSWER, PACE).await.map_err(FetchError::Body)?;
        Ok(Heard { status, body: Secret::new(body.to_vec()) })
    }
}

impl Fetch for Egress {
    fn fetch(&self, ask: Ask) -> Fetching<'_> {
        Box::pin(self.send(ask))
    }
}

/// No answer with a token is larger.
const LARGEST_ANSWER: usize = 256 << 10;
const PACE: Pace = Pace { idle: Duration::from_secs(5), floor: NonZeroU32::new(1 << 10).unwrap() };
const AGENT: http::HeaderValue =
    http::HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION")));
