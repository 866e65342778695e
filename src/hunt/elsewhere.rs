//! What the hunter sees elsewhere than on its own two connections: through a pooler, and on channels it listens to.

use std::time::Instant;

use sqlx::postgres::PgConnectOptions;

use super::error::HuntError;
use super::finding::{Finding, Severity, Status};
use super::hunter::{CUT, EVIDENCE, Hunter, Known};
use super::pooler::Pooler;
use super::probe::{self, Overheard, Probe, Seen};
use super::prove::{Ingredients, overheard_script};
use super::report::{Cell, Outcome};
use super::seeding::Tenant;

/// Tables that are read through PgBouncer.
const POOLED_TABLES: usize = 32;

impl Hunter<'_> {
    /// Reads every protected table through PgBouncer, after another tenant on the same connection to the server.
    pub(super) async fn pooled(&mut self, database: &PgConnectOptions) -> Result<(), HuntError> {
        let Known { catalogue, seeded, role, context, .. } = self.known;
        let tables = catalogue
            .relations
            .iter()
            .filter(|(id, table)| table.row_security && seeded.row(**id, Tenant::B).is_some());
        let states = probe::pooled_states(context, role);
        let mut probes: Vec<Probe> = Vec::new();
        for (id, _) in tables.take(POOLED_TABLES) {
            probes.extend(states.iter().filter_map(|state| probe::read(catalogue, *id, state, self.role_is_exempt)));
        }
        if probes.is_empty() {
            return Ok(());
        }
        if Instant::now() > self.deadline {
            probes.iter().for_each(|probe| self.cell(probe, Outcome::NotTested, Some(CUT.to_owned())));
            return Ok(());
        }
        let mut pooler = match Pooler::start(database, role).await {
            Ok(pooler) => pooler,
            Err(why) => {
                probes.iter().for_each(|probe| self.cell(probe, Outcome::NotTested, Some(why.clone())));
                return Ok(());
            }
        };
        for probe in probes {
            let Some(look) = probe.query() else { continue };
            let sees_own = self.working.get(&probe.object).is_some_and(|working| !working.is_empty());
            let seen = pooler.read_after(&context.b, &probe.enter, look).await;
            let texts = seen.as_ref().map(Vec::as_slice).unwrap_or_default();
            let foreign = texts.iter().find(|text| probe.strangers.iter().any(|stranger| stranger.is_in(text)));
            match foreign {
                Some(text) => {
                    self.cell(&probe, Outcome::Leaking, None);
                    let is_known = self.found.iter().any(|found| found.finding.object == probe.object);
                    if !is_known {
                        let seen = Seen { rows: vec![(text.clone(), true)], said: None, error: None };
                        let found = self.finding(probe, &seen, None);
                        self.found.push(found);
                    }
                }
                None if sees_own => self.cell(&probe, Outcome::Isolated, None),
                None => self.cell(&probe, Outcome::NotTested, Some("A does not see its own row".to_owned())),
            }
        }
        pooler.stop().await
    }

    /// Keeps what was heard on the channels that the schema notifies: a cell for each, and a finding for what was B's.
    pub(super) fn overheard(&mut self, heard: &[Overheard]) -> Vec<Finding> {
        let Known { catalogue, seeded, role, setup, context, .. } = self.known;
        let mut findings = Vec::new();
        for channel in &catalogue.objects.channels {
            let found = heard.iter().find(|heard| heard.channel == *channel);
            let (object, verb) = (format!("channel {channel}"), "LISTEN".to_owned());
            let outcome = if found.is_some() { Outcome::Leaking } else { Outcome::Isolated };
            let context_state = "own tenant".to_owned();
            self.cells.push(Cell { object: object.clone(), verb, context_state, outcome, reason: None });
            let Some(found) = found else { continue };
            let title = "a notification carries another tenant's data to whoever listens";
            let mut finding = Finding::new("F14", Severity::Leak, Status::Confirmed, &object, title)
                .evidence(found.payload.chars().take(EVIDENCE).collect::<String>());
            finding.verb = Some("LISTEN".to_owned());
            finding.context_state = Some("own tenant".to_owned());
            finding.fix = "-- send a key in the payload, and let the listener read the row".to_owned();
            finding.fix_note =
                "no fix proven: no right is needed to listen, so it is the payload that must change".to_owned();
            let with = Ingredients { catalogue, seeded, role, setup };
            finding.reproducer_sql = overheard_script(&finding, found, &with, &context.b);
            findings.push(finding);
        }
        findings
    }
}
