//! What each context fault did on each stack: pooler, its mode and the version of PostgreSQL, as far as runs observed it.

use serde::{Deserialize, Serialize};

use super::model::ScenarioReport;
use crate::observe::{ContextOutcome, Header};
use crate::oracle::context_class;
use crate::scenario::Pooler;

/// A stack as the matrix tells stacks apart; sorted as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StackKey {
    /// Such as `none` or `pgbouncer 1.18.0`.
    pub pooler: String,
    /// `session` or `transaction`; `direct` without a pooler.
    pub mode: String,
    /// Major version of PostgreSQL.
    pub postgres: u32,
}

impl StackKey {
    /// Where a scenario ran.
    pub fn of(header: &Header) -> Self {
        let (pooler, mode) = match &header.pooler {
            Some(pooler) => (format!("pgbouncer {}", pooler.version), mode(pooler.kind)),
            None => ("none".to_owned(), mode(Pooler::None)),
        };
        let major: String = header.server_version.chars().take_while(char::is_ascii_digit).collect();
        Self { pooler, mode: mode.to_owned(), postgres: major.parse().unwrap_or(0) }
    }

    /// In a table's heading.
    pub fn title(&self) -> String {
        match self.mode.as_str() {
            "direct" => format!("no pooler, PostgreSQL {}", self.postgres),
            mode => format!("{}, {mode}, PostgreSQL {}", self.pooler, self.postgres),
        }
    }
}

fn mode(kind: Pooler) -> &'static str {
    match kind {
        Pooler::None => "direct",
        Pooler::PgbouncerSession => "session",
        Pooler::PgbouncerTransaction => "transaction",
    }
}

/// What one fault of one scenario did on one stack, over all runs of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ContextCell {
    /// The stack.
    pub stack: StackKey,
    /// The scenario, which says what is planted.
    pub scenario: String,
    /// Index of the fault in it.
    pub fault: usize,
    /// What the fault leaves as context, such as `stale`, or the name of a fault on the wire.
    pub leaves: String,
    /// The counts.
    pub outcome: ContextOutcome,
    /// The worst that occurred; see [`context_class`].
    pub class: String,
}

/// Every cell that was observed, by scenario, fault and stack. Runs of the same are summed up.
pub(super) fn context_matrix(scenarios: &[ScenarioReport]) -> Vec<ContextCell> {
    let mut cells: Vec<ContextCell> = Vec::new();
    for report in scenarios {
        let stack = StackKey::of(&report.header);
        for verdict in &report.judgement.context {
            let scenario = &report.header.scenario;
            let same = |cell: &&mut ContextCell| {
                (&cell.stack, &cell.scenario, cell.fault) == (&stack, scenario, verdict.fault)
            };
            match cells.iter_mut().find(same) {
                Some(cell) => {
                    add(&mut cell.outcome, verdict.outcome);
                    cell.class = context_class(&cell.outcome).to_owned();
                }
                None => cells.push(ContextCell {
                    stack: stack.clone(),
                    scenario: scenario.clone(),
                    fault: verdict.fault,
                    leaves: verdict.leaves.clone(),
                    outcome: verdict.outcome,
                    class: verdict.class.clone(),
                }),
            }
        }
    }
    cells.sort_by(|a, b| (&a.scenario, a.fault, &a.stack).cmp(&(&b.scenario, b.fault, &b.stack)));
    cells
}

fn add(sum: &mut ContextOutcome, more: ContextOutcome) {
    sum.touched += more.touched;
    sum.open += more.open;
    sum.loud += more.loud;
    sum.silent += more.silent;
    sum.harmless += more.harmless;
}

/// The cells as a table: its stacks, and per fault a title and a cell for each stack.
pub(super) struct Pivot<'a> {
    pub(super) stacks: Vec<&'a StackKey>,
    pub(super) rows: Vec<(String, Vec<Option<&'a ContextCell>>)>,
}

impl<'a> Pivot<'a> {
    pub(super) fn of(cells: &'a [ContextCell]) -> Self {
        let stacks: std::collections::BTreeSet<&StackKey> = cells.iter().map(|cell| &cell.stack).collect();
        let stacks: Vec<&StackKey> = stacks.into_iter().collect();
        let mut rows: Vec<(String, Vec<Option<&ContextCell>>)> = Vec::new();
        let mut last = None;
        for cell in cells {
            if last.replace((&cell.scenario, cell.fault)) != Some((&cell.scenario, cell.fault)) {
                rows.push((format!("{}: {}", cell.scenario, cell.leaves), vec![None; stacks.len()]));
            }
            let place = stacks.iter().position(|stack| **stack == cell.stack);
            if let (Some((_, cells)), Some(place)) = (rows.last_mut(), place) {
                cells[place] = Some(cell);
            }
        }
        Self { stacks, rows }
    }
}

/// What stands in a cell: the class, and how many of the touched transactions it was.
pub(super) fn words(cell: &ContextCell) -> String {
    let of = cell.outcome;
    let worst = match cell.class.as_str() {
        "fail-open" => of.open,
        "fail-closed-silent" => of.silent,
        "fail-closed-loud" => of.loud,
        _ => return cell.class.clone(),
    };
    format!("{} ({worst} of {})", cell.class, of.touched)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::PoolerInfo;
    use crate::oracle::ContextVerdict;
    use crate::report::sample;

    fn ran(pooler: Option<Pooler>, version: &str, outcome: ContextOutcome) -> ScenarioReport {
        let mut report = sample::leaking();
        report.header.pooler = pooler.map(|kind| PoolerInfo { kind, version: "1.18.0".into() });
        report.header.server_version = version.into();
        let class = context_class(&outcome).to_owned();
        report.judgement.context = vec![ContextVerdict { fault: 0, leaves: "stale".into(), outcome, class }];
        report
    }

    /// One row per fault, one column per stack; what no run observed is empty, and runs of the same are summed up.
    #[test]
    fn stacks_stand_side_by_side() {
        let silent = ContextOutcome { touched: 4, silent: 3, harmless: 1, ..ContextOutcome::default() };
        let open = ContextOutcome { touched: 2, open: 1, harmless: 1, ..ContextOutcome::default() };
        let transaction = Some(Pooler::PgbouncerTransaction);
        let mut other = ran(None, "17.2", open);
        other.header.scenario = "other".into();
        let reports =
            [ran(transaction, "15.18 (Debian)", silent), ran(None, "15.18", silent), ran(None, "15.18", open), other];
        let cells = context_matrix(&reports);
        assert_eq!(cells.len(), 3);
        let Pivot { stacks, rows } = Pivot::of(&cells);
        assert_eq!(
            stacks.iter().map(|stack| stack.title()).collect::<Vec<_>>(),
            ["no pooler, PostgreSQL 15", "no pooler, PostgreSQL 17", "pgbouncer 1.18.0, transaction, PostgreSQL 15"]
        );
        let name = &reports[0].header.scenario;
        let row = &rows.iter().find(|(title, _)| title.starts_with(name.as_str())).unwrap().1;
        let shown: Vec<_> = row.iter().map(|cell| cell.map(words)).collect();
        let [merged, silent] = ["fail-open (1 of 6)", "fail-closed-silent (3 of 4)"].map(|text| Some(text.to_owned()));
        assert_eq!(shown, [merged, None, silent]);
        assert!(context_matrix(&[]).is_empty());
    }
}
