//! A context that hunt.toml says: which setting holds the tenant is found by running its statements, so that what a
//! client can make of that setting is tried as for a context that was discovered.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::PgConnection;

use super::context::{Context, as_role, forged};
use crate::hunt::catalogue::Catalogue;
use crate::hunt::error::HuntError;
use crate::hunt::report::{Cell, Outcome};
use crate::hunt::seeding::literal;

/// States of the context that need the setting's name (state.rs).
const OF_SETTING: [&str; 5] = ["empty", "bogus", "pattern", "after RESET", "after DISCARD ALL"];

/// What the context is called where no state can be made of it.
const UNTRIED: &str = "(the context)";

/// Finds the setting in which A's and B's requests differ, of those that the schema reads.
pub(super) async fn understand(
    connection: &mut PgConnection,
    catalogue: &Catalogue,
    role: &str,
    context: &mut Context,
) -> Result<(), HuntError> {
    for setting in &catalogue.settings {
        let ask = format!("SELECT coalesce(current_setting({}, true), '')", literal(setting));
        let mut texts = Vec::new();
        for enter in [&context.a, &context.b] {
            // What fails for one of them has no value.
            let rows = as_role(connection, role, enter, &ask).await?.unwrap_or_default();
            texts.push(rows.into_iter().next().unwrap_or_default());
        }
        let [of_a, of_b] = &texts[..] else { continue };
        if of_a.is_empty() || of_a == of_b {
            continue;
        }
        let claims = differing_claims(of_a, of_b);
        let (value, other) = claims.clone().unwrap_or_else(|| (of_a.clone(), of_b.clone()));
        context.as_claims = claims.is_some();
        context.forged = forged(catalogue, setting, &value, &[other], context.as_claims);
        context.plain = (!context.as_claims).then(|| (setting.clone(), value));
        context.setting = Some(setting.clone());
        context.held = Some(of_a.clone());
        break;
    }
    Ok(())
}

/// The first text in which two JSON objects differ: A's and B's.
fn differing_claims(of_a: &str, of_b: &str) -> Option<(String, String)> {
    let read = |text: &str| serde_json::from_str::<BTreeMap<String, Value>>(text).ok();
    let (of_a, of_b) = (read(of_a)?, read(of_b)?);
    of_a.iter().find_map(|(claim, value)| {
        let (a, b) = (value.as_str()?, of_b.get(claim)?.as_str()?);
        (a != b).then(|| (a.to_owned(), b.to_owned()))
    })
}

/// What could not be tried of a context whose setting is not known. One that is a role has none.
pub(in crate::hunt) fn untried(context: &Context) -> Vec<Cell> {
    let is_known = context.setting.is_some() || context.by_role || context.a.is_empty();
    let cell = |state: &&str| Cell {
        object: UNTRIED.to_owned(),
        verb: "SELECT".to_owned(),
        context_state: (*state).to_owned(),
        outcome: Outcome::NotTested,
        reason: Some("the schema reads no setting in which the requests that hunt.toml says differ".to_owned()),
        finding: None,
    };
    if is_known { vec![] } else { OF_SETTING.iter().map(cell).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// States that cannot be made are said to be untried; with a setting, or by a role, nothing is left out.
    #[test]
    fn what_cannot_be_tried_is_said() {
        let enter = |sql: &str| Context::of("as hunt.toml says", vec![sql.to_owned()], vec![sql.to_owned()]);
        let unknown = enter("SELECT become('a')");
        assert_eq!(untried(&unknown).len(), OF_SETTING.len());
        assert!(untried(&Context { setting: Some("app.t".to_owned()), ..unknown }).is_empty());
        for role in
            ["set local role a", "SET ROLE a", "SET SESSION AUTHORIZATION a", "SELECT set_config('role', 'a', true)"]
        {
            assert!(untried(&enter(role)).is_empty(), "{role}");
        }
        assert_eq!(untried(&enter("SELECT set_config('app.role', 'a', true)")).len(), OF_SETTING.len());
    }

    /// Claims are told from plain values by being an object, and the tenant's is the one that differs.
    #[test]
    fn claims_are_understood() {
        let pair = |a: &str, b: &str| differing_claims(a, b).map(|(a, b)| format!("{a} {b}"));
        assert_eq!(pair(r#"{"iss": "x", "sub": "1"}"#, r#"{"iss": "x", "sub": "2"}"#), Some("1 2".to_owned()));
        assert_eq!(pair("a", "b"), None);
        assert_eq!(pair("1", "2"), None);
    }
}
