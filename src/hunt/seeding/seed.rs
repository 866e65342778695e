//! One row per tenant in every table, past whatever constraints the schema has. What cannot be seeded keeps the
//! database's own reason.

use std::collections::BTreeMap;
use std::time::Instant;

use sqlx::{AssertSqlSafe, PgConnection};

use super::pattern::matching;
use super::values::{Tenancy, Tenant, literal, of_type, value};
use crate::hunt::catalogue::{Assignment, Catalogue, MOST_BRANCHES, NULL, Relation, branches, disjuncts};
use crate::hunt::error::HuntError;
use crate::hunt::report::CUT;

/// A CHECK constraint is tried to satisfy with at most this many candidates.
const MOST_ATTEMPTS: usize = 200;

/// Rows for branches of one table's policies, at most. With [`BRANCH_ORDINAL`] it keeps a mark's number in four digits.
const MOST_BRANCH_ROWS: usize = 8;

/// Ordinals of the rows for branches begin at multiples of this, past those of the tables' first rows.
const BRANCH_ORDINAL: usize = 1_000;

/// Values that satisfy many checks, tried after the literals of the constraint itself.
const USUAL_VALUES: [&str; 18] = [
    "1",
    "0",
    "10",
    "a",
    "A",
    "{}",
    "canary-x@example.com",
    "https://example.com/",
    "+15550100",
    "2025-06-01",
    "2999-01-01",
    "ABC",
    "[1,2)",
    "{[1,2)}",
    "(a,1)",
    "$",
    "{1}",
    "{a}",
];

/// Column and literal of each value of a row.
type Cells = Vec<(String, String)>;

/// What was seeded.
#[derive(Debug, Default)]
pub(in crate::hunt) struct Seeded {
    /// What was made before the rows: tenants' roles.
    pub(in crate::hunt) setup: Vec<String>,
    /// The INSERT of each tenant's row, by relation, in the order in which they were applied.
    pub(in crate::hunt) rows: Vec<(i64, Tenant, Cells)>,
    /// Why a relation has no rows, by relation.
    pub(in crate::hunt) failed: BTreeMap<i64, String>,
    /// Branches of policies without a row of their own: relation, what would make the branch true, and why not.
    pub(in crate::hunt) branches: Vec<(i64, String, String)>,
}

impl Seeded {
    /// All rows of a tenant in a relation.
    pub(in crate::hunt) fn rows_of(&self, relation: i64, tenant: Tenant) -> impl Iterator<Item = &[(String, String)]> {
        let of = move |(id, of, _): &&(i64, Tenant, Cells)| (*id, *of) == (relation, tenant);
        self.rows.iter().filter(of).map(|(.., row)| row.as_slice())
    }

    /// The values of a tenant's first row.
    pub(in crate::hunt) fn row(&self, relation: i64, tenant: Tenant) -> Option<&[(String, String)]> {
        self.rows.iter().find(|(id, of, _)| (*id, *of) == (relation, tenant)).map(|(.., values)| values.as_slice())
    }
}

/// Seeds every table. Parents come before children; in a cycle, and where a trigger objects, the row goes in without
/// triggers, whose foreign keys hold all the same because values follow from the tenant. What is left at the deadline has
/// no rows.
pub(in crate::hunt) async fn seed(
    connection: &mut PgConnection,
    catalogue: &Catalogue,
    tenancy: &Tenancy,
    deadline: Instant,
) -> Result<Seeded, HuntError> {
    let mut seeded = Seeded::default();
    for id in parents_first(catalogue) {
        if Instant::now() > deadline {
            seeded.failed.insert(id, CUT.to_owned());
            continue;
        }
        let relation = &catalogue.relations[&id];
        let of: &[Tenant] = if tenancy.owned.contains(&id) { &[Tenant::A, Tenant::B] } else { &[Tenant::Shared] };
        for &tenant in of {
            let mut row: Vec<(String, String)> = relation
                .columns
                .iter()
                .filter(|column| !column.generated)
                .map(|column| (column.name.clone(), value(catalogue, tenancy, id, &column.name, tenant)))
                .collect();
            match insert(connection, relation, &mut row).await {
                Ok(()) => seeded.rows.push((id, tenant, row)),
                Err(reason) => {
                    seeded.failed.insert(id, format!("cannot be seeded: {reason}"));
                    break;
                }
            }
        }
    }
    for id in parents_first(catalogue) {
        if Instant::now() > deadline {
            seeded.branches.push((id, "a policy's branch holds".to_owned(), CUT.to_owned()));
            continue;
        }
        seed_branches(connection, catalogue, tenancy, id, &mut seeded).await?;
    }
    Ok(seeded)
}

/// Further rows of both tenants: one for each branch of a policy that the first row does not satisfy.
async fn seed_branches(
    connection: &mut PgConnection,
    catalogue: &Catalogue,
    tenancy: &Tenancy,
    id: i64,
    seeded: &mut Seeded,
) -> Result<(), HuntError> {
    let relation = &catalogue.relations[&id];
    let columns: Vec<String> = relation.columns.iter().map(|column| column.name.clone()).collect();
    let mut wanted: Vec<Vec<Assignment>> = Vec::new();
    for policy in catalogue.objects.policies.iter().filter(|policy| policy.relation == id) {
        let is_long = |text: &&String| disjuncts(text).len() >= MOST_BRANCHES;
        if policy.using.iter().chain(&policy.check).any(|text| is_long(&text)) {
            let name = format!("a further branch of {} holds", policy.name);
            seeded.branches.push((id, name, format!("only {MOST_BRANCHES} are looked at")));
        }
        for branch in policy.using.iter().chain(&policy.check).flat_map(|text| branches(text, &columns)) {
            let keeps_tenant = |(name, value): &Assignment| value == NULL || !tenancy.columns.contains(name);
            let branch: Vec<Assignment> = branch.into_iter().filter(keeps_tenant).collect();
            if !branch.is_empty() && !wanted.contains(&branch) {
                wanted.push(branch);
            }
        }
    }
    for branch in wanted.drain(wanted.len().min(MOST_BRANCH_ROWS)..) {
        seeded.branches.push((id, described(&branch), format!("only {MOST_BRANCH_ROWS} branches have rows")));
    }
    let in_foreign_key = |name: &String| relation.foreign_keys.iter().any(|key| key.columns.contains(name));
    let table = catalogue.relations.range(..id).count() + 1;
    for (number, branch) in wanted.into_iter().enumerate() {
        for tenant in [Tenant::A, Tenant::B] {
            let Some(first) = seeded.row(id, tenant) else { return Ok(()) };
            let mut row = first.to_vec();
            for column in relation.columns.iter().filter(|column| column.in_key && !column.generated) {
                let varies = !in_foreign_key(&column.name) && !tenancy.columns.contains(&column.name);
                if let Some(cell) = row.iter_mut().find(|(name, _)| varies && *name == column.name) {
                    cell.1 = of_type(column, tenant, table + BRANCH_ORDINAL * (number + 1));
                }
            }
            for (name, value) in &branch {
                if let Some(cell) = row.iter_mut().find(|(column, _)| column == name) {
                    cell.1.clone_from(value);
                }
            }
            match attempt(connection, relation, &row).await {
                Ok(()) => seeded.rows.push((id, tenant, row)),
                Err(error) => {
                    seeded.branches.push((id, described(&branch), said(&error)));
                    break;
                }
            }
        }
    }
    Ok(())
}

/// What makes a branch true.
fn described(branch: &[Assignment]) -> String {
    let shown = |(name, value): &Assignment| format!("{name} = {}", literal(value));
    branch.iter().map(shown).collect::<Vec<_>>().join(" and ")
}

fn parents_first(catalogue: &Catalogue) -> Vec<i64> {
    let mut left: Vec<i64> =
        catalogue.relations.iter().filter(|(_, relation)| relation.kind.is_seeded()).map(|(id, _)| *id).collect();
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let (ready, waiting): (Vec<i64>, Vec<i64>) = left.iter().copied().partition(|id| {
            let keys = &catalogue.relations[id].foreign_keys;
            keys.iter().all(|key| key.parent == *id || !left.contains(&key.parent))
        });
        if ready.is_empty() {
            // Only cycles are left.
            ordered.extend(waiting);
            break;
        }
        ordered.extend(ready);
        left = waiting;
    }
    ordered
}

/// Inserts a row, changing what a CHECK constraint refuses.
async fn insert(
    connection: &mut PgConnection,
    relation: &Relation,
    row: &mut [(String, String)],
) -> Result<(), String> {
    let Err(mut error) = attempt(connection, relation, row).await else { return Ok(()) };
    if is_about_a_type(relation, &error) {
        fit(connection, relation, row).await;
        match attempt(connection, relation, row).await {
            Ok(()) => return Ok(()),
            Err(other) => error = other,
        }
    }
    if said(&error).contains("no partition of relation") {
        match into_a_partition(connection, relation, row).await {
            Ok(()) => return Ok(()),
            Err(Some(other)) => error = other,
            Err(None) => {}
        }
    }
    for _ in 0..relation.columns.len() {
        if !is_about_a_type(relation, &error) {
            break;
        }
        match narrow(connection, relation, row, &error).await {
            Some(Ok(())) => return Ok(()),
            Some(Err(other)) => error = other,
            None => break,
        }
    }
    for _ in 0..relation.checks.len() + 1 {
        let refused = error.as_database_error().and_then(|error| error.constraint()).map(str::to_owned);
        let Some(check) = relation.checks.iter().find(|check| Some(&check.name) == refused.as_ref()) else { break };
        let literals = check.literals.iter().flat_map(|literal| satisfying(literal));
        let literals = literals.chain(USUAL_VALUES.iter().map(|value| (*value).to_owned()));
        let candidates = literals
            .flat_map(|literal| check.columns.iter().map(move |column| (column, literal.clone())))
            .take(MOST_ATTEMPTS);
        let mut next = None;
        for (column, candidate) in candidates {
            let Some(place) = row.iter().position(|(name, _)| name == column) else { continue };
            let before = std::mem::replace(&mut row[place].1, candidate);
            match attempt(connection, relation, row).await {
                Ok(()) => return Ok(()),
                // This constraint holds now; another one does not.
                Err(other) if is_check(&other) && constraint(&other) != refused => {
                    next = Some(other);
                    break;
                }
                Err(_) => row[place].1 = before,
            }
        }
        match next {
            Some(other) => error = other,
            None => break,
        }
    }
    Err(said(&error))
}

/// Out of range, too long, or refused by a domain: the error names no column.
fn is_about_a_type(relation: &Relation, error: &sqlx::Error) -> bool {
    let domain =
        is_check(error) && !relation.checks.iter().any(|check| Some(&check.name) == constraint(error).as_ref());
    let code = error.as_database_error().and_then(|error| error.code());
    domain || code.is_some_and(|code| code.starts_with("22") || code == "42601")
}

/// Values that a literal of a constraint suggests: itself, what it matches as a pattern, and JSON or an array that holds it.
fn satisfying(literal: &str) -> Vec<String> {
    let mut all = vec![literal.to_owned()];
    all.extend(matching(literal));
    all.push(literal.replace(['%', '_'], ""));
    all.push(format!("{{\"{0}\": \"{0}\"}}", literal.replace(['"', '\\'], "")));
    all.push(format!("{{{literal}}}"));
    all
}

/// Gives every column beside keys a value that its type reads, domains with their checks included.
async fn fit(connection: &mut PgConnection, relation: &Relation, row: &mut [(String, String)]) {
    for (name, value) in row {
        let Some(column) = relation.columns.iter().find(|column| column.name == *name) else { continue };
        if column.in_key || relation.foreign_keys.iter().any(|key| key.columns.contains(name)) {
            continue;
        }
        let given = value.clone();
        let patterns = column.domain_literals.iter().flat_map(|literal| satisfying(literal));
        let usual = USUAL_VALUES.iter().map(|value| (*value).to_owned());
        for candidate in std::iter::once(given).chain(patterns).chain(usual) {
            let cast = format!("SELECT CAST({} AS {}) IS NULL", literal(&candidate), column.full_type);
            if run(connection, cast).await.is_ok() {
                *value = candidate;
                break;
            }
        }
    }
}

/// Tries the values at which partitions begin. The error is the last one that was about something else, if any.
async fn into_a_partition(
    connection: &mut PgConnection,
    relation: &Relation,
    row: &mut [(String, String)],
) -> Result<(), Option<sqlx::Error>> {
    let referring = |name: &String| relation.foreign_keys.iter().any(|key| key.columns.contains(name));
    for place in 0..row.len() {
        if referring(&row[place].0) {
            continue;
        }
        for bound in &relation.partition_bounds {
            let before = std::mem::replace(&mut row[place].1, bound.clone());
            match attempt(connection, relation, row).await {
                Ok(()) => return Ok(()),
                Err(other) if !said(&other).contains("no partition of relation") && !is_of_wrong_type(&other) => {
                    return Err(Some(other));
                }
                Err(_) => row[place].1 = before,
            }
        }
    }
    Err(None)
}

/// Finds the column and a value for which another error comes, or none. Keys are left alone: they agree with others.
async fn narrow(
    connection: &mut PgConnection,
    relation: &Relation,
    row: &mut [(String, String)],
    error: &sqlx::Error,
) -> Option<Result<(), sqlx::Error>> {
    let before = said(error);
    let in_key = |name: &String| {
        relation.columns.iter().any(|column| column.name == *name && column.in_key)
            || relation.foreign_keys.iter().any(|key| key.columns.contains(name))
    };
    for place in 0..row.len() {
        if in_key(&row[place].0) {
            continue;
        }
        for candidate in USUAL_VALUES {
            let old = std::mem::replace(&mut row[place].1, candidate.to_owned());
            match attempt(connection, relation, row).await {
                Ok(()) => return Some(Ok(())),
                // The candidate may not be of the column's type, which is no progress.
                Err(other) if said(&other) != before && !is_of_wrong_type(&other) => return Some(Err(other)),
                Err(_) => row[place].1 = old,
            }
        }
    }
    None
}

fn is_of_wrong_type(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("22") || code == "42804")
}

fn is_check(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some("23514")
}

fn constraint(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.constraint()).map(str::to_owned)
}

/// With triggers first, so that copies which triggers make are made; then without.
async fn attempt(
    connection: &mut PgConnection,
    relation: &Relation,
    row: &[(String, String)],
) -> Result<(), sqlx::Error> {
    let insert = insert_sql(&relation.name, row);
    let Err(error) = run(connection, format!("BEGIN; {insert}; COMMIT")).await else { return Ok(()) };
    run(connection, "ROLLBACK".to_owned()).await?;
    let bare = format!("BEGIN; SET LOCAL session_replication_role = replica; {insert}; COMMIT");
    if run(connection, bare).await.is_ok() {
        return Ok(());
    }
    run(connection, "ROLLBACK".to_owned()).await?;
    Err(error)
}

/// The statement that inserts these values, whatever the columns' defaults and identities.
pub(in crate::hunt) fn insert_sql(table: &str, row: &[(String, String)]) -> String {
    if row.is_empty() {
        return format!("INSERT INTO {table} DEFAULT VALUES");
    }
    let columns: Vec<String> = row.iter().map(|(name, _)| crate::hunt::catalogue::roles::quote(name)).collect();
    let values: Vec<String> = row.iter().map(|(_, value)| literal(value)).collect();
    format!("INSERT INTO {table} ({}) OVERRIDING SYSTEM VALUE VALUES ({})", columns.join(", "), values.join(", "))
}

pub(in crate::hunt) async fn run(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(|_| ())
}

/// The database's own words.
pub(in crate::hunt) fn said(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(database) => format!("{} (SQLSTATE {})", database.message(), database.code().unwrap_or_default()),
        None => error.to_string(),
    }
}
