//! The client's side: which requests pass, and what they make the server owe.

use std::sync::Arc;

use super::super::context::{Change, TenantContext};
use super::super::lane::{Fate, Outflow};
use super::super::rule::Kind;
use super::super::rules::{Active, Facts};
use super::super::wire::{Bind, Describe, Message, Opening, Parse, Startup, Target};
use super::owed::{Answer, Batch, Owed, Step};
use super::prepared::{Portal, Prepared, Run, resolve};
use super::{Encryption, Session, Stage};
use crate::faults::proxy::sql::{Statement, analyse};

/// What to do with the bytes of an opening packet.
pub(in crate::faults::proxy) enum Opened {
    /// They wait for more.
    Wait(usize),
    /// They were dealt with: so many.
    Took(usize),
}

impl Session {
    /// Looks at the first bytes of a connection.
    pub(in crate::faults::proxy) fn open(&mut self, bytes: &[u8], up: &mut Outflow, down: &mut Outflow) -> Opened {
        let length = match Opening::of(bytes) {
            Opening::More(wanted) => return Opened::Wait(wanted),
            Opening::Ssl | Opening::Gssenc if self.shared.encryption == Encryption::Refuse => {
                up.drop(8);
                down.insert(vec![b'N']);
                return Opened::Took(8);
            }
            Opening::Ssl | Opening::Gssenc => {
                self.stage = Stage::EncryptionAnswer;
                8
            }
            Opening::Startup(length, startup) => {
                self.stage = Stage::Messages;
                self.start(startup);
                length
            }
            Opening::Cancel(length) => {
                self.stage = Stage::Opaque;
                length
            }
            Opening::Unknown => {
                self.let_go();
                return Opened::Took(0);
            }
        };
        up.pass(length);
        Opened::Took(length)
    }

    fn start(&mut self, startup: Startup) {
        let given = startup.get(&self.shared.setting).map(str::to_owned);
        // `options` are a command line: `-c name=value` or `--name=value`.
        let in_options = || {
            let options = startup.get("options")?;
            let mut words = options.split_ascii_whitespace().map(|word| word.trim_start_matches("-c"));
            words.find_map(|word| {
                let (name, value) = word.trim_start_matches("--").split_once('=')?;
                (name == &*self.shared.setting).then(|| value.to_owned())
            })
        };
        let initial: Option<Arc<str>> = given.or_else(in_options).map(Into::into);
        let context = TenantContext::starting_with(initial);
        (self.bound, self.asked, self.intended) = (context.clone(), context.clone(), context);
        self.startup = startup;
    }

    /// Decides about a request, or about the front of one that is too long to be whole.
    pub(in crate::faults::proxy) fn request(&mut self, message: Message<'_>, whole: bool, up: &mut Outflow) -> Fate {
        let length = super::super::wire::HEADER + message.body.len();
        match message.tag {
            b'Q' => return self.query(message.body, length, whole, up),
            b'E' => return self.execute(message.body, length, whole, up),
            b'P' => self.parse(message.body),
            b'B' => {
                self.bind(message.body, whole);
                self.owe(Owed::shown(Answer::Bind));
            }
            b'D' => {
                let described = Describe::of(message.body).and_then(|target| match target {
                    Target::Statement(name) => self.statements.get(name).cloned(),
                    Target::Portal(name) => self.portals.get(name).map(|portal| portal.run.prepared.clone()),
                });
                self.owe(Owed::shown(Answer::Describe(described)));
            }
            b'C' => {
                match Describe::of(message.body) {
                    Some(Target::Statement(name)) => self.statements.remove(name),
                    Some(Target::Portal(name)) => self.portals.remove(name),
                    None => {}
                }
                self.owe(Owed::shown(Answer::Close));
            }
            b'S' => {
                up.pass(length);
                self.sync(whole, up);
                return Fate::Pass;
            }
            b'F' => self.owe(Owed::shown(Answer::Function)),
            b'c' | b'f' => match self.copying_in {
                true => self.copying_in = false,
                false if !self.owed.is_empty() => self.owe(Owed::shown(Answer::CopyEnd)),
                false => {}
            },
            _ => {}
        }
        up.pass(length);
        Fate::Pass
    }

    fn sync(&mut self, whole: bool, up: &mut Outflow) {
        if self.copying_in {
            return;
        }
        self.skipping = false;
        self.owe(Owed::shown(Answer::Sync));
        if whole {
            for later in std::mem::take(&mut self.after_sync) {
                self.send(later, up);
            }
        }
    }

    fn parse(&mut self, body: &[u8]) {
        let name = Parse::of(body).and_then(|parse| {
            let prepared = Prepared::new(parse.query, &self.shared.setting);
            (!self.skipping && self.statements.insert(parse.name, prepared)).then(|| parse.name.into())
        });
        self.owe(Owed::shown(Answer::Parse(name)));
    }

    fn bind(&mut self, body: &[u8], whole: bool) {
        let Some(bind) = Bind::of(body) else { return };
        let Some(prepared) = self.statements.get(bind.statement).cloned() else {
            self.portals.remove(bind.portal);
            return;
        };
        let step = match &prepared.statement {
            Some(statement) => resolve(statement, &self.shared.setting, Some(&bind)),
            None => Step { kind: Kind::Other, change: None, table: None },
        };
        let formats = match self.shared.judge {
            Some(_) => bind.result_formats().into(),
            None => Default::default(),
        };
        let kept = (whole && self.shared.rules.may_repeat()).then(|| body.into());
        let portal = Portal { run: Run { prepared, step, formats }, bind: kept, statement_name: bind.statement.into() };
        self.portals.insert(bind.portal, portal);
    }

    fn query(&mut self, body: &[u8], length: usize, whole: bool, up: &mut Outflow) -> Fate {
        if self.skipping {
            up.pass(length);
            return Fate::Pass;
        }
        let text = body.strip_suffix(b"\0").unwrap_or(body);
        let statements = analyse(text, &self.shared.setting);
        let steps: Vec<Step> =
            statements.iter().map(|statement| resolve(statement, &self.shared.setting, None)).collect();
        let verdicts: Vec<Option<Arc<Active>>> =
            statements.iter().zip(&steps).map(|(statement, step)| self.meet(statement, step)).collect();
        if verdicts.iter().any(Option::is_some) {
            return self.judge_query(super::verdicts::Query { text, statements, steps, verdicts, length, whole }, up);
        }
        up.pass(length);
        let asked = !steps.is_empty();
        self.owe(Owed::shown(Answer::Query(Batch { steps, ..Batch::default() })));
        if asked && whole {
            self.follow_up(up);
        }
        Fate::Pass
    }

    fn execute(&mut self, body: &[u8], length: usize, whole: bool, up: &mut Outflow) -> Fate {
        let portal = Describe::portal_of_execute(body).and_then(|name| self.portals.get(name));
        let Some(run) = portal.map(|portal| portal.run.clone()) else {
            // A cursor that SQL declared, or a statement beyond what is remembered.
            let prepared = Prepared::new(b"", &self.shared.setting);
            let step = Step { kind: Kind::Other, change: None, table: None };
            let run = Run { prepared, step, formats: Arc::default() };
            self.owe(Owed::shown(Answer::Execute(run, None)));
            up.pass(length);
            return Fate::Pass;
        };
        let verdict = match (&run.prepared.statement, self.skipping) {
            (Some(statement), false) => self.meet(statement, &run.step),
            _ => None,
        };
        if let Some(rule) = verdict {
            return self.judge_execute(body, run, rule, length, whole, up);
        }
        up.pass(length);
        self.owe(Owed::shown(Answer::Execute(run, None)));
        if let Some(held) = self.held.take() {
            self.after_sync.push(held);
        }
        Fate::Pass
    }

    /// A statement comes by: the rule that touches it, if any. Remembers it as the previous one.
    fn meet(&mut self, statement: &Statement, step: &Step) -> Option<Arc<Active>> {
        let verdict = if self.shared.rules.is_empty() {
            None
        } else {
            let tenant = match &step.change {
                Some(Change::Set(_, value)) => value.as_deref(),
                _ => self.intended.current().map(|value| &**value),
            };
            let (kind, tables) = (step.kind, &statement.tables[..]);
            self.shared.rules.on_statement(Facts { kind, tables, tenant, after: self.previous })
        };
        match (step.kind, &step.change) {
            (Kind::Commit, _) => self.intended.commit(),
            (Kind::Rollback, _) => self.intended.roll_back(),
            (_, Some(change)) => self.intended.apply(change),
            (_, None) => {}
        }
        self.previous = Some(step.kind);
        verdict
    }
}
