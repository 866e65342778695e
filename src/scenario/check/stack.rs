//! `[stack]` and `[fleet]`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{length, needs_bulkheads, place, set_of};
use crate::diagnostics::Problems;
use crate::scenario::model::{Fleet, PoolSpec, PoolerSpec, StackSpec, Tier};
use crate::scenario::quantity::marked;
use crate::scenario::vocabulary::{Defect, Pooler, ServerUse};
use crate::scenario::wire::{self, Entry};

/// Most tenants of a fleet.
const MAX_TENANTS: u64 = 1_000_000;
/// Most documents of a fleet: about 20 GB with their indexes.
const MAX_DOCUMENTS: u64 = 50_000_000;
/// Smallest volume that a database may lie on: an empty one takes 8 MiB, a small fleet as much again.
const SMALLEST_DISK: u64 = 48 << 20;
/// The shortest and the longest wait for a connection.
const ACQUIRE_TIMEOUT: [Duration; 2] = [Duration::from_millis(1), Duration::from_secs(60)];
/// The shortest and the longest wait for a server connection behind the pooler.
const POOLER_WAIT: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(600)];

pub(super) fn fleet(entry: &Entry<wire::Fleet>, problems: &mut Problems) -> Option<Fleet> {
    let wire = entry.get()?;
    let sizes = [wire.starter.get()?.0, wire.growth.get()?.0, wire.enterprise.get()?.0];
    let rows = wire.rows_per_tenant.get()?.0;
    let tenants: u64 = sizes.iter().sum();
    if tenants < 2 {
        let message = format!("the fleet has {tenants} tenants, so there is nobody to isolate them from");
        problems.at(place(entry), message).help("seed at least two");
        return None;
    }
    if tenants > MAX_TENANTS {
        let message = format!("the fleet has {} tenants", marked(tenants));
        problems.at(place(entry), message).help(format!("{} in all are allowed", marked(MAX_TENANTS)));
        return None;
    }
    if tenants * rows > MAX_DOCUMENTS {
        let [all, each] = [tenants, rows].map(marked);
        let message = format!("{all} tenants with {each} documents each are {} documents", marked(tenants * rows));
        let [most, fitting] = [MAX_DOCUMENTS, MAX_DOCUMENTS / tenants].map(marked);
        let help = format!("{most} in all are allowed: write rows_per_tenant = {fitting}");
        problems.at(place(entry), message).help(help);
        return None;
    }
    let [starter, growth, enterprise] = sizes.map(|size| size as u32);
    Some(Fleet { starter, growth, enterprise, rows_per_tenant: rows as u32 })
}

pub(super) fn stack(entry: &Entry<wire::Stack>, fleet: Option<Fleet>, problems: &mut Problems) -> Option<StackSpec> {
    let wire = entry.get()?;
    let pool = pool(&wire.pool, fleet, problems);
    let defence = wire.defence.get().map(|list| set_of(&list.0, "layer", |layer| layer.0, problems));
    let defects = wire.defects.get().map(|list| set_of(&list.0, "defect", |defect| defect.0, problems));
    if let (Some(pool), Some(defects), Some(list)) = (&pool, &defects, wire.defects.given())
        && needs_bulkheads(defects)
        && pool.bulkheads.is_empty()
    {
        let message = "`no-bulkhead` takes the bulkheads away, and the pool has none";
        problems.at(list.span(), message).help("write for example pool = { bulkheads = { starter = \"25%\" } }");
    }
    let own = wire.server.get().is_none_or(|server| server.0 == ServerUse::Own);
    for (key, span) in [("replica", wire.replica.span()), ("disk", wire.disk.span())] {
        if let Some(span) = span.filter(|_| !own) {
            let message = format!("`{key}` is made when a server is started, and this one is there already");
            problems.at(span, message).help("write server = \"own\"");
        }
    }
    if let Some(disk) = wire.disk.given().filter(|disk| disk.get_ref().0 < SMALLEST_DISK) {
        problems.at(disk.span(), "the volume is too small for a database").help("write disk = \"48MiB\" or more");
    }
    if let (Some(span), Some(kind)) = (wire.replica.span(), wire.pooler.get())
        && kind.0 != Pooler::None
    {
        let message = "a replica and a pooler exclude each other: the pooler leads to one server only";
        problems.at(span, message).help("leave one of the two out");
    }
    let pooler = pooler(wire, pool.as_ref(), problems);
    if let (Some(defects), Some(list), Some(kind)) =
        (&defects, wire.defects.given(), wire.pooler.get().map(|pooler| pooler.0))
    {
        needs_pooler(defects, kind, list.span(), problems);
    }
    Some(StackSpec {
        postgres: match &wire.postgres {
            Entry::Wrong => return None,
            entry => entry.get().map(|version| version.0.clone()),
        },
        pool: pool?,
        pooler: pooler?,
        defence: defence?,
        defects: defects?,
        server: wire.server.get()?.0,
        replica: match &wire.replica {
            Entry::Wrong => return None,
            entry => entry.get().map(|kind| kind.0),
        },
        disk_bytes: match &wire.disk {
            Entry::Wrong => return None,
            entry => entry.get().map(|size| size.0),
        },
    })
}

fn pooler(wire: &wire::Stack, pool: Option<&PoolSpec>, problems: &mut Problems) -> Option<PoolerSpec> {
    let kind = wire.pooler.get()?.0;
    let [from, to] = POOLER_WAIT;
    let wait = length("pooler_wait", &wire.pooler_wait, from, to, problems);
    if kind == Pooler::None {
        for (key, place) in [
            ("pooler_size", super::given(&wire.pooler_size)),
            ("pooler_wait", wire.pooler_wait.given().map(|given| given.span())),
        ] {
            if let Some(place) = place {
                let message = format!("there is no pooler, so `{key}` means nothing");
                problems.at(place, message).help("write for example pooler = \"pgbouncer-transaction\"");
            }
        }
    }
    let size = match &wire.pooler_size {
        Entry::Wrong => return None,
        entry => entry.get().map(|size| size.0 as u32),
    };
    let pool = pool?.size;
    let size = size.unwrap_or_else(|| PoolerSpec::usual_size(kind, pool));
    if kind == Pooler::PgbouncerSession && size < pool {
        let message = format!("each of the pool's {pool} connections keeps a server connection, and there are {size}");
        problems.at(place(&wire.pooler_size), message).help(format!("write pooler_size = {pool} or more"));
    }
    Some(PoolerSpec { kind, size, wait: wait? })
}

/// Defects of a pooler need one.
fn needs_pooler(defects: &BTreeSet<Defect>, kind: Pooler, list: std::ops::Range<usize>, problems: &mut Problems) {
    let fits = |defect: &Defect| match defect {
        Defect::KeptStatements => kind == Pooler::PgbouncerTransaction,
        Defect::PoolerResetOff => kind != Pooler::None,
        _ => true,
    };
    for defect in defects.iter().filter(|defect| !fits(defect)) {
        let message =
            format!("`{}` is a mistake behind a pooler, and there is none that it could touch", defect.name());
        let help = match defect {
            Defect::KeptStatements => "write pooler = \"pgbouncer-transaction\"",
            _ => "write for example pooler = \"pgbouncer-session\"",
        };
        problems.at(list.clone(), message).help(help);
    }
}

fn pool(entry: &Entry<wire::Pool>, fleet: Option<Fleet>, problems: &mut Problems) -> Option<PoolSpec> {
    let wire = entry.get()?;
    let [from, to] = ACQUIRE_TIMEOUT;
    let acquire_timeout = length("acquire_timeout", &wire.acquire_timeout, from, to, problems);
    let tiers = wire.bulkheads.get()?;
    let (mut bulkheads, mut readable) = (BTreeMap::new(), true);
    for (tier, entry) in
        [(Tier::Starter, &tiers.starter), (Tier::Growth, &tiers.growth), (Tier::Enterprise, &tiers.enterprise)]
    {
        readable &= !matches!(entry, Entry::Wrong);
        let Some(share) = entry.given() else { continue };
        if share.get_ref().0 <= 0.0 {
            let message = format!("tier {tier} may hold no connection at all");
            problems.at(share.span(), message).help("write a share above 0%");
        }
        if fleet.is_some_and(|fleet| fleet.of(tier) == 0) {
            let message = format!("the fleet has no tenants of tier {tier}");
            problems.at(share.span(), message).help(format!("leave it out, or seed some: fleet.{tier} = 2"));
        }
        bulkheads.insert(tier, share.get_ref().0);
    }
    let pool = PoolSpec { size: wire.size.get()?.0 as u32, acquire_timeout: acquire_timeout?, bulkheads };
    readable.then_some(pool)
}
