//! Proves the hunt's recall by mutation: failure modes are planted one at a time in three schemas that isolate, and
//! what docs/recall.md says is found must be found. The schemas alone confirm nothing.
//!
//! `TENANT_CHAOS_RECALL=all` plants everything (minutes), a list of modes (`F15,F24`) those, and nothing a few modes
//! that stand for the others. `UPDATE_DOCS=1` writes the document, if everything was planted.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

mod plants;
mod run;
mod styles;
mod table;

use std::collections::BTreeSet;

use plants::{Plant, Planted, plants};
use styles::{STYLES, Style};
use tenant_chaos::hunt::Status;

/// One of each kind of probe and rule: the mode, and the schema in which it is planted.
const A_FEW: &[(&str, &str)] = &[
    ("F02", "claims"),
    ("F06", "roles"),
    ("F12", "roles"),
    ("F15", "reference"),
    ("F18", "claims"),
    ("F20", "claims"),
    ("F22", "reference"),
    ("F32", "roles"),
    ("F35", "claims"),
    ("F36", "roles"),
    ("F39", "roles"),
    ("F41", "claims"),
    ("F44", "roles"),
    ("F55", "claims"),
    ("F60", "reference"),
    ("F68", "roles"),
];

/// The modes that failure-mode research marks with a way to plant them.
const PLANTABLE: &[(u32, u32)] = &[(1, 48), (50, 51), (52, 62), (65, 65), (67, 68), (70, 73)];

fn wanted() -> (Vec<(&'static Style, &'static Plant)>, bool) {
    let said = std::env::var("TENANT_CHAOS_RECALL").unwrap_or_default();
    let modes: BTreeSet<&str> = said.split(',').filter(|mode| mode.starts_with('F')).collect();
    let is_wanted = |style: &Style, plant: &Plant| match said.as_str() {
        "all" => true,
        "" => A_FEW.contains(&(plant.mode, style.name)),
        _ => modes.contains(plant.mode),
    };
    let pairs = STYLES.iter().flat_map(|style| plants().map(move |plant| (style, plant)));
    (pairs.filter(|(style, plant)| is_wanted(style, plant)).collect(), said == "all")
}

/// What the document says is found is found; and of the schemas alone nothing is confirmed.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_planted_is_found() {
    let (wanted, is_all) = wanted();
    let (clean, rows) = run::run(wanted).await;
    for (schema, hunted) in &clean {
        let (open, report) = (run::open(hunted), &hunted.report);
        assert!(open.is_empty(), "{schema}: {open:#?}");
        let confirmed: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| finding.status == Status::Confirmed)
            .map(|finding| (&finding.mode, &finding.object, &finding.title))
            .collect();
        println!("{schema}: {} cells, confirmed {confirmed:?}", report.coverage.cells_total);
        let pairs = |cells: &mut dyn Iterator<Item = &tenant_chaos::hunt::Cell>| {
            cells.map(|cell| (cell.object.clone(), cell.verb.clone())).collect::<BTreeSet<_>>().len()
        };
        let cells = &report.coverage.cells;
        let tested = cells.iter().filter(|cell| cell.outcome != tenant_chaos::hunt::Outcome::NotTested);
        let (tested, all) = (pairs(&mut { tested }), pairs(&mut cells.iter()));
        println!("{schema}: {tested} of {all} pairs of object and verb are tested");
        assert!(tested * 100 >= all * 95, "{schema}: {tested} of {all} pairs of object and verb are tested");
        let untested = cells.iter().filter(|cell| cell.outcome == tenant_chaos::hunt::Outcome::NotTested).count();
        assert!(untested * 20 <= cells.len(), "{schema}: {untested} of {} cells are not tested", cells.len());
    }
    if is_all && std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(table::PATH, table::render(&rows)).unwrap();
    }
    let trouble: Vec<_> = rows.iter().filter(|row| row.trouble.is_some()).collect();
    assert!(trouble.is_empty(), "{trouble:#?}");
    let mut lost = Vec::new();
    for (schema, mode, by_rule, by_probe) in table::recorded() {
        let Some(row) = rows.iter().find(|row| row.schema == schema && row.mode == mode) else { continue };
        if (by_rule && row.by_rule.is_none()) || (by_probe && row.by_probe.is_none()) {
            lost.push(row);
        }
    }
    assert!(lost.is_empty(), "docs/recall.md says that these are found: {lost:#?}");
}

/// Each mode that can be planted has a row for each schema, or says why it is not planted; what no probe finds says why;
/// and what is planted in each run is recorded as found.
#[test]
fn the_table_is_whole() {
    let modes: Vec<String> =
        PLANTABLE.iter().flat_map(|(from, to)| (*from..=*to).map(|number| format!("F{number:02}"))).collect();
    let known: Vec<&str> = plants().map(|plant| plant.mode).collect();
    assert_eq!(known, modes);
    let recorded = table::recorded();
    for style in &STYLES {
        for plant in plants() {
            let row = recorded.iter().find(|(schema, mode, ..)| schema == style.name && mode == plant.mode);
            let Some((.., by_rule, by_probe)) = row else { panic!("no row for {} on {}", plant.mode, style.name) };
            let is_planted = !matches!(plant.of(style), Planted::Nothing(_));
            assert!(is_planted || !(*by_rule || *by_probe), "{} on {}", plant.mode, style.name);
            let why = plant.why_rule_only(style);
            assert_eq!(is_planted && !*by_probe, why.is_some(), "{} on {}: {why:?}", plant.mode, style.name);
            let found = *by_rule || *by_probe;
            assert!(found || !A_FEW.contains(&(plant.mode, style.name)), "{} on {}", plant.mode, style.name);
        }
    }
}
