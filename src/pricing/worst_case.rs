//! What a scenario could cost before it has run: its faults and planted bugs at their full extent.

use crate::business_metrics::{Assumptions, BreachModel, MicroDollars, Outage, SlaSchedule};
use crate::scenario::{Defect, FaultAction, OnStatement, Scenario, WireFault};

use super::model::usd;
use super::scale::Scale;
use super::text::{minutes, number};

/// The worst that a scenario is expected to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorstCase {
    /// The larger of the customers' and the vendor's line.
    pub cost_usd: MicroDollars,
    /// How it comes about, one sentence.
    pub basis: String,
}

/// The price if every fault and planted bug of the scenario reaches every tenant, until it is repaired. Families of
/// faults that the scenario does not have are not in it: a leak in a scenario without context faults is news.
pub fn worst_case(scenario: &Scenario, assumptions: &Assumptions) -> WorstCase {
    let (point, scale) = (assumptions.point(), Scale::of(scenario));
    let everyone = scale.everyone().at_scale;
    let (exposes, stops) = (can_expose(scenario), can_stop(scenario));
    let mut worst = WorstCase {
        cost_usd: MicroDollars::ZERO,
        basis: "no fault and no planted bug: nothing is expected to go wrong".to_owned(),
    };
    let (mut customer, mut vendor) = (MicroDollars::ZERO, MicroDollars::ZERO);
    let mut parts = Vec::new();
    if exposes {
        let model = BreachModel::of(&point);
        let records = scale.business() as f64 * scale.records_per_tenant() as f64;
        vendor += usd(model.median(records));
        let formula = model.formula(&number(records));
        parts.push(format!("every record of {} tenants exposed: {formula}", number(scale.business() as f64)));
    }
    if stops {
        let outage =
            Outage { hurt: everyone, minutes: scale.repair_minutes(), severity: 1.0, schedule: SlaSchedule::default() };
        let loss = outage.loss(&point);
        customer += usd(loss.map(|loss| loss.customer));
        vendor += usd(loss.map(|loss| loss.vendor.total()));
        parts.push(format!(
            "every request of {} tenants fails for {}",
            number(scale.business() as f64),
            minutes(scale.repair_minutes())
        ));
    }
    if spoils_writes(scenario) {
        let handling = crate::business_metrics::NoisyNeighbourModel::of(&point).cost(&everyone);
        vendor += usd(handling.map(|cost| 2.0 * cost.total()));
        parts.push(format!("every one of {} tenants has writes lost and doubled", number(scale.business() as f64)));
    }
    if !parts.is_empty() {
        worst.cost_usd = customer.max(vendor);
        worst.basis = parts.join("; ");
    }
    worst
}

/// Whether something in the scenario is about one tenant's data reaching another.
fn can_expose(scenario: &Scenario) -> bool {
    let drops = scenario.faults.iter().any(|fault| match &fault.action {
        FaultAction::ContextDrop { .. } => true,
        FaultAction::Wire(fault) => {
            use OnStatement::{Reorder, Swallow};
            matches!(fault, WireFault::DropContext | WireFault::Statement(Swallow | Reorder))
        }
        _ => false,
    });
    let spills = scenario.stack.defects.iter().any(|defect| match defect {
        Defect::NoBulkhead | Defect::LeakOnError | Defect::AckWithoutCommit | Defect::BlindRetry => false,
        Defect::KeptStatements | Defect::KeylessRetry => false,
        Defect::SessionSet
        | Defect::SetOutsideTransaction
        | Defect::SwallowedReset
        | Defect::SetOnCheckout
        | Defect::PoolerResetOff
        | Defect::FailOpenPolicy
        | Defect::OwnerAsApp
        | Defect::BypassrlsRole
        | Defect::RlsOffOnTable
        | Defect::DefinerView
        | Defect::StampFromContext => true,
    });
    drops || spills
}

/// Whether something in the scenario is about requests that fail. A dropped context can refuse every request.
fn can_stop(scenario: &Scenario) -> bool {
    let stops = |defect: &Defect| matches!(defect, Defect::LeakOnError | Defect::KeptStatements);
    !scenario.faults.is_empty() || scenario.stack.defects.iter().any(stops)
}

fn spoils_writes(scenario: &Scenario) -> bool {
    let spoils =
        |defect: &Defect| matches!(defect, Defect::AckWithoutCommit | Defect::BlindRetry | Defect::KeylessRetry);
    let on_the_wire = |fault: &FaultAction| {
        use OnStatement::{CutAfterReply, CutBefore, Duplicate, Reorder, Swallow};
        let verbs =
            |verb: &OnStatement| matches!(verb, CutAfterReply(_) | CutBefore(_) | Duplicate | Reorder | Swallow);
        matches!(fault, FaultAction::Wire(WireFault::Statement(verb)) if verbs(verb))
    };
    scenario.stack.defects.iter().any(spoils) || scenario.faults.iter().any(|fault| on_the_wire(&fault.action))
}
