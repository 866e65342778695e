//! `price tiers` and `price upgrade`.

use clap::Args;
use serde::Serialize;

use super::answer::{Common, Table, Tier, facts, percent, usd, whole};
use crate::business_metrics::{self, Plan, Plans};
use crate::cli::exit::Exit;
use crate::cli::output::{CliError, bad_input};

#[derive(Debug, Args)]
pub(super) struct Tiers {
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct TierLine {
    #[serde(flatten)]
    plan: Plan,
    margin: Option<f64>,
    overage_price_usd: f64,
    below_target: bool,
}

impl Tiers {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let plans = Plans::of(&self.common.point()?).map_err(bad_input)?;
        let below: Vec<_> = plans.below_target().map(|plan| plan.tier).collect();
        let lines: Vec<TierLine> = plans
            .iter()
            .map(|plan| TierLine {
                plan: *plan,
                margin: plan.margin(),
                overage_price_usd: plan.overage_price(),
                below_target: below.contains(&plan.tier),
            })
            .collect();
        self.common.answer(&lines, || {
            let mut table = Table::new(["tier", "price", "cost", "margin", "calls", "a call more", ""]);
            for line in &lines {
                let plan = &line.plan;
                let calls = if plan.calls >= 1e12 { "no limit".to_owned() } else { whole(plan.calls) };
                let margin = line.margin.map_or("none".to_owned(), percent);
                let warning =
                    if line.below_target { format!("below {}", percent(plans.target_margin())) } else { String::new() };
                table.row([
                    plan.tier.to_string(),
                    usd(plan.price),
                    usd(plan.cost),
                    margin,
                    calls,
                    if plan.calls >= 1e12 { "-".to_owned() } else { format!("${:.4}", line.overage_price_usd) },
                    warning,
                ]);
            }
            table.text()
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct Upgrade {
    /// The customer's tier.
    #[arg(long, value_enum, default_value_t = Tier::Starter)]
    tier: Tier,
    /// API calls of a month.
    #[arg(long, default_value_t = 15_000.0, allow_negative_numbers = true)]
    calls: f64,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Recommendation {
    upgrade: Option<business_metrics::Upgrade>,
    recommended: bool,
}

impl Upgrade {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let plans = Plans::of(&self.common.point()?).map_err(bad_input)?;
        let upgrade = plans.upgrade(self.tier.into(), self.calls).map_err(bad_input)?;
        let answer = Recommendation { upgrade, recommended: upgrade.is_some_and(|upgrade| upgrade.is_worth_it()) };
        self.common.answer(&answer, || match &answer.upgrade {
            None => "There is no higher tier.".to_owned(),
            Some(upgrade) => text(upgrade, self.calls),
        })
    }
}

fn text(upgrade: &business_metrics::Upgrade, calls: f64) -> String {
    let (now, then) = (&upgrade.now, &upgrade.then);
    let head = match upgrade.is_worth_it() {
        true => format!("Upgrade to {} and save {} a month.", then.tier, usd(upgrade.saving)),
        false => format!("Stay on {}: {} would cost {} a month more.", now.tier, then.tier, usd(-upgrade.saving)),
    };
    let bill = |bill: &business_metrics::Bill| {
        format!(
            "{}   {} of it for {} calls over the included ones",
            usd(bill.total),
            usd(bill.overage),
            whole(bill.overage_calls)
        )
    };
    let facts = facts([
        ("calls a month", whole(calls)),
        (now.tier.name(), bill(now)),
        (then.tier.name(), bill(then)),
        (
            "worth it from",
            upgrade.break_even_markup.map_or("never: within the included calls".to_owned(), |markup| {
                format!("a markup of {markup:.2} on calls over the included ones")
            }),
        ),
        (
            "worth showing",
            format!("{} a month: the share that takes it times the new price", usd(upgrade.expected_upsell)),
        ),
    ]);
    format!("{head}\n{facts}")
}
