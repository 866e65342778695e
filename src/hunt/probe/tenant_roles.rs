//! Tenants that are roles of the database: two of our own are made as the schema's tenants were made, so that the
//! seeded rows, whose tenant column names them, are theirs.
//!
//! A role is the whole server's; it goes with the throw-away server. It gets no right but those of the group that the
//! schema's own tenants are in.

use sqlx::{PgConnection, Row};

use crate::hunt::catalogue::roles::{AppRole, quote};
use crate::hunt::error::HuntError;
use crate::hunt::seeding::literal;

/// What makes a role of that name a tenant's, in statements that may run again.
pub(in crate::hunt) fn create(name: &str, groups: &[String], app: &AppRole) -> Vec<String> {
    let (role, login) = (quote(name), quote(&app.name));
    let mut all = vec![format!(
        "DO $hunt$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END \
         $hunt$"
    )];
    all.extend(groups.iter().map(|group| format!("GRANT {} TO {role}", quote(group))));
    if !groups.contains(&app.name) {
        all.push(format!("GRANT {role} TO {login}"));
    }
    all
}

/// How a request becomes that tenant's. Where tenants log in themselves, the session is the tenant's.
pub(in crate::hunt) fn enter(name: &str, groups: &[String], app: &AppRole) -> Vec<String> {
    match groups.contains(&app.name) {
        true => vec![format!("SET LOCAL SESSION AUTHORIZATION {}", quote(name))],
        false => vec![format!("SET LOCAL ROLE {}", quote(name))],
    }
}

/// Whether this is one of ours, of this hunt or an earlier one on the same server.
pub(in crate::hunt) fn is_ours(name: &str) -> bool {
    ["canary-a-", "canary-b-", "aaaaaaaa-", "bbbbbbbb-"].iter().any(|mark| name.starts_with(mark))
}

/// The groups that the schema's own tenants are in, the commonest first; else the one that has the rights.
pub(in crate::hunt) async fn groups(connection: &mut PgConnection, app: &AppRole) -> Result<Vec<String>, HuntError> {
    let query = "SELECT r.rolname::text, ARRAY(SELECT g.rolname::text FROM pg_auth_members m \
                 JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid AND NOT g.rolsuper AND NOT g.rolbypassrls \
                 ORDER BY 1) \
                 FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles l ON l.oid = a.member \
                 WHERE l.rolname = $1 AND NOT r.rolsuper AND NOT r.rolbypassrls ORDER BY 1";
    let rows = sqlx::query(query)
        .bind(&app.name)
        .fetch_all(connection)
        .await
        .map_err(HuntError::database("look for the tenants' roles"))?;
    let mut counted: Vec<(usize, Vec<String>)> = Vec::new();
    for row in rows.iter().filter(|row| !is_ours(row.get(0))) {
        let groups: Vec<String> = row.get(1);
        let reaches = groups.contains(&app.acts_as);
        match counted.iter_mut().find(|(_, known)| *known == groups) {
            Some((count, _)) => *count += 1,
            None if reaches => counted.push((1, groups)),
            None => {}
        }
    }
    counted.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    Ok(counted.into_iter().next().map_or_else(|| vec![app.acts_as.clone()], |(_, groups)| groups))
}

/// The name as a policy may compare it.
pub(in crate::hunt) fn described(source: &str, groups: &[String], app: &AppRole) -> String {
    let how = if groups.contains(&app.name) { "logs in as" } else { "takes" };
    format!("a request {how} the role named by {source}, a member of {}", literal(&groups.join(", ")).replace('\'', ""))
}
