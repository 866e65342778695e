//! F18, F20 and F22: branches of a policy's condition that ask for no tenant.
//!
//! `tenant = … AND draft OR public` reads as if the tenant were asked for in both cases, and is not. What calls a
//! function of the schema or looks at another table may ask there, so nothing is claimed of it; and what stands beside
//! the tenant's own condition only narrows it.

use super::atom::{asks_context, flag, has_word, is_unset, looks_elsewhere};

/// A branch that asks for no tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Open {
    /// It holds where no tenant is set, or for whatever the session is (F18).
    Unset(String),
    /// It holds where this setting has a value that any client can give it (F20).
    Flag(String),
    /// It looks at the row, and not at whose it is (F22).
    Row(String),
}

/// The open branches of a condition.
pub(super) fn open_branches(branches: &[Vec<String>], columns: &[String], tenant_columns: &[String]) -> Vec<Open> {
    let names_tenant = |text: &str| tenant_columns.iter().any(|column| has_word(text, column));
    let texts: Vec<String> = branches.iter().map(|branch| branch.join(" AND ")).collect();
    let asks = |text: &String| names_tenant(text) || asks_context(text) || looks_elsewhere(text);
    let is_one_of_many = branches.len() > 1 && texts.iter().any(asks);
    let open = |(branch, text): (&Vec<String>, &String)| {
        let unset = |atom: &String| is_unset(atom, columns);
        // Whether the rest of the branch leaves it open.
        let alone = |opens: &dyn Fn(&String) -> bool| {
            branch.iter().filter(|atom| !opens(atom)).all(|atom| !names_tenant(atom) && !looks_elsewhere(atom))
        };
        if branch.iter().any(unset) {
            return alone(&unset).then(|| Open::Unset(text.clone()));
        }
        if let Some(setting) = branch.iter().find_map(|atom| flag(atom)) {
            return alone(&|atom| flag(atom).is_some()).then(|| Open::Flag(setting.to_owned()));
        }
        let own = columns.iter().any(|column| has_word(text, column));
        match (looks_elsewhere(text), asks_context(text), own) {
            _ if !is_one_of_many => None,
            (true, ..) => None,
            (_, true, false) => Some(Open::Unset(text.clone())),
            (_, false, true) if !names_tenant(text) => Some(Open::Row(text.clone())),
            _ => None,
        }
    };
    branches.iter().zip(&texts).filter_map(open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modes(branches: &[&[&str]]) -> Vec<&'static str> {
        let branches: Vec<Vec<String>> =
            branches.iter().map(|branch| branch.iter().map(|atom| (*atom).to_owned()).collect()).collect();
        let columns = ["tenant_id", "status", "is_public", "deleted_at"].map(str::to_owned);
        let open = open_branches(&branches, &columns, &columns[..1]).into_iter();
        open.map(|open| match open {
            Open::Unset(_) => "F18",
            Open::Flag(_) => "F20",
            Open::Row(_) => "F22",
        })
        .collect()
    }

    const MINE: &str = "tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid";
    const FLAG: &str = "current_setting('app.bypass'::text, true) = 'on'::text";
    const UNSET: &str = "current_setting('app.tenant_id'::text, true) IS NULL";

    /// A branch without the tenant is found beside one that has it, and so is one that does not look at the row.
    #[test]
    fn branches_without_tenant_are_found() {
        assert_eq!(modes(&[&[MINE, "status = 'draft'::text"], &["status = 'notice'::text"]]), ["F22"]);
        assert_eq!(modes(&[&[MINE], &["is_public"]]), ["F22"]);
        assert_eq!(modes(&[&[MINE], &["CURRENT_USER = SESSION_USER"]]), ["F18"]);
        assert_eq!(modes(&[&[MINE], &["NOT pg_has_role(CURRENT_USER, 'tenant'::name, 'USAGE'::text)"]]), ["F18"]);
        assert_eq!(modes(&[&[UNSET]]), ["F18"]);
        assert_eq!(modes(&[&[MINE], &[UNSET, "deleted_at IS NULL"]]), ["F18"]);
        assert_eq!(modes(&[&[FLAG]]), ["F20"]);
        assert_eq!(modes(&[&[MINE], &[FLAG, "is_public"]]), ["F20"]);
    }

    /// What asks for the tenant, may ask elsewhere, or stands alone is left alone.
    #[test]
    fn others_are_left_alone() {
        assert!(modes(&[&["is_public"]]).is_empty());
        assert!(modes(&[&["is_public"], &["status = 'open'::text"]]).is_empty());
        assert!(modes(&[&[MINE], &["auth.is_admin()"]]).is_empty());
        assert!(modes(&[&[MINE], &["EXISTS ( SELECT 1 FROM shares s WHERE s.id = status)"]]).is_empty());
        assert!(modes(&[&[MINE], &["tenant_id = '00000000-0000-0000-0000-000000000001'::uuid"]]).is_empty());
        assert!(modes(&[&[MINE], &["status = 'is_public('::text", MINE]]).is_empty());
        // A soft delete, a flag and a missing context beside the tenant: they narrow.
        assert!(modes(&[&[MINE, "deleted_at IS NULL"]]).is_empty());
        assert!(modes(&[&[MINE, FLAG]]).is_empty());
        assert!(modes(&[&[MINE, UNSET]]).is_empty());
        assert!(modes(&[&[MINE], &[FLAG, "auth.is_admin()"]]).is_empty());
    }
}
