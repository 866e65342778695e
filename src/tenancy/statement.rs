//! The statements that open and end a tenant transaction, each one round trip.

use std::sync::Arc;

use super::context::Tenant;
use crate::scenario::ContextResidue;

/// Ends a transaction and takes every session setting with it, in one round trip. `RESET ALL` goes back to what the
/// connection was opened with; the runtime never changes roles, so `RESET ROLE` is not needed.
pub(super) const COMMIT_AND_SCRUB: &str = "COMMIT; RESET ALL";
/// Ends a transaction and leaves session settings alone (defect `swallowed-reset`).
pub(super) const COMMIT_ONLY: &str = "COMMIT";
/// Undoes a transaction in whatever state it is in and scrubs the connection.
pub(super) const ROLLBACK_AND_SCRUB: &str = "ROLLBACK; RESET ALL";
/// Undoes a transaction and leaves session settings alone (defect `swallowed-reset`).
pub(super) const ROLLBACK_ONLY: &str = "ROLLBACK";
/// Opens a transaction without any context.
pub(super) const BEGIN_BARE: &str = "BEGIN";
/// Name of the column in which a pooler's server process says which one it is.
pub(super) const BACKEND: &str = "tenant_chaos_backend";
/// Well-formed, and no tenant's.
const BOGUS_ID: &str = "00000000-0000-4000-8000-000000000000";
/// Breaks out of a quoted literal wherever one is built by pasting.
const FORGED: &str = "' OR '1'='1'; --";

/// What the context statement is replaced with when a fault touches it. See [`ContextResidue`] for the wording.
#[derive(Debug, Clone)]
pub enum Residue {
    /// No statement, on a connection that never had a context.
    Unset,
    /// The empty string.
    Empty,
    /// No statement.
    Stale,
    /// Another tenant's.
    OtherTenant(Arc<Tenant>),
    /// An id that no tenant has.
    Bogus,
    /// SQL metacharacters.
    Forged,
    /// The right tenant with session scope.
    Session,
}

impl Residue {
    /// What kind it is.
    pub fn kind(&self) -> ContextResidue {
        match self {
            Residue::Unset => ContextResidue::Unset,
            Residue::Empty => ContextResidue::Empty,
            Residue::Stale => ContextResidue::Stale,
            Residue::OtherTenant(_) => ContextResidue::OtherTenant,
            Residue::Bogus => ContextResidue::Bogus,
            Residue::Forged => ContextResidue::Forged,
            Residue::Session => ContextResidue::Session,
        }
    }

    /// The opening statement that has this effect; `None` stands for a bare `BEGIN`.
    pub(super) fn begin(&self, tenant: Option<&Tenant>) -> Option<Arc<str>> {
        match self {
            Residue::Unset | Residue::Stale => None,
            Residue::Empty => Some(begin_statement("")),
            Residue::OtherTenant(other) => Some(other.begin.clone()),
            Residue::Bogus => Some(begin_statement(BOGUS_ID)),
            Residue::Forged => Some(begin_statement(FORGED)),
            Residue::Session => tenant.map(|tenant| begin_with_session_scope(&tenant.id.to_string())),
        }
    }
}

/// `BEGIN` and a transaction-local context in one round trip, which also brings back what the server then has.
pub(super) fn begin_statement(context: &str) -> Arc<str> {
    begin(&set("LOCAL", context))
}

/// `BEGIN` and a context that outlives COMMIT (defect `session-set`, residue `session`).
pub(super) fn begin_with_session_scope(context: &str) -> Arc<str> {
    begin(&set("SESSION", context))
}

/// The context statement alone, which has no effect outside a transaction (defect `set-outside-transaction`).
pub(super) fn set_alone(context: &str) -> Arc<str> {
    set("LOCAL", context).into()
}

/// `SELECT set_config(..)` would do both, and take the server half as long again: it is planned, `SET` and `SHOW` are
/// not (docs/adr/0002-context-on-begin.md).
fn begin(set: &str) -> Arc<str> {
    format!("BEGIN; {set}; SHOW app.tenant_id").into()
}

/// The context in a statement of its own, with a scope that outlives it (defect `set-on-checkout`).
pub(super) fn set_for_session(context: &str) -> Arc<str> {
    format!("{}; SHOW app.tenant_id", set("SESSION", context)).into()
}

/// The same, with the process that answers, in the same round trip.
pub(super) fn and_backend(statement: &str) -> Arc<str> {
    format!("{statement}; SELECT pg_backend_pid() AS {BACKEND}").into()
}

/// Quotes its value, with `standard_conforming_strings` on or off.
fn set(scope: &str, context: &str) -> String {
    let quoted = context.replace('\\', "\\\\").replace('\'', "''");
    let prefix = if quoted.contains('\\') { "E" } else { "" };
    format!("SET {scope} app.tenant_id = {prefix}'{quoted}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value with metacharacters stays one literal.
    #[test]
    fn values_are_quoted() {
        assert_eq!(&*begin_statement("a'b"), "BEGIN; SET LOCAL app.tenant_id = 'a''b'; SHOW app.tenant_id");
        assert_eq!(&*set_alone("a\\'b"), "SET LOCAL app.tenant_id = E'a\\\\''b'");
        assert!(set_alone(FORGED).ends_with("'' OR ''1''=''1''; --'"));
    }
}
