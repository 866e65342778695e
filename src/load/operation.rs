//! What a request does: the statements of the reference schema, and what comes back.

use futures_util::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use crate::observe::{TenantId, owner_in};
use crate::scenario::{Operation, TenantSlug};
use crate::tenancy::Statements;

/// Rows that one read returns at most; without RLS a read by id matches a row of every tenant.
const READ_LIMIT: i64 = 50;

/// The statements, prepared once per connection.
const POINT_READ: &str = "SELECT tenant_id, body FROM documents WHERE id = $1 LIMIT $2";
const RANGE_READ: &str = "SELECT tenant_id, body FROM documents WHERE id >= $1 ORDER BY id LIMIT $2";
const VIEW_READ: &str = "SELECT tenant_id, body FROM tenant_documents WHERE id = $1 LIMIT $2";
const USAGE_REPORT: &str = "SELECT tenant_id, NULL::text FROM usage_report LIMIT $1";
const INSERT_ORDER: &str = "INSERT INTO orders (tenant_id, request_key, client_ref, amount_cents) \
     VALUES ($1, $2, $3, $4) RETURNING tenant_id, NULL::text";
const ORDER_READ: &str = "SELECT tenant_id, NULL::text FROM orders WHERE client_ref = $1";
/// The partition that the fault `operator.add-partition` adds.
pub const NEW_PARTITION: &str = "audit_events_2097";
const PARTITION_READ: &str = "SELECT tenant_id, message FROM audit_events_2097 LIMIT $1";
/// About 50 ms of one processor for 200 documents.
const HEAVY_QUERY: &str = "SELECT a.tenant_id, max(md5(a.body || b.body || c.id::text)) FROM documents a, documents b, \
     (SELECT id FROM documents ORDER BY id LIMIT 2) c GROUP BY a.tenant_id";

/// A row as the application sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its tenant column.
    pub tenant: TenantId,
    /// The owner that its canary names.
    pub canary: Option<TenantSlug>,
}

/// One statement of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `documents` by id.
    PointRead(i64),
    /// `documents` from an id on.
    RangeRead(i64),
    /// `tenant_documents` by id.
    ViewRead(i64),
    /// `usage_report`.
    UsageReport,
    /// An order: `client_ref` identifies it in the ledger, `request_key` makes a retry harmless.
    InsertOrder {
        /// Ledger reference, unique within the run.
        client_ref: i64,
        /// Idempotency key.
        request_key: Uuid,
    },
    /// A cross join that burns a processor.
    HeavyQuery,
    /// An order that was acknowledged.
    OrderRead {
        /// Its reference.
        client_ref: i64,
    },
    /// A partition of the audit trail, read directly.
    PartitionRead,
}

impl Step {
    /// The step of a request. `rows` is the fleet's `rows_per_tenant`; `client_ref` is used by writes.
    pub fn of(operation: Operation, draw: u64, rows: u32, client_ref: u64) -> Self {
        let id = 1 + (draw % u64::from(rows)) as i64;
        let coin = draw >> 63 == 1;
        match (operation, coin) {
            (Operation::Read, true) => Step::PointRead(id),
            (Operation::Read, false) => Step::RangeRead(id),
            (Operation::Report, true) => Step::ViewRead(id),
            (Operation::Report, false) => Step::UsageReport,
            (Operation::Write, _) => {
                let key = u128::from(draw) << 64 | u128::from(client_ref);
                Step::InsertOrder { client_ref: client_ref as i64, request_key: Uuid::from_u128(key) }
            }
        }
    }

    /// The same write under another idempotency key (defect `blind-retry`).
    pub fn with_another_key(self) -> Self {
        match self {
            Step::InsertOrder { client_ref, request_key } => {
                Step::InsertOrder { client_ref, request_key: Uuid::from_u128(!request_key.as_u128()) }
            }
            other => other,
        }
    }

    /// The operation that it counts as.
    pub fn operation(self) -> Operation {
        match self {
            Step::PointRead(_) | Step::RangeRead(_) | Step::OrderRead { .. } => Operation::Read,
            Step::InsertOrder { .. } => Operation::Write,
            Step::ViewRead(_) | Step::UsageReport | Step::HeavyQuery | Step::PartitionRead => Operation::Report,
        }
    }

    /// The table or view that it touches.
    pub fn relation(self) -> &'static str {
        match self {
            Step::PointRead(_) | Step::RangeRead(_) | Step::HeavyQuery => "documents",
            Step::ViewRead(_) => "tenant_documents",
            Step::UsageReport => "usage_report",
            Step::PartitionRead => NEW_PARTITION,
            Step::InsertOrder { .. } | Step::OrderRead { .. } => "orders",
        }
    }

    /// Runs the statement and shows each row to `see`, as it arrives. Returns the number of rows.
    pub async fn run(
        self,
        connection: &mut PgConnection,
        statements: Statements,
        tenant: TenantId,
        mut see: impl FnMut(Row),
    ) -> Result<u64, sqlx::Error> {
        let query = match self {
            Step::PointRead(id) => sqlx::query(POINT_READ).bind(id).bind(READ_LIMIT),
            Step::RangeRead(id) => sqlx::query(RANGE_READ).bind(id).bind(READ_LIMIT),
            Step::ViewRead(id) => sqlx::query(VIEW_READ).bind(id).bind(READ_LIMIT),
            Step::UsageReport => sqlx::query(USAGE_REPORT).bind(READ_LIMIT),
            Step::HeavyQuery => sqlx::query(HEAVY_QUERY),
            Step::OrderRead { client_ref } => sqlx::query(ORDER_READ).bind(client_ref),
            Step::PartitionRead => sqlx::query(PARTITION_READ).bind(READ_LIMIT),
            Step::InsertOrder { client_ref, request_key } => sqlx::query(INSERT_ORDER)
                .bind(tenant.0)
                .bind(request_key)
                .bind(client_ref)
                .bind(100 + client_ref % 10_000),
        };
        let mut rows = query.persistent(statements == Statements::Kept).fetch(connection);
        let mut count = 0;
        while let Some(row) = rows.try_next().await? {
            see(decode(&row)?);
            count += 1;
        }
        Ok(count)
    }
}

fn decode(row: &PgRow) -> Result<Row, sqlx::Error> {
    let tenant = TenantId(row.try_get::<Uuid, _>(0)?);
    let canary = row.try_get::<Option<&str>, _>(1)?.and_then(owner_in);
    Ok(Row { tenant, canary })
}
