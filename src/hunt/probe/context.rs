//! How a request says who it is, found by trying: a setting that the policies read is given a key of tenant A, and the
//! understanding is right if A's own rows come back. That is also the hunt's positive control.

use std::time::Instant;

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::{given, tenant_roles};
use crate::hunt::catalogue::roles::{AppRole, quote};
use crate::hunt::catalogue::{Catalogue, Column, Relation};
use crate::hunt::error::HuntError;
use crate::hunt::input::config::{Config, fill};
use crate::hunt::seeding::{Seeded, run};
use crate::hunt::seeding::{Tenant, literal};

/// The claim that a user may edit with the auth servers that have it.
const EDITABLE: &str = "user_metadata";

/// Tables on which a candidate is tried.
const TRIED_ON: usize = 24;

/// A context that no request of tenant A's has: name, failure mode, statements, whether tenant A may be seen.
pub(in crate::hunt) type Forged = (&'static str, &'static str, Vec<String>, bool);

/// Statements that make a transaction one of a tenant.
#[derive(Debug, Clone)]
pub(in crate::hunt) struct Context {
    /// In a sentence.
    pub(in crate::hunt) described: String,
    /// The setting, where there is one.
    pub(in crate::hunt) setting: Option<String>,
    /// A's text in that setting.
    pub(in crate::hunt) held: Option<String>,
    /// That setting and A's value in it, where it is a plain value.
    pub(in crate::hunt) plain: Option<(String, String)>,
    pub(in crate::hunt) a: Vec<String>,
    pub(in crate::hunt) b: Vec<String>,
    /// Whether the setting holds JSON.
    pub(in crate::hunt) as_claims: bool,
    /// Whether a tenant is told by a role that the statements take.
    pub(in crate::hunt) by_role: bool,
    /// What a client may pretend: name, failure mode, statements, and whether tenant A may then be seen.
    pub(in crate::hunt) forged: Vec<Forged>,
    /// Tables of which A's own rows came back, of how many.
    pub(in crate::hunt) visible: (usize, usize),
}

impl Context {
    pub(super) fn of(described: &str, a: Vec<String>, b: Vec<String>) -> Self {
        Self {
            described: described.to_owned(),
            setting: None,
            held: None,
            plain: None,
            by_role: a.iter().any(|statement| takes_role(statement)),
            a,
            b,
            as_claims: false,
            forged: vec![],
            visible: (0, 0),
        }
    }

    /// What makes the session tenant A's, beyond its transactions.
    pub(in crate::hunt) fn of_session(&self) -> Vec<String> {
        let pair = self.setting.as_ref().zip(self.held.as_ref());
        pair.map(|(setting, held)| set(setting, held).replacen("SET LOCAL", "SET", 1)).into_iter().collect()
    }

    /// The text of the setting for which policies see this value.
    pub(in crate::hunt) fn holds(&self, catalogue: &Catalogue, value: &str) -> String {
        wrap(catalogue, value, self.as_claims)
    }
}

/// Finds the context, or takes the configured one. At the deadline the best so far is taken.
pub(in crate::hunt) async fn discover(
    connection: &mut PgConnection,
    catalogue: &Catalogue,
    seeded: &mut Seeded,
    app: &AppRole,
    config: &Config,
    deadline: Instant,
) -> Result<Context, HuntError> {
    let role = app.name.as_str();
    if let Some(given) = &config.context {
        let enter = |tenant: &crate::hunt::input::config::TenantConfig| {
            given.enter.iter().map(|statement| fill(statement, &tenant.variables)).collect::<Vec<_>>()
        };
        let mut context = Context::of("as hunt.toml says", enter(&config.tenants.a), enter(&config.tenants.b));
        context.visible = visible(connection, catalogue, seeded, role, &context.a).await?;
        given::understand(connection, catalogue, role, &mut context).await?;
        return Ok(context);
    }
    let mut best: Option<Context> = None;
    for setting in &catalogue.settings {
        for (source, of_a, of_b) in candidates(catalogue, seeded) {
            for as_claims in [false, true] {
                if as_claims && catalogue.claims.is_empty() {
                    continue;
                }
                let enter = |value: &str| vec![set(setting, &wrap(catalogue, value, as_claims))];
                let (a, b) = (enter(&of_a), enter(&of_b));
                let seen = visible(connection, catalogue, seeded, role, &a).await?;
                if seen.0 > best.as_ref().map_or(0, |best| best.visible.0) {
                    let form = if as_claims { "claims with " } else { "" };
                    let described = format!("setting {setting} holds {form}the value of {source}");
                    let others = candidates(catalogue, seeded).into_iter().map(|(.., of_b)| of_b).collect::<Vec<_>>();
                    best = Some(Context {
                        described,
                        forged: forged(catalogue, setting, &of_a, &others, as_claims),
                        held: Some(wrap(catalogue, &of_a, as_claims)),
                        plain: (!as_claims).then(|| (setting.clone(), of_a.clone())),
                        setting: Some(setting.clone()),
                        a,
                        b,
                        by_role: false,
                        as_claims,
                        visible: seen,
                    });
                }
            }
            if Instant::now() > deadline || best.as_ref().is_some_and(|best| best.visible.0 == best.visible.1) {
                break;
            }
        }
    }
    if catalogue.by_role && best.as_ref().is_none_or(|best| best.visible.0 < best.visible.1) {
        let above = best.as_ref().map_or(0, |best| best.visible.0);
        best = by_role(connection, catalogue, seeded, app, above, deadline).await?.or(best);
    }
    if let Some(best) = best {
        return Ok(best);
    }
    let mut none = Context::of("none", vec![], vec![]);
    none.visible = visible(connection, catalogue, seeded, role, &[]).await?;
    Ok(none)
}

/// Tries every key as the name of a tenant's role, if it shows more tables than `above`. The roles are part of the seed.
async fn by_role(
    connection: &mut PgConnection,
    catalogue: &Catalogue,
    seeded: &mut Seeded,
    app: &AppRole,
    above: usize,
    deadline: Instant,
) -> Result<Option<Context>, HuntError> {
    let groups = tenant_roles::groups(connection, app).await?;
    let mut best: Option<(Context, Vec<String>)> = None;
    for (source, of_a, of_b) in candidates(catalogue, seeded) {
        let made = [tenant_roles::create(&of_a, &groups, app), tenant_roles::create(&of_b, &groups, app)].concat();
        for statement in &made {
            run(connection, statement.clone()).await.map_err(HuntError::database("make a tenant's role"))?;
        }
        let enter = |name: &str| tenant_roles::enter(name, &groups, app);
        let mut context = Context::of(&tenant_roles::described(&source, &groups, app), enter(&of_a), enter(&of_b));
        context.visible = visible(connection, catalogue, seeded, &app.name, &context.a).await?;
        let is_whole = context.visible.0 == context.visible.1;
        if context.visible.0 > best.as_ref().map_or(above, |(best, _)| best.visible.0) {
            best = Some((context, made));
        }
        if is_whole || Instant::now() > deadline {
            break;
        }
    }
    Ok(best.map(|(context, made)| {
        seeded.setup = made;
        context
    }))
}

/// Whether a statement takes a role, in whatever way it is written.
fn takes_role(statement: &str) -> bool {
    let words = statement.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(str::to_lowercase).collect();
    let has = |form: &[&str]| words.windows(form.len()).any(|window| window.iter().eq(form));
    ["role", "authorization"]
        .iter()
        .any(|what| ["local", "session", "set"].iter().any(|before| has(&[before, what])) || has(&["set_config", what]))
        || has(&["set_config", "session_authorization"])
}

/// `SET LOCAL` of a setting whose name may have any spelling.
pub(in crate::hunt) fn set(setting: &str, value: &str) -> String {
    let name: Vec<String> = setting.split('.').map(quote).collect();
    format!("SET LOCAL {} = {}", name.join("."), literal(value))
}

fn wrap(catalogue: &Catalogue, value: &str, as_claims: bool) -> String {
    match as_claims {
        true => claims(catalogue, value, value),
        false => value.to_owned(),
    }
}

/// JSON in which every claim that the schema reads has a value, and what the user may edit another one.
fn claims(catalogue: &Catalogue, value: &str, of_user: &str) -> String {
    let mut all = serde_json::Map::new();
    for claim in &catalogue.claims {
        let inner: serde_json::Map<_, _> = catalogue
            .inner_claims
            .iter()
            .filter(|(outer, _)| outer == claim)
            .map(|(_, inner)| (inner.clone(), if claim == EDITABLE { of_user } else { value }.into()))
            .collect();
        all.insert(claim.clone(), if inner.is_empty() { value.into() } else { inner.into() });
    }
    serde_json::Value::from(all).to_string()
}

/// What a client can make of the context that is not a tenant's, and that a policy might believe.
pub(super) fn forged(
    catalogue: &Catalogue,
    setting: &str,
    of_a: &str,
    of_b: &[String],
    as_claims: bool,
) -> Vec<Forged> {
    let injected = format!("{of_a}' OR 'a' = 'a");
    let mut all = vec![("forged: a quote", "F67", vec![set(setting, &wrap(catalogue, &injected, as_claims))], false)];
    if as_claims {
        for (name, value) in [("forged: no claims", "{}"), ("forged: null", "null"), ("forged: a list", "[]")] {
            all.push((name, "F18", vec![set(setting, value)], false));
        }
        if catalogue.claims.iter().any(|claim| claim == EDITABLE) {
            for of_b in of_b {
                let edited = set(setting, &claims(catalogue, of_a, of_b));
                all.push(("forged: claims that the user may edit", "F26", vec![edited], true));
            }
        }
    }
    all
}

/// Whether a column's value may say who a request is.
fn says_who(column: &Column) -> bool {
    column.in_key || column.name.ends_with("_id") || column.base_type == "name"
}

/// Keys of seeded rows, those first that most tables refer to: (where from, A's, B's).
fn candidates(catalogue: &Catalogue, seeded: &Seeded) -> Vec<(String, String, String)> {
    let mut found: Vec<(usize, String, String, String)> = Vec::new();
    for (id, relation) in &catalogue.relations {
        for column in relation.columns.iter().filter(|column| says_who(column)) {
            let of = |tenant| {
                let row = seeded.row(*id, tenant)?;
                row.iter().find(|(name, _)| *name == column.name).map(|(_, value)| value.clone())
            };
            let (Some(a), Some(b)) = (of(Tenant::A), of(Tenant::B)) else { continue };
            if a == b || found.iter().any(|(_, _, known, _)| *known == a) {
                continue;
            }
            let holders = seeded.rows.iter().filter(|(_, _, row)| row.iter().any(|(_, value)| *value == a)).count();
            found.push((holders, format!("{}.{}", relation.name, column.name), a, b));
        }
    }
    found.sort_by_key(|(holders, source, ..)| (std::cmp::Reverse(*holders), source.clone()));
    found.into_iter().map(|(_, source, a, b)| (source, a, b)).take(12).collect()
}

/// Of how many protected, readable, seeded tables the context shows A's own row.
async fn visible(
    connection: &mut PgConnection,
    catalogue: &Catalogue,
    seeded: &Seeded,
    role: &str,
    enter: &[String],
) -> Result<(usize, usize), HuntError> {
    let (mut seen, mut of) = (0, 0);
    for (id, relation) in &catalogue.relations {
        let protected = relation.row_security && seeded.row(*id, Tenant::A).is_some();
        let Some(read) = read_sql(relation).filter(|_| protected && of < TRIED_ON) else { continue };
        of += 1;
        let rows = as_role(connection, role, enter, &read).await?;
        seen += usize::from(rows.is_ok_and(|rows| rows.iter().any(|row| Tenant::A.is_in(row))));
    }
    Ok((seen, of))
}

/// Every row as one text, of the columns that the role may read.
pub(in crate::hunt) fn read_sql(relation: &Relation) -> Option<String> {
    let columns: Vec<String> = relation
        .columns
        .iter()
        .filter(|column| column.readable)
        .map(|column| format!("t.{}", quote(&column.name)))
        .collect();
    let row = format!("SELECT ROW({})::text FROM {} AS t", columns.join(", "), relation.name);
    (!columns.is_empty()).then_some(row)
}

/// Runs one statement in a transaction of the role and rolls it back. The inner error is the database's answer.
pub(in crate::hunt) async fn as_role(
    connection: &mut PgConnection,
    role: &str,
    enter: &[String],
    statement: &str,
) -> Result<Result<Vec<String>, sqlx::Error>, HuntError> {
    let trouble = || HuntError::database("probe");
    let begin = format!("BEGIN; SET LOCAL SESSION AUTHORIZATION {}", quote(role));
    run(connection, begin).await.map_err(trouble())?;
    let mut answer = Ok(Vec::new());
    for statement in enter {
        if let Err(error) = run(connection, statement.clone()).await {
            answer = Err(error);
            break;
        }
    }
    if answer.is_ok() {
        let rows = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).fetch_all(&mut *connection).await;
        answer = rows.map(|rows| rows.iter().filter_map(|row| row.try_get::<String, _>(0).ok()).collect());
    }
    run(connection, "ROLLBACK".to_owned()).await.map_err(trouble())?;
    Ok(answer)
}
