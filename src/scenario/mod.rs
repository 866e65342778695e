//! A TOML file, checked: what should happen. Pure; never touches a server.

mod condition;
mod model;

pub use condition::*;
pub use model::*;
