//! Drives the load: a pacer that sends arrivals when they are due, and workers that execute them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::arrival::{Arrival, stream};
use super::executor::{Executor, Request};
use super::plan::LoadPlan;
use crate::scenario::LoadShape;

/// The pacer looks for a cancellation at least this often.
const PACER_STEP: Duration = Duration::from_millis(50);

/// A running load. Ends by itself when its schedule does.
pub struct Load {
    tasks: JoinSet<()>,
}

impl Load {
    /// Starts the scenario's load.
    pub fn start(plan: &LoadPlan, executor: &Arc<Executor>, cancel: &CancellationToken) -> Self {
        let mut load = Self { tasks: JoinSet::new() };
        match plan.shape() {
            LoadShape::Open { .. } => load.pace(plan.arrivals(), plan.max_in_flight(), executor, cancel),
            LoadShape::Closed { clients } => {
                for client in 0..clients {
                    load.tasks.spawn(client_loop(client, plan.clone(), executor.clone(), cancel.clone()));
                }
            }
        }
        load
    }

    /// Starts a load of its own arrivals, with workers of its own (a flood).
    pub fn of_arrivals(
        arrivals: impl Iterator<Item = Arrival> + Send + 'static,
        max_in_flight: u32,
        executor: &Arc<Executor>,
        cancel: &CancellationToken,
    ) -> Self {
        let mut load = Self { tasks: JoinSet::new() };
        load.pace(arrivals, max_in_flight, executor, cancel);
        load
    }

    fn pace(
        &mut self,
        arrivals: impl Iterator<Item = Arrival> + Send + 'static,
        max_in_flight: u32,
        executor: &Arc<Executor>,
        cancel: &CancellationToken,
    ) {
        let (crew, seats) = Crew::of(max_in_flight);
        for (seat, inbox) in seats.into_iter().enumerate() {
            self.tasks.spawn(worker(seat, inbox, crew.clone(), executor.clone()));
        }
        let (executor, cancel) = (executor.clone(), cancel.clone());
        // A thread of its own: tokio's timer counts in milliseconds, a thread sleeps within about 60 microseconds.
        self.tasks.spawn_blocking(move || pace(arrivals, &crew, &executor, &cancel));
    }

    /// Waits until the schedule has ended and every request under way has ended, too.
    ///
    /// # Errors
    /// The first of its tasks that panicked: the request that it had is counted nowhere.
    pub async fn finish(mut self) -> Result<(), String> {
        let mut finished = Ok(());
        while let Some(joined) = self.tasks.join_next().await {
            if let Err(error) = joined {
                finished = finished.and(Err(format!("a task of the load failed: {error}")));
            }
        }
        finished
    }
}

/// Sends each arrival when it is due, or counts it as dropped if nobody is free.
fn pace(arrivals: impl Iterator<Item = Arrival>, crew: &Crew, executor: &Executor, cancel: &CancellationToken) {
    for arrival in arrivals {
        while let Some(early) = arrival.at.checked_sub(executor.now()).filter(|early| !early.is_zero()) {
            if cancel.is_cancelled() {
                return crew.dismiss();
            }
            std::thread::sleep(early.min(PACER_STEP));
        }
        if cancel.is_cancelled() {
            break;
        }
        executor.recorder().intend(arrival.at, arrival.tenant);
        let request = executor.request(arrival.at, arrival.tenant, arrival.operation, arrival.draw);
        if !crew.send(request) {
            executor.recorder().drop_arrival(arrival.at, arrival.tenant);
        }
    }
    crew.dismiss();
}

/// The workers and who of them is free.
struct Crew {
    seats: Mutex<Vec<mpsc::Sender<Request>>>,
    free: Mutex<Vec<usize>>,
}

impl Crew {
    fn of(size: u32) -> (Arc<Self>, Vec<mpsc::Receiver<Request>>) {
        let (seats, inboxes): (Vec<_>, Vec<_>) = (0..size.max(1)).map(|_| mpsc::channel(1)).unzip();
        let free = Mutex::new((0..seats.len()).rev().collect());
        (Arc::new(Self { seats: Mutex::new(seats), free }), inboxes)
    }

    /// Hands a request to a free worker, the one that was freed last. Returns whether there was one.
    fn send(&self, request: Request) -> bool {
        let Some(seat) = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop() else { return false };
        let seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.get(seat).is_some_and(|inbox| inbox.try_send(request).is_ok())
    }

    fn is_free(&self, seat: usize) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(seat);
    }

    /// Lets every worker go home when it has nothing to do.
    fn dismiss(&self) {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

async fn worker(seat: usize, mut inbox: mpsc::Receiver<Request>, crew: Arc<Crew>, executor: Arc<Executor>) {
    while let Some(request) = inbox.recv().await {
        executor.execute(request).await;
        crew.is_free(seat);
    }
}

/// A closed-loop client: its next request starts when its last one has ended.
async fn client_loop(client: u32, plan: LoadPlan, executor: Arc<Executor>, cancel: CancellationToken) {
    let mut rng = stream(plan.seed(), plan.scenario(), &format!("client {client}"));
    loop {
        let at = executor.now();
        if at >= plan.until() || cancel.is_cancelled() {
            return;
        }
        let (tenant, operation) = plan.draw(&mut rng);
        executor.recorder().intend(at, tenant);
        let request = executor.request(at, tenant, operation, rng.random());
        executor.execute(request).await;
    }
}
