//! The hunt: apply, audit, understand, seed, probe, and say what was and was not tested.

use std::collections::BTreeMap;

use sqlx::{Connection, PgConnection};

use super::audit::{audit, tenant_columns};
use super::catalogue::roles::AppRole;
use super::catalogue::{Catalogue, Kind};
use super::error::HuntError;
use super::finding::{Finding, Severity, Status};
use super::input::Config;
use super::input::{Target, apply};
use super::probe::context::{self, Context};
use super::probe::{Probe, Seen, State, calls, read, states, writes};
use super::prove::{refresh, script};
use super::report::{Cell, Coverage, Discovered, HuntReport, Outcome, bound};
use super::seeding::{Seeded, run, said, seed};
use super::seeding::{Tenancy, Tenant};
use crate::stack::Server;

/// Evidence is cut to this many characters.
const EVIDENCE: usize = 200;

/// Hunts one target on a server of our own.
///
/// # Errors
/// The input cannot be used, or the harness failed. A leak is no error.
pub async fn hunt(
    target: &Target,
    server: &Server,
    app_role: Option<&str>,
    config: &Config,
) -> Result<HuntReport, HuntError> {
    let applied = apply(target, server).await?;
    let connect = || async {
        let connection = PgConnection::connect_with(&server.admin(&applied.database)).await;
        connection.map_err(HuntError::database("connect to the new database"))
    };
    let mut connection = connect().await?;
    let audited = audit(&mut connection, app_role.or(config.app_role.as_deref())).await?;
    let app = AppRole {
        name: audited.app_role.clone(),
        acts_as: audited.acts_as.clone(),
        candidates: audited.app_role_candidates.clone(),
    };
    let catalogue = Catalogue::read(&mut connection, &app).await?;
    let names = [config.tenant_columns.clone(), tenant_columns(&mut connection).await?].concat();
    let tenancy = Tenancy::of(&catalogue, names);
    let mut seeded = seed(&mut connection, &catalogue, &tenancy).await?;
    let setup = config.tenants.a.setup.iter().chain(&config.tenants.b.setup).cloned();
    for statement in setup.chain(refresh(&catalogue)) {
        run(&mut connection, statement.clone())
            .await
            .map_err(|error| HuntError::Input(format!("cannot run `{statement}`: {}", said(&error))))?;
    }
    let context = context::discover(&mut connection, &catalogue, &mut seeded, &app, config).await?;
    let role_is_exempt = audited.findings.iter().any(|finding| finding.mode == "F05");
    let mut hunter = Hunter {
        connection,
        fresh: connect().await?,
        catalogue,
        tenancy,
        seeded,
        role: app.name,
        role_is_exempt,
        cells: Vec::new(),
        confirmed: BTreeMap::new(),
    };
    hunter.probe_all(&context).await?;
    let findings = hunter.findings(audited.findings);
    let coverage = Coverage::of(hunter.cells);
    let columns = hunter.tenancy.columns.iter().filter_map(|name| {
        let holds = |id: &&i64| hunter.catalogue.relations[*id].columns.iter().any(|column| column.name == *name);
        let tables: Vec<String> =
            hunter.tenancy.owned.iter().filter(holds).map(|id| hunter.catalogue.relations[id].name.clone()).collect();
        (!tables.is_empty()).then(|| (name.clone(), tables))
    });
    let discovered = Discovered {
        app_role: audited.app_role,
        acts_as: audited.acts_as,
        app_role_candidates: audited.app_role_candidates,
        context: context.described.clone(),
        settings: hunter.catalogue.settings.clone(),
        tenant_table: tenant_table(&hunter.catalogue, &hunter.tenancy),
        tenant_columns: columns.collect(),
        created_roles: applied.created_roles,
        control_visible: context.visible.0,
        control_tables: context.visible.1,
    };
    let bound = bound(&coverage);
    Ok(HuntReport { schema_version: 1, discovered, coverage, bound, findings })
}

/// The table that most tenant columns refer to.
fn tenant_table(catalogue: &Catalogue, tenancy: &Tenancy) -> Option<String> {
    let mut referred: BTreeMap<i64, usize> = BTreeMap::new();
    for key in catalogue.relations.values().flat_map(|relation| &relation.foreign_keys) {
        if key.columns.len() == 1 && tenancy.columns.contains(&key.columns[0]) {
            *referred.entry(key.parent).or_default() += 1;
        }
    }
    let (id, _) = referred.into_iter().max_by_key(|(_, count)| *count)?;
    catalogue.relations.get(&id).map(|relation| relation.name.clone())
}

struct Hunter {
    connection: PgConnection,
    /// Never knows a tenant.
    fresh: PgConnection,
    catalogue: Catalogue,
    tenancy: Tenancy,
    seeded: Seeded,
    role: String,
    role_is_exempt: bool,
    cells: Vec<Cell>,
    /// The first finding per object, verb and mode.
    confirmed: BTreeMap<(String, &'static str, &'static str), Finding>,
}

impl Hunter {
    async fn probe_all(&mut self, context: &Context) -> Result<(), HuntError> {
        let states = states(context, &self.catalogue);
        let ids: Vec<i64> = self.catalogue.relations.keys().copied().collect();
        for id in ids {
            let kind = self.catalogue.relations[&id].kind;
            let is_table = matches!(kind, Kind::Table | Kind::Child | Kind::Partition);
            if is_table && !self.tenancy.owned.contains(&id) {
                continue;
            }
            self.reads(id, &states).await?;
            for (attack, control) in writes(&self.catalogue, &self.seeded, id, &states[0], self.role_is_exempt) {
                let works = self.run(&control).await?;
                let outcome = match works.rows.iter().any(|(_, own)| *own) {
                    true => Control::Works,
                    false => Control::Fails(reason(&works, "A cannot do it to its own row either")),
                };
                self.attack(attack, &outcome).await?;
            }
        }
        for call in calls(&self.catalogue, &states[0]) {
            self.attack(call, &Control::Works).await?;
        }
        Ok(())
    }

    /// Reads a relation in every state. Whatever the state: A must see its own row where it should.
    async fn reads(&mut self, id: i64, states: &[State]) -> Result<(), HuntError> {
        let relation = &self.catalogue.relations[&id];
        let Some(own) = read(relation, &states[0], self.role_is_exempt) else { return Ok(()) };
        let not_seeded = self.seeded.failed.get(&id).cloned();
        let seen = self.run(&own).await?;
        let control = match (not_seeded, seen.rows.iter().any(|(row, _)| Tenant::A.is_in(row))) {
            (Some(why), _) => Control::Fails(why),
            (None, true) => Control::Works,
            (None, false) => Control::Fails(reason(&seen, "A does not see its own row")),
        };
        for state in states {
            let relation = &self.catalogue.relations[&id];
            if let Some(probe) = read(relation, state, self.role_is_exempt) {
                self.attack(probe, &control).await?;
            }
        }
        Ok(())
    }

    async fn run(&mut self, probe: &Probe) -> Result<Seen, HuntError> {
        let connection = if probe.fresh { &mut self.fresh } else { &mut self.connection };
        probe.run(connection, &self.role).await
    }

    /// Runs a probe and keeps its cell, and a finding if something foreign came back.
    async fn attack(&mut self, probe: Probe, control: &Control) -> Result<(), HuntError> {
        let seen = self.run(&probe).await?;
        let foreign = seen.rows.iter().find(|(_, foreign)| *foreign).map(|(row, _)| row.clone());
        // A refusal in a call of a function may be about its arguments and not about the tenant.
        let refused_call = probe.verb == "CALL" && seen.error.is_some();
        let (outcome, why) = match (&foreign, control) {
            (Some(_), _) => (Outcome::Leaking, None),
            (None, Control::Fails(why)) => (Outcome::NotTested, Some(why.clone())),
            (None, Control::Works) if refused_call => (Outcome::NotTested, Some(reason(&seen, ""))),
            (None, Control::Works) => match &seen.error {
                Some(error) if probe.attack.is_some() && !is_refusal(error) => (Outcome::NotTested, Some(said(error))),
                _ => (Outcome::Isolated, None),
            },
        };
        let (object, verb) = (probe.object.clone(), probe.verb.to_owned());
        self.cells.push(Cell { object, verb, context_state: probe.state.clone(), outcome, reason: why });
        let Some(row) = foreign else { return Ok(()) };
        // What leaks to every tenant says nothing new in another state.
        let known = self.confirmed.keys().any(|(object, verb, _)| *object == probe.object && *verb == probe.verb);
        if !known {
            let finding = self.finding(&probe, &row);
            self.confirmed.insert((probe.object.clone(), probe.verb, probe.mode), finding);
        }
        Ok(())
    }

    fn finding(&self, probe: &Probe, row: &str) -> Finding {
        let (severity, title) = match probe.verb {
            "SELECT" => (Severity::Leak, "another tenant's row can be read"),
            "CALL" => (Severity::Leak, "a function gives another tenant's row"),
            "INSERT" => (Severity::Write, "a row can be inserted for another tenant"),
            "UPDATE" => (Severity::Write, "another tenant's row can be changed"),
            "DELETE" | "TRUNCATE" => (Severity::Write, "another tenant's row can be deleted"),
            _ => (Severity::Write, "a row can be moved to another tenant"),
        };
        let mut finding = Finding::new(probe.mode, severity, Status::Confirmed, &probe.object, title)
            .evidence(row.chars().take(EVIDENCE).collect::<String>());
        finding.verb = Some(probe.verb.to_owned());
        finding.context_state = Some(probe.state.clone());
        finding.reproducer_sql = script(&finding, probe, &self.catalogue, &self.seeded, &self.role);
        finding
    }

    /// Confirmed findings, and static ones about what no probe has confirmed. The static rule knows the fix.
    fn findings(&self, audited: Vec<Finding>) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.confirmed.values().cloned().collect();
        for finding in &mut findings {
            let same =
                audited.iter().find(|other| other.object == finding.object && other.severity == finding.severity);
            finding.fix = same.map_or_else(String::new, |same| same.fix.clone());
        }
        findings.extend(audited);
        findings.sort_by(|a, b| (a.severity, a.status as u8, &a.object).cmp(&(b.severity, b.status as u8, &b.object)));
        findings
    }
}

/// Whether the same works on A's own row: without that, silence proves nothing.
enum Control {
    Works,
    Fails(String),
}

fn reason(seen: &Seen, otherwise: &str) -> String {
    seen.error.as_ref().map_or_else(|| otherwise.to_owned(), |error| format!("{otherwise}: {}", said(error)))
}

/// Insufficient privilege is how row security refuses a write.
fn is_refusal(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some("42501")
}
