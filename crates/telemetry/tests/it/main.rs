//! What can be seen, seen from outside: lines that were written, metrics that were scraped, spans that arrived.

#[cfg(test)]
mod logs;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod support;
#[cfg(test)]
mod traces;
