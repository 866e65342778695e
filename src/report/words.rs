//! The sentences that all renderers share, so that a verdict reads the same on a phone, in CI and in a terminal.

use crate::business_metrics::MicroDollars;
use crate::oracle::{Code, FaultSummary, Finding, LeakBound, Severity, Verdict};
use crate::pricing::{BestDefence, CurvePoint, Losses, PricedSwing, Year};

use super::model::{RunReport, ScenarioReport};
use crate::wording::{count, digits, duration, plural, share, upper_share};

/// Defences that a report lists; the file holds the others.
pub(super) const MAX_DEFENCES: usize = 10;

/// What a year of losses was simulated with, for whoever wants to have it again.
pub(super) fn simulated(year: &Year) -> String {
    format!(
        "{} simulated years, seed {}, assumptions {}, tenant-chaos {}. The vendor's and the customers' loss are never added.",
        count(year.years),
        year.seed,
        year.assumptions_hash,
        env!("CARGO_PKG_VERSION")
    )
}

/// One word.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Fail => "fail",
    }
}

/// The verdict with what was planted and caught: `pass (caught TC-L01)`.
pub(super) fn scenario_verdict(scenario: &ScenarioReport) -> String {
    let word = verdict(scenario.verdict);
    let caught = codes(planted(scenario));
    if caught.is_empty() { word.to_owned() } else { format!("{word} (caught {caught})") }
}

/// The scenarios with the worst verdicts first, those alike in the order of their paths.
pub(super) fn worst_first(report: &RunReport) -> Vec<&ScenarioReport> {
    let mut scenarios: Vec<_> = report.scenarios.iter().collect();
    scenarios.sort_by_key(|scenario| std::cmp::Reverse(scenario.verdict));
    scenarios
}

/// Planted findings, which were caught.
pub(super) fn planted(scenario: &ScenarioReport) -> impl Iterator<Item = &Finding> {
    scenario.judgement.findings.iter().filter(|finding| finding.planted)
}

/// Findings that nobody planted and that are more than a notice.
pub(super) fn unplanted(scenario: &ScenarioReport) -> impl Iterator<Item = &Finding> {
    scenario.judgement.findings.iter().filter(|finding| !finding.planted && finding.severity != Severity::Notice)
}

/// Findings as short words, such as `TC-L01 ×17`; one `none` without any.
pub(super) fn findings(scenario: &ScenarioReport) -> Vec<String> {
    let findings = &scenario.judgement.findings;
    if findings.is_empty() {
        return vec!["none".to_owned()];
    }
    findings.iter().map(|finding| format!("{} ×{}", finding.code, count(finding.count))).collect()
}

/// Distinct codes, in order.
pub(super) fn codes<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
    let codes: std::collections::BTreeSet<Code> = findings.map(|finding| finding.code).collect();
    codes.into_iter().map(Code::text).collect::<Vec<_>>().join(", ")
}

/// What each fault did, such as `context.drop: 1,204 transactions`; a scenario without faults says so.
pub(super) fn touched(scenario: &ScenarioReport) -> Vec<String> {
    let faults = &scenario.judgement.faults;
    if faults.is_empty() {
        return vec!["no fault".to_owned()];
    }
    faults.iter().map(|fault| format!("{}: {}", fault.name, effect(fault))).collect()
}

/// What one fault did.
pub(super) fn effect(fault: &FaultSummary) -> String {
    match (fault.injected_at_us, fault.touched) {
        (None, _) => "never injected".to_owned(),
        (Some(_), 0) => format!("touched no {}", fault.unit),
        (Some(_), n) => format!("{} {}", count(n), fault.unit),
    }
}

/// The price at scale in one cell: the larger line and whose it is; `none` if both are zero.
pub(super) fn price(losses: Losses) -> String {
    let (amount, whose) = larger(losses);
    if amount == MicroDollars::ZERO { "none".to_owned() } else { format!("{amount} ({whose})") }
}

/// The larger line and whose it is. The two lines are never added.
pub(super) fn larger(losses: Losses) -> (MicroDollars, &'static str) {
    if losses.customer > losses.vendor { (losses.customer, "customers") } else { (losses.vendor, "vendor") }
}

/// `0 of 12,345 rows (at most 0.024% at 95%)`: a zero is never printed without what it proves.
pub(super) fn leak_bound(bound: &LeakBound) -> String {
    let rows = plural(bound.rows, "row");
    match (bound.leaks, bound.upper_95) {
        (_, None) => "no row was compared: isolation was not tested".to_owned(),
        (0, Some(upper)) => format!("0 of {rows} (at most {} at 95%)", upper_share(upper)),
        (leaks, Some(upper)) => format!(
            "{} of {rows} ({}, at most {} at 95%)",
            count(leaks),
            share(leaks as f64 / bound.rows.max(1) as f64),
            upper_share(upper)
        ),
    }
}

/// Foreign rows over the whole run: scenarios that plant leaks apart from those that must not leak.
pub(super) fn run_leaks(report: &RunReport) -> String {
    let leaks_planted = |s: &&ScenarioReport| planted(s).any(|finding| finding.severity == Severity::Leak);
    let (planted, tested): (Vec<_>, Vec<_>) = report.scenarios.iter().partition(leaks_planted);
    let sum = |of: &[&ScenarioReport]| {
        let bounds = of.iter().map(|scenario| scenario.judgement.leak_bound);
        bounds.fold((0, 0), |(leaks, rows): (u64, u64), b| (leaks + b.leaks, rows + b.rows))
    };
    let (leaks, rows) = sum(&tested);
    let mut text = foreign_rows(leaks, rows);
    if !planted.is_empty() {
        let (leaks, rows) = sum(&planted);
        text = format!("{text}; where leaks are planted: {}", of_rows(leaks, rows));
    }
    text
}

/// Foreign rows of a part or a pool of runs. Rows of different phases or scenarios are no common binomial, so leaks that
/// did happen get their share and no bound.
pub(super) fn foreign_rows(leaks: u64, rows: u64) -> String {
    match leaks {
        0 => leak_bound(&LeakBound { leaks, rows, upper_95: upper_95_of_none(rows) }),
        _ => of_rows(leaks, rows),
    }
}

fn of_rows(leaks: u64, rows: u64) -> String {
    format!("{} of {} ({})", count(leaks), plural(rows, "row"), share(leaks as f64 / rows.max(1) as f64))
}

/// How many of `trials` came out badly, for a cell beside their number: `96`, or `0 (at most 0.77%)`.
pub(super) fn bad_of(events: u64, trials: u64) -> String {
    match (events, upper_95_of_none(trials)) {
        (0, Some(upper)) => format!("0 (at most {})", upper_share(upper)),
        (events, _) => count(events),
    }
}

/// How a finding came to be: `planted, caught`, `not planted`, or `notice`.
pub(super) fn origin(finding: &Finding) -> &'static str {
    match (finding.planted, finding.severity) {
        (true, _) => "planted, caught",
        (false, Severity::Notice) => "notice",
        (false, _) => "not planted",
    }
}

/// One-sided 95% upper bound on a share of which no event was seen in `trials`, by Clopper-Pearson: the root of
/// `(1 - p)^trials = 0.05`. `None` without trials.
fn upper_95_of_none(trials: u64) -> Option<f64> {
    (trials > 0).then(|| -(0.05f64.ln() / trials as f64).exp_m1())
}

/// Who was hurt, such as `data of 12 tenants exposed, 3 tenants hurt`; empty if nobody was identified.
pub(super) fn hurt(finding: &Finding) -> String {
    let radius = &finding.blast_radius;
    let mut parts = Vec::new();
    if radius.tenants_exposed > 0 {
        parts.push(format!("data of {} exposed", plural(radius.tenants_exposed, "tenant")));
    }
    if radius.tenants_hurt > 0 {
        parts.push(format!("{} hurt", plural(radius.tenants_hurt, "tenant")));
    }
    if let Some(aggressor) = radius.aggressor {
        parts.push(format!("by {aggressor}"));
    }
    parts.join(", ")
}

/// What to do first about a finding, to follow a colon.
pub(super) fn advice(code: Code) -> &'static str {
    match code {
        Code::ForeignRow => "look in the evidence for the table, the connection and the context that the server had",
        Code::ForeignWrite => "look at WITH CHECK of the policy and at who sets the tenant column",
        Code::LostWrite => "acknowledge a write only after its COMMIT",
        Code::DuplicateWrite => "give every write an idempotency key under a unique constraint",
        Code::ContextFailOpen => "make the policy return nothing when the tenant context is NULL or empty",
        Code::ContextFailLoud => "make the caller retry with its tenant, or alert on it",
        Code::ContextFailSilent => "make a missing context an error, so that nobody takes it for an empty account",
        Code::MonitorBlind => "count transactions without a tenant context and alert above the threshold",
        Code::MonitorAlert => "find who runs transactions without a tenant context",
        Code::CatalogueAlert => "put back what the catalogue check names, and look at how long it took to say so",
        Code::CatalogueBlind => "compare row security, policies, owners and grants with the migrations in intervals",
        Code::PoolExhausted => "bound what one tier may hold of the pool, and fail fast at the limit",
        Code::PoolLeak => "return connections on every way out, errors and cancellation included",
        Code::NoisyNeighbour => "limit the rate and the connections of one tenant",
        Code::Unavailable => "look at the kinds of error in the inject phase",
        Code::SlowRecovery => "look at what still failed after the faults were healed",
    }
}

/// The blast radius in full; empty if nothing is known of it.
pub(super) fn blast_radius(finding: &Finding) -> String {
    let radius = &finding.blast_radius;
    let mut parts: Vec<String> = Some(hurt(finding)).into_iter().filter(|hurt| !hurt.is_empty()).collect();
    let tiers: Vec<_> = radius.hurt_by_tier.iter().map(|(tier, n)| format!("{} {tier}", count(*n))).collect();
    if !tiers.is_empty() {
        parts.push(tiers.join(" + "));
    }
    if radius.rows > 0 {
        parts.push(plural(radius.rows, "row"));
    }
    if !radius.tables.is_empty() {
        parts.push(format!("in {}", radius.tables.join(", ")));
    }
    if radius.failed_share > 0.0 {
        parts.push(format!("{} of their requests failed", share(radius.failed_share)));
    }
    if radius.seconds > 0.0 {
        parts.push(format!("for {}", duration((radius.seconds * 1e6) as u64)));
    }
    parts.join("; ")
}

/// `12 pass, 1 fail, 1 inconclusive`; zeros but that of `pass` are left out.
pub(super) fn tally(report: &RunReport) -> String {
    let totals = &report.totals;
    let mut parts = vec![format!("{} pass", count(totals.passed))];
    let rest = [
        (totals.failed, "fail"),
        (totals.inconclusive, "inconclusive"),
        (report.troubles.len() as u64, "could not run"),
        (report.not_run.len() as u64, "not run"),
        (report.elsewhere.len() as u64, "for another provider"),
    ];
    parts.extend(rest.into_iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", count(n))));
    parts.join(", ")
}

/// The command that runs the scenario again with the same seed, quoted for a shell.
pub(super) fn reproduce(scenario: &ScenarioReport) -> String {
    let header = &scenario.header;
    let mut command = format!("tenant-chaos run {} --seed {}", shell(&header.path), header.seed);
    match header.provider.as_str() {
        "external" => command.push_str(" --provider external --database-url \"$TENANT_CHAOS_DATABASE_URL\""),
        provider => command.push_str(&format!(" --provider {}", shell(provider))),
    }
    command
}

/// The command that judges and prices the journal again, without a database.
pub(super) fn rejudge(scenario: &ScenarioReport) -> String {
    format!("tenant-chaos report {}", shell(&format!("journal/{}.jsonl", scenario.header.scenario)))
}

fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return word.to_owned();
    }
    // A path that begins with a dash would be read as a flag.
    let word = if word.starts_with('-') { format!("./{word}") } else { word.to_owned() };
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The loss exceedance curves of a year that have a point, by name.
pub(super) fn curves(year: &Year) -> Vec<(String, &[CurvePoint])> {
    let mut curves = vec![
        ("the vendor".to_owned(), year.vendor.curve.as_slice()),
        ("its customers".to_owned(), year.customer.curve.as_slice()),
    ];
    if let Some(best) = &year.best {
        curves.push((format!("the vendor with {}", best.scenario), best.curve.as_slice()));
    }
    curves.retain(|(_, points)| !points.is_empty());
    curves
}

/// The loss that a share of years exceeds, straight between the points of a curve on two logarithmic axes; `None` where the
/// curve does not reach, or so many years lose nothing.
pub(super) fn exceeded(points: &[CurvePoint], share: f64) -> Option<MicroDollars> {
    let after = points.iter().position(|point| point.share <= share)?;
    let Some(before) = after.checked_sub(1) else {
        return (points[after].share == share).then_some(points[after].loss);
    };
    let (a, b) = (&points[before], &points[after]);
    let along = (share / a.share).ln() / (b.share / a.share).ln();
    let ln = |loss: MicroDollars| loss.usd().max(1e-6).ln();
    Some(MicroDollars::from_usd((ln(a.loss) + along * (ln(b.loss) - ln(a.loss))).exp()))
}

/// Whether the vendor's year is within what it may lose.
pub(super) fn tolerance(year: &Year) -> String {
    let does = if year.vendor.p95 > year.tolerance { "and loses more" } else { "and does not" };
    format!("One year in twenty may lose the vendor {} at most (`risk.tolerance`), {does}.", year.tolerance)
}

/// What a price hangs on.
pub(super) struct HangsOn<'a> {
    /// A heading.
    pub(super) title: String,
    /// The price with every assumption at its mode.
    pub(super) around: MicroDollars,
    /// Widest first.
    pub(super) swings: &'a [PricedSwing],
}

/// What the expected annual loss of the vendor hangs on; without one, what the dearest scenario's price does.
pub(super) fn hangs_on<'a>(report: &'a RunReport, year: &'a Year) -> Option<HangsOn<'a>> {
    if !year.swings.is_empty() {
        let title = "What the expected annual loss hangs on".to_owned();
        return Some(HangsOn { title, around: year.swings_around, swings: &year.swings });
    }
    let dearest = report.scenarios.iter().max_by_key(|scenario| scenario.price.cost_usd)?;
    let title = format!("What the price of {} hangs on", dearest.header.scenario);
    let (around, swings) = (dearest.price.cost_usd, dearest.price.swings.as_slice());
    (!swings.is_empty()).then_some(HangsOn { title, around, swings })
}

/// Benefit of a year, NPV, internal rate of return and payback: what it is, 5th, 50th and 95th percentile.
pub(super) fn returns(best: &BestDefence) -> [[String; 4]; 4] {
    let usd = |dollars: f64| MicroDollars::from_usd(dollars).to_string();
    let rate =
        |rate: Option<f64>| rate.map_or("nothing comes back".to_owned(), |rate| format!("{}%", digits(rate * 100.0)));
    let payback = |years: Option<f64>| match years {
        Some(years) if years * 12.0 < 1.0 => format!("{} days", digits(years * 365.0)),
        Some(years) if years < 1.0 => format!("{} months", digits(years * 12.0)),
        Some(years) => format!("{} years", digits(years)),
        None => format!("more than {} years", best.horizon),
    };
    let row = |what: &str, [low, half, high]: [String; 3]| [what.to_owned(), low, half, high];
    [
        row("benefit of a year", best.roi.benefit.map(usd)),
        row("NPV", best.roi.npv.map(usd)),
        row("internal rate of return", best.roi.irr.map(rate)),
        row("payback", best.roi.payback.map(payback)),
    ]
}

/// What the best defence costs, and how often it is worth it.
pub(super) fn investment(best: &BestDefence) -> String {
    format!(
        "At {} (`roi.investment`), over {} years at {}% a year: expected annual loss {} instead of {}, NPV above zero in {}% of {} \
         simulated futures, paid back in {}%.",
        best.cost,
        best.horizon,
        digits(best.rate * 100.0),
        best.after,
        best.before,
        digits(best.roi.p_npv_positive * 100.0),
        count(best.roi.futures as u64),
        digits(best.roi.p_paid_back * 100.0),
    )
}

/// Whether a breach lies among what a model was fitted to.
pub(super) fn data(outside: bool) -> &'static str {
    if outside { "outside of them" } else { "inside" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curve is read between its points and not beyond them.
    #[test]
    fn curves_are_read_between_their_points() {
        let point = |usd, share| CurvePoint { loss: MicroDollars::from_usd(usd), share };
        let curve = [point(1e4, 0.1), point(1e6, 0.001)];
        let at = |share| exceeded(&curve, share).map(|loss| loss.usd().round());
        assert_eq!((at(0.1), at(0.01), at(0.001)), (Some(1e4), Some(1e5), Some(1e6)));
        assert_eq!((at(0.5), at(0.0001), exceeded(&[], 0.1)), (None, None, None));
    }
}
