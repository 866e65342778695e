//! `hunt.json`: what was discovered, tested and found.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use super::price::HuntPrice;
use crate::hunt::finding::{Finding, Severity, Status};
use crate::hunt::search::Search;
use crate::stats::Observed;

/// Why a probe was not tried.
pub(in crate::hunt) const CUT: &str = "cut: the budget is used up";

/// Confidence of the bound is one minus this.
const ALPHA: f64 = 0.05;

/// What a hunt gives.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HuntReport {
    /// Version of this format.
    pub schema_version: u32,
    /// How the schema was understood.
    pub discovered: Discovered,
    /// What was tested.
    pub coverage: Coverage,
    /// What silence is worth.
    pub bound: Bound,
    /// What the search beside the fixed probes did.
    pub search: Search,
    /// What the confirmed leaks cost together: one loss, whatever their number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<HuntPrice>,
    /// What was found, worst first.
    pub findings: Vec<Finding>,
}

/// How the schema was understood.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Discovered {
    /// Role that the probes connected as.
    pub app_role: String,
    /// Whose rights a request has: that role's own, or those of a role that it takes.
    pub acts_as: String,
    /// Roles that were taken into account, best first.
    pub app_role_candidates: Vec<String>,
    /// How a request says who it is.
    pub context: String,
    /// Settings that the policies and their functions read.
    pub settings: Vec<String>,
    /// The table of tenants.
    pub tenant_table: Option<String>,
    /// Tables by the name of their tenant column.
    pub tenant_columns: BTreeMap<String, Vec<String>>,
    /// Roles that the schema expects and that were created.
    pub created_roles: Vec<String>,
    /// Version of the throw-away server that the probes ran on.
    pub server_version: String,
    /// Version of the existing database's server, whose known holes are reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_server_version: Option<String>,
    /// Tables of which tenant A saw its own row.
    pub control_visible: usize,
    /// Tables that were tried.
    pub control_tables: usize,
}

/// What was tested.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Coverage {
    /// Cells: object × verb × state of the context.
    pub cells_total: usize,
    /// Nothing foreign came back, and the positive control held.
    pub isolated: usize,
    /// Something foreign came back.
    pub leaking: usize,
    /// Probes that the budget did not last for.
    pub cut: usize,
    /// Protected tables of which no SELECT could be tested, though a policy lets the role see rows.
    pub untested_tables: Vec<String>,
    /// What proves nothing, and why.
    pub not_tested: Vec<NotTested>,
    /// Every cell.
    pub cells: Vec<Cell>,
}

/// An object and verb that were not tested.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct NotTested {
    /// The object.
    pub object: String,
    /// The verb.
    pub verb: String,
    /// Why, in the database's words where it has some.
    pub reason: String,
}

/// One object, verb and state.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Cell {
    /// The object.
    pub object: String,
    /// The verb.
    pub verb: String,
    /// The state of the context.
    pub context_state: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it was not tested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Fingerprint of the finding that it belongs to, if it leaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
}

/// What came of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing foreign came back, and the positive control held.
    Isolated,
    /// Something foreign came back.
    Leaking,
    /// It proves nothing.
    NotTested,
}

/// What silence is worth.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Bound {
    /// Probes that could have leaked.
    pub probes: u64,
    /// Different objects and verbs among them. States of one object and verb are no independent trials.
    pub strata: u64,
    /// Exact upper bound (95%) of the share of leaking objects and verbs, were they drawn at random.
    pub upper: f64,
}

impl Coverage {
    /// `protected`: tables of which a policy lets the role see rows.
    pub(in crate::hunt) fn of(cells: Vec<Cell>, protected: &[String]) -> Self {
        let selects = |table: &&String| {
            let of = cells.iter().filter(|cell| cell.object == **table && cell.verb == "SELECT");
            let mut of = of.peekable();
            of.peek().is_some() && of.all(|cell| cell.outcome == Outcome::NotTested)
        };
        let untested_tables = protected.iter().filter(selects).cloned().collect();
        let cut = cells.iter().filter(|cell| cell.reason.as_deref() == Some(CUT)).count();
        let count = |outcome| cells.iter().filter(|cell| cell.outcome == outcome).count();
        let mut not_tested: Vec<NotTested> = cells
            .iter()
            .filter(|cell| cell.outcome == Outcome::NotTested)
            .map(|cell| NotTested {
                object: cell.object.clone(),
                verb: cell.verb.clone(),
                reason: cell.reason.clone().unwrap_or_default(),
            })
            .collect();
        not_tested.sort();
        not_tested.dedup();
        let (isolated, leaking) = (count(Outcome::Isolated), count(Outcome::Leaking));
        Self { cells_total: cells.len(), isolated, leaking, cut, untested_tables, not_tested, cells }
    }
}

pub(in crate::hunt) fn bound(coverage: &Coverage) -> Bound {
    let tested = || coverage.cells.iter().filter(|cell| cell.outcome != Outcome::NotTested);
    let pairs = |cells: &mut dyn Iterator<Item = &Cell>| {
        cells.map(|cell| (cell.object.clone(), cell.verb.clone())).collect::<BTreeSet<_>>().len() as u64
    };
    let strata = pairs(&mut tested());
    let leaking = pairs(&mut tested().filter(|cell| cell.outcome == Outcome::Leaking));
    let upper = if strata == 0 { 1.0 } else { Observed::of(leaking, strata).upper(ALPHA) };
    Bound { probes: tested().count() as u64, strata, upper }
}

/// Verbs that are other words for one thing.
pub(in crate::hunt) fn family(verb: &str) -> &str {
    match verb {
        "COPY TO"
        | "EXECUTE"
        | "SELECT in PL/pgSQL"
        | "SELECT with a leaky condition"
        | "INSERT, then SELECT"
        | "UPDATE, then SELECT" => "SELECT",
        "COPY FROM" => "INSERT",
        "MERGE" | "INSERT ON CONFLICT" => "UPDATE",
        other => other,
    }
}

/// How a hunt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HuntVerdict {
    /// No confirmed leak.
    Closed,
    /// A probe got through.
    Confirmed,
    /// Too little could be tested for silence to mean anything.
    Inconclusive,
}

impl HuntReport {
    /// How it ended. A confirmed leak or write that nobody has accepted outweighs everything else; covert channels and
    /// drift decide nothing.
    pub fn verdict(&self) -> HuntVerdict {
        let counts = |finding: &Finding| {
            let is_open = matches!(finding.severity, Severity::Leak | Severity::Write);
            is_open && finding.status == Status::Confirmed && finding.accepted.is_none()
        };
        // A cell that leaks and belongs to no finding is nothing that anybody can have accepted.
        let unknown = |cell: &Cell| cell.outcome == Outcome::Leaking && self.finding_of(cell).is_none();
        if self.findings.iter().any(counts) || self.coverage.cells.iter().any(unknown) {
            return HuntVerdict::Confirmed;
        }
        match self.doubts().is_empty() {
            true => HuntVerdict::Closed,
            false => HuntVerdict::Inconclusive,
        }
    }

    /// The finding that a leaking cell belongs to.
    pub(in crate::hunt) fn finding_of(&self, cell: &Cell) -> Option<&Finding> {
        let fingerprint = cell.finding.as_ref()?;
        self.findings.iter().find(|finding| finding.fingerprint == *fingerprint)
    }

    /// Why silence is no result, a sentence each.
    pub fn doubts(&self) -> Vec<String> {
        let (coverage, mut doubts) = (&self.coverage, Vec::new());
        if self.discovered.control_visible == 0 && self.discovered.control_tables > 0 {
            doubts.push("tenant A saw its own row in no protected table".to_owned());
        }
        if coverage.isolated == 0 {
            doubts.push("no probe found a tenant isolated".to_owned());
        }
        if coverage.cut > 0 {
            doubts.push(format!("the budget was used up before {} probes: give more with --budget", coverage.cut));
        }
        if !coverage.untested_tables.is_empty() {
            doubts.push(format!(
                "reading these protected tables proves nothing: {}",
                coverage.untested_tables.join(", ")
            ));
        }
        doubts
    }

    /// What to add to `hunt.toml`, where the context was not understood.
    pub fn question(&self) -> Option<String> {
        (self.discovered.control_visible == 0 && self.discovered.control_tables > 0).then(|| {
            "no setting was found under which a tenant sees its own rows: say in hunt.toml (--config) how a request \
             says who it is:\n\n[context]\nenter = [\"SELECT set_config('app.user', '{user}', true)\"]\n\n\
             [tenants.a.variables]\nuser = \"…\"\n\n[tenants.b.variables]\nuser = \"…\"\n"
                .to_owned()
        })
    }
}

/// The JSON Schema (draft 07) of `hunt.json`, as committed at `docs/schemas/hunt.schema.json`.
pub fn json_schema() -> String {
    schema_of::<HuntReport>(SchemaSettings::draft07().for_serialize())
}

/// The JSON Schema (draft 07) of `hunt.toml`, as committed at `docs/schemas/hunt-config.schema.json`.
pub fn config_schema() -> String {
    schema_of::<crate::hunt::input::config::Config>(SchemaSettings::draft07())
}

fn schema_of<T: JsonSchema>(settings: SchemaSettings) -> String {
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::super::sample::{found, hunted};
    use super::*;
    use crate::generated::assert_committed;

    fn cell(object: &str, state: &str, outcome: Outcome) -> Cell {
        let (object, context_state) = (object.to_owned(), state.to_owned());
        Cell { object, verb: "SELECT".to_owned(), context_state, outcome, reason: None, finding: None }
    }

    /// Twenty states of one table are one trial, and what was not tested is none.
    #[test]
    fn the_bound_counts_each_object_and_verb_once() {
        let mut cells: Vec<Cell> = (0..20).map(|state| cell("notes", &state.to_string(), Outcome::Isolated)).collect();
        let of = |cells: &[Cell]| bound(&Coverage::of(cells.to_vec(), &[]));
        assert_eq!((of(&cells).probes, of(&cells).strata), (20, 1));
        assert!((of(&cells).upper - 0.95).abs() < 0.001, "{}", of(&cells).upper);
        cells.push(cell("times", "own tenant", Outcome::NotTested));
        assert_eq!(of(&cells).strata, 1);
        cells.push(cell("notes", "never set", Outcome::Leaking));
        assert!((of(&cells).upper - 1.0).abs() < 1e-9, "the one pair leaks");
    }

    /// A cell that leaks and belongs to no finding is one that nobody has accepted, whatever else is.
    #[test]
    fn a_leaking_cell_without_a_finding_is_a_leak() {
        let cells =
            [("notes", "SELECT", "own tenant", Outcome::Isolated), ("notes", "SELECT", "empty", Outcome::Leaking)];
        let known = found("F18", Severity::Leak, "notes", "open", Some("SELECT"));
        let mut report = hunted(&cells, vec![known]);
        report.findings[0].accepted = Some("public".to_owned());
        assert_eq!(report.verdict(), HuntVerdict::Closed);
        report.coverage.cells[1].finding = None;
        assert_eq!(report.verdict(), HuntVerdict::Confirmed);
    }

    /// A protected table with one tested state is tested; one without, or of which nothing was tried, is not passed over.
    #[test]
    fn tables_without_a_tested_read_are_named() {
        let mut cells =
            vec![cell("notes", "own tenant", Outcome::Isolated), cell("notes", "empty", Outcome::NotTested)];
        cells.push(Cell { reason: Some(CUT.to_owned()), ..cell("times", "own tenant", Outcome::NotTested) });
        let coverage = Coverage::of(cells, &["notes".to_owned(), "times".to_owned()]);
        assert_eq!((coverage.untested_tables, coverage.cut), (vec!["times".to_owned()], 1));
    }

    /// The committed schemas are those that the types give; `UPDATE_SCHEMAS=1` writes them anew.
    #[test]
    fn the_committed_schemas_are_not_stale() {
        for (name, text) in [("hunt.schema.json", json_schema()), ("hunt-config.schema.json", config_schema())] {
            assert_committed(&format!("docs/schemas/{name}"), &text, "UPDATE_SCHEMAS");
        }
    }
}
