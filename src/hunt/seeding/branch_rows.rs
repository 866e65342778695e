//! Rows beside the first one of each tenant: those that satisfy a branch of a policy which the first does not, and those
//! of tenants that a policy confuses with another: the one that it names itself, and one whose name begins as A's does.

use sqlx::PgConnection;

use super::seed::{Seeded, attempt, said};
use super::values::{Tenancy, Tenant, literal, of_type};
use crate::hunt::catalogue::{Assignment, Catalogue, MOST_BRANCHES, NULL, Relation, branches, disjuncts};
use crate::hunt::error::HuntError;

/// Rows for branches of one table's policies, at most. With [`BRANCH_ORDINAL`] it keeps a mark's number in four digits.
const MOST_BRANCH_ROWS: usize = 8;

/// Ordinals of the rows for branches begin at multiples of this, past those of the tables' first rows.
const BRANCH_ORDINAL: usize = 1_000;

/// How a policy may compare no more than the beginning of a text.
const PATTERNS: [&str; 6] = [" ~~", " ~ ", " ^@ ", "starts_with(", "left(", "substr"];

/// What a further row has, and whose it is.
#[derive(PartialEq, Eq)]
struct Wanted {
    values: Vec<Assignment>,
    of: &'static [Tenant],
}

/// Seeds them.
pub(super) async fn seed_branches(
    connection: &mut PgConnection,
    catalogue: &Catalogue,
    tenancy: &Tenancy,
    id: i64,
    seeded: &mut Seeded,
) -> Result<(), HuntError> {
    let relation = &catalogue.relations[&id];
    let in_foreign_key = |name: &String| relation.foreign_keys.iter().any(|key| key.columns.contains(name));
    let table = catalogue.relations.range(..id).count() + 1;
    for policy in catalogue.objects.policies.iter().filter(|policy| policy.relation == id) {
        let is_long = |text: &String| disjuncts(text).len() >= MOST_BRANCHES;
        if policy.using.iter().chain(&policy.check).any(is_long) {
            let name = format!("a further branch of {} holds", policy.name);
            seeded.branches.push((id, name, format!("only {MOST_BRANCHES} are looked at")));
        }
    }
    let mut all = wanted(catalogue, tenancy, id, seeded);
    for wanted in all.drain(all.len().min(MOST_BRANCH_ROWS)..) {
        let why = format!("only {MOST_BRANCH_ROWS} branches have rows");
        seeded.branches.push((id, described(&wanted.values), why));
    }
    for (number, wanted) in all.into_iter().enumerate() {
        for &tenant in wanted.of {
            let Some(first) = seeded.row(id, tenant) else { return Ok(()) };
            let mut row = first.to_vec();
            for column in relation.columns.iter().filter(|column| column.in_key && !column.generated) {
                let varies = !in_foreign_key(&column.name) && !tenancy.columns.contains(&column.name);
                if let Some(cell) = row.iter_mut().find(|(name, _)| varies && *name == column.name) {
                    cell.1 = of_type(column, tenant, table + BRANCH_ORDINAL * (number + 1));
                }
            }
            for (name, value) in &wanted.values {
                if let Some(cell) = row.iter_mut().find(|(column, _)| column == name) {
                    cell.1.clone_from(value);
                }
            }
            match attempt(connection, relation, &row).await {
                Ok(()) => seeded.rows.push((id, tenant, row)),
                Err(error) => {
                    seeded.branches.push((id, described(&wanted.values), said(&error)));
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

fn wanted(catalogue: &Catalogue, tenancy: &Tenancy, id: i64, seeded: &Seeded) -> Vec<Wanted> {
    let relation = &catalogue.relations[&id];
    let columns: Vec<String> = relation.columns.iter().map(|column| column.name.clone()).collect();
    let mut all: Vec<Wanted> = Vec::new();
    let mut add = |values: Vec<Assignment>, of: &'static [Tenant]| {
        let wanted = Wanted { values, of };
        if !wanted.values.is_empty() && !all.contains(&wanted) {
            all.push(wanted);
        }
    };
    for policy in catalogue.objects.policies.iter().filter(|policy| policy.relation == id) {
        for text in policy.using.iter().chain(&policy.check) {
            for branch in branches(text, &columns) {
                let is_tenant = |(name, value): &Assignment| value != NULL && tenancy.columns.contains(name);
                if branch.iter().any(is_tenant) {
                    // Whoever's tenant the literal is, it is not A's.
                    add(branch.clone(), &[Tenant::B]);
                }
                add(branch.into_iter().filter(|cell| !is_tenant(cell)).collect(), &[Tenant::A, Tenant::B]);
            }
            if PATTERNS.iter().any(|pattern| text.contains(pattern)) {
                add(neighbour(relation, tenancy, seeded.row(id, Tenant::A)), &[Tenant::B]);
            }
        }
    }
    all
}

/// The tenant's column with a text that begins with A's. In other types no value begins with another.
fn neighbour(relation: &Relation, tenancy: &Tenancy, row_a: Option<&[(String, String)]>) -> Vec<Assignment> {
    let is_text = |name: &String| {
        let column = relation.columns.iter().find(|column| column.name == *name);
        column.is_some_and(|column| matches!(column.base_type.as_str(), "text" | "name" | "character varying"))
    };
    let cells = row_a.unwrap_or_default().iter();
    let tenants = cells.filter(|(name, value)| value != NULL && tenancy.columns.contains(name) && is_text(name));
    tenants.map(|(name, value)| (name.clone(), format!("{value}x"))).collect()
}
