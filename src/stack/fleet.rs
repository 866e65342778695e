//! Seeds a fleet through COPY, in a stream of bounded chunks: memory does not grow with the fleet.
//!
//! What is seeded depends on the fleet alone, so that a template can be kept and cloned. Every text carries a canary.

use std::fmt::Write as _;

use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::observe::{Roster, TenantId, canary};
use crate::scenario::{Fleet, TenantSlug};

/// COPY data is sent in chunks of about this size.
const CHUNK_BYTES: usize = 256 * 1024;
/// Documents per project.
const DOCUMENTS_PER_PROJECT: u64 = 20;
/// Users per tenant.
const USERS_PER_TENANT: u64 = 2;
/// Namespace of user ids (UUID v5 of tenant and number).
const USER_NAMESPACE: Uuid = Uuid::from_u128(0x0a51_77c2_64b0_4f4e_9d0b_55f0_93e1_7ac3);
const METRICS: [&str; 3] = ["api_calls", "storage_mb", "compute_ms"];

/// How far the seeding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedProgress {
    /// Rows written.
    pub done: u64,
    /// Rows in all.
    pub total: u64,
}

/// What was seeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedReport {
    /// Rows in all tables.
    pub rows: u64,
}

/// A fleet could not be seeded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The database's word on a table.
    #[error("cannot fill table {table}")]
    Table {
        /// The table.
        table: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// The database took another number of rows than it was sent.
    #[error("table {table} took {stored} of {sent} rows")]
    Count {
        /// The table.
        table: &'static str,
        /// Rows sent.
        sent: u64,
        /// Rows that COPY counted.
        stored: u64,
    },
}

/// Rows of one table for one tenant, written as COPY text into the buffer; returns how many.
type WriteRows = fn(&mut String, TenantSlug, TenantId, &Fleet) -> u64;

/// Every table with its columns and rows, in the order of their foreign keys.
const TABLES: [(&str, &str, WriteRows); 7] = [
    ("tenants", "id, slug, tier, name", tenants),
    ("users", "id, email, name", users),
    ("memberships", "tenant_id, user_id, role", memberships),
    ("projects", "tenant_id, id, name", projects),
    ("documents", "tenant_id, id, project_id, title, body", documents),
    ("usage_events", "tenant_id, id, metric, quantity", usage_events),
    ("audit_events", "tenant_id, id, at, actor, message", audit_events),
];

/// Fills an empty, migrated database. The connection must be exempt from Row-Level Security, since COPY FROM refuses
/// tables with policies otherwise.
///
/// # Errors
/// [`SeedError`] with the table at which it failed.
pub async fn seed(
    connection: &mut PgConnection,
    fleet: &Fleet,
    progress: &(dyn Fn(SeedProgress) + Send + Sync),
) -> Result<SeedReport, SeedError> {
    let roster = Roster::of(fleet);
    let total = rows_in_all(fleet);
    let mut done = 0;
    progress(SeedProgress { done, total });
    for (table, columns, write) in TABLES {
        let failed = |source| SeedError::Table { table, source };
        let statement = format!("COPY {table} ({columns}) FROM STDIN");
        let mut copy = connection.copy_in_raw(&statement).await.map_err(failed)?;
        let mut buffer = String::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
        let mut sent = 0;
        for (slug, id) in roster.iter() {
            sent += write(&mut buffer, slug, id, fleet);
            if buffer.len() >= CHUNK_BYTES {
                copy.send(buffer.as_bytes()).await.map_err(failed)?;
                buffer.clear();
                progress(SeedProgress { done: done + sent, total });
            }
        }
        copy.send(buffer.as_bytes()).await.map_err(failed)?;
        let stored = copy.finish().await.map_err(failed)?;
        if stored != sent {
            return Err(SeedError::Count { table, sent, stored });
        }
        done += sent;
        progress(SeedProgress { done, total });
    }
    let failed = |source| SeedError::Table { table: "all (ANALYZE)", source };
    sqlx::raw_sql("ANALYZE").execute(&mut *connection).await.map_err(failed)?;
    connection.ping().await.map_err(failed)?;
    Ok(SeedReport { rows: done })
}

fn projects_of(fleet: &Fleet) -> u64 {
    u64::from(fleet.rows_per_tenant).div_ceil(DOCUMENTS_PER_PROJECT)
}

fn usage_of(fleet: &Fleet) -> u64 {
    (u64::from(fleet.rows_per_tenant) / 10).max(METRICS.len() as u64)
}

fn audit_of(fleet: &Fleet) -> u64 {
    (u64::from(fleet.rows_per_tenant) / 20).max(1)
}

fn rows_in_all(fleet: &Fleet) -> u64 {
    let per_tenant = 1
        + 2 * USERS_PER_TENANT
        + projects_of(fleet)
        + u64::from(fleet.rows_per_tenant)
        + usage_of(fleet)
        + audit_of(fleet);
    per_tenant * u64::from(fleet.tenants())
}

/// Writes one row; a string never fails to take text.
macro_rules! row {
    ($buffer:expr, $($text:tt)*) => {
        writeln!($buffer, $($text)*).expect("writing to a string cannot fail")
    };
}

fn tenants(buffer: &mut String, slug: TenantSlug, id: TenantId, _: &Fleet) -> u64 {
    row!(buffer, "{id}\t{slug}\t{}\tTenant {slug} {}", slug.tier, canary(slug, "tenants", 1));
    1
}

fn user_id(id: TenantId, number: u64) -> Uuid {
    Uuid::new_v5(&USER_NAMESPACE, format!("{id} {number}").as_bytes())
}

fn users(buffer: &mut String, slug: TenantSlug, id: TenantId, _: &Fleet) -> u64 {
    for number in 1..=USERS_PER_TENANT {
        let user = user_id(id, number);
        row!(buffer, "{user}\tuser{number}@{slug}.example\tUser {number} {}", canary(slug, "users", number));
    }
    USERS_PER_TENANT
}

fn memberships(buffer: &mut String, _: TenantSlug, id: TenantId, _: &Fleet) -> u64 {
    for number in 1..=USERS_PER_TENANT {
        let role = if number == 1 { "owner" } else { "member" };
        row!(buffer, "{id}\t{}\t{role}", user_id(id, number));
    }
    USERS_PER_TENANT
}

fn projects(buffer: &mut String, slug: TenantSlug, id: TenantId, fleet: &Fleet) -> u64 {
    let count = projects_of(fleet);
    for number in 1..=count {
        row!(buffer, "{id}\t{number}\tProject {number} {}", canary(slug, "projects", number));
    }
    count
}

fn documents(buffer: &mut String, slug: TenantSlug, id: TenantId, fleet: &Fleet) -> u64 {
    let count = u64::from(fleet.rows_per_tenant);
    for number in 1..=count {
        let project = (number - 1) / DOCUMENTS_PER_PROJECT + 1;
        let canary = canary(slug, "documents", number);
        row!(
            buffer,
            "{id}\t{number}\t{project}\tDocument {number} {canary}\t{canary} Minutes of the meeting on topic \
             {number}: what was decided, who does it and until when."
        );
    }
    count
}

fn usage_events(buffer: &mut String, _: TenantSlug, id: TenantId, fleet: &Fleet) -> u64 {
    let count = usage_of(fleet);
    for number in 1..=count {
        let metric = METRICS[(number % METRICS.len() as u64) as usize];
        row!(buffer, "{id}\t{number}\t{metric}\t{}", 1 + number % 100);
    }
    count
}

fn audit_events(buffer: &mut String, slug: TenantSlug, id: TenantId, fleet: &Fleet) -> u64 {
    let count = audit_of(fleet);
    for number in 1..=count {
        // Alternates between the partitions, the default one included.
        let year = 2024 + number % 3;
        let canary = canary(slug, "audit_events", number);
        row!(buffer, "{id}\t{number}\t{year}-06-01 12:00:00+00\tuser1@{slug}.example\tsigned in {canary}");
    }
    count
}
