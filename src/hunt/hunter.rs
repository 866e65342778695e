//! The hunter: runs every probe with its control, keeps a cell for each, and a finding for what got through.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use sqlx::PgConnection;

use super::catalogue::{Catalogue, Kind};
use super::error::HuntError;
use super::finding::{Finding, Severity, Status};
use super::naming::mode;
use super::probe::context::Context;
use super::probe::{self, Attacker, Notices, OWN, Oracle, Probe, Seen, State, Twins};
use super::prove::{Found, Ingredients, notice_script, script};
use super::report::{CUT, Cell, Outcome};
use super::search::Violation;
use super::seeding::{Seeded, Tenancy, Tenant, said, words};
use super::shown::Shown;

/// Evidence is cut to this many characters.
pub(super) const EVIDENCE: usize = 200;

/// Why silence proves nothing where tenant A sees nothing of its own.
pub(super) const UNSEEN: &str = "A does not see its own row";

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

/// How long probes may take.
#[derive(Clone, Copy)]
pub(super) struct Limits<'a> {
    /// When the budget is used up.
    pub(super) deadline: Instant,
    /// `statement_timeout` of a single statement: a function of the schema may take for ever.
    pub(super) statement: &'a str,
}

/// Probes, and what came of them.
pub(super) struct Hunter<'a> {
    pub(super) known: Known<'a>,
    pub(super) connection: PgConnection,
    /// Never knows a tenant.
    pub(super) fresh: PgConnection,
    pub(super) notices: Notices,
    pub(super) limits: Limits<'a>,
    pub(super) cells: Vec<Cell>,
    pub(super) found: Vec<Found>,
    /// What each of them has shown.
    shown: Vec<Shown>,
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
    pub(super) fn new(known: Known<'a>, connection: PgConnection, fresh: PgConnection, limits: Limits<'a>) -> Self {
        let role_is_exempt = known.audited.iter().any(|finding| finding.mode == "F05");
        let (cells, found, shown, working) = (Vec::new(), Vec::new(), Vec::new(), BTreeMap::new());
        let notices = Notices::new();
        Self { known, connection, fresh, notices, limits, cells, found, shown, working, role_is_exempt }
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
            self.unseeded(*id, &own);
            let through = match seeded.row(*id, Tenant::A) {
                Some(_) => probe::writes(catalogue, seeded, *id, &own, self.role_is_exempt),
                None => probe::writes_through(catalogue, seeded, *id, &own, self.role_is_exempt),
            };
            self.twins(through).await?;
            self.twins(probe::keys(catalogue, tenancy, seeded, *id, &own)).await?;
        }
        for at in 0..catalogue.functions.len() {
            self.calls(at, &own).await?;
        }
        for probe in probe::next_tables(catalogue, &own).into_iter().chain(probe::definers(catalogue, seeded, &own)) {
            self.attack(probe, &Control::Works, None).await?;
        }
        self.twins(probe::objects(catalogue, tenancy, &own, self.known.role)).await?;
        self.attacks(&own).await
    }

    async fn twins(&mut self, twins: Vec<Twins>) -> Result<(), HuntError> {
        for (attack, control) in twins {
            let outcome = match &control {
                None => Control::Works,
                Some(_) if self.is_over() => Control::Fails(CUT.to_owned()),
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
        if works.said.is_none() {
            return;
        }
        // That A's own row came back is no leak: only what was said is.
        let oracle = Oracle::Shown { looks: vec![], foreign: Tenant::B.marks().to_owned() };
        let probe = Probe { oracle, ..control.clone() };
        self.leaks(probe, &Seen { rows: vec![], ..works }, None);
    }

    /// Reads a relation in every state. Whatever the state: A must see its own row where it should.
    async fn reads(&mut self, id: i64, states: &[State]) -> Result<(), HuntError> {
        let (catalogue, exempt) = (self.known.catalogue, self.role_is_exempt);
        let Some(own) = probe::read(catalogue, id, &states[0], exempt) else { return Ok(()) };
        let not_seeded = self.known.seeded.failed.get(&id).cloned();
        let seen = if self.is_over() { Seen::default() } else { self.run(&own).await? };
        let control = match (not_seeded, seen.rows.iter().any(|(row, _)| Tenant::A.is_in(row))) {
            (Some(why), _) => Control::Fails(why),
            (None, true) => Control::Works,
            (None, false) if self.is_over() => Control::Fails(CUT.to_owned()),
            (None, false) => Control::Fails(reason(&seen, UNSEEN)),
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
                let why = format!("no row where {branch}: {why}");
                self.gap(&relation.name, "SELECT of a policy's branch", &states[0].name, &why);
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

    /// Writes of a table that has no rows of its tenants prove nothing.
    fn unseeded(&mut self, id: i64, own: &State) {
        let (catalogue, seeded) = (self.known.catalogue, self.known.seeded);
        let Some(why) = seeded.failed.get(&id) else { return };
        for verb in probe::write_verbs(&catalogue.relations[&id]) {
            self.gap(&catalogue.relations[&id].name, verb, &own.name, why);
        }
    }

    /// Calls of one function, with arguments with which it shows or changes something of A's when A calls it.
    async fn calls(&mut self, at: usize, own: &State) -> Result<(), HuntError> {
        let Known { catalogue, seeded, .. } = self.known;
        let function = &catalogue.functions[at];
        let mut control = Control::Fails("called by A it shows and changes nothing of A's".to_owned());
        let mut ordinal = 0;
        for candidate in probe::ordinals(catalogue, function) {
            if self.is_over() {
                control = Control::Fails(CUT.to_owned());
                break;
            }
            let mut works = false;
            for probe in probe::own_calls(catalogue, seeded, function, own, candidate) {
                let seen = self.run(&probe).await?;
                works |= probe::shows_own(&probe, &seen, function);
                if let (Some(error), 0, Control::Fails(why)) = (&seen.error, candidate, &mut control) {
                    *why = format!("A cannot call it either: {}", said(error));
                }
            }
            if works {
                (control, ordinal) = (Control::Works, candidate);
                break;
            }
        }
        for call in probe::calls(catalogue, seeded, function, own, ordinal) {
            self.attack(call, &control, None).await?;
        }
        Ok(())
    }

    /// Attacks of several steps. What leaks without them, and what tenant A itself does not see, is left out of what
    /// they read.
    async fn attacks(&mut self, own: &State) -> Result<(), HuntError> {
        let open = self.shown.iter().filter(|shown| shown.is_read() && shown.is_of_state(OWN));
        let leaking: BTreeSet<String> = open.map(|shown| shown.object.clone()).collect();
        let sees = |probes: &&Vec<Probe>| probes.iter().any(|probe| probe.verb == "SELECT");
        let visible = self.working.iter().filter(|(_, probes)| sees(probes)).map(|(object, _)| object.clone());
        let visible: BTreeSet<String> = visible.collect();
        let Known { catalogue, seeded, context, role, .. } = self.known;
        let attacker = Attacker { catalogue, seeded, context, own, role, leaking: &leaking, visible: &visible };
        for (ended, holds) in probe::ended_memberships(&attacker) {
            // Where not even a membership that holds opens anything, one that ended says nothing.
            if self.run(&holds).await?.evidence().is_some() {
                self.attack(ended, &Control::Works, None).await?;
            }
        }
        for probe in attacker.attacks().into_iter().chain(probe::injections(&attacker)) {
            self.attack(probe, &Control::Works, None).await?;
        }
        self.twins(attacker.twins()).await?;
        let is_over = self.is_over();
        for (object, verb, why) in attacker.left_out() {
            self.gap(&object, verb, OWN, if is_over { CUT } else { &why });
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
        if self.cells.last().is_some_and(|cell| cell.outcome == Outcome::Isolated) {
            self.cells.pop();
        }
        Ok(())
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() > self.limits.deadline
    }

    async fn run(&mut self, probe: &Probe) -> Result<Seen, HuntError> {
        let connection = if probe.fresh { &mut self.fresh } else { &mut self.connection };
        probe.run(connection, self.known.role, &self.notices).await
    }

    /// Runs a probe and keeps its cell, and a finding if something foreign came back.
    async fn attack(&mut self, probe: Probe, control: &Control, twin: Option<Probe>) -> Result<(), HuntError> {
        if self.is_over() {
            self.cell(&probe, Outcome::NotTested, Some(CUT.to_owned()));
            return Ok(());
        }
        let seen = self.run(&probe).await?;
        if seen.evidence().or(seen.said.as_deref()).is_some() {
            self.leaks(probe, &seen, twin);
            return Ok(());
        }
        let (outcome, why) = match (control, &seen.error) {
            (Control::Fails(why), _) => (Outcome::NotTested, Some(why.clone())),
            (Control::Works, Some(error)) if !probe.is_answered(&seen) => (Outcome::NotTested, Some(said(error))),
            (Control::Works, _) => (Outcome::Isolated, None),
        };
        self.cell(&probe, outcome, why);
        Ok(())
    }

    /// Keeps the cell of a probe that got through, and a finding unless one has shown as much.
    pub(super) fn leaks(&mut self, probe: Probe, seen: &Seen, twin: Option<Probe>) {
        self.cell(&probe, Outcome::Leaking, None);
        let (mode, ..) = self.named(&probe, seen);
        let known = self.shown.iter().find(|shown| shown.covers(&probe, mode, seen));
        let known = known.or_else(|| self.passes_on(&probe)).map(|shown| shown.fingerprint.clone());
        let fingerprint = known.unwrap_or_else(|| self.keep(probe, seen, twin));
        if let Some(cell) = self.cells.last_mut() {
            cell.finding = Some(fingerprint);
        }
    }

    /// Keeps a finding, if it is none that is known by its fingerprint.
    fn keep(&mut self, probe: Probe, seen: &Seen, twin: Option<Probe>) -> String {
        let found = self.finding(probe, seen, twin);
        let fingerprint = found.finding.fingerprint.clone();
        if !self.shown.iter().any(|shown| shown.fingerprint == fingerprint) {
            self.shown.push(Shown::new(&found.finding, &found.probe, seen));
            self.found.push(found);
        }
        fingerprint
    }

    /// The finding about a table that a function with its caller's rights reads or writes: it does no more than the
    /// table lets its caller do.
    fn passes_on(&self, probe: &Probe) -> Option<&Shown> {
        let catalogue = self.known.catalogue;
        let function = catalogue.functions.iter().find(|function| function.signature == probe.object)?;
        let reads = |object: &str| {
            function.reads.iter().any(|id| catalogue.relations.get(id).is_some_and(|relation| relation.name == object))
        };
        let writes = matches!(probe.oracle, Oracle::Stored { .. });
        let does = |shown: &&Shown| shown.is_of_state(OWN) && if writes { shown.is_write() } else { shown.is_read() };
        self.shown.iter().filter(|_| !function.definer).filter(does).find(|shown| reads(&shown.object))
    }

    pub(super) fn cell(&mut self, probe: &Probe, outcome: Outcome, reason: Option<String>) {
        let (object, verb, context_state) = (probe.object.clone(), probe.verb.to_owned(), probe.state.clone());
        self.cells.push(Cell { object, verb, context_state, outcome, reason, finding: None });
    }

    /// Keeps a cell that nothing was tried for.
    pub(super) fn gap(&mut self, object: &str, verb: &str, state: &str, why: &str) {
        let (object, verb, context_state) = (object.to_owned(), verb.to_owned(), state.to_owned());
        let (outcome, reason) = (Outcome::NotTested, Some(why.to_owned()));
        self.cells.push(Cell { object, verb, context_state, outcome, reason, finding: None });
    }

    /// Failure mode, severity and sentence of what a probe has seen.
    fn named(&self, probe: &Probe, seen: &Seen) -> (&'static str, Severity, &'static str) {
        match seen.said.is_some() {
            true if seen.evidence().is_none() => {
                ("F53", Severity::Leak, "a message of the server's tells another tenant's data")
            }
            // Beside that it was asked, the function told what about.
            true if probe.mode == "F46" => ("F46", Severity::Leak, probe.title),
            _ => (mode(self.known.audited, probe, seen), probe.severity, probe.title),
        }
    }

    pub(super) fn finding(&self, probe: Probe, seen: &Seen, twin: Option<Probe>) -> Found {
        let Known { catalogue, seeded, role, setup, audited, .. } = self.known;
        let told = seen.said.as_deref().filter(|_| seen.evidence().is_none());
        let (mode, severity, title) = self.named(&probe, seen);
        let evidence: String = seen.evidence().or(told).unwrap_or_default().chars().take(EVIDENCE).collect();
        let finding = Finding::new(mode, severity, Status::Confirmed, &probe.object, title).evidence(evidence);
        let mut finding = finding.by(probe.verb, probe.lasting_state(), &probe.state);
        let with = Ingredients { catalogue, seeded, role, setup };
        let word =
            told.and_then(|text| words(text).find(|word| probe.strangers.iter().any(|stranger| stranger.is_in(word))));
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
        if violation.wrote_before || self.shown.iter().any(|shown| shown.covers_violation(violation)) {
            return;
        }
        let probe = probe::of_sequence(violation, self.known.catalogue, self.known.seeded);
        if self.passes_on(&probe).is_none() {
            self.keep(probe, &Seen::of(violation.evidence.clone()), None);
        }
    }
}

fn reason(seen: &Seen, otherwise: &str) -> String {
    seen.error.as_ref().map_or_else(|| otherwise.to_owned(), |error| format!("{otherwise}: {}", said(error)))
}
