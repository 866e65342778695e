//! Functions written anew: from the text that Postgres gives of them, with what is wrong in it replaced. A text in which
//! nothing is found to replace gives no fix.

use super::Schema;
use super::candidate::Candidate;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::finding::Finding;
use crate::hunt::seeding::standings;

/// Names are looked for in the function's own schema first, and among temporary objects last.
pub(super) fn closed_search_path(signature: &str, schema: &str) -> String {
    let own = if schema == "public" { String::new() } else { quote(schema) + ", " };
    format!("ALTER FUNCTION {signature} SET search_path = {own}public, pg_temp")
}

/// A function that puts an argument into SQL between quotes of its own quotes it as the server does.
pub(super) fn quoted(schema: &Schema<'_>, finding: &Finding) -> Option<Candidate> {
    let function = schema.catalogue.functions.iter().find(|function| function.signature == finding.object)?;
    let text = with_quoting(&function.definition);
    (text != function.definition).then(|| Candidate { sql: vec![text], takes_right: false })
}

/// `''' || x || '''` as `' || quote_literal(x) || '`, the same for identifiers, and `%s` of format as `%L`.
fn with_quoting(text: &str) -> String {
    let mut text = text.to_owned();
    for (open, close, function) in [("''' || ", " || '''", "quote_literal"), ("\"' || ", " || '\"", "quote_ident")] {
        let mut from = 0;
        while let Some(at) = text[from..].find(open).map(|at| at + from) {
            let start = at + open.len();
            let Some(end) = text[start..].find(close).map(|end| end + start) else { break };
            let name = text[start..end].to_owned();
            if name.chars().all(|c| c.is_alphanumeric() || "_.$".contains(c)) {
                let called = format!("' || {function}({name}) || '");
                text.replace_range(at..end + close.len(), &called);
                from = at + called.len();
            } else {
                from = start;
            }
        }
    }
    text.replace("= %s", "= %L").replace("=%s", "=%L")
}

/// Memberships that ended are hidden from policies, which see the table as its reader does, and from the functions that
/// policies call, which may see it as its owner does.
pub(super) fn without_ended(schema: &Schema<'_>, finding: &Finding) -> Vec<Candidate> {
    let Some((id, table)) = schema.catalogue.relations.iter().find(|(_, table)| table.name == finding.object) else {
        return vec![];
    };
    let conditions: Vec<String> = standings(table).into_iter().map(|(_, standing)| standing.condition).collect();
    if conditions.is_empty() {
        return vec![];
    }
    let condition = conditions.join(" AND ");
    let floor =
        format!("CREATE POLICY still_holds ON {} AS RESTRICTIVE FOR SELECT USING ({condition})", table.qualified);
    let helpers = schema.catalogue.objects.helpers.iter().filter(|helper| helper.reads.contains(id));
    let functions: Vec<String> = helpers
        .filter_map(|helper| {
            let text = reading(&helper.definition, &table.qualified, &condition);
            (text != helper.definition).then_some(text)
        })
        .collect();
    let keeps = |sql: Vec<String>| Candidate { sql, takes_right: false };
    let mut all = vec![keeps(vec![floor.clone()])];
    if !functions.is_empty() {
        all.push(keeps(functions.clone()));
        all.push(keeps([vec![floor], functions].concat()));
    }
    all
}

/// A function's text in which a table is read with a condition.
fn reading(text: &str, qualified: &str, condition: &str) -> String {
    let name = qualified.rsplit_once('.').map_or(qualified, |(_, name)| name);
    let (mut changed, mut rest) = (String::new(), text);
    while let Some(at) = after_from(rest) {
        let (before, after) = rest.split_at(at);
        changed.push_str(before);
        let space = after.len() - after.trim_start().len();
        let end = after[space..].find(|c: char| !(c.is_alphanumeric() || "_.\"".contains(c)));
        let (read, left) = after[space..].split_at(end.unwrap_or(after.len() - space));
        rest = left;
        if read != name && read != qualified {
            changed.push_str(&after[..space]);
            changed.push_str(read);
            continue;
        }
        changed.push_str(&format!(" (SELECT * FROM {read} WHERE {condition})"));
        if !has_alias(left) {
            changed.push_str(&format!(" AS {name}"));
        }
    }
    changed + rest
}

/// The end of the next FROM or JOIN.
fn after_from(text: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut starts = text.char_indices().filter(|(at, _)| !text[..*at].chars().next_back().is_some_and(is_part));
    starts.find_map(|(at, _)| {
        let word = text.get(at..at + 4)?;
        let is_word = word.eq_ignore_ascii_case("FROM") || word.eq_ignore_ascii_case("JOIN");
        (is_word && !text[at + 4..].chars().next().is_some_and(is_part)).then_some(at + 4)
    })
}

/// Whether another name for a table follows.
fn has_alias(left: &str) -> bool {
    const CLAUSES: [&str; 16] = [
        "WHERE", "JOIN", "ON", "GROUP", "ORDER", "LIMIT", "UNION", "LEFT", "RIGHT", "INNER", "CROSS", "FULL", "USING",
        "OFFSET", "FOR", "LOOP",
    ];
    let word: String = left.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    !word.is_empty() && !CLAUSES.iter().any(|clause| word.eq_ignore_ascii_case(clause))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value and an identifier are quoted by the server; what is no such place stays as it is.
    #[test]
    fn what_is_put_into_sql_is_quoted() {
        let set = "EXECUTE 'SET LOCAL app.tenant = ''' || id || '''';";
        assert_eq!(with_quoting(set), "EXECUTE 'SET LOCAL app.tenant = ' || quote_literal(id) || '';");
        let role = "EXECUTE 'SET LOCAL ROLE \"' || name || '\"';";
        assert_eq!(with_quoting(role), "EXECUTE 'SET LOCAL ROLE ' || quote_ident(name) || '';");
        assert_eq!(with_quoting("format('SET x = %s', id)"), "format('SET x = %L', id)");
        assert_eq!(with_quoting("SELECT 'a' || b"), "SELECT 'a' || b");
    }

    /// Each reading of the table has the condition, under the name that the rest of the text knows it by.
    #[test]
    fn a_table_is_read_with_a_condition() {
        let read = |text: &str| reading(text, "public.members", "ended IS NULL");
        assert_eq!(
            read("SELECT t FROM public.members WHERE p = 1"),
            "SELECT t FROM (SELECT * FROM public.members WHERE ended IS NULL) AS members WHERE p = 1"
        );
        assert_eq!(
            read("SELECT FROM teams JOIN members m ON true"),
            "SELECT FROM teams JOIN (SELECT * FROM members WHERE ended IS NULL) m ON true"
        );
        assert_eq!(read("SELECT membership FROM members_of x"), "SELECT membership FROM members_of x");
        assert_eq!(read("fromage é"), "fromage é");
    }
}
