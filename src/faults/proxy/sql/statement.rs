//! One statement: its kind, its tables, and what it does to the tenant context.

use std::ops::Range;

use super::lexer::{Token, Tokens};
use crate::scenario::StatementKind as Kind;

/// Statements of one message that are looked at; those beyond pass unseen, and rules miss a message that may have some.
pub(in crate::faults::proxy) const MAX_STATEMENTS: usize = 256;
/// Tables of one statement that are remembered.
const MAX_TABLES: usize = 16;
/// Longest name; the server cuts names off here.
const LONGEST_NAME: usize = 63;
/// Longest literal that is remembered.
const LONGEST_LITERAL: usize = 1024;

/// How long a setting lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::faults::proxy) enum Scope {
    /// Until the transaction ends.
    Local,
    /// Until the session ends.
    Session,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::faults::proxy) enum Source {
    /// The text.
    Literal(String),
    /// A parameter.
    Parameter(u16),
    /// It cannot be told.
    Unknown,
}

/// What a statement does to the tenant context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::faults::proxy) enum ContextChange {
    /// `set_config(name, value, is_local)`. A name that is a parameter is known when it is bound.
    SetConfig {
        /// Of the setting.
        name: Source,
        /// To be set.
        value: Source,
        /// `true` or `false`.
        local: Source,
    },
    /// `SET`.
    Set(Scope, Source),
    /// `RESET`, `SET .. TO DEFAULT`, `RESET ALL`, `DISCARD ALL`.
    Reset(Scope),
    /// `SAVEPOINT`.
    Savepoint(String),
    /// `ROLLBACK TO`.
    RollbackTo(String),
    /// `RELEASE`.
    Release(String),
}

/// A statement of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::faults::proxy) struct Statement {
    /// What it is.
    pub(in crate::faults::proxy) kind: Kind,
    /// The tables that it names, in small letters, without their schema.
    pub(in crate::faults::proxy) tables: Vec<String>,
    /// What it does to the tenant context.
    pub(in crate::faults::proxy) change: Option<ContextChange>,
    /// Its place in the text, without the semicolon.
    pub(in crate::faults::proxy) span: Range<usize>,
}

/// The statements of a text; empty ones are left out. `setting` is the setting that holds the tenant context.
pub(in crate::faults::proxy) fn analyse(text: &[u8], setting: &str) -> Vec<Statement> {
    let (mut statements, mut tokens) = (Vec::new(), Vec::new());
    let mut finish = |tokens: &mut Vec<(Token<'_>, Range<usize>)>| {
        if let (Some((_, first)), Some((_, last))) = (tokens.first(), tokens.last()) {
            let span = first.start..last.end;
            let plain: Vec<_> = tokens.iter().map(|(token, _)| *token).collect();
            statements.push(statement(&plain, span, setting));
        }
        tokens.clear();
        statements.len() < MAX_STATEMENTS
    };
    for (token, place) in Tokens::of(text) {
        match token {
            Token::End if !finish(&mut tokens) => return statements,
            Token::End => {}
            token => tokens.push((token, place)),
        }
    }
    finish(&mut tokens);
    statements
}

fn statement(tokens: &[Token<'_>], span: Range<usize>, setting: &str) -> Statement {
    let change = session_change(tokens, setting).or_else(|| set_config(tokens, setting));
    let sets = |change: &ContextChange| matches!(change, ContextChange::SetConfig { .. } | ContextChange::Set(..));
    let kind = if change.as_ref().is_some_and(sets) { Kind::Context } else { kind_of(tokens) };
    Statement { kind, tables: tables_of(tokens), change, span }
}

fn kind_of(tokens: &[Token<'_>]) -> Kind {
    let Some(first) = tokens.first() else { return Kind::Other };
    let any = |word: &str| tokens.iter().any(|token| token.is(word));
    let kinds: [(&str, Kind); 13] = [
        ("begin", Kind::Begin),
        ("start", Kind::Begin),
        ("commit", Kind::Commit),
        ("end", Kind::Commit),
        ("rollback", Kind::Rollback),
        ("abort", Kind::Rollback),
        ("select", Kind::Select),
        ("table", Kind::Select),
        ("values", Kind::Select),
        ("insert", Kind::Insert),
        ("update", Kind::Update),
        ("delete", Kind::Delete),
        ("copy", Kind::Copy),
    ];
    match kinds.into_iter().find(|(word, _)| first.is(word)).map(|(_, kind)| kind) {
        Some(Kind::Rollback | Kind::Commit) if any("to") || any("prepared") => Kind::Other,
        Some(kind) => kind,
        None if first.is("with") => {
            let writes = [("insert", Kind::Insert), ("update", Kind::Update), ("delete", Kind::Delete)];
            writes.into_iter().find(|(word, _)| any(word)).map_or(Kind::Select, |(_, kind)| kind)
        }
        None => Kind::Other,
    }
}

/// Names behind `FROM`, `JOIN`, `INTO`, `UPDATE`, `TABLE`, `COPY` and `ONLY`, and behind the commas of a `FROM`.
fn tables_of(tokens: &[Token<'_>]) -> Vec<String> {
    let mut tables: Vec<String> = Vec::new();
    let mut at = 0;
    while at < tokens.len() && tables.len() < MAX_TABLES {
        let leads = ["from", "join", "into", "update", "table", "copy", "only"].iter().any(|word| tokens[at].is(word));
        at += 1;
        if !leads {
            continue;
        }
        while tokens.get(at).is_some_and(|token| token.is("only")) {
            at += 1;
        }
        while let Some((name, after)) = qualified_name(tokens, at) {
            let table = name.rsplit('.').next().unwrap_or_default().to_owned();
            if !tables.contains(&table) && table.len() <= LONGEST_NAME {
                tables.push(table);
            }
            at = after;
            // `FROM a x, b`: an alias may stand before the comma.
            let comma = (at..at + 3).find(|place| tokens.get(*place).is_some_and(|token| token.is_symbol(b',')));
            let plain = |place| matches!(tokens.get(place), Some(Token::Word(_) | Token::Quoted(_)));
            match comma.filter(|comma| (at..*comma).all(plain)) {
                Some(comma) => at = comma + 1,
                None => break,
            }
        }
    }
    tables
}

/// A name with its parts joined by dots, in small letters unless quoted, and the place behind it.
fn qualified_name(tokens: &[Token<'_>], mut at: usize) -> Option<(String, usize)> {
    let mut name = String::new();
    loop {
        match tokens.get(at)? {
            Token::Word(part) => name.push_str(&String::from_utf8_lossy(part).to_ascii_lowercase()),
            Token::Quoted(part) => name.push_str(&String::from_utf8_lossy(part)),
            _ => return None,
        }
        at += 1;
        if !tokens.get(at).is_some_and(|token| token.is_symbol(b'.')) {
            return Some((name, at));
        }
        name.push('.');
        at += 1;
    }
}

/// `SET`, `RESET`, `DISCARD` and the statements on savepoints.
fn session_change(tokens: &[Token<'_>], setting: &str) -> Option<ContextChange> {
    let (first, rest) = tokens.split_first()?;
    let word = |place: usize, word: &str| rest.get(place).is_some_and(|token| token.is(word));
    let savepoint = |place: usize| {
        let place = place + usize::from(word(place, "savepoint"));
        qualified_name(rest, place).map(|(name, _)| name.chars().take(LONGEST_NAME).collect())
    };
    if first.is("set") {
        let (scope, skip) = match () {
            () if word(0, "local") => (Scope::Local, 1),
            () if word(0, "session") => (Scope::Session, 1),
            () => (Scope::Session, 0),
        };
        let (name, at) = qualified_name(rest, skip)?;
        let assigns = word(at, "to") || rest.get(at).is_some_and(|token| token.is_symbol(b'='));
        return (assigns && name.eq_ignore_ascii_case(setting)).then(|| match rest.get(at + 1) {
            Some(token) if token.is("default") => ContextChange::Reset(scope),
            Some(token) => ContextChange::Set(scope, source(token)),
            None => ContextChange::Set(scope, Source::Unknown),
        });
    }
    if first.is("reset") || first.is("discard") {
        let named = first.is("reset") && qualified_name(rest, 0).is_some_and(|(name, _)| name == setting);
        return (word(0, "all") || named).then_some(ContextChange::Reset(Scope::Session));
    }
    match () {
        () if first.is("savepoint") => savepoint(0).map(ContextChange::Savepoint),
        () if first.is("release") => savepoint(0).map(ContextChange::Release),
        () if first.is("rollback") => {
            let to = rest.iter().position(|token| token.is("to"))?;
            savepoint(to + 1).map(ContextChange::RollbackTo)
        }
        () => None,
    }
}

/// A call of `set_config` on the setting, or on a name that is a parameter, anywhere in a statement.
fn set_config(tokens: &[Token<'_>], setting: &str) -> Option<ContextChange> {
    let places = tokens.windows(2).enumerate().filter(|(_, pair)| pair[0].is("set_config") && pair[1].is_symbol(b'('));
    places.map(|(place, _)| &tokens[place + 2..]).find_map(|rest| {
        let mut arguments = arguments(rest);
        let (name, value, local) = (arguments.next()?, arguments.next()?, arguments.next()?);
        let ours = match &name {
            Source::Literal(name) => name.eq_ignore_ascii_case(setting),
            Source::Parameter(_) => true,
            Source::Unknown => false,
        };
        ours.then_some(ContextChange::SetConfig { name, value, local })
    })
}

/// The arguments of a call, up to its closing bracket. One that is more than a value with casts cannot be told.
fn arguments<'a>(tokens: &'a [Token<'_>]) -> impl Iterator<Item = Source> + 'a {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (start, mut depth) = (at, 0u32);
        while let Some(token) = tokens.get(at) {
            match token {
                Token::Symbol(b'(') => depth += 1,
                Token::Symbol(b')') if depth == 0 => break,
                Token::Symbol(b')') => depth -= 1,
                Token::Symbol(b',') if depth == 0 => break,
                _ => {}
            }
            at += 1;
        }
        let argument = &tokens[start..at];
        let (first, casts) = argument.split_first()?;
        at += 1;
        let plain = casts.iter().all(|token| matches!(token, Token::Symbol(b':') | Token::Word(_)))
            && casts.first().is_none_or(|token| token.is_symbol(b':'));
        Some(if plain { source(first) } else { Source::Unknown })
    })
}

fn source(token: &Token<'_>) -> Source {
    match token {
        Token::Literal(text) | Token::Word(text) | Token::Quoted(text) if text.len() > LONGEST_LITERAL => {
            Source::Unknown
        }
        Token::Literal(text) => Source::Literal(String::from_utf8_lossy(text).replace("''", "'")),
        Token::Word(text) | Token::Quoted(text) | Token::Number(text) => {
            Source::Literal(String::from_utf8_lossy(text).into_owned())
        }
        Token::Parameter(number) => Source::Parameter(*number),
        Token::End | Token::Symbol(_) => Source::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Statement {
        let mut all = analyse(text.as_bytes(), "app.tenant_id");
        assert_eq!(all.len(), 1, "{text}");
        all.remove(0)
    }

    fn literal(text: &str) -> Source {
        Source::Literal(text.into())
    }

    /// Every way to set the context is seen, with its scope and where the value comes from; other settings are not.
    #[test]
    fn the_context_is_seen_however_it_is_set() {
        let call = |name: Source, value: Source, local: &str| {
            Some(ContextChange::SetConfig { name, value, local: literal(local) })
        };
        let setting = || literal("app.tenant_id");
        let cases = [
            ("SELECT set_config('app.tenant_id', 'a''b', true)", call(setting(), literal("a'b"), "true")),
            (
                "select pg_catalog.set_config('app.tenant_id',$1::text,false)",
                call(setting(), Source::Parameter(1), "false"),
            ),
            ("SELECT set_config($1, $2, true)", call(Source::Parameter(1), Source::Parameter(2), "true")),
            ("SELECT set_config('app.tenant_id', lower(x), true)", call(setting(), Source::Unknown, "true")),
            ("SELECT set_config('work_mem', '1', true)", None),
            ("SET LOCAL app.tenant_id = 'x'", Some(ContextChange::Set(Scope::Local, literal("x")))),
            ("SET app.tenant_id TO x", Some(ContextChange::Set(Scope::Session, literal("x")))),
            ("SET SESSION \"app\".\"tenant_id\" = 7", Some(ContextChange::Set(Scope::Session, literal("7")))),
            ("SET app.tenant_id TO DEFAULT", Some(ContextChange::Reset(Scope::Session))),
            ("SET search_path = app", None),
            ("RESET app.tenant_id", Some(ContextChange::Reset(Scope::Session))),
            ("RESET ALL", Some(ContextChange::Reset(Scope::Session))),
            ("RESET work_mem", None),
            ("DISCARD ALL", Some(ContextChange::Reset(Scope::Session))),
            ("DISCARD PLANS", None),
            ("SAVEPOINT a", Some(ContextChange::Savepoint("a".into()))),
            ("ROLLBACK WORK TO SAVEPOINT A", Some(ContextChange::RollbackTo("a".into()))),
            ("RELEASE SAVEPOINT a", Some(ContextChange::Release("a".into()))),
            ("ROLLBACK", None),
        ];
        for (text, change) in cases {
            assert_eq!(one(text).change, change, "{text}");
        }
    }

    /// Kinds are told by the first word, and by the writing part of a WITH.
    #[test]
    fn kinds_are_told() {
        let cases = [
            ("begin isolation level serializable", Kind::Begin),
            ("END", Kind::Commit),
            ("COMMIT PREPARED 'x'", Kind::Other),
            ("ROLLBACK TO a", Kind::Other),
            ("abort", Kind::Rollback),
            ("/* why */ SELECT 1", Kind::Select),
            ("WITH x AS (SELECT 1) SELECT * FROM x", Kind::Select),
            ("WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", Kind::Delete),
            ("SET LOCAL app.tenant_id = 'x'", Kind::Context),
            ("VACUUM", Kind::Other),
        ];
        for (text, kind) in cases {
            assert_eq!(one(text).kind, kind, "{text}");
        }
    }

    /// Tables are found behind the words that lead to them, without schema and alias.
    #[test]
    fn tables_are_found() {
        let tables = |text: &str| one(text).tables;
        assert_eq!(
            tables("SELECT * FROM public.Documents d, \"Orders\" JOIN users ON true"),
            ["documents", "Orders", "users"]
        );
        assert_eq!(tables("INSERT INTO orders VALUES (1)"), ["orders"]);
        assert_eq!(tables("UPDATE ONLY orders SET a = 1"), ["orders"]);
        assert_eq!(tables("DELETE FROM ONLY orders"), ["orders"]);
        assert_eq!(tables("SELECT 1"), [""; 0]);
        assert_eq!(tables("SELECT * FROM generate_series(1, 2)"), ["generate_series"]);
    }

    /// A text falls into its statements, each with its own place in it.
    #[test]
    fn a_text_falls_into_statements() {
        let text = "BEGIN; ; SELECT set_config('app.tenant_id', ';', true) ;COMMIT -- done;";
        let spans: Vec<_> = analyse(text.as_bytes(), "app.tenant_id").into_iter().map(|one| &text[one.span]).collect();
        assert_eq!(spans, ["BEGIN", "SELECT set_config('app.tenant_id', ';', true)", "COMMIT"]);
    }
}
