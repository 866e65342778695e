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
    let mut stored: HashMap<u64, Stored> = HashMap::with_capacity(acknowledged.len());
    let mut connection = PgConnection::connect_with(admin).await?;
    let mut rows = sqlx::query("SELECT client_ref, tenant_id FROM orders WHERE client_ref >= 0").fetch(&mut connection);
    while let Some(row) = rows.try_next().await? {
        let client_ref: i64 = row.try_get(0)?;
        let tenant = directory.by_id(TenantId(row.try_get::<Uuid, _>(1)?)).map(|tenant| tenant.index);
        let entry = stored.entry(client_ref as u64).or_insert(Stored { tenant, times: 0 });
        entry.times += 1;
    }
    drop(rows);
    connection.close().await?;

    let mut ledger = Ledger { acknowledged: acknowledged.len() as u64, not_kept, ..Ledger::default() };
    for write in acknowledged {
        let found = stored.get(&write.client_ref);
        let trouble = match found {
            None => {
                ledger.lost += 1;
                "acknowledged, not found".to_owned()
            }
            Some(Stored { tenant, .. }) if *tenant != Some(write.tenant) => {
                ledger.foreign += 1;
                let owner = tenant.map_or("nobody's".to_owned(), |index| directory.tenant(index).slug.to_string());
                format!("stored under {owner}")
            }
            Some(Stored { times, .. }) if *times > 1 => {
                ledger.duplicate += 1;
                format!("stored {times} times")
            }
            Some(_) => continue,
        };
        if ledger.examples.len() < EXAMPLES {
            let tenant = directory.tenant(write.tenant).slug;
            ledger.examples.push(format!("{tenant} order {}: {trouble}", write.client_ref));
        }
    }
    Ok(ledger)
}

struct Stored {
    tenant: Option<u32>,
    times: u32,
}
