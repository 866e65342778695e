//! The tenant context of a session, with the transaction semantics that Postgres gives its settings.

use std::sync::Arc;

use super::sql::Scope;

/// Savepoints that are followed; of deeper ones the oldest are forgotten.
const MAX_SAVEPOINTS: usize = 64;

/// What a completed statement does to the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// A value is set; `None` sets nothing that can be told.
    Set(Scope, Option<Arc<str>>),
    /// Back to the value that the session started with.
    Reset(Scope),
    Savepoint(String),
    RollbackTo(String),
    Release(String),
}

/// A setting as one session sees it. `None` is unset, which an empty text is as well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TenantContext {
    initial: Option<Arc<str>>,
    session: Option<Arc<str>>,
    transaction: Option<Transaction>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Transaction {
    before: Option<Arc<str>>,
    local: Option<Option<Arc<str>>>,
    savepoints: Vec<(String, Snapshot)>,
}

/// The session's value, and the transaction's if it has one.
type Snapshot = (Option<Arc<str>>, Option<Option<Arc<str>>>);

impl TenantContext {
    /// A session that starts with a value, from its startup message.
    pub(super) fn starting_with(initial: Option<Arc<str>>) -> Self {
        let initial = initial.filter(|value| !value.is_empty());
        Self { session: initial.clone(), initial, transaction: None }
    }

    /// The value in force.
    pub(super) fn current(&self) -> Option<&Arc<str>> {
        let local = self.transaction.as_ref().and_then(|transaction| transaction.local.as_ref());
        local.unwrap_or(&self.session).as_ref()
    }

    /// A statement has been completed.
    pub(super) fn apply(&mut self, change: &Change) {
        let session = self.session.clone();
        let transaction = self.transaction.get_or_insert_with(|| Transaction {
            before: session.clone(),
            local: None,
            savepoints: Vec::new(),
        });
        let named = |name: &str| transaction.savepoints.iter().rposition(|(known, _)| known == name);
        match change {
            Change::Set(scope, value) => {
                let value = value.clone().filter(|value| !value.is_empty());
                self.set(*scope, value);
            }
            Change::Reset(scope) => self.set(*scope, self.initial.clone()),
            Change::Savepoint(name) => {
                let snapshot = (session, transaction.local.clone());
                if transaction.savepoints.len() == MAX_SAVEPOINTS {
                    transaction.savepoints.remove(0);
                }
                transaction.savepoints.push((name.clone(), snapshot));
            }
            Change::RollbackTo(name) => {
                if let Some(place) = named(name) {
                    transaction.savepoints.truncate(place + 1);
                    (self.session, transaction.local) = transaction.savepoints[place].1.clone();
                }
            }
            Change::Release(name) => {
                if let Some(place) = named(name) {
                    transaction.savepoints.truncate(place);
                }
            }
        }
    }

    fn set(&mut self, scope: Scope, value: Option<Arc<str>>) {
        let Some(transaction) = &mut self.transaction else { return };
        match scope {
            Scope::Local => transaction.local = Some(value),
            Scope::Session => {
                transaction.local = None;
                self.session = value;
            }
        }
    }

    /// The transaction has committed: what was local to it is gone, what was not stays.
    pub(super) fn commit(&mut self) {
        self.transaction = None;
    }

    /// The transaction has been rolled back: nothing that it set stays, whatever its scope.
    pub(super) fn roll_back(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            self.session = transaction.before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(scope: Scope, value: &str) -> Change {
        Change::Set(scope, Some(value.into()))
    }

    fn current(context: &TenantContext) -> Option<&str> {
        context.current().map(|value| &**value)
    }

    /// A local value ends with its transaction, a session value outlives COMMIT and not ROLLBACK, and each masks the
    /// other in the order in which they were set.
    #[test]
    fn transactions_end_what_is_theirs() {
        let mut context = TenantContext::default();
        context.apply(&set(Scope::Session, "a"));
        context.commit();
        context.apply(&set(Scope::Local, "b"));
        assert_eq!(current(&context), Some("b"));
        context.commit();
        assert_eq!(current(&context), Some("a"));
        context.apply(&set(Scope::Local, "b"));
        context.apply(&set(Scope::Session, "c"));
        assert_eq!(current(&context), Some("c"));
        context.roll_back();
        assert_eq!(current(&context), Some("a"));
        context.apply(&set(Scope::Session, "c"));
        context.apply(&set(Scope::Local, "d"));
        context.commit();
        assert_eq!(current(&context), Some("c"));
    }

    /// ROLLBACK TO takes back what was set since the savepoint, RELEASE does not.
    #[test]
    fn savepoints_take_back_what_came_after() {
        let mut context = TenantContext::default();
        context.apply(&set(Scope::Local, "a"));
        context.apply(&Change::Savepoint("one".into()));
        context.apply(&set(Scope::Local, "b"));
        context.apply(&Change::RollbackTo("one".into()));
        assert_eq!(current(&context), Some("a"));
        context.apply(&set(Scope::Local, "c"));
        context.apply(&Change::Release("one".into()));
        context.apply(&Change::RollbackTo("one".into()));
        assert_eq!(current(&context), Some("c"));
    }

    /// RESET goes back to what the startup message said; an empty value is none.
    #[test]
    fn reset_goes_back_to_the_start() {
        let mut context = TenantContext::starting_with(Some("z".into()));
        context.apply(&set(Scope::Session, ""));
        assert_eq!(current(&context), None);
        context.apply(&Change::Reset(Scope::Session));
        assert_eq!(current(&context), Some("z"));
    }
}
