//! As much of SQL as a rule needs: where a statement ends, what kind it is, which tables it names, and whether it sets
//! the tenant context. It is a reading of tokens, not a parser: a statement that it does not understand is
//! [`Kind::Other`] and passes; nothing is rewritten on the strength of a guess.

mod lexer;
mod statement;

pub(super) use statement::{ContextChange, MAX_STATEMENTS, Scope, Source, Statement, analyse};
