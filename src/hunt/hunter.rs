//! The hunter: runs every probe with its control, keeps a cell for each, and a finding for what got through.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use sqlx::PgConnection;

use super::catalogue::{Catalogue, Kind};
use super::error::HuntError;
use super::finding::{Finding, Severity, Status};
use super::naming::mode;
use super::probe::context::Context;
use super::probe::{self, Attacker, Notices, Oracle, Probe, Seen, State, Twins};
use super::prove::{Found, Ingredients, notice_script, script};
use super::report::{Cell, Outcome, family};
use super::search::Violation;
use super::seeding::{Seeded, Tenancy, Tenant, said};

/// Evidence is cut to this many characters.
pub(super) const EVIDENCE: usize = 200;

/// Why a probe was not tried.
pub(super) const CUT: &str = "cut: the budget is used up";

/// What a hunter knows of the schema.
pub(super) struct Known<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) tenancy: &'a Tenancy,
    pub(super) seeded: &'a Seeded,
    pub(super) context: &'a Context,
    pub(super) audited: &'a [Finding],
    pub(super) role: &'a str,
    pub(super) setup: &'a [String],
}

/// Probes, and what came of them.
pub(super) struct Hunter<'a> {
    pub(super) known: Known<'a>,
    pub(super) connection: PgConnection,
    /// Never knows a tenant.
    pub(super) fresh: PgConnection,
    pub(super) notices: Notices,
    /// When the budget is used up.
    pub(super) deadline: Instant,
    pub(super) cells: Vec<Cell>,
    pub(super) found: Vec<Found>,
    /// Controls that worked, by object: what tenant A can do.
    pub(super) working: BTreeMap<String, Vec<Probe>>,
    pub(super) role_is_exempt: bool,
}

/// Whether the same works on A's own row: without that, silence proves nothing.
enum Control {
    Works,
    Fails(String),
}

impl<'a> Hunter<'a> {
    pub(super) fn new(known: Known<'a>, connection: PgConnection, fresh: PgConnection, deadline: Instant) -> Self {
        let role_is_exempt = known.audited.iter().any(|finding| finding.mode == "F05");
        let (cells, found, working) = (Vec::new(), Vec::new(), BTreeMap::new());
        let notices = Notices::new();
        Self { known, connection, fresh, notices, deadline, cells, found, working, role_is_exempt }
    }

    /// Every fixed probe.
    pub(super) async fn probe_all(&mut self) -> Result<(), HuntError> {
        let (catalogue, seeded, tenancy) = (self.known.catalogue, self.known.seeded, self.known.tenancy);
        let states = probe::states(self.known.context, catalogue, self.known.role);
        let own = states[0].clone();
        for (id, relation) in &catalogue.relations {
            let is_table = matches!(relation.kind, Kind::Table | Kind::Child | Kind::Partition);
            if is_table && !tenancy.owned.contains(id) {
                self.shared(*id, &own).await?;
                continue;
            }
            self.reads(*id, &states).await?;
            let through = match seeded.row(*id, Tenant::A) {
                Some(_) => probe::writes(catalogue, seeded, *id, &own, self.role_is_exempt),
                None => probe::writes_through(catalogue, seeded, *id, &own, self.role_is_exempt),
            };
            self.twins(through).await?;
            self.twins(probe::keys(catalogue, tenancy, seeded, *id, &own)).await?;
        }
        for call in probe::calls(catalogue, seeded, &own) {
            self.attack(call, &Control::Works, None).await?;
        }
        for probe in probe::objects(catalogue, tenancy, &own, self.known.role)
            .into_iter()
            .chain(probe::next_tables(catalogue, &own))
            .chain(probe::definers(catalogue, seeded, &own))
        {
            self.attack(probe, &Control::Works, None).await?;
        }
        self.attacks(&own).await
    }

    async fn twins(&mut self, twins: Vec<Twins>) -> Result<(), HuntError> {
        for (attack, control) in twins {
            let outcome = match &control {
                None => Control::Works,
                Some(control) => {
                    let works = self.run(control).await?;
                    let outcome = match works.evidence() {
                        Some(_) => Control::Works,
                        None => Control::Fails(reason(&works, "A cannot do it to its own row either")),
                    };
                    self.told(control, works);
                    outcome
                }
            };
            let working = control.filter(|_| matches!(outcome, Control::Works));
            if let Some(control) = &working {
                self.working.entry(control.object.clone()).or_default().push(control.clone());
            }
            self.attack(attack, &outcome, working).await?;
        }
        Ok(())
    }

    /// Keeps what a message of the server's told A while it worked on its own row.
    fn told(&mut self, control: &Probe, works: Seen) {
        let Seen { said: Some(said), error, .. } = works else { return };
        // That A's own row came back is no leak: only what was said is.
        let oracle = Oracle::Shown { looks: vec![], foreign: Tenant::B.marks().to_owned() };
        let probe = Probe { oracle, ..control.clone() };
        self.cell(&probe, Outcome::Leaking, None);
        let is_known = |found: &Found| found.finding.object == probe.object && found.finding.mode == "F53";
        if !self.found.iter().any(is_known) {
            let found = self.finding(probe, &Seen { rows: vec![], said: Some(said), error }, None);
            self.found.push(found);
        }
    }

    /// Reads a relation in every state. Whatever the state: A must see its own row where it should.
    async fn reads(&mut self, id: i64, states: &[State]) -> Result<(), HuntError> {
        let (catalogue, exempt) = (self.known.catalogue, self.role_is_exempt);
        let Some(own) = probe::read(catalogue, id, &states[0], exempt) else { return Ok(()) };
        let not_seeded = self.known.seeded.failed.get(&id).cloned();
        let seen = self.run(&own).await?;
        let control = match (not_seeded, seen.rows.iter().any(|(row, _)| Tenant::A.is_in(row))) {
            (Some(why), _) => Control::Fails(why),
            (None, true) => Control::Works,
            (None, false) => Control::Fails(reason(&seen, "A does not see its own row")),
        };
        if matches!(control, Control::Works) {
            self.working.entry(own.object.clone()).or_default().push(own.clone());
        }
        for state in states {
            if let Some(probe) = probe::read(catalogue, id, state, exempt) {
                self.attack(probe, &control, None).await?;
            }
        }
        let relation = &catalogue.relations[&id];
        for (of, branch, why) in &self.known.seeded.branches {
            if *of == id {
                let reason = Some(format!("no row where {branch}: {why}"));
                let (object, verb) = (relation.name.clone(), "SELECT of a policy's branch".to_owned());
                let (context_state, outcome) = (states[0].name.clone(), Outcome::NotTested);
                self.cells.push(Cell { object, verb, context_state, outcome, reason });
            }
        }
        let more = probe::copy_out(catalogue, id, &states[0], exempt)
            .into_iter()
            .chain(probe::floor(catalogue, self.known.tenancy, id, &states[0]))
            .chain(probe::behind_filter(relation, &states[0]))
            .chain(probe::leakproof(catalogue, relation, &states[0]));
        for probe in more {
            self.attack(probe, &control, None).await?;
        }
        Ok(())
    }

    /// Attacks of several steps. What leaks without them is left out of what they read.
    async fn attacks(&mut self, own: &State) -> Result<(), HuntError> {
        let leaks = self.found.iter().filter(|found| found.finding.severity <= Severity::Write);
        let leaking: BTreeSet<String> = leaks.map(|found| found.finding.object.clone()).collect();
        let Known { catalogue, seeded, context, role, .. } = self.known;
        let attacker = Attacker { catalogue, seeded, context, own, role, leaking: &leaking };
        for (ended, holds) in probe::ended_memberships(&attacker) {
            // Where not even a membership that holds opens anything, one that ended says nothing.
            if self.run(&holds).await?.evidence().is_some() {
                self.attack(ended, &Control::Works, None).await?;
            }
        }
        for probe in attacker.attacks().into_iter().chain(probe::injections(&attacker)) {
            self.attack(probe, &Control::Works, None).await?;
        }
        Ok(())
    }

    /// Reads a table that belongs to nobody: what a trigger or a function has copied there is a tenant's all the same.
    async fn shared(&mut self, id: i64, own: &State) -> Result<(), HuntError> {
        let Some(mut probe) = probe::read(self.known.catalogue, id, own, self.role_is_exempt) else { return Ok(()) };
        if !self.role_is_exempt {
            (probe.mode, probe.title) = ("F13", "a table that belongs to nobody shows another tenant's data");
        }
        let control = match self.known.seeded.failed.get(&id) {
            Some(why) => Control::Fails(why.clone()),
            None => Control::Works,
        };
        self.attack(probe, &control, None).await?;
        // That nothing of a tenant's is there says nothing about how tenants are kept apart.
        if self.cells.last().is_some_and(|cell| cell.outcome != Outcome::Leaking) {
            self.cells.pop();
        }
        Ok(())
    }

    async fn run(&mut self, probe: &Probe) -> Result<Seen, HuntError> {
        let connection = if probe.fresh { &mut self.fresh } else { &mut self.connection };
        probe.run(connection, self.known.role, &self.notices).await
    }

    /// Runs a probe and keeps its cell, and a finding if something foreign came back.
    async fn attack(&mut self, probe: Probe, control: &Control, twin: Option<Probe>) -> Result<(), HuntError> {
        if Instant::now() > self.deadline {
            self.cell(&probe, Outcome::NotTested, Some(CUT.to_owned()));
            return Ok(());
        }
        let seen = self.run(&probe).await?;
        let (outcome, why) = match (seen.evidence().or(seen.said.as_deref()), control) {
            (Some(_), _) => (Outcome::Leaking, None),
            (None, Control::Fails(why)) => (Outcome::NotTested, Some(why.clone())),
            (None, Control::Works) => match &seen.error {
                Some(error) if !probe.is_refusal(error) => (Outcome::NotTested, Some(said(error))),
                _ => (Outcome::Isolated, None),
            },
        };
        self.cell(&probe, outcome, why);
        let is_known = |found: &Found| {
            // What leaks to every tenant says nothing new in another state, or by another word for the same.
            found.finding.object == probe.object && family(found.probe.verb) == family(probe.verb)
        };
        let is_known = self.found.iter().any(is_known) || self.is_passed_on(&probe.object);
        if outcome == Outcome::Leaking && !is_known {
            let found = self.finding(probe, &seen, twin);
            self.found.push(found);
        }
        Ok(())
    }

    /// Whether it is a function with its caller's rights, and a table leaks: it then shows no more than the table.
    fn is_passed_on(&self, object: &str) -> bool {
        let function = self.known.catalogue.functions.iter().find(|function| function.signature == object);
        function.is_some_and(|function| !function.definer)
            && self.found.iter().any(|found| family(found.probe.verb) == "SELECT")
    }

    pub(super) fn cell(&mut self, probe: &Probe, outcome: Outcome, reason: Option<String>) {
        let (object, verb) = (probe.object.clone(), probe.verb.to_owned());
        self.cells.push(Cell { object, verb, context_state: probe.state.clone(), outcome, reason });
    }

    pub(super) fn finding(&self, probe: Probe, seen: &Seen, twin: Option<Probe>) -> Found {
        let Known { catalogue, seeded, role, setup, audited, .. } = self.known;
        let told = seen.said.as_deref().filter(|_| seen.evidence().is_none());
        let (mode, severity, title) = match told {
            Some(_) => ("F53", Severity::Leak, "a message of the server's tells another tenant's data"),
            // Beside that it was asked, the function told what about.
            None if probe.mode == "F46" && seen.said.is_some() => ("F46", Severity::Leak, probe.title),
            None => (mode(audited, &probe, seen), probe.severity, probe.title),
        };
        let evidence: String = seen.evidence().or(told).unwrap_or_default().chars().take(EVIDENCE).collect();
        let mut finding = Finding::new(mode, severity, Status::Confirmed, &probe.object, title).evidence(evidence);
        finding.verb = Some(probe.verb.to_owned());
        finding.context_state = Some(probe.state.clone());
        let with = Ingredients { catalogue, seeded, role, setup };
        let word = told.and_then(|text| {
            let words = text.split(|c: char| !(c.is_alphanumeric() || "-_@.".contains(c)));
            words.into_iter().find(|word| probe.strangers.iter().any(|stranger| stranger.is_in(word)))
        });
        finding.reproducer_sql = match word {
            // A notice ends no statement, so SQL cannot catch it.
            Some(word) if seen.error.is_none() => notice_script(&finding, &probe, &with, word),
            _ => script(&finding, &probe, &with, word),
        };
        let same = audited.iter().find(|other| other.object == finding.object && other.severity == finding.severity);
        // A tenant by default is the role's or the database's, whatever table shows it.
        let of_mode = audited.iter().find(|other| finding.mode == "F60" && other.mode == "F60");
        let rule = same.or(of_mode).map(|same| same.fix.clone());
        let of_object = self.working.get(&probe.object).cloned().unwrap_or_default();
        let controls = twin.into_iter().chain(of_object).collect();
        Found { finding, probe, controls, rule }
    }

    /// Keeps what the search has found and no fixed probe has.
    pub(super) fn searched(&mut self, violation: &Violation) {
        let is_known = |found: &Found| {
            found.finding.object == violation.object && family(found.probe.verb) == family(violation.verb)
        };
        if self.found.iter().any(is_known) || violation.wrote_before || self.is_passed_on(&violation.object) {
            return;
        }
        let probe = probe::of_sequence(violation, self.known.catalogue, self.known.seeded);
        let seen = Seen { rows: vec![(violation.evidence.clone(), true)], said: None, error: None };
        let found = self.finding(probe, &seen, None);
        self.found.push(found);
    }
}

fn reason(seen: &Seen, otherwise: &str) -> String {
    seen.error.as_ref().map_or_else(|| otherwise.to_owned(), |error| format!("{otherwise}: {}", said(error)))
}
