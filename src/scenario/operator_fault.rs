//! Mistakes of an operator in mid-run: what a migration or a grant takes away from a database that was sound.

use super::vocabulary::LoadTable;

/// A mistake in the protections of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorFault {
    /// `operator.disable-rls`: Row-Level Security is switched off on a table.
    DisableRls(LoadTable),
    /// `operator.drop-policy`: the policies of a table are dropped and Row-Level Security stays on.
    DropPolicy(LoadTable),
    /// `operator.widen-policy`: the policies of a table let everything through.
    WidenPolicy(LoadTable),
    /// `operator.grant-bypassrls`: the application's role gets BYPASSRLS, and the application is restarted.
    GrantBypassrls,
    /// `operator.own-table`: a table is given to the application's role.
    OwnTable(LoadTable),
    /// `operator.unforce`: a table no longer forces Row-Level Security on its owner.
    Unforce(LoadTable),
    /// `operator.add-partition`: a partition without a policy is added, granted to the application and read directly.
    AddPartition,
}

impl OperatorFault {
    /// The name as scenarios spell it.
    pub fn name(self) -> &'static str {
        match self {
            OperatorFault::DisableRls(_) => "operator.disable-rls",
            OperatorFault::DropPolicy(_) => "operator.drop-policy",
            OperatorFault::WidenPolicy(_) => "operator.widen-policy",
            OperatorFault::GrantBypassrls => "operator.grant-bypassrls",
            OperatorFault::OwnTable(_) => "operator.own-table",
            OperatorFault::Unforce(_) => "operator.unforce",
            OperatorFault::AddPartition => "operator.add-partition",
        }
    }

    /// Whether it changes a role, which belongs to the whole server and not to the scenario's database.
    pub fn changes_roles(self) -> bool {
        self == OperatorFault::GrantBypassrls
    }
}
