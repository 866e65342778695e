//! Proves the hunt on a schema of another style: JSON claims, a user and not a tenant in the context, membership
//! functions two levels down, and constraints that defeat naive seeding.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use tenant_chaos::hunt::{Baseline, Config, HuntVerdict, Severity, Status, Target, grid, hunt, junit, sarif};
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

const CLAIMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/claims.sql");

async fn server() -> Server {
    let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    Server::start(&options, None).await.unwrap()
}

/// Nothing is configured: the missing role is created, every table is seeded, the claims are found through two levels
/// of functions, and nothing leaks.
#[tokio::test(flavor = "multi_thread")]
async fn claims_are_understood() {
    let server = server().await;
    let report = hunt(&Target::Schema(CLAIMS.into()), &server, None, &Config::default()).await.unwrap();
    server.stop().await.unwrap();
    assert_eq!(report.discovered.created_roles, ["web_user"]);
    assert_eq!(report.discovered.app_role, "web_user");
    assert_eq!(report.discovered.settings, ["request.jwt.claims"]);
    let gaps = &report.coverage.not_tested;
    assert!(!gaps.iter().any(|gap| gap.reason.contains("cannot be seeded")), "{gaps:#?}");
    assert_eq!(report.discovered.control_visible, 6, "{}: {gaps:#?}", report.discovered.context);
    let open: Vec<_> =
        report.findings.iter().filter(|f| matches!(f.severity, Severity::Leak | Severity::Write)).collect();
    assert!(open.is_empty(), "{open:#?}");
    let tested = report.coverage.isolated * 100 / report.coverage.cells_total;
    assert!(tested >= 95, "{tested}%: {gaps:#?}");
}

/// A leak that the baseline accepts no longer decides; everything that reads the report says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_leak_is_known() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(CLAIMS, folder.path().join("1.sql")).unwrap();
    std::fs::write(folder.path().join("2.sql"), "CREATE POLICY open ON rooms FOR SELECT USING (kind <> '');").unwrap();
    let server = server().await;
    let target = Target::Schema(folder.path().into());
    let mut report = hunt(&target, &server, Some("web_user"), &Config::default()).await.unwrap();
    server.stop().await.unwrap();
    assert_eq!(report.verdict(), HuntVerdict::Confirmed);
    let confirmed: Vec<_> = report.findings.iter().filter(|f| f.status == Status::Confirmed).cloned().collect();
    assert_eq!(confirmed.len(), 1, "{confirmed:#?}");
    let fingerprint = &confirmed[0].fingerprint;
    assert!(junit(&report).contains("type=\"leak\"") && grid(&report).contains("LEAK"));
    let log: serde_json::Value = serde_json::from_str(&sarif(&report)).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().any(|result| result["partialFingerprints"]["tenantChaos/v1"] == fingerprint.as_str()));

    let entry =
        |fingerprint: &str| format!("[[accepted]]\nfingerprint = '{fingerprint}'\nreason = 'rooms are public'\n");
    let baseline = Baseline::parse(&(entry(fingerprint) + &entry("gone"))).unwrap();
    assert_eq!(baseline.apply(&mut report), ["gone"]);
    assert_eq!(report.verdict(), HuntVerdict::Closed);
    assert!(!junit(&report).contains("type=\"leak\"") && sarif(&report).contains("rooms are public"));
}
