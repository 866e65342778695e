//! What a tier earns, what using more than it includes costs, and when the next one is cheaper.

use serde::Serialize;

use super::assumptions::Point;
use super::input::{InputError, amount, dollars, positive};
use super::key::Key;
use super::tier::Tier;

/// One tier's terms, US dollars a month.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Plan {
    /// Which.
    pub tier: Tier,
    /// What the customer pays.
    pub price: f64,
    /// What serving the customer costs.
    pub cost: f64,
    /// API calls that are included.
    pub calls: f64,
    /// A call over that costs this many times an included one.
    pub markup: f64,
}

/// The three tiers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Plans {
    plans: [Plan; 3],
    target_margin: f64,
    conversion: f64,
}

/// What a customer pays on a plan.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bill {
    /// The plan.
    pub tier: Tier,
    /// Calls over the included ones.
    pub overage_calls: f64,
    /// What they cost, US dollars.
    pub overage: f64,
    /// Price and overage, US dollars.
    pub total: f64,
}

/// A higher plan that would cost a customer less.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Upgrade {
    /// On the plan of today.
    pub now: Bill,
    /// On the cheapest higher plan.
    pub then: Bill,
    /// What the customer would save, US dollars a month. Not above zero: no upgrade.
    pub saving: f64,
    /// Markup above which the next plan is the cheaper one; `None` within the included calls.
    pub break_even_markup: Option<f64>,
    /// New price times the share of those who take it, US dollars a month: what showing it is worth to the vendor.
    pub expected_upsell: f64,
}

impl Upgrade {
    /// Whether the customer should be shown it.
    pub fn is_worth_it(&self) -> bool {
        self.saving > 0.0
    }
}

impl Plan {
    /// What is left of the price, as a share of it; `None` without a price.
    pub fn margin(&self) -> Option<f64> {
        (self.price > 0.0).then(|| (self.price - self.cost) / self.price)
    }

    /// What a call over the included ones costs, US dollars.
    pub fn overage_price(&self) -> f64 {
        self.markup * self.price / self.calls
    }

    /// What a customer pays for so many calls a month.
    ///
    /// # Errors
    /// If the number is negative or not finite, or the bill exceeds what can be counted.
    pub fn bill(&self, calls: f64) -> Result<Bill, InputError> {
        let overage_calls = (amount("calls", calls)? - self.calls).max(0.0);
        let overage = dollars("calls", calls, overage_calls * self.overage_price())?;
        Ok(Bill { tier: self.tier, overage_calls, overage, total: self.price + overage })
    }
}

impl Plans {
    /// With these assumptions.
    ///
    /// # Errors
    /// Never for a point of the assumptions, whose included calls are above zero.
    pub fn of(point: &Point) -> Result<Self, InputError> {
        let plan = |tier, price, cost, calls: Key| -> Result<Plan, InputError> {
            Ok(Plan {
                tier,
                price: point.get(price),
                cost: point.get(cost),
                calls: positive(calls.name(), point.get(calls))?,
                markup: point.get(Key::OverageMarkup),
            })
        };
        let plans = [
            plan(Tier::Starter, Key::PriceStarter, Key::CostStarter, Key::CallsStarter)?,
            plan(Tier::Growth, Key::PriceGrowth, Key::CostGrowth, Key::CallsGrowth)?,
            plan(Tier::Enterprise, Key::PriceEnterprise, Key::CostEnterprise, Key::CallsEnterprise)?,
        ];
        Ok(Self { plans, target_margin: point.get(Key::TargetMargin), conversion: point.get(Key::UpsellConversion) })
    }

    /// The tiers, smallest first.
    pub fn iter(&self) -> impl Iterator<Item = &Plan> {
        self.plans.iter()
    }

    /// One tier.
    pub fn plan(&self, tier: Tier) -> &Plan {
        &self.plans[tier as usize]
    }

    /// The margin that every tier should have, as a share of its price.
    pub fn target_margin(&self) -> f64 {
        self.target_margin
    }

    /// Tiers whose margin is below the target.
    pub fn below_target(&self) -> impl Iterator<Item = &Plan> {
        self.plans.iter().filter(|plan| plan.margin().is_none_or(|margin| margin < self.target_margin))
    }

    /// The cheapest higher plan for a customer's use; `None` on the highest.
    ///
    /// # Errors
    /// If the number of calls is negative or not finite.
    pub fn upgrade(&self, current: Tier, calls: f64) -> Result<Option<Upgrade>, InputError> {
        let here = self.plan(current);
        let now = here.bill(calls)?;
        let higher = self.plans.iter().filter(|plan| plan.tier > current);
        let bills = higher.map(|plan| plan.bill(calls)).collect::<Result<Vec<_>, _>>()?;
        let Some(then) = bills.into_iter().min_by(|a, b| a.total.total_cmp(&b.total)) else { return Ok(None) };
        let next = self.plan(then.tier);
        let excess = now.overage_calls * here.price;
        Ok(Some(Upgrade {
            now,
            then,
            saving: now.total - then.total,
            break_even_markup: (excess > 0.0).then(|| (next.price - here.price) * here.calls / excess),
            expected_upsell: self.conversion * next.price,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::business_metrics::Assumptions;

    fn plans() -> Plans {
        Plans::of(&Assumptions::built_in().point()).unwrap()
    }

    fn with_markup(markup: f64) -> Plans {
        Plans::of(&Assumptions::built_in().point().with(Key::OverageMarkup, markup)).unwrap()
    }

    /// Row 22: margins of 69.697%, 79.960% and 89.998%; the starter tier is below the brief's own 75%.
    #[test]
    fn the_briefs_margins_come_out() {
        let margins: Vec<f64> = plans().iter().map(|plan| plan.margin().unwrap() * 100.0).collect();
        for (margin, golden) in margins.iter().zip([69.697, 79.960, 89.998]) {
            assert!((margin - golden).abs() < 5e-4, "{margins:?}");
        }
        assert_eq!(plans().below_target().map(|plan| plan.tier).collect::<Vec<_>>(), [Tier::Starter]);
    }

    /// Rows 24 and 25: 15,000 calls on starter cost $495 of overage at $0.099; growth saves $95 a month; showing it is worth
    /// $199.60. Below a markup of 8.08 it saves nothing.
    #[test]
    fn the_briefs_upgrade_comes_out() {
        let upgrade = plans().upgrade(Tier::Starter, 15_000.0).unwrap().unwrap();
        assert!((plans().plan(Tier::Starter).overage_price() - 0.099).abs() < 1e-12);
        assert!((upgrade.now.overage - 495.0).abs() < 1e-9 && (upgrade.saving - 95.0).abs() < 1e-9);
        assert_eq!((upgrade.then.tier, upgrade.is_worth_it()), (Tier::Growth, true));
        assert!((upgrade.break_even_markup.unwrap() - 8.080_8).abs() < 1e-4);
        assert!((upgrade.expected_upsell - 199.60).abs() < 1e-9);
        for (markup, worth_it) in [(2.0, false), (8.08, false), (8.09, true)] {
            let upgrade = with_markup(markup).upgrade(Tier::Starter, 15_000.0).unwrap().unwrap();
            assert_eq!(upgrade.is_worth_it(), worth_it, "{markup}");
        }
    }

    /// Within the included calls no upgrade is worth it, and above the highest plan there is none.
    #[test]
    fn who_needs_no_more_is_shown_none() {
        let upgrade = plans().upgrade(Tier::Starter, 9_000.0).unwrap().unwrap();
        assert!(!upgrade.is_worth_it() && upgrade.break_even_markup.is_none());
        assert_eq!(plans().upgrade(Tier::Enterprise, 1e9), Ok(None));
        assert_eq!(plans().upgrade(Tier::Starter, -1.0).unwrap_err().key, "calls");
        assert_eq!(plans().upgrade(Tier::Starter, f64::NAN).unwrap_err().key, "calls");
    }

    /// Where two higher plans are cheaper, the cheapest is shown.
    #[test]
    fn the_cheapest_plan_is_shown() {
        let heavy = plans().upgrade(Tier::Starter, 1_000_000.0).unwrap().unwrap();
        assert_eq!(heavy.then.tier, Tier::Enterprise);
    }

    proptest! {
        /// More calls never cost less, and the saving is zero at the break-even markup.
        #[test]
        fn more_calls_cost_more(calls in 0.0f64..1e7, more in 0.0f64..1e7) {
            for plan in plans().iter() {
                prop_assert!(plan.bill(calls).unwrap().total <= plan.bill(calls + more).unwrap().total);
            }
            let calls = 10_001.0 + calls % 80_000.0;
            let markup = plans().upgrade(Tier::Starter, calls).unwrap().unwrap().break_even_markup.unwrap();
            // To the next plan, whose included calls are not used up.
            let plans = with_markup(markup);
            let saving = plans.plan(Tier::Starter).bill(calls).unwrap().total - plans.plan(Tier::Growth).bill(calls).unwrap().total;
            prop_assert!(saving.abs() < 1e-6, "{markup} {saving}");
        }
    }
}
