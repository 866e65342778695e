//! What the database's catalogue says of its own protections: row security, policies, owners, grants and the rights of
//! the application's role. Two readings that differ are a drift, whoever made it.
//!
//! Only readings are made here; whoever changes a protection compares readings before and after, and the monitoring
//! layer compares each reading with the first one.

use std::collections::BTreeMap;

use sqlx::PgConnection;

/// Everything that decides whose rows the application's role sees, as text, so that readings of different servers and
/// after a restore can be compared.
const READING: &str = "
    SELECT 'table ' || c.relname,
           concat_ws(', ', 'row security ' || c.relrowsecurity, 'forced ' || c.relforcerowsecurity,
                     'owner ' || pg_get_userbyid(c.relowner), 'grants ' || coalesce(c.relacl::text, 'default'),
                     'options ' || coalesce(c.reloptions::text, 'none'))
      FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    UNION ALL
    SELECT 'policy ' || p.polname || ' on ' || c.relname,
           concat_ws(', ', 'for ' || p.polcmd::text, 'permissive ' || p.polpermissive, 'to ' || p.polroles::regrole[]::text,
                     'using ' || coalesce(pg_get_expr(p.polqual, p.polrelid), 'nothing'),
                     'check ' || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), 'nothing'))
      FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    UNION ALL
    SELECT 'role ' || r.rolname, concat_ws(', ', 'superuser ' || r.rolsuper, 'bypassrls ' || r.rolbypassrls)
      FROM pg_roles r
     WHERE EXISTS (SELECT FROM pg_roles app WHERE app.rolname = $1 AND pg_has_role(app.oid, r.oid, 'MEMBER'))";

/// One reading: what is protected, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protections(BTreeMap<String, String>);

impl Protections {
    /// Reads the catalogue of the connected database, for the role that the application connects as.
    ///
    /// # Errors
    /// The database's.
    pub async fn read(connection: &mut PgConnection, application: &str) -> Result<Self, sqlx::Error> {
        let rows: Vec<(String, String)> = sqlx::query_as(READING).bind(application).fetch_all(connection).await?;
        Ok(Self(rows.into_iter().collect()))
    }

    /// What is different here from an earlier reading: a sentence each, in order of their names.
    pub fn drift_since(&self, earlier: &Self) -> Vec<String> {
        let gone = earlier.0.keys().filter(|what| !self.0.contains_key(*what)).map(|what| format!("{what} is gone"));
        let changed = self.0.iter().filter_map(|(what, how)| match earlier.0.get(what) {
            None => Some(format!("{what} is new: {how}")),
            Some(before) if before != how => Some(format!("{what}: {}", differing(before, how))),
            Some(_) => None,
        });
        let mut drift: Vec<String> = gone.chain(changed).collect();
        drift.sort();
        drift
    }
}

/// The parts in which two descriptions differ.
fn differing(before: &str, after: &str) -> String {
    let parts: Vec<String> = before
        .split(", ")
        .zip(after.split(", "))
        .filter(|(before, after)| before != after)
        .map(|(before, after)| format!("{before} became {after}"))
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(entries: &[(&str, &str)]) -> Protections {
        Protections(entries.iter().map(|(what, how)| ((*what).to_owned(), (*how).to_owned())).collect())
    }

    /// What changed, what is gone and what is new are each told; equal readings have no drift.
    #[test]
    fn every_kind_of_drift_is_told() {
        let before = reading(&[("policy p on t", "for *"), ("table t", "row security true, forced true")]);
        assert_eq!(before.drift_since(&before), Vec::<String>::new());
        let after = reading(&[("table t", "row security false, forced true"), ("table u", "row security false")]);
        assert_eq!(
            after.drift_since(&before),
            [
                "policy p on t is gone",
                "table t: row security true became row security false",
                "table u is new: row security false"
            ]
        );
    }
}
