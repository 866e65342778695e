//! The runtime's errors. Each carries what it costs the business, in its message and as tracing fields.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::business_metrics::{Assumptions, ErrorCause, ErrorImpact, MicroDollars, error_impact};
use crate::scenario::{ErrorKind, Tier};

/// Why a tenant transaction failed.
///
/// Under load these are made by the thousand, so they hold no text: a price and a sentence come into being when one of
/// them is shown.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    /// The application guard refused a request without a tenant (HTTP 400).
    MissingTenant,
    /// The tier's bulkhead was full.
    BulkheadFull {
        /// The tier.
        tier: Tier,
        /// How long the request waited.
        waited: Duration,
    },
    /// No connection came free.
    PoolTimeout {
        /// How long the request waited.
        waited: Duration,
    },
    /// The database's word.
    Database(#[source] sqlx::Error),
    /// The runtime could not be built.
    Setup(String),
}

impl fmt::Display for TenancyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TenancyError::MissingTenant => write!(f, "request without a tenant refused before it read anything"),
            TenancyError::BulkheadFull { tier, waited } => {
                write!(f, "no place in the bulkhead of tier {tier} within {waited:?}")
            }
            TenancyError::PoolTimeout { waited } => write!(f, "no pool connection within {waited:?}"),
            TenancyError::Database(error) => write!(f, "{error}"),
            TenancyError::Setup(reason) => write!(f, "tenant runtime: {reason}"),
        }?;
        match self.impact() {
            Some(impact) => write!(f, " ({impact})"),
            None => Ok(()),
        }
    }
}

impl TenancyError {
    /// What it costs the business by the built-in assumptions; `None` where nothing of the tenant's is lost or hurt: a
    /// refused value, a runtime that was never built.
    ///
    /// One error does not know how many others there are. A full bulkhead and a drained pool stop everyone behind them, so
    /// they have the rate of the customers that rates are published for; a pool serves all tiers, so it has the dearest
    /// tier's. A statement that ran too long stopped one customer.
    pub fn impact(&self) -> Option<ErrorImpact> {
        let stopped = |tier, customers| ErrorCause::Connection { tier, customers, severity: 1.0 };
        let cause = match (self, self.kind()) {
            (TenancyError::BulkheadFull { tier, .. }, _) => stopped(*tier, None),
            (TenancyError::MissingTenant, _) => ErrorCause::Refused,
            (_, ErrorKind::PoolTimeout | ErrorKind::Connection) => stopped(Tier::Enterprise, None),
            (_, ErrorKind::StatementTimeout) => stopped(Tier::Enterprise, Some(1)),
            _ => return None,
        };
        error_impact(cause, &Assumptions::built_in().point()).ok()
    }

    /// Tells the log, at level debug: what happened and what it costs, as fields. Costs nothing if nobody listens.
    pub(super) fn trace(&self) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let impact = self.impact();
        tracing::debug!(
            error = %self,
            kind = self.kind().name(),
            impact.kind = impact.map(|impact| impact.kind.word()),
            impact.usd = impact.and_then(|impact| impact.amount.once()).map(MicroDollars::usd),
            impact.usd_per_minute = impact.and_then(|impact| impact.amount.per_minute()).map(MicroDollars::usd),
            impact.tenants = impact.map(|impact| impact.tenants),
            "a tenant transaction failed"
        );
    }

    /// The kind by which reports count it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            TenancyError::MissingTenant => ErrorKind::MissingTenant,
            TenancyError::BulkheadFull { .. } => ErrorKind::BulkheadFull,
            TenancyError::PoolTimeout { .. } => ErrorKind::PoolTimeout,
            TenancyError::Setup(_) => ErrorKind::Other,
            TenancyError::Database(error) => match (self.code().as_deref(), error) {
                (Some(code), _) => kind_of_code(code),
                (None, sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_)) => ErrorKind::Connection,
                (None, _) => ErrorKind::Other,
            },
        }
    }

    /// The server's SQLSTATE, if it said one.
    pub fn sqlstate(&self) -> Option<String> {
        self.code().map(Cow::into_owned)
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        match self {
            TenancyError::Database(sqlx::Error::Database(error)) => error.code(),
            _ => None,
        }
    }

    /// Whether the connection cannot serve again.
    pub(super) fn is_connection_lost(&self) -> bool {
        self.kind() == ErrorKind::Connection
    }
}

/// The kind of a SQLSTATE, by its class. Whatever the server sends is taken.
fn kind_of_code(code: &str) -> ErrorKind {
    match (code, code.get(..2)) {
        ("57014" | "55P03", _) => ErrorKind::StatementTimeout,
        (_, Some("08" | "53" | "57")) => ErrorKind::Connection,
        (_, Some("22" | "23" | "42")) => ErrorKind::Rejected,
        _ => ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    const WAITED: Duration = Duration::from_millis(200);

    /// Every error says what it costs, by kind; one that costs nobody anything says nothing of money.
    #[test]
    fn errors_say_what_they_cost() {
        let said = |error: TenancyError| error.to_string();
        assert_eq!(
            said(TenancyError::PoolTimeout { waited: WAITED }),
            "no pool connection within 200ms (cost impact: $9,000/min, 10 enterprise customers affected)"
        );
        assert_eq!(
            said(TenancyError::BulkheadFull { tier: Tier::Starter, waited: WAITED }),
            "no place in the bulkhead of tier starter within 200ms (cost impact: $50/min, 10 starter customers affected)"
        );
        let lost = TenancyError::Database(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()));
        assert!(said(lost).ends_with("(cost impact: $9,000/min, 10 enterprise customers affected)"));
        assert!(said(TenancyError::MissingTenant).ends_with("refused before it read anything (cost impact: $0)"));
        assert_eq!(said(TenancyError::Setup("no".into())), "tenant runtime: no");
        assert_eq!(TenancyError::Database(sqlx::Error::RowNotFound).impact(), None);
    }

    /// A SQLSTATE counts by its class, and one that is none at all is taken, too.
    #[test]
    fn any_sqlstate_is_taken() {
        for (code, kind) in [
            ("57014", ErrorKind::StatementTimeout),
            ("57P01", ErrorKind::Connection),
            ("23505", ErrorKind::Rejected),
            ("40001", ErrorKind::Other),
            ("0", ErrorKind::Other),
            ("", ErrorKind::Other),
            ("0\u{e9}001", ErrorKind::Other),
        ] {
            assert_eq!(kind_of_code(code), kind, "{code:?}");
        }
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: tracing::Level) -> String {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || TenancyError::PoolTimeout { waited: WAITED }.trace());
        String::from_utf8(log.0.lock().unwrap().clone()).unwrap()
    }

    /// The log has the impact as fields of their own at level debug, and nothing above it.
    #[test]
    fn the_log_has_the_impact_as_fields() {
        let line = logged(tracing::Level::DEBUG);
        for field in
            ["kind=\"pool-timeout\"", "impact.kind=\"connection\"", "impact.usd_per_minute=9000", "impact.tenants=10"]
        {
            assert!(line.contains(field), "{field}: {line}");
        }
        assert!(!line.contains("impact.usd="), "{line}");
        assert_eq!(logged(tracing::Level::INFO), "");
    }
}
