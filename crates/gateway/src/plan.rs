//! Fourth phase: where may it go, and until when?

use router::{Candidate, Strictness};
use types::Monotonic;

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
            let router::Chosen { candidates, strict, .. } = chosen;
            Ok(Planned { account, request, candidates, strict, deadline })
        }
        Err(error) => Err(account.reject(Cause::Choose(error))),
    }
}
