//! What is hunted, and what the user says about it.

mod baseline;
pub(in crate::hunt) mod config;
mod statements;
mod target;

pub use baseline::{Accepted, Baseline};
pub use config::{BusinessConfig, Config, ContextConfig, TenantConfig, TenantsConfig};
pub(in crate::hunt) use target::without_password;
pub use target::{Applied, Target, apply, open_read_only};
