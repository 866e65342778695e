//! The phases of a run: provision, baseline, inject, recover, verify, heal.
//!
//! [`run_scenario`] runs one scenario on a server of its own; [`run_catalogue`] runs many on one server, side by side
//! where they measure no latency. What a run saw goes to its journal, and the report is made from the journal alone.
//! Whatever a run started is undone on every way out.

mod catalogue;
mod catalogue_check;
mod live;
mod options;
mod progress;
mod provision;
mod scenario_run;
mod session;
mod verify;

pub use catalogue::run_catalogue;
pub use options::{RunError, RunOptions};
pub use progress::{ProgressEvent, Reporter, Silent};
pub use session::{Session, run_scenario};
