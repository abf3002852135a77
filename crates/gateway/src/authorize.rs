//! Authorises a request to a provider whose credential is more than a fixed header.

use std::pin::Pin;

use bytes::Bytes;
use credentials::{AuthorizeError, Credential, Unsigned};
use net::client::Origin;
use types::Clock;

use crate::heavy;
use crate::upstream::{Outbound, OutboundBody};

/// A request that waits for its credential.
type Authorizing<'a> = Pin<Box<dyn Future<Output = Result<Outbound<'a>, AuthorizeError>> + Send + 'a>>;

/// The request with what says who asks: a token, a signature over all of it, or a key in its query.
///
/// # Cancel safety
/// Dropping the future stops waiting; a token that is being obtained is obtained for the others.
pub(crate) fn outbound<'a>(
    mut outbound: Outbound<'a>,
    origin: &'a Origin,
    credential: &'a Credential,
    clock: &'a dyn Clock,
) -> Authorizing<'a> {
    // Boxed, so that the futures of requests with a fixed header are no larger for it.
    Box::pin(async move {
        let grant = credential.grant().await?;
        let Outbound { mut path, mut headers, method, body, .. } = outbound;
        let (host, now) = (origin.host_header().clone(), clock.wall());
        let pieces = match &body {
            OutboundBody::Pieces(pieces) => pieces.clone(),
            // What is signed is never passed on unread.
            OutboundBody::Stream(_) => Vec::new(),
        };
        let is_heavy = grant.reads_body() && heavy::is(pieces.iter().map(Bytes::len).sum());
        let apply = move || {
            let (path_mut, headers_mut) = (&mut path, &mut headers);
            grant.apply(
                &mut Unsigned {
                    method: &method,
                    host: &host,
                    path: path_mut,
                    headers: headers_mut,
                    body: &pieces,
                },
                now,
            );
            (path, headers, method)
        };
        let (path, headers, method) = if is_heavy { heavy::run(apply).await } else { apply() };
        (outbound.path, outbound.headers, outbound.method, outbound.body) = (path, headers, method, body);
        Ok(outbound)
    })
}
