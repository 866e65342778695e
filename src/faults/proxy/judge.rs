//! The oracle on the wire: whose rows cross the proxy, against the tenant that asked.
//!
//! A row names its owner by its tenant column, or by a canary in its text where no such column comes back. The tenant
//! that asked is the one that the client set as its context, whether or not that reached the server: a dropped context
//! statement changes what the server believes, not who asked. Verdicts latch; examples are bounded, counts are not.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::wire::{Columns, data_row};
use crate::observe::{TenantId, Witness, owner_in};

/// Examples of one judge at most; beyond that rows are counted only.
const MAX_EXAMPLES: usize = 100;
/// Distinct owners that are told apart; more count as this many.
const MAX_OWNERS: usize = 100_000;
/// What a canary begins with.
const CANARY: &[u8] = b"canary:";
/// Bytes from the beginning of a canary within which it ends.
const LONGEST_CANARY: usize = 128;

mod oid {
    pub(super) const INT8: u32 = 20;
    pub(super) const INT2: u32 = 21;
    pub(super) const INT4: u32 = 23;
    pub(super) const UUID: u32 = 2950;
}

/// Watches rows.
#[derive(Debug)]
pub struct Judge {
    column_names: Vec<String>,
    checked: AtomicU64,
    nameless: AtomicU64,
    too_long: AtomicU64,
    foreign: AtomicU64,
    without_context: AtomicU64,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    examples: Vec<ForeignRow>,
    /// Examples in all, those that were taken included.
    kept: usize,
    owners: BTreeSet<Arc<str>>,
}

/// A row that reached someone who did not ask as its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignRow {
    /// Whose it is.
    pub owner: String,
    /// Who asked; nobody if there was no context.
    pub asker: Option<String>,
    /// The context that reached the server.
    pub bound: Option<String>,
    /// Table, if the statement names one.
    pub table: Option<String>,
    /// Server process that sent it.
    pub backend_pid: Option<i32>,
    /// How the owner was known.
    pub witness: Witness,
}

impl fmt::Display for ForeignRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asker = self.asker.as_deref().unwrap_or("nobody (no tenant context)");
        let bound = self.bound.as_deref().unwrap_or("none");
        let table = self.table.as_deref().unwrap_or("a result without a table");
        write!(f, "a row of {} in {table} reached {asker}; the server's context was {bound}", self.owner)?;
        match self.backend_pid {
            Some(pid) => write!(f, ", backend {pid}"),
            None => Ok(()),
        }
    }
}

/// What was seen so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Rows whose owner was known and compared.
    pub checked: u64,
    /// Rows that named no owner.
    pub nameless: u64,
    /// Rows too long to be held, which were not looked at.
    pub too_long: u64,
    /// Of the checked: another tenant's than the one that asked.
    pub foreign: u64,
    /// Of the checked: sent although no tenant context was set.
    pub without_context: u64,
    /// Distinct owners of rows that were foreign or sent without a context.
    pub owners: usize,
}

/// The column that names a row's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JudgedColumn {
    pub(super) place: usize,
    type_oid: u32,
    binary: bool,
}

/// What is known of the rows to come.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) column: Option<JudgedColumn>,
    /// Whether that column comes in binary format, where that was not described but asked for.
    pub(super) binary: Option<bool>,
    pub(super) table: Option<Arc<str>>,
}

/// Who was there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) asked: Option<&'a str>,
    pub(super) bound: Option<&'a str>,
    pub(super) backend_pid: Option<i32>,
}

impl Judge {
    /// Knows owners by columns of these names, and by canaries.
    pub fn new(column_names: impl IntoIterator<Item = String>) -> Self {
        Self {
            column_names: column_names.into_iter().collect(),
            checked: AtomicU64::new(0),
            nameless: AtomicU64::new(0),
            too_long: AtomicU64::new(0),
            foreign: AtomicU64::new(0),
            without_context: AtomicU64::new(0),
            found: Mutex::default(),
        }
    }

    /// What was seen so far.
    pub fn judgement(&self) -> Judgement {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Judgement {
            checked: count(&self.checked),
            nameless: count(&self.nameless),
            too_long: count(&self.too_long),
            foreign: count(&self.foreign),
            without_context: count(&self.without_context),
            owners: self.found.lock().unwrap_or_else(PoisonError::into_inner).owners.len(),
        }
    }

    /// Examples since the last call, up to a bound.
    pub fn take_examples(&self) -> Vec<ForeignRow> {
        std::mem::take(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner).examples)
    }

    /// The column that names the owner, if a `RowDescription` has one.
    pub(super) fn column_of(&self, description: &[u8]) -> Option<JudgedColumn> {
        let named = |name: &[u8]| self.column_names.iter().any(|known| known.as_bytes() == name);
        let mut columns = Columns::of(description)?.enumerate();
        let (place, column) = columns.find(|(_, column)| named(column.name))?;
        Some(JudgedColumn { place, type_oid: column.type_oid, binary: column.binary })
    }

    pub(super) fn row(&self, body: &[u8], whole: bool, judged: &Judged, seen: Seen<'_>) {
        if !whole {
            self.too_long.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let by_column = judged.column.as_ref().and_then(|column| {
            let value = data_row(body).nth(column.place)??;
            owner_of(value, column.type_oid, judged.binary.unwrap_or(column.binary))
        });
        let owner = by_column
            .map(|owner| (owner, Witness::TenantColumn))
            .or_else(|| canary_in(body).map(|owner| (owner, Witness::Canary)));
        let Some((owner, witness)) = owner else {
            self.nameless.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.checked.fetch_add(1, Ordering::Relaxed);
        if seen.asked.is_some_and(|asked| same(asked, &owner)) {
            return;
        }
        let counter = if seen.asked.is_some() { &self.foreign } else { &self.without_context };
        counter.fetch_add(1, Ordering::Relaxed);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.owners.len() < MAX_OWNERS {
            found.owners.insert(owner.as_str().into());
        }
        if found.kept < MAX_EXAMPLES {
            found.kept += 1;
            let owned = |text: Option<&str>| text.map(str::to_owned);
            found.examples.push(ForeignRow {
                owner,
                asker: owned(seen.asked),
                bound: owned(seen.bound),
                table: owned(judged.table.as_deref()),
                backend_pid: seen.backend_pid,
                witness,
            });
        }
    }
}

/// An owner as text; `None` for a value in a binary format that we do not know.
fn owner_of(value: &[u8], type_oid: u32, binary: bool) -> Option<String> {
    match (binary, type_oid) {
        (true, oid::UUID) => Some(Uuid::from_slice(value).ok()?.to_string()),
        (true, oid::INT2) => Some(i16::from_be_bytes(value.try_into().ok()?).to_string()),
        (true, oid::INT4) => Some(i32::from_be_bytes(value.try_into().ok()?).to_string()),
        (true, oid::INT8) => Some(i64::from_be_bytes(value.try_into().ok()?).to_string()),
        _ => Some(std::str::from_utf8(value).ok()?.to_owned()),
    }
}

fn canary_in(body: &[u8]) -> Option<String> {
    let at = body.windows(CANARY.len()).position(|window| window == CANARY)?;
    let text = &body[at..body.len().min(at + LONGEST_CANARY)];
    let end = text.iter().position(|byte| *byte == b';')?;
    let slug = owner_in(std::str::from_utf8(&text[..end]).ok()?)?;
    Some(TenantId::of(slug).to_string())
}

/// Whether two texts name the same tenant; UUIDs have several spellings.
fn same(one: &str, other: &str) -> bool {
    one == other || matches!((Uuid::parse_str(one), Uuid::parse_str(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::canary;

    fn row(values: &[&[u8]]) -> Vec<u8> {
        let mut body = (values.len() as u16).to_be_bytes().to_vec();
        for value in values {
            body.extend((value.len() as u32).to_be_bytes());
            body.extend_from_slice(value);
        }
        body
    }

    fn judged(judge: &Judge, values: &[&[u8]], type_oid: u32, binary: bool, asked: Option<&str>) -> Judgement {
        let column = Some(JudgedColumn { place: 0, type_oid, binary: false });
        let judged = Judged { column, binary: Some(binary), table: None };
        judge.row(&row(values), true, &judged, Seen { asked, bound: asked, backend_pid: None });
        judge.judgement()
    }

    /// A tenant's own row is none of the findings in whatever format and spelling, another's is, and a row that comes
    /// without a context is a finding of its own.
    #[test]
    fn rows_are_judged_by_who_asked() {
        let (own, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let upper = own.to_string().to_uppercase();
        let judge = Judge::new(["tenant_id".to_owned()]);
        judged(&judge, &[own.as_bytes()], oid::UUID, true, Some(&upper));
        judged(&judge, &[own.to_string().as_bytes()], oid::UUID, false, Some(&upper));
        let clean = judged(&judge, &[&7i32.to_be_bytes()], oid::INT4, true, Some("7"));
        assert_eq!((clean.checked, clean.foreign, clean.without_context), (3, 0, 0));
        let leaked = judged(&judge, &[other.as_bytes()], oid::UUID, true, Some(&upper));
        assert_eq!((leaked.checked, leaked.foreign), (4, 1));
        let open = judged(&judge, &[other.as_bytes()], oid::UUID, true, None);
        assert_eq!((open.foreign, open.without_context, open.owners), (1, 1, 1));
        assert_eq!(judge.take_examples()[0].owner, other.to_string());
        assert!(judge.take_examples().is_empty());
    }

    /// Where no tenant column comes back the canary in a text names the owner.
    #[test]
    fn canaries_are_judged() {
        let slug = "growth-3".parse().unwrap();
        let own = TenantId::of(slug).to_string();
        let judge = Judge::new([]);
        let judged = Judged { column: None, binary: None, table: Some("documents".into()) };
        let body = row(&[b"17", canary(slug, "documents", 17).as_bytes()]);
        let seen = |asked| Seen { asked, bound: None, backend_pid: Some(1) };
        judge.row(&body, true, &judged, seen(Some(&own)));
        assert_eq!(judge.judgement().foreign, 0);
        judge.row(&body, true, &judged, seen(Some("someone")));
        judge.row(&row(&[b"17"]), true, &judged, seen(Some("someone")));
        assert_eq!(
            judge.judgement(),
            Judgement { checked: 2, nameless: 1, foreign: 1, owners: 1, ..Judgement::default() }
        );
        assert_eq!(judge.take_examples()[0].witness, Witness::Canary);
    }
}
