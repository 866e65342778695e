//! What becomes of a statement that a rule touches.

use std::sync::Arc;
use std::time::Instant;

use super::super::context::Change;
use super::super::lane::{Fate, Outflow};
use super::super::rule::{Kind, OnStatement};
use super::super::rules::Active;
use super::super::sql::{ContextChange, MAX_STATEMENTS, Statement};
use super::super::wire::{bind_to_portal, command_complete, request, single_text_row, text_row_header};
use super::owed::{Answer, Batch, Owed, Step, Synthetic};
use super::prepared::{Prepared, Run};
use super::{Later, Session};

/// Name of the proxy's own statements and portals.
const OWN: &str = "tenant_chaos_proxy";
/// Bytes of requests of the proxy's own that may wait for the end of a batch; a rule that needs more is missed.
const MAX_LATER: usize = 1024 * 1024;

/// A simple query of which a rule touches a statement.
pub(super) struct Query<'a> {
    pub(super) text: &'a [u8],
    pub(super) statements: Vec<Statement>,
    pub(super) steps: Vec<Step>,
    pub(super) verdicts: Vec<Option<Arc<Active>>>,
    /// Of the message.
    pub(super) length: usize,
    /// Whether all of it is there.
    pub(super) whole: bool,
}

impl Session {
    /// Decides about a simple query of which rules touch statements. Those that they do not touch reach the server as
    /// they are, in one message.
    pub(super) fn judge_query(&mut self, query: Query<'_>, up: &mut Outflow) -> Fate {
        // Statements that were not looked at would be lost with a message that is written anew.
        if !query.whole || query.statements.len() >= MAX_STATEMENTS {
            query.verdicts.iter().flatten().for_each(|rule| rule.miss());
            up.pass(query.length);
            self.owe(Owed::shown(Answer::Query(Batch { steps: query.steps, ..Batch::default() })));
            return Fate::Pass;
        }
        let earlier = self.held.take();
        let mut batch = Batch::default();
        // Statements that go to the server.
        let mut kept: Vec<Vec<u8>> = Vec::new();
        let (mut rewritten, mut later) = (false, Vec::new());
        for (place, step) in query.steps.into_iter().enumerate() {
            let (statement, rule) = (&query.statements[place], &query.verdicts[place]);
            let text = &query.text[statement.span.clone()];
            let Some((rule, verdict)) = rule.as_ref().and_then(|rule| Some((rule, rule.statement()?))) else {
                kept.push(text.to_vec());
                batch.steps.push(step);
                continue;
            };
            match verdict {
                OnStatement::Swallow | OnStatement::Reorder if step.kind == Kind::Copy => {
                    rule.miss();
                    kept.push(text.to_vec());
                    batch.steps.push(step);
                }
                OnStatement::Swallow | OnStatement::Reorder => {
                    rewritten = true;
                    batch.inserts.push((batch.steps.len(), stand_in(statement, &step, text, Rows::Described)));
                    match verdict {
                        OnStatement::Reorder => self.hold(again(text, &step, rule)),
                        _ => self.touch(rule),
                    }
                }
                OnStatement::Fail { sqlstate, message } => {
                    rewritten = true;
                    self.touch(rule);
                    kept.push(raise(sqlstate, message).into_bytes());
                    batch.steps.push(Step { kind: Kind::Other, change: None, table: None });
                }
                OnStatement::Delay { by, jitter } => {
                    self.touch(rule);
                    up.wait(Instant::now() + rule.draw(*by, *jitter), rule.clone());
                    kept.push(text.to_vec());
                    batch.steps.push(step);
                }
                OnStatement::Duplicate => {
                    kept.push(text.to_vec());
                    later.push(again(text, &step, rule));
                    batch.steps.push(step);
                }
                OnStatement::CutBefore(cut) => {
                    rewritten = true;
                    if kept.is_empty() {
                        self.end(*cut, rule);
                    } else {
                        batch.cut_at_end = Some((*cut, rule.clone()));
                    }
                    break;
                }
                OnStatement::CutAfterReply(cut) => {
                    batch.cut = Some((batch.steps.len(), *cut, rule.clone()));
                    kept.push(text.to_vec());
                    batch.steps.push(step);
                }
            }
        }
        match (rewritten, kept.is_empty()) {
            (false, _) => up.pass(query.length),
            (true, nothing) => {
                up.drop(query.length);
                if nothing {
                    // Nothing follows yet that it could follow.
                    earlier.into_iter().for_each(|earlier| self.hold_behind(earlier));
                    let last = batch.inserts.len();
                    for (place, (_, synthetic)) in batch.inserts.into_iter().enumerate() {
                        let synthetic = Synthetic { ready: place + 1 == last, ..synthetic };
                        self.owe(Owed::shown(Answer::Synthetic(synthetic)));
                    }
                    return Fate::Drop;
                }
                up.insert(request::query(&kept.join(&b';')));
            }
        }
        let hidden = batch.cut_at_end.is_some();
        self.owe(Owed { answer: Answer::Query(batch), hidden });
        for later in later.into_iter().chain(earlier) {
            self.send(later, up);
        }
        Fate::Pass
    }

    /// Decides about the execution of a prepared statement that a rule touches.
    pub(super) fn judge_execute(
        &mut self,
        body: &[u8],
        run: Run,
        rule: Arc<Active>,
        length: usize,
        whole: bool,
        up: &mut Outflow,
    ) -> Fate {
        let portal = body.split(|byte| *byte == 0).next().unwrap_or_default();
        let (Some(verdict), Some(statement), true) = (rule.statement(), run.prepared.statement.as_ref(), whole) else {
            rule.miss();
            up.pass(length);
            self.owe(Owed::shown(Answer::Execute(run, None)));
            return Fate::Pass;
        };
        let mut cut_after = None;
        match verdict {
            OnStatement::Swallow if run.step.kind != Kind::Copy => {
                self.touch(&rule);
                up.drop(length);
                let synthetic = stand_in(statement, &run.step, b"", Rows::Known);
                self.owe(Owed::shown(Answer::Synthetic(synthetic)));
                return Fate::Drop;
            }
            OnStatement::Reorder if run.step.kind != Kind::Copy => {
                if let Some(later) = self.again_prepared(portal, &run, &rule) {
                    up.drop(length);
                    let synthetic = stand_in(statement, &run.step, b"", Rows::Known);
                    self.owe(Owed::shown(Answer::Synthetic(synthetic)));
                    self.hold(later);
                    return Fate::Drop;
                }
                rule.miss();
            }
            OnStatement::Swallow | OnStatement::Reorder => rule.miss(),
            OnStatement::Fail { sqlstate, message } => {
                self.touch(&rule);
                up.drop(length);
                self.fail_here(&raise(sqlstate, message), up);
                return Fate::Drop;
            }
            OnStatement::Delay { by, jitter } => {
                self.touch(&rule);
                up.wait(Instant::now() + rule.draw(*by, *jitter), rule.clone());
            }
            OnStatement::Duplicate => match self.again_prepared(portal, &run, &rule) {
                Some(later) => self.after_sync.push(later),
                None => rule.miss(),
            },
            OnStatement::CutBefore(cut) => {
                up.drop(length);
                self.end(*cut, &rule);
                return Fate::Drop;
            }
            OnStatement::CutAfterReply(cut) => cut_after = Some((*cut, rule.clone())),
        }
        up.pass(length);
        self.owe(Owed::shown(Answer::Execute(run, cut_after)));
        Fate::Pass
    }

    /// Has the server fail at this place of an extended batch.
    fn fail_here(&mut self, raise: &str, up: &mut Outflow) {
        // The name may be left from a failure whose clean-up was cut off; closing what is not there is no error.
        let requests =
            [request::close_statement(OWN), request::parse(OWN, raise), request::bind(OWN, OWN), request::execute(OWN)];
        up.insert(requests.concat());
        self.owed.extend([Answer::Close, Answer::Parse(None), Answer::Bind].map(Owed::hidden));
        let step = Step { kind: Kind::Other, change: None, table: None };
        let prepared = Prepared::new(b"", &self.shared.setting);
        let run = Run { prepared, step, formats: Arc::default() };
        self.owe(Owed::shown(Answer::Execute(run, None)));
        self.after_sync.push(Later {
            bytes: [request::close_statement(OWN), request::sync()].concat(),
            owed: vec![Owed::hidden(Answer::Close), Owed::hidden(Answer::Sync)],
            rule: None,
        });
    }

    /// The requests that do a prepared statement once more, in a batch of its own.
    fn again_prepared(&self, portal: &[u8], run: &Run, rule: &Arc<Active>) -> Option<Later> {
        let waiting: usize = self.after_sync.iter().map(|later| later.bytes.len()).sum();
        let portal = self.portals.get(portal).filter(|_| waiting < MAX_LATER)?;
        let still_there = self.statements.get(&portal.statement_name)?;
        if !Arc::ptr_eq(still_there, &run.prepared) {
            return None;
        }
        let bind = bind_to_portal(portal.bind.as_deref()?, OWN)?;
        let requests =
            [request::close_portal(OWN), bind, request::execute(OWN), request::close_portal(OWN), request::sync()];
        let run = Answer::Execute(run.clone(), None);
        let answers = [Answer::Close, Answer::Bind, run, Answer::Close, Answer::Sync];
        let rule = Some(rule.clone());
        Some(Later { bytes: requests.concat(), owed: answers.map(Owed::hidden).into(), rule })
    }

    /// Holds a statement back until the next one has been sent; one that is held already goes first.
    fn hold(&mut self, later: Later) {
        if let Some(before) = self.held.replace(later) {
            self.after_sync.push(before);
        }
    }

    /// Keeps a statement held back, behind which another may have been put by now.
    fn hold_behind(&mut self, earlier: Later) {
        match self.held {
            Some(_) => self.after_sync.push(earlier),
            None => self.held = Some(earlier),
        }
    }

    fn end(&mut self, cut: super::Cut, rule: &Arc<Active>) {
        self.touch(rule);
        self.muted = true;
        self.ending = Some((cut, rule.clone()));
    }
}

/// A simple query of the proxy's own that does a statement once more.
fn again(text: &[u8], step: &Step, rule: &Arc<Active>) -> Later {
    let batch = Batch { steps: vec![step.clone()], ..Batch::default() };
    let owed = vec![Owed::hidden(Answer::Query(batch))];
    Later { bytes: request::query(text), owed, rule: Some(rule.clone()) }
}

/// Whether the client knows the columns of a row already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    Known,
    Described,
}

/// What the server would have answered to a statement that it does not get.
fn stand_in(statement: &Statement, step: &Step, text: &[u8], rows: Rows) -> Synthetic {
    let mut bytes = Vec::new();
    let tag = match (step.kind, &step.change, &statement.change) {
        (Kind::Context, Some(Change::Set(_, value)), Some(ContextChange::SetConfig { .. })) => {
            if rows == Rows::Described {
                bytes.extend(text_row_header("set_config"));
            }
            bytes.extend(single_text_row(value.as_deref().unwrap_or_default()));
            "SELECT 1".to_owned()
        }
        (Kind::Context, ..) => "SET".to_owned(),
        (Kind::Begin, ..) => "BEGIN".to_owned(),
        (Kind::Commit, ..) => "COMMIT".to_owned(),
        (Kind::Rollback, ..) => "ROLLBACK".to_owned(),
        (Kind::Select, ..) => {
            if rows == Rows::Described {
                // No columns.
                bytes.extend([b'T', 0, 0, 0, 6, 0, 0]);
            }
            "SELECT 0".to_owned()
        }
        (Kind::Insert, ..) => "INSERT 0 1".to_owned(),
        (Kind::Update, ..) => "UPDATE 1".to_owned(),
        (Kind::Delete, ..) => "DELETE 1".to_owned(),
        (Kind::Copy | Kind::Other, ..) => {
            let word = text.split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
            String::from_utf8_lossy(word).to_ascii_uppercase()
        }
    };
    bytes.extend(command_complete(&tag));
    Synthetic { bytes, ready: false, change: step.change.clone() }
}

/// A statement that fails with a SQLSTATE.
fn raise(sqlstate: &str, message: &str) -> String {
    let quoted = |text: &str| text.replace('\'', "''").replace('$', "");
    let (sqlstate, message) = (quoted(sqlstate), quoted(message));
    format!("DO $raise$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}', MESSAGE = '{message}'; END $raise$")
}
