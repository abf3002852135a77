//! Second phase: who asks?

use std::sync::Arc;

use auth::{Authenticator, IdentifyError, Presented, Principal};

use tracing::debug;

use crate::account::Account;
use crate::receive::{Received, Request};
use crate::rejection::{Cause, Rejection};

/// A request whose caller is known.
pub(crate) struct Identified {
    pub(crate) account: Box<Account>,
    pub(crate) request: Request,
    pub(crate) principal: Arc<Principal>,
}

/// Finds out who asks.
pub(crate) fn who(received: Received, auth: &Authenticator) -> Result<Identified, Rejection> {
    let Received { mut account, request, query } = received;
    let presented = Presented::read(&request.headers, query.as_deref()).map_err(IdentifyError::from);
    match presented.and_then(|presented| auth.identify(&presented, account.wall)) {
        Ok(principal) => {
            account.facts.key = Some(principal.key.clone());
            account.facts.tenant = principal.tenant.clone();
            Ok(Identified { account, request, principal })
        }
        Err(error) => {
            if let IdentifyError::BadCredential(reason) = error {
                debug!(request_id = %account.id, reason = reason.as_str(), "credential refused");
            }
            Err(account.reject(Cause::Identify(error)))
        }
    }
}
