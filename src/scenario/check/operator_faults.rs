//! `operator.*`: mistakes in the protections of a database.

use super::faults::Found;
use crate::scenario::model::FaultAction;
use crate::scenario::operator_fault::OperatorFault;
use crate::scenario::vocabulary::LoadTable;
use crate::scenario::wire::{self, Entry};

pub(super) fn operator(wire: &wire::OperatorFaults, found: &mut Found) {
    let mut on_table = |entry: &Entry<wire::OnTable>, fault: fn(LoadTable) -> OperatorFault| {
        found.add(entry, |table: &wire::OnTable| Some(FaultAction::Operator(fault(table.table.get()?.0))));
    };
    on_table(&wire.disable_rls, OperatorFault::DisableRls);
    on_table(&wire.drop_policy, OperatorFault::DropPolicy);
    on_table(&wire.widen_policy, OperatorFault::WidenPolicy);
    on_table(&wire.own_table, OperatorFault::OwnTable);
    on_table(&wire.unforce, OperatorFault::Unforce);
    found.add(&wire.grant_bypassrls, |_| Some(FaultAction::Operator(OperatorFault::GrantBypassrls)));
    found.add(&wire.add_partition, |_| Some(FaultAction::Operator(OperatorFault::AddPartition)));
}
