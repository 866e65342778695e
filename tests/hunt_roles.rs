//! Proves the hunt on a schema of a third style: every tenant is a role of the database, and the application's role,
//! which may do nothing itself, becomes it.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use tenant_chaos::hunt::{Config, HuntReport, HuntVerdict, Severity, Status, Target, hunt};
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

const ROLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/roles.sql");

async fn server() -> Server {
    let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    Server::start(&options, None).await.unwrap()
}

fn open(report: &HuntReport) -> Vec<String> {
    let bad = report.findings.iter().filter(|f| matches!(f.severity, Severity::Leak | Severity::Write));
    bad.map(|f| format!("{} {} {:?} {:?}: {}", f.mode, f.object, f.verb, f.context_state, f.evidence)).collect()
}

/// Nothing is configured: the gateway is found though it has no right of its own, two tenants are made as the schema's
/// own were, every table is seeded and seen, and nothing leaks.
#[tokio::test(flavor = "multi_thread")]
async fn tenants_that_are_roles_are_understood() {
    let server = server().await;
    let report = hunt(&Target::Schema(ROLES.into()), &server, None, &Config::default()).await.unwrap();
    server.stop().await.unwrap();
    let found = &report.discovered;
    assert_eq!((found.app_role.as_str(), found.acts_as.as_str()), ("shop_gateway", "shop_tenant"));
    assert_eq!(found.context, "a request takes the role named by shop.shops.role, a member of shop_tenant");
    assert_eq!(found.tenant_table.as_deref(), Some("shop.shops"));
    let gaps = &report.coverage.not_tested;
    assert_eq!((found.control_visible, found.control_tables), (7, 7), "{gaps:#?}");
    assert!(open(&report).is_empty(), "{:#?}", open(&report));
    assert!(!report.findings.iter().any(|f| f.status == Status::Confirmed && f.severity != Severity::Covert));
    let tested = report.coverage.isolated * 100 / report.coverage.cells_total;
    assert!(tested >= 95 && report.coverage.cells_total > 90, "{tested}%: {gaps:#?}");
}

/// The gateway has rights of its own, so a request that resets its role sees every tenant: confirmed, and only there.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_rights_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(ROLES, folder.path().join("1.sql")).unwrap();
    let plant = "GRANT USAGE ON SCHEMA shop TO shop_gateway; GRANT SELECT ON shop.products TO shop_gateway;\
                 CREATE POLICY health ON shop.products FOR SELECT TO shop_gateway USING (true);";
    std::fs::write(folder.path().join("2.sql"), plant).unwrap();
    let server = server().await;
    let target = Target::Schema(folder.path().into());
    let report = hunt(&target, &server, Some("shop_gateway"), &Config::default()).await.unwrap();
    server.stop().await.unwrap();
    assert_eq!(report.verdict(), HuntVerdict::Confirmed, "{}", report.discovered.context);
    let leaks = report.findings.iter().filter(|f| f.status == Status::Confirmed && f.severity == Severity::Leak);
    let leaks: Vec<_> = leaks.map(|f| (f.object.as_str(), f.context_state.as_deref().unwrap())).collect();
    assert_eq!(leaks, [("shop.products", "never set")]);
}
