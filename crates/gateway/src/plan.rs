//! Fourth phase: where may it go, and until when?

use router::{Candidate, Strictness};
use types::{Monotonic, ProviderName};

use crate::Gateway;
use crate::account::Account;
use crate::admit::Admitted;
use crate::receive::Request;
use crate::rejection::{Cause, Rejection};

/// A request with its targets, best first, and the time by which everything has to be over.
pub(crate) struct Planned {
    pub(crate) account: Box<Account>,
    pub(crate) request: Box<Request>,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) strict: Strictness,
    pub(crate) deadline: Monotonic,
}

/// Chooses the targets.
pub(crate) fn choose(admitted: Admitted, gateway: &Gateway) -> Result<Planned, Rejection> {
    let Admitted { account, request, model } = admitted;
    match gateway.router.choose(&model, account.now) {
        Ok(chosen) => {
            gateway.retries.deposit(account.now);
            let deadline = account.at.plus(gateway.timers.total);
            let router::Chosen { mut candidates, strict, .. } = chosen;
            if let Some(origin) = origin(&request, gateway)
                && candidates.iter().any(|candidate| candidate.provider == origin)
            {
                candidates.retain(|candidate| candidate.provider == origin);
            }
            Ok(Planned { account, request, candidates, strict, deadline })
        }
        Err(error) => Err(account.reject(Cause::Choose(error))),
    }
}

/// The provider that gave the answer from which the request goes on, if it does from one and that is known.
fn origin(request: &Request, gateway: &Gateway) -> Option<ProviderName> {
    let value = request.fields.value(&request.body, request.dialect.continued()?)?;
    gateway.origins.of(&serde_json::from_slice::<String>(value).ok()?)
}
