//! Verify: the ledger of acknowledged writes against the database, read by the administrator.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use crate::load::Acknowledged;
use crate::observe::{Ledger, TenantId};
use crate::tenancy::Directory;

/// Examples in the journal at most.
const EXAMPLES: usize = 10;

/// Compares every acknowledged write with what the database holds.
pub(super) async fn compare_ledger(
    admin: &PgConnectOptions,
    acknowledged: &[Acknowledged],
    not_kept: u64,
    directory: &Directory,
) -> Result<Ledger, sqlx::Error> {
    let mut writes: HashMap<u64, Stored> =
        acknowledged.iter().map(|write| (write.client_ref, Stored::nowhere(write.tenant))).collect();
    let mut connection = PgConnection::connect_with(admin).await?;
    let mut rows = sqlx::query("SELECT client_ref, tenant_id FROM orders WHERE client_ref >= 0").fetch(&mut connection);
    while let Some(row) = rows.try_next().await? {
        let client_ref: i64 = row.try_get(0)?;
        let owner = directory.by_id(TenantId(row.try_get::<Uuid, _>(1)?)).map(|tenant| tenant.index);
        if let Some(write) = writes.get_mut(&(client_ref as u64)) {
            write.times += 1;
            if owner != Some(write.tenant) {
                write.foreign = Some(owner);
            }
        }
    }
    drop(rows);
    connection.close().await?;

    let mut ledger = Ledger { acknowledged: acknowledged.len() as u64, not_kept, ..Ledger::default() };
    let name = |index: u32| directory.tenant(index).slug;
    for write in acknowledged {
        let Some(Stored { times, foreign, .. }) = writes.get(&write.client_ref) else { continue };
        let mut troubles = Vec::new();
        if *times == 0 {
            ledger.lost += 1;
            troubles.push("acknowledged, not found".to_owned());
        }
        if let Some(owner) = foreign {
            ledger.foreign += 1;
            troubles
                .push(format!("stored under {}", owner.map_or("nobody".to_owned(), |index| name(index).to_string())));
        }
        if *times > 1 {
            ledger.duplicate += 1;
            troubles.push(format!("stored {times} times"));
        }
        if !troubles.is_empty() && ledger.examples.len() < EXAMPLES {
            let trouble = troubles.join(" and ");
            ledger.examples.push(format!("{} order {}: {trouble}", name(write.tenant), write.client_ref));
        }
    }
    Ok(ledger)
}

/// An acknowledged write as the database has it.
struct Stored {
    /// Who sent it.
    tenant: u32,
    times: u32,
    /// Somebody else under whom it is stored, too; `Some(None)` is an id that no tenant has.
    foreign: Option<Option<u32>>,
}

impl Stored {
    fn nowhere(tenant: u32) -> Self {
        Self { tenant, times: 0, foreign: None }
    }
}
