//! Where it happens: a running Postgres, migrated, with a fleet of tenants.

mod fleet;
mod migrate;
mod plant;

pub use fleet::{SeedError, SeedProgress, SeedReport, seed};
pub use migrate::{MigrateError, migrate, migrations_hash};
pub use plant::{PlantError, RowSecurity, TENANT_TABLES, plant};
