//! What the hunter sees elsewhere than on its own two connections: through a pooler, and on channels it listens to.

use std::collections::BTreeSet;

use sqlx::postgres::PgConnectOptions;

use super::error::HuntError;
use super::finding::{Finding, Severity, Status};
use super::hunter::{EVIDENCE, Hunter, Known, UNSEEN};
use super::pooler::Pooler;
use super::probe::{self, Heard, OWN, Probe, Seen};
use super::prove::{Ingredients, overheard_script};
use super::report::{CUT, Cell, Outcome};
use super::seeding::{Tenant, said};

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
        for (id, _) in tables {
            probes.extend(states.iter().filter_map(|state| probe::read(catalogue, *id, state, self.role_is_exempt)));
        }
        if probes.is_empty() {
            return Ok(());
        }
        let started = match self.is_over() {
            true => Err(CUT.to_owned()),
            false => Pooler::start(database, role, self.limits.statement).await,
        };
        let mut pooler = match started {
            Ok(pooler) => pooler,
            Err(why) => {
                probes.iter().for_each(|probe| self.cell(probe, Outcome::NotTested, Some(why.clone())));
                return Ok(());
            }
        };
        tracing::debug!("reading {} tables through PgBouncer", probes.len() / states.len());
        // Tables of which A's own row came back this way. A table's own state comes first.
        let mut visible: BTreeSet<String> = BTreeSet::new();
        for probe in probes {
            let Some(look) = probe.query() else { continue };
            if self.is_over() {
                self.cell(&probe, Outcome::NotTested, Some(CUT.to_owned()));
                continue;
            }
            let (texts, error) = match pooler.read_after(&context.b, &probe.enter, look).await {
                Ok(Ok(texts)) => (texts, None),
                Ok(Err(error)) => (vec![], Some((error, true))),
                Err(error) => (vec![], Some((error, false))),
            };
            let (error, reached) = error.map_or((None, true), |(error, reached)| (Some(error), reached));
            let is_foreign = |text: &String| probe.strangers.iter().any(|stranger| stranger.is_in(text));
            let rows = texts.into_iter().map(|text| (text.clone(), is_foreign(&text))).collect();
            let seen = Seen { rows, said: None, error, reached };
            if probe.strangers == [Tenant::B] && seen.rows.iter().any(|(text, _)| Tenant::A.is_in(text)) {
                visible.insert(probe.object.clone());
            }
            if seen.evidence().is_some() {
                self.leaks(probe, &seen, None);
                continue;
            }
            let why = match &seen.error {
                Some(error) if !probe.is_answered(&seen) => Some(said(error)),
                _ if !visible.contains(&probe.object) => Some(UNSEEN.to_owned()),
                _ => None,
            };
            self.cell(&probe, if why.is_some() { Outcome::NotTested } else { Outcome::Isolated }, why);
        }
        pooler.stop().await
    }

    /// Keeps what was heard on the channels that the schema notifies: a cell for each, and a finding for what was B's.
    /// Silence on a channel on which nothing was ever notified proves nothing.
    pub(super) fn overheard(&mut self, heard: &Heard) -> Vec<Finding> {
        let Known { catalogue, seeded, role, setup, context, .. } = self.known;
        let mut findings = Vec::new();
        for (channel, function) in &catalogue.objects.channels {
            let Some(channel) = channel else {
                let why = "the channel is an expression, so its name is not known";
                self.gap(&format!("channel of {function}"), "LISTEN", OWN, why);
                continue;
            };
            let object = format!("channel {channel}");
            let Some(found) = heard.overheard.iter().find(|heard| heard.channel == *channel) else {
                match heard.channels.contains(channel) {
                    _ if heard.is_cut => self.gap(&object, "LISTEN", OWN, CUT),
                    false => self.gap(&object, "LISTEN", OWN, "nothing that B did was notified on it"),
                    true => {
                        let (verb, context_state) = ("LISTEN".to_owned(), OWN.to_owned());
                        let outcome = Outcome::Isolated;
                        self.cells.push(Cell { object, verb, context_state, outcome, reason: None, finding: None });
                    }
                }
                continue;
            };
            let title = "a notification carries another tenant's data to whoever listens";
            let mut finding = Finding::new("F14", Severity::Leak, Status::Confirmed, &object, title)
                .evidence(found.payload.chars().take(EVIDENCE).collect::<String>())
                .by("LISTEN", OWN, OWN);
            finding.fix = "-- send a key in the payload, and let the listener read the row".to_owned();
            finding.fix_note =
                "no fix proven: no right is needed to listen, so it is the payload that must change".to_owned();
            let with = Ingredients { catalogue, seeded, role, setup };
            finding.reproducer_sql = overheard_script(&finding, found, &with, &context.b);
            let (verb, context_state) = ("LISTEN".to_owned(), OWN.to_owned());
            let (outcome, fingerprint) = (Outcome::Leaking, Some(finding.fingerprint.clone()));
            self.cells.push(Cell { object, verb, context_state, outcome, reason: None, finding: fingerprint });
            findings.push(finding);
        }
        findings
    }
}
