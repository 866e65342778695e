//! One request: through the tenant runtime, with every row that comes back compared with the tenant that asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::ledger::{Acknowledged, LedgerBook};
use super::operation::{Row, Step};
use super::recorder::Recorder;
use super::slices::Outcome;
use crate::observe::{Event, Leak, LeakKind, TenantId, Witness};
use crate::scenario::{Defect, ErrorKind, Operation, TenantSlug};
use crate::tenancy::{
    Directory, Opening, RequestInfo, Tenancy, TenancyError, Tenant, TenantTransaction, with_tenant, without_tenant,
};

/// An arrival sent later than this counts as late.
const LATE: Duration = Duration::from_millis(10);
/// Error examples of one run at most.
const EXAMPLES: u64 = 40;
/// SQLSTATE of a key that is taken.
const UNIQUE_VIOLATION: &str = "23505";
/// The defects about acknowledgements strike every so many writes.
const DEFECT_EVERY: u64 = 20;

/// A request to be executed.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Intended start, from the start of the run.
    pub at: Duration,
    /// Place of the tenant in fleet order.
    pub tenant: u32,
    /// What to do.
    pub step: Step,
}

/// Executes requests. Shared by all workers.
pub struct Executor {
    tenancy: Arc<Tenancy>,
    directory: Arc<Directory>,
    recorder: Arc<Recorder>,
    ledger: Arc<LedgerBook>,
    started: Instant,
    timeout: Duration,
    rows_per_tenant: u32,
    retries: u32,
    sequence: AtomicU64,
    examples: AtomicU64,
}

/// What a request saw, kept outside of it so that it survives a cancellation.
#[derive(Default)]
struct Sight {
    outcome: Outcome,
    opening: Opening,
    error: Option<TenancyError>,
}

/// What a leak's evidence says of its transaction; known before the statement runs.
#[derive(Clone, Copy)]
struct Scene {
    backend_pid: i32,
    previous: Option<TenantSlug>,
    context: Option<TenantId>,
    tainted: Option<usize>,
}

impl Scene {
    fn of(transaction: &TenantTransaction) -> Self {
        Self {
            backend_pid: transaction.backend_pid(),
            previous: transaction.previous().map(|tenant| tenant.slug),
            context: transaction.confirmed(),
            tainted: transaction.tainted(),
        }
    }
}

impl Executor {
    /// An executor. `started` is the moment that all times count from.
    pub fn new(
        tenancy: Arc<Tenancy>,
        directory: Arc<Directory>,
        recorder: Arc<Recorder>,
        started: Instant,
        timeout: Duration,
        rows_per_tenant: u32,
    ) -> Self {
        let (ledger, sequence, examples) = Default::default();
        let retries = 0;
        Self { tenancy, directory, recorder, ledger, started, timeout, rows_per_tenant, retries, sequence, examples }
    }

    /// A client that sends a write again, so often at most, whose connection was lost before it was acknowledged.
    #[must_use]
    pub fn retrying(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// The recorder that it reports to.
    pub fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }

    /// Acknowledged writes.
    pub fn ledger(&self) -> &LedgerBook {
        &self.ledger
    }

    /// The runtime that it goes through.
    pub fn tenancy(&self) -> &Arc<Tenancy> {
        &self.tenancy
    }

    /// The tenants.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Now, from the start of the run.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The moment that all times count from.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The request of an arrival.
    pub fn request(&self, at: Duration, tenant: u32, operation: Operation, draw: u64) -> Request {
        let client_ref = self.sequence.fetch_add(1, Ordering::Relaxed);
        Request { at, tenant, step: Step::of(operation, draw, self.rows_per_tenant, client_ref) }
    }

    /// Executes a request to its end or its deadline and records it. Returns how it failed, if it did.
    pub async fn execute(&self, request: Request) -> Option<ErrorKind> {
        let begun = self.now();
        if begun.saturating_sub(request.at) > LATE {
            self.recorder.late(request.at, request.tenant);
        }
        let tenant = self.directory.tenant(request.tenant);
        let info = RequestInfo { tenant, operation: request.step.operation() };
        let lost = self.tenancy.hooks().on_request(info);
        let mut sight = Sight::default();
        sight.outcome.touched = lost;
        let attempt = self.attempt(request, tenant, &mut sight);
        let left = time_left(self.timeout, request.at, begun);
        let in_time = match lost {
            Some(_) => tokio::time::timeout(left, without_tenant(attempt)).await,
            None => tokio::time::timeout(left, with_tenant(tenant.clone(), attempt)).await,
        };
        self.look_at_the_wire(&mut sight);
        let Sight { mut outcome, opening, error } = sight;
        outcome.queued = opening.queued;
        outcome.touched = outcome.touched.or(opening.touched);
        outcome.error = match (in_time, &error) {
            (Err(_), _) => Some(ErrorKind::Timeout),
            (Ok(()), error) => error.as_ref().map(TenancyError::kind),
        };
        outcome.latency = self.now().saturating_sub(request.at);
        if let Some(kind) = outcome.error {
            self.keep_example(request, tenant, kind, error.as_ref());
        }
        self.recorder.finish(request.at, request.tenant, &outcome);
        outcome.error
    }

    async fn attempt(&self, request: Request, tenant: &Tenant, sight: &mut Sight) {
        if let Err(error) = self.transact(request, tenant, sight).await {
            sight.error = Some(error);
        }
    }

    async fn transact(&self, request: Request, tenant: &Tenant, sight: &mut Sight) -> Result<(), TenancyError> {
        let Step::InsertOrder { client_ref, .. } = request.step else {
            return self.attempt_once(request, tenant, sight).await;
        };
        self.write_until_acknowledged(request, tenant, sight).await?;
        let client_ref = client_ref as u64;
        self.ledger.acknowledge(Acknowledged { client_ref, tenant: tenant.index });
        if client_ref.is_multiple_of(DEFECT_EVERY) && self.tenancy.planted(Defect::BlindRetry) {
            let again = Request { step: request.step.with_another_key(), ..request };
            self.attempt_once(again, tenant, sight).await?;
        }
        Ok(())
    }

    /// Sends a write, and again if its connection is lost, as often as the client does.
    async fn write_until_acknowledged(
        &self,
        mut request: Request,
        tenant: &Tenant,
        sight: &mut Sight,
    ) -> Result<(), TenancyError> {
        let mut attempt = 0;
        loop {
            let error = match self.attempt_once(request, tenant, sight).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            // The key is taken: an earlier attempt was stored, and its acknowledgement got lost.
            if attempt > 0 && error.sqlstate().as_deref() == Some(UNIQUE_VIOLATION) {
                return Ok(());
            }
            if attempt == self.retries || error.kind() != ErrorKind::Connection {
                return Err(error);
            }
            attempt += 1;
            self.look_at_the_wire(sight);
            if self.tenancy.planted(Defect::KeylessRetry) {
                request.step = request.step.with_another_key();
            }
        }
    }

    /// One transaction of a request, to its commit.
    async fn attempt_once(&self, request: Request, tenant: &Tenant, sight: &mut Sight) -> Result<(), TenancyError> {
        let Request { step, .. } = request;
        let mut transaction = self.begin(step.operation(), tenant, sight).await?;
        self.run(request, tenant, &mut transaction, &mut sight.outcome).await?;
        if let Step::InsertOrder { client_ref, .. } = step
            && (client_ref as u64).is_multiple_of(DEFECT_EVERY)
            && self.tenancy.planted(Defect::AckWithoutCommit)
        {
            return Ok(());
        }
        transaction.commit().await
    }

    /// Notes which fault has touched a statement of the request on its way to the server.
    fn look_at_the_wire(&self, sight: &mut Sight) {
        let touched = sight.opening.connection.and_then(|number| self.tenancy.hooks().touched_on_the_way(number));
        sight.outcome.touched = sight.outcome.touched.or(touched);
    }

    async fn begin(
        &self,
        operation: Operation,
        tenant: &Tenant,
        sight: &mut Sight,
    ) -> Result<TenantTransaction, TenancyError> {
        let transaction = self.tenancy.begin_observed(operation, &mut sight.opening).await?;
        sight.outcome.transactions += 1;
        sight.outcome.without_context += u64::from(transaction.confirmed() != Some(tenant.id));
        sight.outcome.touched = sight.outcome.touched.or(transaction.touched());
        self.look_at_the_wire(sight);
        Ok(transaction)
    }

    /// Runs the statement. Every row is compared and counted as it arrives, so that a deadline that cuts the answer short
    /// does not hide what it brought.
    async fn run(
        &self,
        request: Request,
        tenant: &Tenant,
        transaction: &mut TenantTransaction,
        outcome: &mut Outcome,
    ) -> Result<(), TenancyError> {
        let Request { step, .. } = request;
        let (scene, statements) = (Scene::of(transaction), transaction.statements());
        let kind = leak_kind(step);
        let mut evident = false;
        let ran = step
            .run(transaction.pg(), statements, tenant.id, |row| {
                match kind {
                    LeakKind::Read => outcome.rows += 1,
                    LeakKind::Write => outcome.writes += 1,
                }
                if row.tenant == tenant.id && row.canary.is_none_or(|owner| owner == tenant.slug) {
                    return;
                }
                outcome.touched = outcome.touched.or(scene.tainted);
                match kind {
                    LeakKind::Read => outcome.leaked += 1,
                    LeakKind::Write => outcome.foreign_write = true,
                }
                let (owner, witness) = self.owner_of(row, tenant);
                self.recorder.foreign_row(owner, tenant.slug);
                if !std::mem::replace(&mut evident, true) {
                    self.recorder.leak(self.evidence(request, tenant, scene, owner, witness, outcome.touched));
                }
            })
            .await;
        let rows = ran.map_err(|error| transaction.failed(error))?;
        outcome.silent_empty |= rows == 0;
        Ok(())
    }

    /// Whose a foreign row is, and how that is known.
    fn owner_of(&self, row: Row, asker: &Tenant) -> (Option<TenantSlug>, Witness) {
        match row.tenant == asker.id {
            true => (row.canary, Witness::Canary),
            false => (self.directory.by_id(row.tenant).map(|owner| owner.slug), Witness::TenantColumn),
        }
    }

    fn evidence(
        &self,
        request: Request,
        asker: &Tenant,
        scene: Scene,
        owner: Option<TenantSlug>,
        witness: Witness,
        fault: Option<usize>,
    ) -> Leak {
        Leak {
            at_us: self.now().as_micros() as u64,
            phase: self.recorder.clock().phase(request.at),
            kind: leak_kind(request.step),
            asker: asker.slug,
            owner,
            table: request.step.relation().to_owned(),
            operation: request.step.operation(),
            backend_pid: scene.backend_pid,
            previous_tenant: scene.previous,
            context: scene.context.map(|id| match self.directory.by_id(id) {
                Some(tenant) => tenant.slug.to_string(),
                None => id.to_string(),
            }),
            fault,
            witness,
        }
    }

    fn keep_example(&self, request: Request, tenant: &Tenant, kind: ErrorKind, error: Option<&TenancyError>) {
        if self.examples.fetch_add(1, Ordering::Relaxed) >= EXAMPLES {
            return;
        }
        let message = match error {
            Some(error) => error.to_string(),
            None => format!("no answer within {:?}; cancelled", self.timeout),
        };
        self.recorder.example(Event::ErrorExample {
            at_us: self.now().as_micros() as u64,
            phase: self.recorder.clock().phase(request.at),
            kind,
            tenant: tenant.slug,
            operation: request.step.operation(),
            sqlstate: error.and_then(TenancyError::sqlstate),
            message,
        });
    }
}

/// What is left of a request's time when it is sent: its deadline counts from its intended start, as its latency does.
fn time_left(timeout: Duration, intended: Duration, sent: Duration) -> Duration {
    timeout.saturating_sub(sent.saturating_sub(intended))
}

fn leak_kind(step: Step) -> LeakKind {
    match step.operation() {
        Operation::Write => LeakKind::Write,
        Operation::Read | Operation::Report => LeakKind::Read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request that is sent late has the less time left, and none once its deadline has passed: it never outlives the
    /// time until which its counts are taken.
    #[test]
    fn a_deadline_counts_from_the_intended_start() {
        let ms = Duration::from_millis;
        assert_eq!(time_left(ms(500), ms(1_000), ms(1_000)), ms(500));
        assert_eq!(time_left(ms(500), ms(1_000), ms(1_300)), ms(200));
        assert_eq!(time_left(ms(500), ms(1_000), ms(2_000)), ms(0));
        assert_eq!(time_left(ms(500), ms(1_000), ms(999)), ms(500));
    }
}
