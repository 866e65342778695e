//! One scenario, run from a test that looks at its report.

use std::path::PathBuf;

use tenant_chaos::oracle::Verdict;
use tenant_chaos::run::{RunOptions, run_scenario};
use tenant_chaos::scenario;
use tenant_chaos::stack::{ProviderChoice, StackOptions};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_context_leaks_nothing() {
    let scenarios = scenario::load(&[PathBuf::from("scenarios")], Some("lost-context")).expect("the file is sound");
    let stack = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    let options = RunOptions { stack, ..RunOptions::default() };

    let report = run_scenario(&scenarios[0], options).await.expect("the harness could run it");

    assert_eq!(report.verdict, Verdict::Pass, "{:?}", report.reasons);
    let bound = report.judgement.leak_bound;
    assert_eq!(bound.leaks, 0);
    // "0 of n" is no proof of "never": this is what the run does prove, with 95% confidence.
    assert!(bound.upper_95.expect("rows were compared") < 0.01);
}
