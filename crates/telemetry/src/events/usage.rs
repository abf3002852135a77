//! What an upstream says it has used.

use types::{RequestId, TargetId, Usage};

use crate::logs::LogLevel;
use crate::names::field;
use crate::telemetry::Telemetry;

/// An upstream reported more usage than there can have been; as much as can be believed is counted.
#[derive(Clone, Copy, Debug)]
pub struct UsageDisbelieved<'a> {
    /// The caller's request.
    pub request_id: RequestId,
    /// Who reported it.
    pub target: &'a TargetId,
    /// What was reported.
    pub reported: &'a Usage,
}

impl UsageDisbelieved<'_> {
    /// Writes the log line.
    pub fn emit(&self, telemetry: &Telemetry) {
        telemetry.logs().record(LogLevel::Warn, "usage disbelieved", |record| {
            record.display(field::REQUEST_ID, &self.request_id);
            record.text(field::TARGET, self.target.as_str());
            record.integer(field::INPUT_TOKENS, self.reported.input_total().0);
            record.integer(field::OUTPUT_TOKENS, self.reported.output_total().0);
        });
    }
}
