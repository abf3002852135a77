//! Third phase: may they, and is there room? What is admitted holds its share of the limits until it settles.

use auth::Principal;
use router::Resolved;
use types::{ModelName, Operation, Tokens};

use crate::account::Account;
use crate::passing::Passing;
use crate::receive::{Received, Request};
use crate::rejection::{Cause, Rejection};
use crate::{Gateway, counting, owned};

/// A request that may go out. Its account holds its share of the limits.
pub(crate) struct Admitted {
    pub(crate) account: Box<Account>,
    pub(crate) request: Box<Request>,
    pub(crate) model: Resolved,
}

/// Checks the policy and takes the request's share of the caller's limits.
pub(crate) fn hold(received: Received, gateway: &Gateway) -> Result<Admitted, Rejection> {
    let Received { mut account, request, principal } = received;
    let (model, label) = match meant(&request, &principal, gateway) {
        Ok(meant) => meant,
        Err(cause) => return Err(account.reject(cause)),
    };
    account.facts.model = Some(label);
    let input = if request.asks_model() { counting::estimate(&request) } else { Tokens(0) };
    account.facts.input_estimate = input;
    // Clients name a model's whole range as their limit and use a fraction: reserving all of it would turn away
    // requests that fit. What is used beyond this is taken when the answer ends.
    let usual = if request.asks_model() { counting::USUAL_OUTPUT } else { 0 };
    let output = request.peek.max_tokens.unwrap_or(usual).min(usual);
    let most = Tokens(input.0.saturating_add(output));
    match gateway.limits.reserve(&principal.tenant, most, account.now) {
        Ok(hold) => {
            account.facts.standings = hold.standings(account.now).to_vec();
            account.hold = Some(hold);
            Ok(Admitted { account, request, model })
        }
        Err(error) => {
            let cause = account.refused(error);
            Err(account.reject(cause))
        }
    }
}

/// What the request is for, if its caller may have that, and what it is counted under.
fn meant(
    request: &Request,
    principal: &Principal,
    gateway: &Gateway,
) -> Result<(Resolved, ModelName), Cause> {
    if let Some(passing) = &request.passing {
        return passed_on(passing, request, principal, gateway);
    }
    let model = gateway.router.resolve(request.peek.model.as_str()).map_err(Cause::Choose)?;
    let label = model.label();
    // The policy speaks of the model's public name, however the caller spelled it.
    if !principal.may_use(label.as_str()) && !principal.may_use(request.peek.model.as_str()) {
        let model = request.peek.model.clone();
        return Err(Cause::ModelNotAllowed { key: principal.name.clone(), model });
    }
    Ok((model, label))
}

fn passed_on(
    passing: &Passing,
    request: &Request,
    principal: &Principal,
    gateway: &Gateway,
) -> Result<(Resolved, ModelName), Cause> {
    let (operation, provider) = (request.operation, passing.provider.clone());
    let right = passing.label(operation);
    let refused = |key, right| Cause::NotPassedThrough { key, provider, right };
    let destination = gateway.directory.find(&passing.provider);
    let is_open = destination.is_some_and(|destination| destination.passthrough.is_some());
    let needs_open = operation == Operation::Passthrough || owned::asks_for_all(request, passing);
    if needs_open && !is_open {
        return Err(refused(None, right));
    }
    // A key for some models cannot be held to them here: it needs this by name.
    let mut needed = vec![right.clone()];
    // Who may keep things of its own need not see those of all.
    needed.extend(needs_open.then(|| passing.label(Operation::Passthrough)));
    if let Some(missing) = needed.into_iter().find(|right| !principal.may_use(right.as_str())) {
        return Err(refused(Some(principal.name.clone()), missing));
    }
    Ok((passing.resolved(operation, &request.peek.model), right))
}
