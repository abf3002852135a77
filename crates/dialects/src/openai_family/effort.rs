//! Words of effort for what others say as a budget.
//!
//! | budget, up to | 2048 | 8192 | more |
//! |---|---|---|---|
//! | effort | low | medium | high |

use types::conversation::Effort;

/// The largest thinking budgets that still count as little and as middling effort. The words stand for no
/// fixed numbers; these keep what other gateways' users know.
const LOW_BUDGET: u64 = 2048;
const MEDIUM_BUDGET: u64 = 8192;

/// The effort that a budget in tokens stands for.
pub(crate) const fn effort_of(budget: u64) -> Effort {
    if budget <= LOW_BUDGET {
        Effort::Low
    } else if budget <= MEDIUM_BUDGET {
        Effort::Medium
    } else {
        Effort::High
    }
}
