//! The ledger through its public surface, over real files.

#[cfg(test)]
mod damage;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod report;
#[cfg(test)]
mod support;
