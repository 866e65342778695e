//! A proxy that speaks the Postgres protocol, and breaks it on purpose.
//!
//! Pools and Row-Level Security break between two statements: between BEGIN and the tenant context, between the context
//! and the first query, at the acknowledgement of a COMMIT. A proxy that only knows TCP cannot aim there. This one
//! knows where a session stands, applies rules to single statements, and keeps both sides in protocol while it does.
//!
//! ```text
//! socket -> lane -> conversation -> lane -> socket        relay (one task per connection)
//!                   session: what is owed, prepared, bound    <- rules (condition, verdict, guard)
//!                   wire, sql: views into the bytes           -> judge (whose rows cross)
//! ```
//!
//! Without a rule that touches it every byte passes as it came, whatever it means: what the proxy does not understand
//! it lets go of, never repairs. It must never hold more than a fixed amount of a connection's data, never tell
//! a transaction status that is not the server's, and never listen beyond this machine unless told so.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use tenant_chaos::faults::proxy::{Cut, Kind, OnStatement, Proxy, ProxyOptions, Rule, When};
//! let proxy = Proxy::start(ProxyOptions::new("127.0.0.1:5432".parse()?)).await?;
//! let commit = When { kind: Some(Kind::Commit), nth: Some(3), ..When::default() };
//! let guard = proxy.install(Rule::new(OnStatement::CutAfterReply(Cut::Reset)).when(commit));
//! // ... clients connect to proxy.address(); every third COMMIT is done and never acknowledged ...
//! println!("{} acknowledgements lost", guard.heal().touched);
//! # Ok(())
//! # }
//! ```

mod context;
mod conversation;
mod from_scenario;
mod judge;
mod lane;
mod listener;
mod relay;
mod rule;
mod rules;
mod session;
mod shape;
mod socket;
mod sql;
mod touches;
pub mod wire;
mod workers;

pub use conversation::DryRun;
pub use judge::{ForeignRow, Judge, Judgement};
pub use listener::{Proxy, ProxyError, ProxyOptions, Reach};
pub use rule::{Cut, Kind, OnLink, OnStatement, Rule, Verdict, When};
pub use rules::{Effect, RuleGuard, Rules};
pub use session::Encryption;
pub use socket::Upstream;
pub use touches::Touches;

#[cfg(test)]
mod tests;
