//! Which model prices which code, and with what inputs. Every code is priced here, or has its reason for a zero.

use crate::business_metrics::{
    BreachModel, DowntimeModel, InputError, Key, MicroDollars, NoisyNeighbourModel, Outage, Point, SlaSchedule,
    TierCounts,
};
use crate::oracle::{Code, Finding, Judgement};
use crate::scenario::Phase;
use crate::wording::duration;

use super::priced::{Losses, PricedIncident};
use super::scale::{Hurt, Scale};
use super::text::{minutes, number, share, tenants};

/// Findings with one cause are one loss, which the sum holds once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Data reached other tenants.
    Exposure,
    /// Requests failed, were slow or were answered with nothing.
    Service,
    /// Writes were lost.
    LostWrites,
    /// Writes were stored twice.
    DuplicateWrites,
    /// Nothing was lost.
    None,
}

/// One finding's price on its own, before it is held against others with the same cause.
#[derive(Debug, Clone)]
pub(super) struct Alone {
    pub(super) cause: Cause,
    pub(super) model: &'static str,
    pub(super) observed: Losses,
    pub(super) at_scale: Losses,
    pub(super) basis: String,
    pub(super) records: Option<f64>,
    pub(super) incident: Option<PricedIncident>,
}

pub(super) fn price_alone(finding: &Finding, judgement: &Judgement, scale: Scale<'_>, point: &Point) -> Alone {
    match finding.code {
        Code::ForeignRow | Code::ForeignWrite | Code::ContextFailOpen => breach(finding, scale, point),
        Code::PoolExhausted | Code::PoolLeak | Code::Unavailable | Code::SlowRecovery => {
            outage("outage", finding, scale, point)
        }
        // A noisy neighbour is an outage of the requests that failed; of those that were only slow it is the handling.
        Code::NoisyNeighbour => outage("noisy neighbour", finding, scale, point),
        Code::ContextFailLoud => outage("downtime, pro rata", finding, scale, point),
        Code::ContextFailSilent => empty_answers(finding, judgement, scale, point),
        Code::LostWrite => writes(Cause::LostWrites, "lost", finding, scale, point),
        Code::DuplicateWrite => writes(Cause::DuplicateWrites, "stored twice", finding, scale, point),
        Code::MonitorBlind => nothing("a blind guard loses nothing itself; what it failed to report has its own price"),
        Code::CatalogueAlert => exposure(finding, scale, point),
        Code::CatalogueBlind => {
            nothing("a blind guard loses nothing itself; the rows that crossed have their own price")
        }
        Code::MonitorAlert => nothing("an alert is the guard at work; what it reports has its own price"),
    }
}

/// The typical cost of a breach of the exposed tenants' records.
fn breach(finding: &Finding, scale: Scale<'_>, point: &Point) -> Alone {
    let model = BreachModel::of(point);
    let radius = &finding.blast_radius;
    // Whoever was not identified is at least one tenant, and one row.
    let exposed = radius.tenants_exposed.clamp(1, scale.fleet().max(1));
    let rows = radius.rows.max(1) as f64;
    let affected = scale.tenants(exposed as f64);
    let records = affected * scale.records_per_tenant() as f64;
    let vendor = |records| vendor(usd(model.median(records)));
    let basis = format!(
        "typical cost of a breach of {} records ({} of {} tenants exposed, as of {} tenants, × {} records each) = {}; in \
         the run {} rows, repeats included; published breach costs are the vendor's, so the customers' line is $0",
        number(records),
        number(exposed as f64),
        number(scale.fleet() as f64),
        number(scale.business() as f64),
        number(scale.records_per_tenant() as f64),
        model.formula(&number(records)),
        number(rows)
    );
    Alone {
        cause: Cause::Exposure,
        model: model.name(),
        observed: vendor(rows),
        at_scale: vendor(records),
        basis,
        records: Some(records),
        incident: None,
    }
}

/// What crossed until somebody was told: the price of the time to detect.
fn exposure(finding: &Finding, scale: Scale<'_>, point: &Point) -> Alone {
    let radius = &finding.blast_radius;
    if radius.rows == 0 {
        return nothing("no foreign row crossed until the alert");
    }
    let model = BreachModel::of(point);
    let rows = radius.rows as f64;
    let grown = scale.business() as f64 / scale.fleet().max(1) as f64;
    let all = scale.business() as f64 * scale.records_per_tenant() as f64;
    let records = (rows * grown).min(all);
    let took = duration((clean_amount(radius.seconds) * 1e6) as u64);
    let basis = format!(
        "time to detect {took}, in which {} foreign rows crossed, repeats included; as of {} instead of {} tenants {} records, \
         of the {} that there are: {}; a check that looks half as often lets twice as many cross",
        number(rows),
        number(scale.business() as f64),
        number(scale.fleet() as f64),
        number(records),
        number(all),
        model.formula(&number(records))
    );
    Alone {
        cause: Cause::Exposure,
        model: "time to detect",
        observed: vendor(usd(model.median(rows))),
        at_scale: vendor(usd(model.median(records))),
        basis,
        records: None,
        incident: None,
    }
}

/// Requests that failed, until repaired: the customers' line by the minute, the vendor's by credits, fees and handling.
fn outage(model: &'static str, finding: &Finding, scale: Scale<'_>, point: &Point) -> Alone {
    let radius = &finding.blast_radius;
    let hurt = scale.hurt_by(finding).unwrap_or_else(|| scale.everyone());
    let severity = clean_share(radius.failed_share);
    let seen = clean_amount(radius.seconds) / 60.0;
    let schedule = SlaSchedule::default();
    let loss = |hurt: TierCounts, minutes: f64| {
        let loss = Outage { hurt, minutes, severity, schedule }.loss(point);
        Losses { customer: usd(loss.map(|loss| loss.customer)), vendor: usd(loss.map(|loss| loss.vendor.total())) }
    };
    let basis = format!(
        "{} of the requests of {} failed for {}; in the run of {} for {}; customers: rate per minute of their tier × \
         minutes × failed share × customers / {}; vendor: {schedule} credits + fees of the failed share + handling ({})",
        share(severity),
        tenants(&hurt.at_scale),
        minutes(scale.repair_minutes()),
        tenants(&hurt.observed),
        minutes(seen),
        number(DowntimeModel::of(point).reference_customers()),
        NoisyNeighbourModel::of(point).terms()
    );
    Alone {
        cause: Cause::Service,
        model,
        observed: loss(hurt.observed, seen),
        at_scale: loss(hurt.at_scale, scale.repair_minutes()),
        basis,
        records: None,
        incident: Some(incident(hurt.at_scale, scale, severity, point)),
    }
}

/// Answers that were empty and no error: no agreement counts them as downtime, nothing left its tenant, and those who
/// see an empty account ask why.
fn empty_answers(finding: &Finding, judgement: &Judgement, scale: Scale<'_>, point: &Point) -> Alone {
    let hurt = scale.hurt_by(finding).unwrap_or_else(|| scale.spread(finding.count as f64));
    let model = NoisyNeighbourModel::of(point);
    let handling =
        |hurt: &TierCounts| vendor(usd(model.cost_without_churn(hurt).map(|cost| cost.tickets + cost.engineering)));
    let inject = judgement.phases.iter().find(|phase| phase.phase == Phase::Inject);
    let answers = inject.map_or(0, |phase| phase.ok).max(finding.count);
    let basis = format!(
        "{} of {} answers were empty, to at most {} ({} in the run), without an error: an empty answer is no downtime \
         under any agreement here and nothing left its tenant, so the customers' line is $0 and nobody leaves; vendor: {}",
        number(finding.count as f64),
        number(answers as f64),
        tenants(&hurt.at_scale),
        tenants(&hurt.observed),
        model.terms().split(", ").take(2).collect::<Vec<_>>().join(", ")
    );
    Alone {
        cause: Cause::Service,
        model: "handling",
        observed: handling(&hurt.observed),
        at_scale: handling(&hurt.at_scale),
        basis,
        records: None,
        incident: None,
    }
}

/// Writes that are not as acknowledged: no published figure says what a write is worth to its owner, so the vendor's
/// handling is priced and the customers' loss is named as unknown.
fn writes(cause: Cause, what: &str, finding: &Finding, scale: Scale<'_>, point: &Point) -> Alone {
    let hurt: Hurt = scale.hurt_by(finding).unwrap_or_else(|| scale.spread(finding.count as f64));
    let model = NoisyNeighbourModel::of(point);
    let handling = |hurt: &TierCounts| vendor(usd(model.cost(hurt).map(|cost| cost.total())));
    let basis = format!(
        "{} acknowledged writes were {what}, of at most {} ({} in the run); no published figure says what a write is \
         worth to its owner, so the customers' line is $0 and not their loss; vendor: {}",
        number(finding.count as f64),
        tenants(&hurt.at_scale),
        tenants(&hurt.observed),
        model.terms()
    );
    // Nothing is down, so nothing but the handling depends on the incident.
    let incident = Some(incident(hurt.at_scale, scale, 0.0, point));
    let (observed, at_scale) = (handling(&hurt.observed), handling(&hurt.at_scale));
    Alone { cause, model: "handling", observed, at_scale, basis, records: None, incident }
}

fn incident(hurt: TierCounts, scale: Scale<'_>, failed_share: f64, point: &Point) -> PricedIncident {
    let (minutes, schedule) = (scale.repair_minutes(), SlaSchedule::default());
    let outage = Outage { hurt, minutes, severity: failed_share, schedule };
    let (loss, minute) = (outage.loss(point), Outage { minutes: 1.0, ..outage }.loss(point));
    let counts = failed_share > point.get(Key::SlaErrorShare);
    PricedIncident {
        hurt: hurt.iter().collect(),
        minutes,
        failed_share,
        customers_per_minute: usd(minute.map(|loss| loss.customer)),
        credits: usd(loss.map(|loss| loss.vendor.credits)),
        budget_used: if counts { minutes / schedule.free_minutes().unwrap_or(f64::MAX) } else { 0.0 },
    }
}

fn nothing(why: &str) -> Alone {
    let basis = format!("$0: {why}");
    let (observed, at_scale) = (Losses::default(), Losses::default());
    Alone { cause: Cause::None, model: "none", observed, at_scale, basis, records: None, incident: None }
}

fn vendor(vendor: MicroDollars) -> Losses {
    Losses { customer: MicroDollars::ZERO, vendor }
}

/// A model's dollars. The inputs were cleaned, so what is left to go wrong is an amount beyond counting.
pub(super) fn usd(result: Result<f64, InputError>) -> MicroDollars {
    result.map_or(MicroDollars::MAX, MicroDollars::from_usd)
}

/// A journal may have been written by anybody.
fn clean_share(share: f64) -> f64 {
    clean_amount(share).min(1.0)
}

fn clean_amount(amount: f64) -> f64 {
    if amount.is_finite() { amount.max(0.0) } else { 0.0 }
}
