//! The figures of `docs/BUSINESS_CASE.md` are generated: this test fails when one of them is stale.
//! `UPDATE_DOCS=1 cargo test --test business_case` writes them anew.

#![expect(clippy::unwrap_used, reason = "a figure that cannot be computed fails the test")]

use std::fmt::Write as _;
use std::path::Path;

use tenant_chaos::business_metrics::*;
use tenant_chaos::stats::required_probes;

const DOCUMENT: &str = "docs/BUSINESS_CASE.md";

fn point() -> Point {
    Assumptions::built_in().point()
}

fn usd(dollars: f64) -> String {
    MicroDollars::from_usd(dollars).to_string()
}

fn percent(share: f64) -> String {
    let whole = MicroDollars::from_usd((share * 100.0).round()).to_string().replace('$', "");
    if share.abs() >= 1.0 { format!("{whole}%") } else { format!("{:.1}%", share * 100.0) }
}

fn table(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&headings.iter().map(|heading| (*heading).to_owned()).collect::<Vec<_>>());
    text.push_str(&line(&vec!["---".to_owned(); headings.len()]));
    rows.iter().for_each(|row| text.push_str(&line(row)));
    text
}

fn headlines() -> String {
    let point = point();
    let (breach, downtime) = (AnchoredBreach::of(&point), DowntimeModel::of(&point));
    let noisy = NoisyNeighbourModel::of(&point).cost(&TierCounts::only(Tier::Starter, 200.0)).unwrap().total();
    let hour = |tier| usd(downtime.cost(tier, 60.0, 1.0, 10.0).unwrap());
    let upgrade = Plans::of(&point).unwrap().upgrade(Tier::Starter, 15_000.0).unwrap().unwrap();
    let brief = CashFlows::new(75_000.0, vec![5.5e6, 3.5e6, 3.5e6, 3.5e6, 3.5e6]).unwrap();
    let row = |what: &str, brief: &str, ours: String| vec![what.to_owned(), brief.to_owned(), ours];
    table(
        &["question", "the brief", "the model"],
        vec![
            row("leak of one tenant, typical", "$150K", usd(breach.median(5_000.0).unwrap())),
            row("leak of one tenant, on average", "$500K", usd(breach.mean(5_000.0).unwrap())),
            row("leak of 50 tenants, typical", "$1.2M", usd(breach.median(250_000.0).unwrap())),
            row("leak of 100 tenants, typical", "run the calculator", usd(breach.median(500_000.0).unwrap())),
            row("an hour down: starter", "$3K", hour(Tier::Starter)),
            row("an hour down: growth", "$30K", hour(Tier::Growth)),
            row("an hour down: enterprise", "$540K", hour(Tier::Enterprise)),
            row("45 minutes down: enterprise", "$405K", usd(downtime.cost(Tier::Enterprise, 45.0, 1.0, 10.0).unwrap())),
            row("one tenant slows 200 down", "$8K", usd(noisy)),
            row("upgrade at 15,000 calls saves, a month", "$XX", usd(upgrade.saving)),
            row("a used-up plan is a chance of", "$200", usd(upgrade.expected_upsell)),
            row(
                "return on $75,000, first year, $2M",
                "2,567%",
                percent(CashFlows::new(75_000.0, vec![2e6]).unwrap().net_roi()),
            ),
            row("five-year NPV at 10%", "$15M", usd(brief.npv(0.10).unwrap())),
            row("NPV over cost", "20,000%", percent(brief.npv_index(0.10).unwrap())),
        ],
    )
}

fn evidence() -> String {
    let yearly = point().get(Key::FrequencyLeak) * 500e3;
    let one = CashFlows::new(75_000.0, vec![yearly]).unwrap();
    let five = CashFlows::level(75_000.0, yearly, 5).unwrap();
    let recurring = CashFlows::level(75_000.0, 5.5e6, 5).unwrap();
    table(
        &["reading", "benefit a year", "first-year ROI", "five-year NPV at 10%", "payback"],
        vec![
            vec![
                "four $500K breaches a year prevented, every year, and $3.5M of margin".into(),
                usd(5.5e6),
                percent(CashFlows::new(75_000.0, vec![5.5e6]).unwrap().net_roi()),
                usd(recurring.npv(0.10).unwrap()),
                format!("{:.2} months", recurring.payback_years().unwrap() * 12.0),
            ],
            vec![
                "breaches at the published rate, nothing else".into(),
                usd(yearly),
                percent(one.net_roi()),
                usd(five.npv(0.10).unwrap()),
                format!("{:.2} years", five.payback_years().unwrap()),
            ],
        ],
    )
}

fn models() -> String {
    let mut rows = Vec::new();
    for records in [5_000.0, 25_000.0, 250_000.0, 1e6] {
        let mut row = vec![format!("{records}")];
        for estimate in compare_breach_models(records, &point()).unwrap() {
            let flag = if estimate.range == Range::Inside { "" } else { " (outside its data)" };
            row.push(format!("{}{flag}", usd(estimate.typical_usd)));
        }
        rows.push(row);
    }
    table(&["records", "anchored", "DBIR 2015", "Jacobs 2014", "IBM per record"], rows)
}

fn architectures() -> String {
    let rows = ArchitectureModel::of(&point()).compare(10_000.0, 100.0).unwrap().map(|each| {
        let leaks = each.break_even.map_or("-".to_owned(), |leaks| format!("{:.2}", leaks.mean));
        vec![
            each.architecture.name().to_owned(),
            usd(each.yearly),
            usd(each.leaks_yearly),
            usd(each.total),
            percent(each.margin),
            percent(each.margin_after_leaks),
            usd(each.worst_breach),
            leaks,
            each.architecture.wrong_when().to_owned(),
        ]
    });
    table(
        &[
            "architecture",
            "10,000 tenants a year",
            "leaks a year",
            "total",
            "margin",
            "after leaks",
            "worst leak",
            "leaks a year that eat the saving",
            "wrong when",
        ],
        rows.into(),
    )
}

fn year() -> String {
    let risks = reference_portfolio(Assumptions::built_in()).unwrap();
    let row = |risk: &Risk| {
        let (mean, year) = (usd(risk.severity().mean()), usd(risk.expected_annual_loss()));
        vec![risk.name().to_owned(), format!("{:.4}", risk.per_year()), mean, year]
    };
    let mut text = table(&["risk", "a year", "mean cost", "expected annual loss"], risks.iter().map(row).collect());
    let curve = Simulation::new(100_000, 1).unwrap().threads(2).portfolio(&risks).unwrap().curve;
    writeln!(
        text,
        "\nOf 100,000 simulated years (seed 1) one in 20 loses more than {}, one in 100 more than {}; the worst one in 20 lose {} \
         on average.",
        usd(curve.var(0.95)),
        usd(curve.var(0.99)),
        usd(curve.tvar(0.95))
    )
    .unwrap();
    text
}

fn probes() -> String {
    let rows = [(0.001, "99.9% of leaks prevented"), (0.0001, "alert above 0.01%"), (0.000_001, "one in a million")];
    let row = |(share, what): (f64, &str)| {
        let probes = required_probes(share, 0.05);
        let rate = LeakRate::of(0, probes).unwrap();
        let [_, bound] = rate.year(1e9, &point()).unwrap();
        vec![what.to_owned(), probes.to_string(), format!("{:.1e}", rate.upper_95), format!("{:.0}", bound.leaks)]
    };
    table(
        &[
            "claim",
            "independent clean probes that show it (95%)",
            "leak rate at most",
            "leaks still possible in 1e9 queries",
        ],
        rows.map(row).into(),
    )
}

/// Writes a block.
type Generate = fn() -> String;

/// Every generated block of the document is what the models say today, and each is there once.
#[test]
fn the_business_case_is_not_stale() {
    let blocks: [(&str, Generate); 6] = [
        ("headlines", headlines),
        ("evidence", evidence),
        ("models", models),
        ("architectures", architectures),
        ("year", year),
        ("probes", probes),
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    let written = std::fs::read_to_string(&path).unwrap();
    let mut fresh = written.clone();
    for (name, generate) in blocks {
        let (from, to) = (format!("<!-- generated: {name} -->\n"), "<!-- end -->".to_owned());
        assert_eq!(fresh.matches(&from).count(), 1, "{name}");
        let start = fresh.find(&from).unwrap() + from.len();
        let end = start + fresh[start..].find(&to).unwrap();
        fresh.replace_range(start..end, &format!("\n{}\n", generate()));
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
        return;
    }
    assert!(fresh == written, "{DOCUMENT} is stale: run `UPDATE_DOCS=1 cargo test --test business_case`");
}
