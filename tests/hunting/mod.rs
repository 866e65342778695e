//! What tests of the hunt share: a server, the schemas, and a schema with something added to it.

#![allow(dead_code, reason = "each test crate uses what it needs of it")]

use tenant_chaos::hunt::Target;
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

/// A setting holds the tenant.
pub(crate) const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
/// A user's claims in JSON, and membership functions.
pub(crate) const CLAIMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/claims.sql");
/// Every tenant is a role.
pub(crate) const ROLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/roles.sql");

pub(crate) async fn server() -> Server {
    let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    Server::start(&options, None).await.unwrap()
}

/// A schema (a file or a folder) and what is added to it, as a folder.
pub(crate) fn with(schema: &str, sql: &str) -> (tempfile::TempDir, Target) {
    let folder = tempfile::tempdir().unwrap();
    let schema = std::path::Path::new(schema);
    match schema.is_dir() {
        true => {
            for entry in std::fs::read_dir(schema).unwrap().flatten() {
                std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
            }
        }
        false => drop(std::fs::copy(schema, folder.path().join("1.sql")).unwrap()),
    }
    std::fs::write(folder.path().join("9.sql"), sql).unwrap();
    let target = Target::Schema(folder.path().into());
    (folder, target)
}
