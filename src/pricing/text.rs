//! Numbers in the sentences that explain a price.

use crate::business_metrics::TierCounts;
use crate::wording::count;

/// A number with thousands marks and at most one decimal: `29,000,000`, `0.5`.
pub(super) fn number(value: f64) -> String {
    let tenths = (value.max(0.0) * 10.0).round() as u64;
    let (whole, tenth) = (tenths / 10, tenths % 10);
    let mut text = count(whole);
    if tenth > 0 && whole < 100 {
        text.push_str(&format!(".{tenth}"));
    }
    text
}

/// Tenants by tier: `400 enterprise + 1,600 growth`.
pub(super) fn tenants(counts: &TierCounts) -> String {
    let parts: Vec<_> = counts.iter().map(|(tier, tenants)| format!("{} {tier}", number(tenants))).collect();
    if parts.is_empty() { "no tenants".to_owned() } else { parts.join(" + ") }
}

/// Minutes, or seconds below one of them.
pub(super) fn minutes(minutes: f64) -> String {
    if minutes < 1.0 { format!("{:.1} s", minutes * 60.0) } else { format!("{} min", number(minutes)) }
}

/// A share as percentage with one decimal.
pub(super) fn share(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}
