//! The ledger through its public surface, over real files.

#[cfg(test)]
use ledger::{Estimated, Intent, Outcome, Settlement};

#[cfg(test)]
mod damage;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod report;
#[cfg(test)]
#[path = "../samples/mod.rs"]
mod samples;
#[cfg(test)]
mod support;
