//! Third phase: may they, and is there room? What is admitted holds its share of the limits until it settles.

use router::Resolved;
use telemetry::events::LimitRefused;
use types::{Classify, Retry, Tokens};

use crate::account::Account;
use crate::receive::{Received, Request};
use crate::rejection::{Cause, Rejection};
use crate::{Gateway, counting};

/// A request that may go out. Its account holds its share of the limits.
pub(crate) struct Admitted {
    pub(crate) account: Box<Account>,
    pub(crate) request: Box<Request>,
    pub(crate) model: Resolved,
}

/// Checks the policy and takes the request's share of the caller's limits.
pub(crate) fn hold(received: Received, gateway: &Gateway) -> Result<Admitted, Rejection> {
    let Received { mut account, request, principal } = received;
    let model = match gateway.router.resolve(request.peek.model.as_str()) {
        Ok(model) => model,
        Err(error) => return Err(account.reject(Cause::Choose(error))),
    };
    let label = model.label();
    // The policy speaks of the model's public name, however the caller spelled it.
    if !principal.may_use(label.as_str()) && !principal.may_use(request.peek.model.as_str()) {
        let model = request.peek.model.clone();
        return Err(account.reject(Cause::ModelNotAllowed { key: principal.name.clone(), model }));
    }
    account.facts.model = Some(label);
    let input = counting::estimate(&request);
    account.facts.input_estimate = input;
    // Clients name a model's whole range as their limit and use a fraction: reserving all of it would turn away
    // requests that fit. What is used beyond this is taken when the answer ends.
    let output = request.peek.max_tokens.unwrap_or(counting::USUAL_OUTPUT).min(counting::USUAL_OUTPUT);
    let most = Tokens(input.0.saturating_add(output));
    match gateway.limits.reserve(&principal.tenant, most, account.now) {
        Ok(hold) => {
            account.facts.standings = hold.standings(account.now).to_vec();
            account.hold = Some(hold);
            Ok(Admitted { account, request, model })
        }
        Err(error) => {
            account.facts.standings = error.standings().to_vec();
            let retry_after = match error.verdict().retry {
                Retry::After(wait) => Some(wait),
                Retry::Never | Retry::Elsewhere => None,
            };
            let key = account.facts.key.as_ref();
            let refused =
                LimitRefused { limit: error.limit_word(), key, request_id: account.id, retry_after };
            refused.emit(&gateway.telemetry);
            Err(account.reject(Cause::Reserve(error)))
        }
    }
}
