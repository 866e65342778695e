//! What the database's catalogue says of its own protections: row security, policies, owners, grants and the rights of
//! the application's role. Two readings that differ are a drift, whoever made it.
//!
//! Only readings are made here; whoever changes a protection compares readings before and after, and the monitoring
//! layer compares each reading with the first one.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;

/// Everything that decides whose rows the application's role sees, as text, so that readings of different servers and
/// after a restore can be compared.
const READING: &str = "
    SELECT 'table ' || c.relname,
           concat_ws(chr(31), 'row security ' || c.relrowsecurity, 'forced ' || c.relforcerowsecurity,
                     'owner ' || pg_get_userbyid(c.relowner), 'grants ' || coalesce(c.relacl::text, 'default'),
                     'options ' || coalesce(c.reloptions::text, 'none'))
      FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    UNION ALL
    SELECT 'policy ' || p.polname || ' on ' || c.oid::regclass::text,
           concat_ws(chr(31), 'for ' || p.polcmd::text, 'permissive ' || p.polpermissive, 'to ' || p.polroles::regrole[]::text,
                     'using ' || coalesce(pg_get_expr(p.polqual, p.polrelid), 'nothing'),
                     'check ' || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), 'nothing'))
      FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    UNION ALL
    SELECT 'role ' || r.rolname, concat_ws(chr(31), 'superuser ' || r.rolsuper, 'bypassrls ' || r.rolbypassrls)
      FROM pg_roles r
     WHERE EXISTS (SELECT FROM pg_roles app WHERE app.rolname = $1 AND pg_has_role(app.oid, r.oid, 'MEMBER'))";

/// Separates the parts of a description, `chr(31)` above: an expression may contain any sign that people write.
const BETWEEN_PARTS: char = '\u{1f}';

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
        self.sentences(earlier, |_, _| true)
    }

    /// What a change took away or put in, told from the readings before it and after it.
    pub fn changes_since(&self, earlier: &Self) -> Changes {
        let names: BTreeSet<&String> = self.0.keys().chain(earlier.0.keys()).collect();
        let places = names.into_iter().flat_map(|name| {
            let (before, after) = (parts(earlier.0.get(name)), parts(self.0.get(name)));
            let places = 0..before.len().max(after.len());
            let differ = places.filter(move |place| before.get(*place) != after.get(*place));
            differ.map(|place| (name.clone(), place))
        });
        Changes(places.collect())
    }

    /// Like [`Self::drift_since`], of nothing but what a change was about: others may have changed the rest meanwhile.
    pub fn drift_within(&self, earlier: &Self, changes: &Changes) -> Vec<String> {
        self.sentences(earlier, |name, place| changes.0.contains(&(name.clone(), place)))
    }

    fn sentences(&self, earlier: &Self, about: impl Fn(&String, usize) -> bool) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(earlier.0.keys()).collect();
        let sentence = |name: &String| {
            let (before, after) = (parts(earlier.0.get(name)), parts(self.0.get(name)));
            let differ = |place: &usize| about(name, *place) && before.get(*place) != after.get(*place);
            let places: Vec<usize> = (0..before.len().max(after.len())).filter(differ).collect();
            match (before.is_empty(), after.is_empty()) {
                _ if places.is_empty() => None,
                (true, _) => Some(format!("{name} is new: {}", after.join(", "))),
                (_, true) => Some(format!("{name} is gone")),
                _ => {
                    let part = |parts: &[&str], place: usize| parts.get(place).copied().unwrap_or("nothing").to_owned();
                    let became = |place| format!("{} became {}", part(&before, place), part(&after, place));
                    let changed: Vec<String> = places.into_iter().map(became).collect();
                    Some(format!("{name}: {}", changed.join(", ")))
                }
            }
        };
        names.into_iter().filter_map(sentence).collect()
    }
}

/// Parts of descriptions, by the name of what is described and their place in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes(BTreeSet<(String, usize)>);

impl Changes {
    /// How many things are changed, each counted once.
    pub fn things(&self) -> usize {
        self.0.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len()
    }
}

/// The parts of a description; none of what is not there.
fn parts(description: Option<&String>) -> Vec<&str> {
    description.map_or(Vec::new(), |description| description.split(BETWEEN_PARTS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(entries: &[(&str, &str)]) -> Protections {
        let parts = |how: &str| how.replace("; ", "\u{1f}");
        Protections(entries.iter().map(|(what, how)| ((*what).to_owned(), parts(how))).collect())
    }

    /// What changed, what is gone and what is new are each told; equal readings have no drift.
    #[test]
    fn every_kind_of_drift_is_told() {
        let before = reading(&[("policy p on t", "for *"), ("table t", "row security true; forced true")]);
        assert_eq!(before.drift_since(&before), Vec::<String>::new());
        let after = reading(&[("table t", "row security false; forced true"), ("table u", "row security false")]);
        assert_eq!(
            after.drift_since(&before),
            [
                "policy p on t is gone",
                "table t: row security true became row security false",
                "table u is new: row security false"
            ]
        );
    }

    /// A comma within an expression parts nothing, and a part that comes on top is told.
    #[test]
    fn an_expression_may_have_commas() {
        let before = reading(&[("policy p on t", "using f(a, b); check g(a, b)")]);
        let after = reading(&[("policy p on t", "using f(a, b); check true; more")]);
        let told = ["policy p on t: check g(a, b) became check true, nothing became more"];
        assert_eq!(after.drift_since(&before), told);
    }

    /// Two changes that overlap and are undone in the order in which they were made: each sees that its own is undone, and
    /// neither takes the other's for its own, on the same table either.
    #[test]
    fn changes_that_overlap_are_told_apart() {
        let table = |row, forced| reading(&[("policy p on u", "for *"), ("table t", &format!("{row}; {forced}"))]);
        let start = table("row security true", "forced true");
        let first = table("row security false", "forced true");
        let both = table("row security false", "forced false");
        let second = table("row security true", "forced false");
        let (of_first, of_second) = (first.changes_since(&start), both.changes_since(&first));
        assert_eq!((of_first.things(), of_second.things()), (1, 1));
        assert_eq!(both.drift_within(&start, &of_first), ["table t: row security true became row security false"]);
        assert_eq!(second.drift_within(&start, &of_first), Vec::<String>::new());
        assert_eq!(second.drift_within(&first, &of_second), ["table t: forced true became forced false"]);
        assert_eq!(start.drift_within(&first, &of_second), Vec::<String>::new());
        let gone = reading(&[("table t", "row security true; forced true")]);
        assert_eq!(gone.drift_within(&start, &gone.changes_since(&start)), ["policy p on u is gone"]);
    }
}
