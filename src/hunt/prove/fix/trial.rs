//! Trials: a candidate is applied in a transaction of the clone, the finding's own probe and the controls run in it,
//! and everything is rolled back. Roles belong to the whole server, and are rolled back with it.

use std::time::Instant;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use super::Schema;
use super::candidate::{Candidate, candidates};
use crate::hunt::audit;
use crate::hunt::error::HuntError;
use crate::hunt::finding::{Finding, FixStatus};
use crate::hunt::probe::{Notices, Probe, Seen, code};
use crate::hunt::report::CUT;
use crate::hunt::seeding::{run, said};

/// A confirmed finding with what confirmed it.
#[derive(Debug)]
pub(in crate::hunt) struct Found {
    pub(in crate::hunt) finding: Finding,
    pub(in crate::hunt) probe: Probe,
    /// What tenant A can do to the same object, and must still be able to do.
    pub(in crate::hunt) controls: Vec<Probe>,
    /// What a static rule about the same object suggests.
    pub(in crate::hunt) rule: Option<String>,
}

/// Tries fixes in a clone of the hunted database.
pub(in crate::hunt) struct Prover<'a> {
    schema: Schema<'a>,
    /// Reads of A's own rows that worked when nothing was fixed.
    reads: Vec<Probe>,
    clone: PgConnectOptions,
    connection: PgConnection,
    notices: &'a Notices,
}

/// Why a candidate is none.
type Rejected = String;

impl<'a> Prover<'a> {
    pub(in crate::hunt) async fn new(
        schema: Schema<'a>,
        reads: Vec<Probe>,
        clone: PgConnectOptions,
        notices: &'a Notices,
    ) -> Result<Self, HuntError> {
        let connection = connect(&clone).await?;
        Ok(Self { schema, reads, clone, connection, notices })
    }

    /// Looks for a fix of a confirmed finding until time is over, and writes what came of it into the finding.
    pub(in crate::hunt) async fn prove(&mut self, found: &mut Found, deadline: Instant) -> Result<(), HuntError> {
        let tried = candidates(&self.schema, &found.finding, found.rule.as_deref());
        let mut rejected = Vec::new();
        for candidate in &tried {
            if Instant::now() > deadline {
                rejected.push((candidate, CUT.to_owned()));
                break;
            }
            let controls = self.controls(candidate, found);
            match self.trial(candidate, Some(&found.probe), &controls, None).await? {
                Ok(()) => {
                    accept(&mut found.finding, candidate);
                    return Ok(());
                }
                Err(why) => rejected.push((candidate, why)),
            }
        }
        reject(&mut found.finding, &rejected);
        Ok(())
    }

    /// The same for a finding that only a static rule has: the rule must no longer hit.
    pub(in crate::hunt) async fn prove_static(
        &mut self,
        finding: &mut Finding,
        tenant_columns: &[String],
        deadline: Instant,
    ) -> Result<(), HuntError> {
        let rule = finding.fix.clone();
        let mut rejected = Vec::new();
        for candidate in &candidates(&self.schema, finding, Some(&rule)) {
            if Instant::now() > deadline {
                rejected.push((candidate.clone(), CUT.to_owned()));
                break;
            }
            let still = Some((&*finding, tenant_columns));
            let controls = self.reads.clone();
            match self.trial(candidate, None, &controls, still).await? {
                Ok(()) => {
                    accept(finding, candidate);
                    return Ok(());
                }
                Err(why) => rejected.push((candidate.clone(), why)),
            }
        }
        let rejected: Vec<(&Candidate, Rejected)> = rejected.iter().map(|(c, why)| (c, why.clone())).collect();
        reject(finding, &rejected);
        Ok(())
    }

    fn controls(&self, candidate: &Candidate, found: &Found) -> Vec<Probe> {
        let reads = self.reads.iter().filter(|probe| !(candidate.takes_right && probe.object == found.finding.object));
        let mut all: Vec<Probe> = reads.cloned().collect();
        if !candidate.takes_right {
            all.extend(found.controls.iter().cloned());
        }
        all
    }

    async fn trial(
        &mut self,
        candidate: &Candidate,
        probe: Option<&Probe>,
        controls: &[Probe],
        still: Option<(&Finding, &[String])>,
    ) -> Result<Result<(), Rejected>, HuntError> {
        let trouble = || HuntError::database("try a fix");
        // What a connection already knows of a tenant would change what a fresh one sees.
        if probe.is_some_and(|probe| probe.fresh) {
            self.connection = connect(&self.clone).await?;
        }
        for statement in probe.map(|probe| probe.prepare.clone()).unwrap_or_default() {
            // One that fails now failed in the hunt too: the probe says what that means.
            if run(&mut self.connection, statement).await.is_err() {
                run(&mut self.connection, "ROLLBACK".to_owned()).await.map_err(trouble())?;
            }
        }
        run(&mut self.connection, "BEGIN".to_owned()).await.map_err(trouble())?;
        let result = self.tried(candidate, probe, controls, still).await;
        run(&mut self.connection, "ROLLBACK".to_owned()).await.map_err(trouble())?;
        if probe.is_some_and(|probe| !probe.prepare.is_empty()) {
            run(&mut self.connection, "DISCARD ALL".to_owned()).await.map_err(trouble())?;
        }
        result
    }

    async fn tried(
        &mut self,
        candidate: &Candidate,
        probe: Option<&Probe>,
        controls: &[Probe],
        still: Option<(&Finding, &[String])>,
    ) -> Result<Result<(), Rejected>, HuntError> {
        for statement in &candidate.sql {
            if let Err(error) = run(&mut self.connection, statement.clone()).await {
                return Ok(Err(format!("does not apply: {}", said(&error))));
            }
        }
        run(&mut self.connection, "SAVEPOINT hunt_fix".to_owned()).await.map_err(HuntError::database("try a fix"))?;
        if let Some(probe) = probe {
            let seen = self.again(probe).await?;
            if let Some(evidence) = seen.evidence().or(seen.said.as_deref()) {
                return Ok(Err(format!("the leak is still there: {}", evidence.chars().take(60).collect::<String>())));
            }
            if let Some(error) = seen.error.as_ref().filter(|error| !is_answered(probe, &seen, error)) {
                return Ok(Err(format!("the probe no longer applies: {}", said(error))));
            }
        }
        if let Some((finding, tenant_columns)) = still
            && audit::still_hits(&mut self.connection, self.schema.app, tenant_columns, finding).await?
        {
            return Ok(Err("the rule still hits".to_owned()));
        }
        for control in controls {
            let seen = self.again(control).await?;
            let own = seen.rows.iter().any(|(row, found)| *found || crate::hunt::seeding::Tenant::A.is_in(row));
            if !own {
                let error = seen.error.as_ref().map(|error| format!(": {}", said(error))).unwrap_or_default();
                return Ok(Err(format!("tenant A could no longer {} {}{error}", control.verb, control.object)));
            }
        }
        Ok(Ok(()))
    }

    async fn again(&mut self, probe: &Probe) -> Result<Seen, HuntError> {
        let seen = probe.inside(&mut self.connection, &self.schema.app.name, self.notices).await;
        let back = "ROLLBACK TO SAVEPOINT hunt_fix".to_owned();
        run(&mut self.connection, back).await.map_err(HuntError::database("try a fix"))?;
        Ok(seen)
    }
}

/// With the fix applied, a refusal is what was wanted.
fn is_answered(probe: &Probe, seen: &Seen, error: &sqlx::Error) -> bool {
    probe.is_answered(seen) || (seen.reached && code(error).as_deref() == Some("42501"))
}

fn accept(finding: &mut Finding, candidate: &Candidate) {
    let statements: Vec<String> = candidate.sql.iter().map(|statement| format!("{statement};")).collect();
    finding.fix = statements.join(" ");
    finding.fix_status = FixStatus::Proven;
    finding.fix_note = match candidate.takes_right {
        true => "tried: the finding is gone; it takes a right from the application".to_owned(),
        false => "tried: the finding is gone, and tenant A can do what it could".to_owned(),
    };
}

fn reject(finding: &mut Finding, rejected: &[(&Candidate, Rejected)]) {
    finding.fix_status = FixStatus::Unproven;
    finding.fix_note = match rejected.last() {
        Some((candidate, why)) => {
            format!("no fix proven; {} tried, the last `{}`: {why}", rejected.len(), candidate.sql.join("; "))
        }
        None => "no fix proven: none is known to try".to_owned(),
    };
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, HuntError> {
    PgConnection::connect_with(options).await.map_err(HuntError::database("connect to the clone"))
}
