//! What nobody knows the price of.

use types::{ModelName, ProviderName};

use crate::logs::LogLevel;
use crate::names::field;
use crate::telemetry::Telemetry;

/// A model was asked for whose price is not in the catalogue. Said once for each model.
#[derive(Clone, Copy, Debug)]
pub struct PriceUnknown<'a> {
    /// Whose model it is.
    pub provider: &'a ProviderName,
    /// The model.
    pub model: &'a ModelName,
    /// What the policy makes of it: `ceiling`, `free` or `refuse`.
    pub policy: &'static str,
}

impl PriceUnknown<'_> {
    /// Writes the log line.
    pub fn emit(&self, telemetry: &Telemetry) {
        telemetry.logs().record(LogLevel::Warn, "price unknown", |record| {
            record.text(field::PROVIDER, self.provider.as_str());
            record.text(field::MODEL, self.model.as_str());
            record.text(field::POLICY, self.policy);
        });
    }
}
