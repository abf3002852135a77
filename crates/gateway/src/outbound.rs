//! Makes the upstream's request of the caller's: the same bytes where both speak one language, a translation
//! otherwise.

use std::sync::Arc;

use bytes::Bytes;
use dialects::{Dialect, Encoded, Meaning, ToolNames};
use http::{HeaderMap, HeaderValue, header};
use router::{Candidate, Strictness};
use types::SpanId;
use types::conversation::Target;

use crate::account::Account;
use crate::destination::{Destination, Endpoint, EndpointKey, KnownModel};
use crate::receive::Request;
use crate::rejection::Cause;
use crate::upstream::OutboundBody;
use crate::{Gateway, answer, heavy};

/// The request as it will be sent, and what was changed to make it.
pub(crate) struct Written {
    pub(crate) headers: HeaderMap,
    pub(crate) body: OutboundBody,
    pub(crate) changes: Vec<types::conversation::Change>,
    pub(crate) aside: Aside,
}

/// What there is to know about an answer, and to be asked before it.
#[derive(Default)]
pub(crate) struct Aside {
    /// The tools that go by other names.
    pub(crate) tool_names: ToolNames,
    /// The bodies of the parts that go out before, where it takes several.
    pub(crate) earlier: Box<[Vec<Bytes>]>,
}

/// The caller's request, read for what it means the first time a target needs that.
#[derive(Default)]
pub(crate) struct Understood(Option<Meaning>);

/// Says the request in the language of `to` and for the model there.
///
/// # Cancel safety
/// Of a large request, what [`heavy::run`] says; what was understood of it is lost.
pub(crate) async fn encode(
    request: &Request,
    understood: &mut Understood,
    to: &Place<'_>,
) -> Result<Encoded, Cause> {
    let (dialect, target) = (to.endpoint.dialect, target(to));
    if !heavy::is(request.body.len()) {
        return understood.say(request, dialect, &target);
    }
    let (request, mut taken) = (request.clone(), std::mem::take(understood));
    let saying = heavy::run(move || {
        let said = taken.say(&request, dialect, &target);
        (taken, said)
    });
    let (taken, said) = saying.await;
    *understood = taken;
    said
}

impl Understood {
    fn say(&mut self, request: &Request, dialect: &dyn Dialect, target: &Target) -> Result<Encoded, Cause> {
        if dialect.id() == request.dialect.id() {
            return dialect.adapt_request(&request.body, &request.fields, target).map_err(Cause::Encode);
        }
        let not_offered = || Cause::NotOffered(request.operation);
        let meaning = match &mut self.0 {
            Some(meaning) => meaning,
            empty => {
                let read = Meaning::read(request.dialect, request.head(), &request.body);
                empty.insert(read.ok_or_else(not_offered)?.map_err(Cause::Decode)?)
            }
        };
        meaning.say(dialect, target).ok_or_else(not_offered)?.map_err(Cause::Encode)
    }
}

/// Writes the whole request: what was encoded, under its headers.
pub(crate) fn write(request: &Request, encoded: Encoded, to: &Place<'_>, account: &Account) -> Written {
    let mut headers = head(to, account);
    if to.endpoint.dialect.id() == request.dialect.id() {
        forward(request, &mut headers);
        if request.fields.is_form()
            && let Some(layout) = request.headers.get(header::CONTENT_TYPE)
        {
            headers.insert(header::CONTENT_TYPE, layout.clone());
        }
    }
    // Last: what this request needs in its language wins over what the caller or the catalogue say.
    for (name, value) in encoded.headers {
        headers.insert(name, value);
    }
    let Encoded { body, earlier, changes, tool_names, .. } = encoded;
    let aside = Aside { tool_names, earlier: earlier.into() };
    Written { headers, body: OutboundBody::Pieces(body), changes, aside }
}

/// Passes on the caller's headers that mean something to an upstream of the same language.
fn forward(request: &Request, headers: &mut HeaderMap) {
    for name in request.dialect.forwarded_request_headers() {
        let mut values = request.headers.get_all(name).iter();
        if let Some(first) = values.next() {
            headers.insert(name.clone(), first.clone());
            for value in values {
                headers.append(name.clone(), value.clone());
            }
        }
    }
}

/// Where a request goes.
pub(crate) struct Place<'a> {
    pub(crate) candidate: &'a Candidate,
    pub(crate) destination: &'a Arc<Destination>,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) known: &'a KnownModel,
    pub(crate) strict: Strictness,
    pub(crate) span: SpanId,
}

/// What the encoder must know of the target.
fn target(to: &Place<'_>) -> Target {
    Target {
        model: to.candidate.model.clone(),
        max_output_tokens: to.known.model.as_ref().and_then(|model| model.max_output_tokens),
        quirks: Arc::clone(&to.known.quirks),
        strict: to.strict == Strictness::Refuse,
    }
}

/// As many as a request to an upstream usually has.
const USUAL_HEADERS: usize = 16;

/// The headers of every request: the provider's own, the dialect's, the trace, and our name for the loop guard.
pub(crate) fn head(to: &Place<'_>, account: &Account) -> HeaderMap {
    let gateway: &Gateway = account.gateway();
    // Made large enough at once: a clone of the destination's would grow twice.
    let mut headers = HeaderMap::with_capacity(USUAL_HEADERS);
    let key = to.endpoint.key.as_ref();
    for (name, value) in &to.destination.headers {
        if key.is_none_or(|key| key.instead_of != *name) {
            headers.append(name.clone(), value.clone());
        }
    }
    if let Some(EndpointKey { name, value, .. }) = key {
        headers.insert(name.clone(), value.clone());
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &to.endpoint.headers {
        headers.insert(name.clone(), value.clone());
    }
    if let Ok(traceparent) = HeaderValue::try_from(account.trace.traceparent(to.span)) {
        headers.insert(answer::TRACEPARENT, traceparent);
    }
    headers.insert(header::VIA, gateway.via.clone());
    headers
}
