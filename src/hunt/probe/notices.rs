//! What the server says beside rows: notices. The driver hands them to the log only, so for the time of a probe the
//! log is ours.

use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// Where the driver logs notices.
const TARGET: &str = "sqlx::postgres::notice";

/// A listener to the notices of a connection.
#[derive(Debug)]
pub(in crate::hunt) struct Notices {
    dispatch: Dispatch,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Notices {
    pub(in crate::hunt) fn new() -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        Self { dispatch: Dispatch::new(Listener(heard.clone())), heard }
    }

    /// What a future gives, and the notices that came meanwhile.
    pub(in crate::hunt) async fn listen<T>(&self, future: impl Future<Output = T>) -> (T, Vec<String>) {
        let result = future.with_subscriber(self.dispatch.clone()).await;
        let heard = std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        (result, heard)
    }
}

struct Listener(Arc<Mutex<Vec<String>>>);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Message(&self.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Message<'a>(&'a Mutex<Vec<String>>);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{value:?}"));
        }
    }
}
