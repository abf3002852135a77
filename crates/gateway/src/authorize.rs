//! Authorises a request to a provider whose credential is more than a fixed header.

use std::pin::Pin;

use bytes::Bytes;
use credentials::{AuthorizeError, Credential, Unsigned};
use http::Method;
use net::client::Origin;
use types::Clock;

use crate::heavy;
use crate::upstream::Outbound;

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
        let Outbound { mut path, mut headers, body, .. } = outbound;
        let (host, now) = (origin.host_header().clone(), clock.wall());
        let is_heavy = grant.reads_body() && heavy::is(body.iter().map(Bytes::len).sum());
        let apply = move || {
            let method = &Method::POST;
            grant.apply(
                &mut Unsigned { method, host: &host, path: &mut path, headers: &mut headers, body: &body },
                now,
            );
            (path, headers, body)
        };
        let (path, headers, body) = if is_heavy { heavy::run(apply).await } else { apply() };
        (outbound.path, outbound.headers, outbound.body) = (path, headers, body);
        Ok(outbound)
    })
}
