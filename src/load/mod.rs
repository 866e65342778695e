//! Who asks: seeded arrivals over a skewed tenant mix, the operations of the reference schema, and the recorder.
//!
//! Latency counts from the intended start of a request; arrivals that could not be sent are counted, never skipped.
//! Nothing here decides what an observation means.

mod arrival;
mod classes;
mod driver;
mod executor;
mod ledger;
mod mix;
mod operation;
mod plan;
mod recorder;
mod slices;

pub use arrival::{Arrival, Arrivals, stream};
pub use classes::Classes;
pub use driver::Load;
pub use executor::{Executor, Request};
pub use ledger::{Acknowledged, LedgerBook};
pub use mix::{OperationMix, TenantMix};
pub use operation::{NEW_PARTITION, Row, Step};
pub use plan::LoadPlan;
pub use recorder::{Recorder, RecorderOptions, Totals};
pub use slices::{Outcome, SliceClock};
