//! A year of losses, from what runs have shown: the sentence for those who pay, and what stands behind it.
//!
//! Findings that nobody planted, and that are no side effect of something planted, are what is there. Per kind of failure
//! the dearest of them is one risk, at the published or assumed frequency of its kind: several scenarios that show one
//! failure are one risk. Planted findings show what a defence is worth: what a year would cost if the planted bug were
//! there. Notices cost nothing here.

use serde::{Deserialize, Serialize};

use super::priced::{Losses, PricedFinding, PricedRun};
use crate::business_metrics::{
    Assumption, Assumptions, Confidence, InputError, Key, LossCurve, MicroDollars, Pert, Risk, Severity, Simulation,
};
use crate::oracle::{self, Code, Finding};

/// Years that are simulated.
const YEARS: usize = 100_000;
/// Points of a curve.
const POINTS: usize = 60;

/// One scenario's findings and their price.
#[derive(Debug, Clone, Copy)]
pub struct ScenarioPrice<'a> {
    /// Its name.
    pub scenario: &'a str,
    /// What was found.
    pub findings: &'a [Finding],
    /// What that costs, finding by finding.
    pub price: &'a PricedRun,
}

/// A year of losses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Year {
    /// Simulated years.
    pub years: u64,
    /// Seed of the simulation.
    pub seed: u64,
    /// Hash of the assumptions.
    pub assumptions_hash: String,
    /// What the vendor loses.
    pub vendor: YearLine,
    /// What its customers lose; never added to the vendor's.
    pub customer: YearLine,
    /// Planted bugs by what a year with them would cost, dearest first.
    pub defences: Vec<Defence>,
    /// What the prices hang on.
    pub assumptions: Vec<AssumptionUsed>,
}

/// One line of a year.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct YearLine {
    /// The risks, dearest first; empty if nothing unplanted was found that costs this line anything.
    pub risks: Vec<YearRisk>,
    /// Expected annual loss: exact.
    pub expected: MicroDollars,
    /// Its simulated mean lies in here with 95% confidence.
    pub simulated: (MicroDollars, MicroDollars),
    /// One year in twenty costs less than this.
    pub p05: MicroDollars,
    /// One year in twenty costs more than this.
    pub p95: MicroDollars,
    /// One year in a hundred costs more than this.
    pub p99: MicroDollars,
    /// Mean of the worst year in twenty.
    pub tail95: MicroDollars,
    /// The loss exceedance curve.
    pub curve: Vec<CurvePoint>,
}

/// One risk of a year.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct YearRisk {
    /// The kind of failure.
    pub name: String,
    /// The scenario whose finding is the dearest of its kind.
    pub scenario: String,
    /// The finding.
    pub code: Code,
    /// Events per year.
    pub per_year: f64,
    /// Typical cost of one.
    pub typical: MicroDollars,
    /// Expected cost of one.
    pub mean: MicroDollars,
    /// Expected annual loss.
    pub expected: MicroDollars,
}

/// A point of a loss exceedance curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CurvePoint {
    /// A year's loss.
    pub loss: MicroDollars,
    /// Share of years that lose more.
    pub share: f64,
}

/// What a defence is worth that a scenario switched off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Defence {
    /// The scenario that planted the bug.
    pub scenario: String,
    /// What it was caught by.
    pub codes: Vec<Code>,
    /// Expected annual loss with the bug: the vendor's and the customers' line.
    pub expected: Losses,
}

/// An assumption behind the prices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AssumptionUsed {
    /// Its key.
    pub key: String,
    /// Lowest plausible value.
    pub low: f64,
    /// The value that was used.
    pub mode: f64,
    /// Highest plausible value.
    pub high: f64,
    /// Unit.
    pub unit: String,
    /// Where it comes from.
    pub source: String,
    /// How far it can be trusted.
    pub confidence: Confidence,
}

impl AssumptionUsed {
    /// One of the assumptions, by name.
    pub fn of(key: Key, assumption: &Assumption) -> Self {
        let Assumption { low, mode, high, unit, source, confidence } = assumption.clone();
        Self { key: key.name().to_owned(), low, mode, high, unit, source, confidence }
    }
}

/// A kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Leak,
    Outage,
    NoisyNeighbour,
    LostWrites,
    DoubledWrites,
}

impl Kind {
    pub(super) const ALL: [Kind; 5] =
        [Kind::Leak, Kind::Outage, Kind::NoisyNeighbour, Kind::LostWrites, Kind::DoubledWrites];

    fn of(code: Code) -> Option<Self> {
        Some(match code {
            Code::ForeignRow | Code::ForeignWrite | Code::ContextFailOpen => Kind::Leak,
            Code::PoolExhausted | Code::PoolLeak | Code::Unavailable | Code::SlowRecovery => Kind::Outage,
            Code::NoisyNeighbour => Kind::NoisyNeighbour,
            Code::LostWrite => Kind::LostWrites,
            Code::DuplicateWrite => Kind::DoubledWrites,
            Code::ContextFailLoud | Code::ContextFailSilent | Code::MonitorBlind | Code::MonitorAlert => return None,
            Code::CatalogueAlert | Code::CatalogueBlind => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Leak => "leak",
            Kind::Outage => "outage",
            Kind::NoisyNeighbour => "noisy neighbour",
            Kind::LostWrites => "lost writes",
            Kind::DoubledWrites => "doubled writes",
        }
    }

    fn frequency(self) -> Key {
        match self {
            Kind::Leak => Key::FrequencyLeak,
            // A lost write is an outage of one promise; nobody counts them apart.
            Kind::Outage | Kind::LostWrites | Kind::DoubledWrites => Key::FrequencyOutage,
            Kind::NoisyNeighbour => Key::FrequencyNoisyNeighbour,
        }
    }
}

/// Whose loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossLine {
    /// The customers'.
    Customer,
    /// The vendor's.
    Vendor,
}

impl LossLine {
    /// The amount of the line.
    pub fn of(self, losses: Losses) -> MicroDollars {
        match self {
            LossLine::Customer => losses.customer,
            LossLine::Vendor => losses.vendor,
        }
    }

    /// The assumption by whose range amounts spread around the typical one.
    fn spread(self) -> Key {
        match self {
            LossLine::Customer => Key::DowntimeEnterprise,
            LossLine::Vendor => Key::IncidentChurn,
        }
    }
}

/// Which findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Those that nobody planted.
    Unplanted,
    /// Those that the scenario planted.
    Planted,
    /// Both.
    All,
}

impl Which {
    fn holds(self, finding: &Finding, plants: bool) -> bool {
        let of_the_bug = finding.planted || plants && is_service(finding);
        match self {
            Which::Unplanted => !of_the_bug,
            Which::Planted => of_the_bug,
            Which::All => true,
        }
    }
}

/// Requests that fail or are slow beside a planted bug are its doing, whether the scenario names them or not. A leak or a
/// lost write that the scenario does not name is news even there.
fn is_service(finding: &Finding) -> bool {
    matches!(finding.severity, oracle::Severity::Availability | oracle::Severity::Performance)
}

/// A year of losses from the prices of several scenarios.
///
/// # Errors
/// If a price is so large that its distribution is beyond what can be counted.
pub fn year(scenarios: &[ScenarioPrice<'_>], assumptions: &Assumptions, seed: u64) -> Result<Year, InputError> {
    let vendor = line(scenarios, LossLine::Vendor, assumptions, seed)?;
    let customer = line(scenarios, LossLine::Customer, assumptions, seed)?;
    Ok(Year {
        years: YEARS as u64,
        seed,
        assumptions_hash: hash(assumptions),
        vendor,
        customer,
        defences: defences(scenarios, assumptions)?,
        assumptions: used(scenarios, assumptions),
    })
}

/// Findings with their price, without notices.
fn priced<'a>(each: &ScenarioPrice<'a>, which: Which) -> impl Iterator<Item = &'a PricedFinding> {
    let plants = each.findings.iter().any(|finding| finding.planted);
    let counts = move |finding: &Finding| which.holds(finding, plants) && finding.severity != oracle::Severity::Notice;
    each.findings.iter().zip(&each.price.findings).filter(move |(finding, _)| counts(finding)).map(|(_, priced)| priced)
}

/// The dearest finding of a kind on a line, and its scenario.
pub(super) fn dearest<'a>(
    scenarios: &[ScenarioPrice<'a>],
    which: Which,
    kind: Kind,
    line: LossLine,
) -> Option<(&'a str, &'a PricedFinding)> {
    scenarios
        .iter()
        .flat_map(|each| priced(each, which).map(|priced| (each.scenario, priced)))
        .filter(|(_, priced)| Kind::of(priced.code) == Some(kind))
        .first_max_by_key(|(_, priced)| line.of(priced.at_scale))
        .filter(|(_, priced)| line.of(priced.at_scale) > MicroDollars::ZERO)
}

/// `max_by_key` that keeps the first of equal items.
trait FirstMax: Iterator + Sized {
    fn first_max_by_key<K: Ord>(self, key: impl Fn(&Self::Item) -> K) -> Option<Self::Item> {
        self.reduce(|best, next| if key(&next) > key(&best) { next } else { best })
    }
}

impl<I: Iterator> FirstMax for I {}

pub(super) fn risk(
    kind: Kind,
    typical: MicroDollars,
    line: LossLine,
    assumptions: &Assumptions,
) -> Result<Risk, InputError> {
    let point = assumptions.point();
    let severity = match kind {
        Kind::Leak => Severity::lognormal(typical.usd(), point.get(Key::BreachSigma))?,
        _ => {
            // The range of the assumption in proportion to its mode, around the typical cost.
            let range = assumptions.get(line.spread());
            let (value, unit) = match range.mode > 0.0 {
                true => (Pert::of(line.spread().name(), range)?, range.mode),
                false => (Pert::new(line.spread().name(), 1.0, 1.0, 1.0)?, 1.0),
            };
            Severity::Scaled { factor: typical.usd() / unit, value }
        }
    };
    Risk::new(kind.name(), point.get(kind.frequency()), severity)
}

fn line(
    scenarios: &[ScenarioPrice<'_>],
    line: LossLine,
    assumptions: &Assumptions,
    seed: u64,
) -> Result<YearLine, InputError> {
    let (mut risks, mut shown) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        let Some((scenario, priced)) = dearest(scenarios, Which::Unplanted, kind, line) else { continue };
        let typical = line.of(priced.at_scale);
        let risk = risk(kind, typical, line, assumptions)?;
        shown.push(YearRisk {
            name: kind.name().to_owned(),
            scenario: scenario.to_owned(),
            code: priced.code,
            per_year: risk.per_year(),
            typical,
            mean: MicroDollars::from_usd(risk.severity().mean()),
            expected: MicroDollars::from_usd(risk.expected_annual_loss()),
        });
        risks.push(risk);
    }
    shown.sort_by_key(|risk| std::cmp::Reverse(risk.expected));
    let curve = match risks.is_empty() {
        true => LossCurve::of(Vec::new()),
        false => Simulation::new(YEARS, seed)?.portfolio(&risks)?.curve,
    };
    let usd = MicroDollars::from_usd;
    let (low, high) = curve.mean_interval();
    Ok(YearLine {
        expected: shown.iter().map(|risk| risk.expected).sum(),
        risks: shown,
        simulated: (usd(low.max(0.0)), usd(high)),
        p05: usd(curve.var(0.05)),
        p95: usd(curve.var(0.95)),
        p99: usd(curve.var(0.99)),
        tail95: usd(curve.tvar(0.95)),
        curve: curve.points(POINTS).into_iter().map(|(loss, share)| CurvePoint { loss: usd(loss), share }).collect(),
    })
}

fn defences(scenarios: &[ScenarioPrice<'_>], assumptions: &Assumptions) -> Result<Vec<Defence>, InputError> {
    let mut defences = Vec::new();
    for each in scenarios {
        let codes: Vec<Code> = priced(each, Which::Planted).map(|priced| priced.code).collect();
        let expected = |line: LossLine| -> Result<MicroDollars, InputError> {
            let mut sum = MicroDollars::ZERO;
            for kind in Kind::ALL {
                if let Some((_, priced)) = dearest(std::slice::from_ref(each), Which::Planted, kind, line) {
                    let risk = risk(kind, line.of(priced.at_scale), line, assumptions)?;
                    sum += MicroDollars::from_usd(risk.expected_annual_loss());
                }
            }
            Ok(sum)
        };
        let expected = Losses { customer: expected(LossLine::Customer)?, vendor: expected(LossLine::Vendor)? };
        if expected != Losses::default() {
            defences.push(Defence { scenario: each.scenario.to_owned(), codes, expected });
        }
    }
    defences.sort_by_key(|defence| std::cmp::Reverse(defence.expected.vendor.max(defence.expected.customer)));
    Ok(defences)
}

/// What moves a price, and what every year needs.
fn used(scenarios: &[ScenarioPrice<'_>], assumptions: &Assumptions) -> Vec<AssumptionUsed> {
    let always = [
        Key::BreachSigma,
        Key::FrequencyLeak,
        Key::FrequencyOutage,
        Key::FrequencyNoisyNeighbour,
        Key::IncidentChurn,
        Key::DowntimeEnterprise,
    ];
    let moves = |key: Key| {
        scenarios.iter().flat_map(|each| &each.price.swings).any(|swing| swing.key == key.name())
            || always.contains(&key)
    };
    assumptions.iter().filter(|(key, _)| moves(*key)).map(|(key, value)| AssumptionUsed::of(key, value)).collect()
}

fn hash(assumptions: &Assumptions) -> String {
    let mut hasher = blake3::Hasher::new();
    for (key, Assumption { low, mode, high, .. }) in assumptions.iter() {
        hasher.update(format!("{key} {low:e} {mode:e} {high:e}\n").as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

impl Year {
    /// The sentence for those who pay. Never says that nothing can be lost.
    pub fn sentence(&self) -> String {
        let mut parts = vec![match self.vendor.risks.first() {
            Some(first) => format!(
                "Expected annual loss of the vendor: {} (nine years in ten between {} and {}; once in 20 years more than \
                 {}), most of it by {}",
                self.vendor.expected, self.vendor.p05, self.vendor.p95, self.vendor.p95, first.name
            ),
            None => {
                "Nothing was found, unplanted, that costs the vendor anything; that bounds the loss and does not make \
                     it none"
                    .to_owned()
            }
        }];
        if !self.customer.risks.is_empty() {
            parts.push(format!(
                "its customers lose {} a year at published rates, once in 20 years more than {}",
                self.customer.expected, self.customer.p95
            ));
        }
        if let Some(best) = self.defences.first() {
            parts.push(format!(
                "the dearest defence is the one that `{}` switches off: without it {} a year for the vendor, {} for its \
                 customers",
                best.scenario, best.expected.vendor, best.expected.customer
            ));
        }
        format!("{}.", parts.join("; "))
    }
}

/// Priced runs made by hand.
#[cfg(test)]
pub(super) mod fixture {
    use super::*;

    /// Findings by code, planted or not, with the customers' and the vendor's line in dollars.
    pub(in crate::pricing) fn run(findings: &[(Code, bool, i64, i64)]) -> (Vec<Finding>, PricedRun) {
        let usd = |dollars: i64| MicroDollars(dollars * 1_000_000);
        let found = findings.iter().map(|(code, planted, ..)| Finding {
            code: *code,
            severity: code.severity(),
            summary: String::new(),
            count: 1,
            first_at_us: 0,
            planted: *planted,
            blast_radius: Default::default(),
            evidence: vec![],
            notes: vec![],
        });
        let priced = findings.iter().map(|(code, _, customer, vendor)| PricedFinding {
            code: *code,
            model: String::new(),
            observed: Losses::default(),
            at_scale: Losses { customer: usd(*customer), vendor: usd(*vendor) },
            basis: String::new(),
        });
        let price = PricedRun {
            observed: Losses::default(),
            at_scale: Losses::default(),
            findings: priced.collect(),
            checks: vec![],
            cost_usd: MicroDollars::ZERO,
            swings: vec![],
        };
        (found.collect(), price)
    }

    pub(in crate::pricing) fn of_run<'a>(scenario: &'a str, run: &'a (Vec<Finding>, PricedRun)) -> ScenarioPrice<'a> {
        ScenarioPrice { scenario, findings: &run.0, price: &run.1 }
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::{of_run, run};
    use super::*;

    fn of(runs: &[(Vec<Finding>, PricedRun)]) -> Year {
        let names = ["a", "b", "c"];
        let scenarios: Vec<_> = runs.iter().zip(names).map(|(run, name)| of_run(name, run)).collect();
        year(&scenarios, Assumptions::built_in(), 1).unwrap()
    }

    /// The brief's breach at the published frequency of breaches: $391,632 a year, once in twenty years $1.1 million.
    #[test]
    fn a_leak_becomes_a_year() {
        let year = of(&[run(&[(Code::ForeignRow, false, 0, 1_200_000)])]);
        assert!((year.vendor.expected.usd() - 391_632.0).abs() < 1.0, "{:?}", year.vendor);
        assert!((year.vendor.p95.usd() / 1.10e6 - 1.0).abs() < 0.08, "{:?}", year.vendor.p95);
        assert!(year.vendor.simulated.0 < year.vendor.expected && year.vendor.expected < year.vendor.simulated.1);
        assert!(year.vendor.p95 <= year.vendor.tail95 && year.customer.risks.is_empty());
        assert!(year.sentence().starts_with("Expected annual loss of the vendor: $391,632"), "{}", year.sentence());
    }

    /// Several scenarios that show one kind of failure are one risk, the dearest of them.
    #[test]
    fn one_kind_of_failure_is_one_risk() {
        let both = of(&[
            run(&[(Code::Unavailable, false, 405_000, 9_000)]),
            run(&[(Code::PoolExhausted, false, 300_000, 8_000), (Code::NoisyNeighbour, false, 0, 8_002)]),
        ]);
        let names: Vec<_> = both.vendor.risks.iter().map(|risk| (risk.name.as_str(), risk.scenario.as_str())).collect();
        assert_eq!(names, [("noisy neighbour", "b"), ("outage", "a")]);
        let alone = of(&[run(&[(Code::Unavailable, false, 405_000, 9_000)])]);
        assert_eq!(both.customer, alone.customer);
        // 4 outages a year at the mean of the published rates.
        assert!((alone.customer.expected.usd() - 1_650_000.0).abs() < 1.0, "{:?}", alone.customer.expected);
    }

    /// A planted bug costs nobody anything: it shows what its defence is worth, and so does the sentence.
    #[test]
    fn a_planted_bug_is_what_its_defence_is_worth() {
        let year = of(&[run(&[(Code::ForeignRow, true, 0, 1_200_000), (Code::ContextFailOpen, true, 0, 0)]), run(&[])]);
        assert_eq!((year.vendor.expected, year.vendor.risks.len()), (MicroDollars::ZERO, 0));
        assert_eq!(year.defences.len(), 1);
        assert!((year.defences[0].expected.vendor.usd() - 391_632.0).abs() < 1.0);
        let said = year.sentence();
        assert!(said.contains("does not make it none") && said.contains("`a` switches off"), "{said}");
        assert!(!said.contains("NaN"));
    }

    /// What fails beside a planted bug is its doing; a leak that the scenario does not name is there all the same.
    #[test]
    fn side_effects_of_a_planted_bug_are_its_own() {
        let flood = (Code::NoisyNeighbour, true, 0, 8_002);
        let year =
            of(&[run(&[flood, (Code::Unavailable, false, 405_000, 9_000), (Code::ForeignRow, false, 0, 150_000)])]);
        let names: Vec<_> = year.vendor.risks.iter().map(|risk| risk.name.as_str()).collect();
        assert_eq!((names, year.customer.risks.len()), (vec!["leak"], 0));
        assert!((year.defences[0].expected.customer.usd() - 1_650_000.0).abs() < 1.0, "{:?}", year.defences);
    }

    /// Notices are no losses of a year.
    #[test]
    fn notices_are_not_losses() {
        let year = of(&[run(&[(Code::ContextFailLoud, false, 900_000, 40_000)])]);
        assert_eq!((year.vendor.risks.len(), year.customer.risks.len(), year.defences.len()), (0, 0, 0));
    }
}
