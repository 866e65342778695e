//! `hunt.json`: what was discovered, tested and found.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use super::price::HuntPrice;
use crate::hunt::finding::{Finding, Severity, Status};
use crate::hunt::search::Search;
use crate::stats::Observed;

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
    /// Different objects and verbs among them.
    pub strata: u64,
    /// Exact upper bound (95%) of the share of leaking probes, were they drawn at random.
    pub upper: f64,
}

impl Coverage {
    pub(in crate::hunt) fn of(cells: Vec<Cell>) -> Self {
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
        Self { cells_total: cells.len(), isolated, leaking, not_tested, cells }
    }
}

pub(in crate::hunt) fn bound(coverage: &Coverage) -> Bound {
    let probes = (coverage.isolated + coverage.leaking) as u64;
    let tested = coverage.cells.iter().filter(|cell| cell.outcome != Outcome::NotTested);
    let strata: std::collections::BTreeSet<_> = tested.map(|cell| (&cell.object, &cell.verb)).collect();
    let upper = if probes == 0 { 1.0 } else { Observed::of(coverage.leaking as u64, probes).upper(ALPHA) };
    Bound { probes, strata: strata.len() as u64, upper }
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
    /// The positive control failed, or nothing could be tested.
    NothingTested,
}

impl HuntReport {
    /// How it ended. A confirmed leak or write that nobody has accepted outweighs a failed control; covert channels and
    /// drift decide nothing.
    pub fn verdict(&self) -> HuntVerdict {
        let counts = |finding: &Finding| {
            let is_open = matches!(finding.severity, Severity::Leak | Severity::Write);
            is_open && finding.status == Status::Confirmed && finding.accepted.is_none()
        };
        if self.findings.iter().any(counts) {
            return HuntVerdict::Confirmed;
        }
        let control_failed = self.discovered.control_visible == 0 && self.discovered.control_tables > 0;
        match self.coverage.isolated == 0 || control_failed {
            true => HuntVerdict::NothingTested,
            false => HuntVerdict::Closed,
        }
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
    use super::*;
    use crate::generated::assert_committed;

    /// The committed schemas are those that the types give; `UPDATE_SCHEMAS=1` writes them anew.
    #[test]
    fn the_committed_schemas_are_not_stale() {
        for (name, text) in [("hunt.schema.json", json_schema()), ("hunt-config.schema.json", config_schema())] {
            assert_committed(&format!("docs/schemas/{name}"), &text, "UPDATE_SCHEMAS");
        }
    }
}
