//! The reference schema, through sqlx's own migrations, which are part of the program.

use sqlx::PgConnection;
use sqlx::migrate::Migrator;

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// The migrations could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The connection could not become the tables' owner.
    #[error("cannot act as chaos_owner")]
    Role(#[source] sqlx::Error),
    /// A migration failed.
    #[error("a migration failed")]
    Migration(#[source] sqlx::migrate::MigrateError),
}

/// Applies the migrations as `chaos_owner`, so that everything belongs to it. The connection must be a member of that
/// role (the migrator is) and has its own role back afterwards.
///
/// # Errors
/// [`MigrateError`], with the database's own word as its source.
pub async fn migrate(connection: &mut PgConnection) -> Result<(), MigrateError> {
    sqlx::raw_sql("SET ROLE chaos_owner").execute(&mut *connection).await.map_err(MigrateError::Role)?;
    let migrated = MIGRATOR.run(&mut *connection).await.map_err(MigrateError::Migration);
    sqlx::raw_sql("RESET ROLE").execute(&mut *connection).await.map_err(MigrateError::Role)?;
    migrated
}

/// Hash over all migrations: part of a template's key.
pub fn migrations_hash() -> String {
    let mut hasher = blake3::Hasher::new();
    for migration in MIGRATOR.iter() {
        hasher.update(&migration.version.to_le_bytes());
        hasher.update(&migration.checksum);
    }
    hasher.finalize().to_hex()[..16].to_owned()
}
