//! `store`: where state is kept, and how safely.

use std::time::Duration;

use crate::declare::{section, words};

section! {
    /// Where state is kept, and how safely.
    pub struct Store, example {"state": "embedded:", "ledger": {"durability": "power"}} {
        /// Where keys and limits are kept.
        state: StateStore = StateStore::Embedded,
        /// The record of what was used.
        ledger: LedgerSetting = LedgerSetting::default(),
    }
}

words! {
    /// Where keys and limits are kept.
    pub enum StateStore, expected "a state store" {
        /// In the data directory.
        Embedded = "embedded:",
    }
}

section! {
    /// The record of what was used.
    pub struct LedgerSetting, example {"durability": "power", "retention": "90d"} {
        /// What a record survives once its answer has ended.
        durability: Durability = Durability::Process,
        /// How long records are kept; for ever unless set. They go in whole segments, so some stay longer.
        retention: Option<Duration> = None,
    }
}

words! {
    /// What a record survives.
    pub enum Durability, expected "a durability" {
        /// The end of the process.
        Process = "process",
        /// The loss of power: every record is written to the disk itself, in groups.
        Power = "power",
    }
}
