//! Prepared statements and portals of a session.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::super::context::Change;
use super::super::judge::JudgedColumn;
use super::super::rule::Kind;
use super::super::sql::{ContextChange, Scope, Source, Statement, analyse};
use super::super::wire::{Bind, Formats};
use super::owed::Step;

/// Statements and portals with a name that one session may have; beyond that they pass unseen.
const MAX_NAMES: usize = 4_096;

/// A prepared statement.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) statement: Option<Statement>,
    /// The column that names a row's owner, if its columns are known; the inner is `None` if there is none.
    pub(super) columns: OnceLock<Option<JudgedColumn>>,
}

impl Prepared {
    pub(super) fn new(text: &[u8], setting: &str) -> Arc<Self> {
        let statement = analyse(text, setting).into_iter().next();
        Arc::new(Self { statement, columns: OnceLock::new() })
    }
}

/// A portal: a statement with its parameters.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) run: Run,
    /// The `Bind` message's body, if a rule may send it again.
    pub(super) bind: Option<Box<[u8]>>,
    pub(super) statement_name: Box<[u8]>,
}

/// One execution of a prepared statement.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) prepared: Arc<Prepared>,
    pub(super) step: Step,
    pub(super) formats: Arc<Formats>,
}

#[derive(Debug, Default)]
pub(super) struct Statements(HashMap<Box<[u8]>, Arc<Prepared>>);

impl Statements {
    pub(super) fn get(&self, name: &[u8]) -> Option<&Arc<Prepared>> {
        self.0.get(name)
    }

    /// Whether it was taken in; the server refuses a name that is taken, and goes on with the old statement.
    pub(super) fn insert(&mut self, name: &[u8], prepared: Arc<Prepared>) -> bool {
        let new = name.is_empty() || (!self.0.contains_key(name) && self.0.len() < MAX_NAMES);
        if new {
            self.0.insert(name.into(), prepared);
        }
        new
    }

    pub(super) fn remove(&mut self, name: &[u8]) {
        self.0.remove(name);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[derive(Debug, Default)]
pub(super) struct Portals(HashMap<Box<[u8]>, Portal>);

impl Portals {
    pub(super) fn get(&self, name: &[u8]) -> Option<&Portal> {
        self.0.get(name)
    }

    pub(super) fn insert(&mut self, name: &[u8], portal: Portal) {
        if self.0.len() < MAX_NAMES {
            match self.0.get_mut(name) {
                Some(old) => *old = portal,
                None => drop(self.0.insert(name.into(), portal)),
            }
        }
    }

    pub(super) fn remove(&mut self, name: &[u8]) {
        self.0.remove(name);
    }

    /// The transaction has ended, and its portals with it. The unnamed one, which comes again and again, keeps its
    /// place.
    pub(super) fn end_transaction(&mut self) {
        if self.0.len() > 1 {
            self.0.retain(|name, _| name.is_empty());
        }
    }
}

/// What a statement does to the context, with its parameters known if there are any.
pub(super) fn resolve(statement: &Statement, setting: &str, bind: Option<&Bind<'_>>) -> Step {
    let text = |source: &Source| -> Option<Arc<str>> {
        match source {
            Source::Literal(text) => Some(text.as_str().into()),
            // Text is the same in both formats.
            Source::Parameter(number) => match bind?.parameter(*number)?.0 {
                Some(value) => Some(String::from_utf8_lossy(value).into()),
                None => Some("".into()),
            },
            Source::Unknown => None,
        }
    };
    let is_true = |source: &Source| match source {
        Source::Parameter(number) => match bind.and_then(|bind| bind.parameter(*number)) {
            Some((Some(value), true)) => value == [1],
            Some((Some(value), false)) => {
                matches!(value.first(), Some(b't' | b'T' | b'1' | b'y' | b'Y')) || value == b"on"
            }
            _ => false,
        },
        other => text(other).is_some_and(|text| {
            let word = text.to_ascii_lowercase();
            matches!(word.as_str(), "t" | "true" | "1" | "y" | "yes" | "on")
        }),
    };
    let change = statement.change.as_ref().and_then(|change| match change {
        ContextChange::SetConfig { name, value, local } => {
            let scope = if is_true(local) { Scope::Local } else { Scope::Session };
            let ours = text(name).is_some_and(|name| name.eq_ignore_ascii_case(setting));
            ours.then(|| Change::Set(scope, text(value)))
        }
        ContextChange::Set(scope, value) => Some(Change::Set(*scope, text(value))),
        ContextChange::Reset(scope) => Some(Change::Reset(*scope)),
        ContextChange::Savepoint(name) => Some(Change::Savepoint(name.clone())),
        ContextChange::RollbackTo(name) => Some(Change::RollbackTo(name.clone())),
        ContextChange::Release(name) => Some(Change::Release(name.clone())),
    });
    // A `set_config($1, ..)` turned out to be about another setting.
    let kind = match statement.kind {
        Kind::Context if change.is_none() => Kind::Select,
        kind => kind,
    };
    Step { kind, change, table: statement.tables.first().map(|table| table.as_str().into()) }
}
