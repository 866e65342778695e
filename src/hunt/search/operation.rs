//! What a sequence is made of. Numbers choose among what the schema has, so any sequence can be played on any schema.

use proptest::prelude::*;

use crate::hunt::seeding::Tenant;

/// The longest sequence that is drawn.
pub(super) const LONGEST: usize = 20;

/// One step, on the connection that is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    /// A transaction begins, for a tenant or for none.
    Begin(Option<Tenant>),
    /// The context changes inside of it.
    Switch(Tenant),
    Commit,
    Rollback,
    Savepoint,
    RollbackToSavepoint,
    /// The connection goes back to the pool and comes again: reset wholly, half, or not at all.
    Recycle(Reset),
    /// The other connection is used from here on.
    Other,
    Read(u8),
    /// Reads with a statement that was prepared once.
    Execute(u8),
    /// A row of one's own, or of the other tenant.
    Insert(u8, Whose),
    Update(u8),
    /// Every row gets the other tenant's values.
    Move(u8),
    Delete(u8),
    Call(u8, Whose),
    Flag(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reset {
    /// DISCARD ALL.
    Whole,
    /// RESET ALL.
    Settings,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Own,
    Other,
}

/// Sequences. Simpler steps come first: proptest shrinks towards them.
pub(super) fn sequences() -> impl Strategy<Value = Vec<Operation>> {
    let tenant = prop_oneof![Just(Tenant::A), Just(Tenant::B)];
    let whose = prop_oneof![Just(Whose::Own), Just(Whose::Other)];
    let reset = prop_oneof![Just(Reset::Whole), Just(Reset::Settings), Just(Reset::Nothing)];
    let operation = prop_oneof![
        6 => any::<u8>().prop_map(Operation::Read),
        4 => prop_oneof![Just(None), tenant.clone().prop_map(Some)].prop_map(Operation::Begin),
        3 => Just(Operation::Commit),
        1 => Just(Operation::Rollback),
        1 => Just(Operation::Savepoint),
        1 => Just(Operation::RollbackToSavepoint),
        2 => reset.prop_map(Operation::Recycle),
        1 => Just(Operation::Other),
        2 => tenant.prop_map(Operation::Switch),
        2 => any::<u8>().prop_map(Operation::Execute),
        2 => any::<u8>().prop_map(Operation::Update),
        1 => any::<u8>().prop_map(Operation::Move),
        1 => any::<u8>().prop_map(Operation::Delete),
        2 => (any::<u8>(), whose.clone()).prop_map(|(at, whose)| Operation::Insert(at, whose)),
        1 => (any::<u8>(), whose).prop_map(|(at, whose)| Operation::Call(at, whose)),
        1 => any::<u8>().prop_map(Operation::Flag),
    ];
    proptest::collection::vec(operation, 1..=LONGEST)
}
