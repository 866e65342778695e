//! `tenant-chaos price` as a user runs it: the product's two demos, and what bad input gets.

#![expect(clippy::unwrap_used, reason = "what cannot be run fails the test")]

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;

fn price(arguments: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = Command::cargo_bin("tenant-chaos").unwrap();
    command.env_remove("RUST_LOG").env("NO_COLOR", "1").env("COLUMNS", "100");
    command.arg("price").args(arguments).assert()
}

fn json(arguments: &[&str]) -> serde_json::Value {
    let arguments = [arguments, &["--json"]].concat();
    serde_json::from_slice(&price(&arguments).success().get_output().stdout).unwrap()
}

/// The first demo: a leak of fifty tenants, an outage of 45 minutes, a noisy neighbour, the return on the pool.
#[test]
fn the_first_demo_answers() {
    price(&["breach", "--tenants", "50"]).success().stdout(contains("$1,200,000").and(contains("ABOVE its largest")));
    price(&["downtime"]).success().stdout(contains("customers lose   $405,000").and(contains("rds-multi-az")));
    price(&["noisy-neighbor"]).success().stdout(contains("vendor loses     $8,002"));
    price(&["roi", "--benefit", "2000000", "--years", "1"])
        .success()
        .stdout(contains("2,567%").and(contains("build it")));
    price(&["roi", "--benefit", "5500000,3500000"]).success().stdout(contains("$15,010,936").and(contains("20,015%")));
}

/// The second demo: margins, overage, the upgrade.
#[test]
fn the_second_demo_answers() {
    price(&["tiers"]).success().stdout(contains("69.7%").and(contains("80.0%")).and(contains("90.0%")));
    price(&["upgrade", "--calls", "15000"]).success().stdout(contains("Upgrade to growth and save $95 a month."));
    price(&["upgrade", "--calls", "5000"]).success().stdout(contains("Stay on starter"));
    price(&["architecture"]).success().stdout(contains("RLS + pooling").and(contains("is wrong when")));
}

/// JSON carries the same numbers, and a drawing is written where it is asked for.
#[test]
fn answers_come_as_json_and_drawings() {
    assert_eq!(json(&["noisy-neighbor"])["total_usd"], 8_002.0);
    assert!(json(&["bound", "--probes", "2995"])["rate"]["upper_95"].as_f64().unwrap() <= 0.001);
    let folder = tempfile::tempdir().unwrap();
    for question in ["lec", "tornado"] {
        let file = folder.path().join(question);
        price(&[question, "--svg", file.to_str().unwrap()]).success();
        let svg = std::fs::read_to_string(&file).unwrap();
        assert!(svg.starts_with("<svg") && !svg.contains("NaN"), "{question}");
    }
}

/// A simulation is the same on one thread and on four, and another seed is another sample.
#[test]
fn simulations_repeat() {
    let lec = |more: &[&str]| json(&[&["lec", "--years", "20000"], more].concat());
    assert_eq!(lec(&[]), lec(&["--threads", "4"]));
    assert_ne!(lec(&[])["exceeded"], lec(&["--seed", "2"])["exceeded"]);
}

/// A frequency that is only believed costs what its mean does and makes the tail longer; a common cause leaves the expected
/// loss alone. An outage of unknown length has the brief's typical cost and a far higher mean.
#[test]
fn what_is_not_known_is_drawn() {
    let lec = |more: &[&str]| json(&[&["lec", "--years", "20000"], more].concat());
    let (known, believed, common) = (lec(&[]), lec(&["--believed"]), lec(&["--common-cause", "0.5"]));
    let expected = |answer: &serde_json::Value| answer["expected_usd"].as_f64().unwrap();
    assert!((expected(&known) - expected(&common)).abs() < 1.0);
    // 0.0856 leaks, 4.83 outages and 17.33 noisy neighbours: the means of the ranges.
    assert!((expected(&believed) - 2_491_858.0).abs() < 1.0, "{}", expected(&believed));
    assert_eq!((common["risks"].as_array().unwrap().len(), &known["frequencies"]), (4, &serde_json::json!("known")));
    let (given, unknown) = (json(&["downtime", "--minutes", "45"]), json(&["downtime"]));
    assert_eq!((&given["loss"], &unknown["mean_minutes"].as_f64().unwrap().round()), (&unknown["loss"], &95.0));
    let mean = |answer: &serde_json::Value| answer["customers_range"]["mean_usd"].as_f64().unwrap();
    assert!((mean(&given) - 412_500.0).abs() < 1.0 && (mean(&unknown) / mean(&given) - 95.0 / 45.0).abs() < 1e-9);
}

/// A profile is a set of assumptions under those of a file: the breach as insurers paid for it, the brief's million tenants.
/// A fine is shown and not added.
#[test]
fn profiles_take_another_view() {
    price(&["breach", "--tenants", "50", "--profile", "dbir"]).success().stdout(contains("$899,510"));
    price(&["architecture", "--tenants", "1000000", "--profile", "brief_1m"]).success().stdout(contains("$0.42"));
    price(&["assumptions", "--explain", "architecture.cells", "--profile", "brief-1m"])
        .success()
        .stdout(contains("INCONSISTENT"));
    price(&["breach", "--profile", "insured"]).code(2).stderr(contains("brief-arpu"));
    let (plain, fined) = (json(&["breach"]), json(&["breach", "--turnover", "1e9"]));
    assert_eq!((&plain["mean_usd"], &plain["fine"]), (&fined["mean_usd"], &serde_json::Value::Null));
    assert_eq!(fined["fine"]["cap_usd"], 40e6);
    price(&["architecture"]).success().stdout(contains("$4,248,792").and(contains("1.35")));
    price(&["tornado", "--of", "year"]).success().stdout(contains("frequency.outage"));
}

/// Impossible numbers, unknown keys and missing questions give exit code 2 and name what is wrong; nothing says NaN.
#[test]
fn bad_input_is_named() {
    for (arguments, named) in [
        (vec!["breach", "--tenants", "-1"], "`tenants` must not be negative"),
        (vec!["breach", "--tenants", "0"], "`tenants` must not be zero"),
        (vec!["breach", "--records-per-tenant", "0"], "`records_per_tenant` must not be zero"),
        (vec!["breach", "--tenants", "nan"], "`tenants` is not a finite number"),
        (vec!["breach", "--tenants", "1e300"], "`records` is so large that the result exceeds 9.2 trillion: 5.000e303"),
        (vec!["downtime", "--severity", "1.5"], "`severity` is a share"),
        (vec!["downtime", "--sla", "rds"], "sla"),
        (vec!["lec", "--years", "0"], "`years` must not be zero"),
        (vec!["lec", "--common-cause", "1.5"], "`common_cause` is a share"),
        (vec!["lec", "--common-cause", "nan"], "`common_cause` is not a finite number"),
        (vec!["downtime", "--minutes", "-1"], "`minutes` must not be negative"),
        (vec!["downtime", "--minutes", "inf"], "`minutes` is not a finite number"),
        (vec!["downtime", "--customers", "1e300"], "`customers` is so large"),
        (vec!["noisy-neighbor", "--tenants", "-5"], "`tenants` must not be negative"),
        (vec!["architecture", "--tenants", "0"], "`tenants` must not be zero"),
        (vec!["architecture", "--cells", "nan"], "`cells` is not a finite number"),
        (vec!["upgrade", "--calls", "-1"], "`calls` must not be negative"),
        (vec!["breach", "--turnover", "-1"], "`turnover` must not be negative"),
        (vec!["tornado", "--draws", "0"], "`draws` must be at least 2"),
        (vec!["roi", "--benefit", "nan"], "`benefits` is not a finite number"),
        (vec!["roi", "--benefit", "1", "--rate", "-1"], "`rate` must not be negative"),
        (vec!["bound", "--probes", "0"], "`probes` must not be zero"),
        (vec!["bound", "--probes", "5", "--leaks", "6"], "`leaks` is a share"),
        (vec!["roi", "--benefit", "1", "--cost", "0"], "`cost` must not be zero"),
        (vec!["roi", "--benefit", "1", "--years", "0"], "`years` must not be zero"),
        (vec!["roi"], "--before"),
        (vec!["gate"], "--max-eal"),
        (vec!["gate", "--max-eal", "nan"], "`--max-eal` is not a finite number"),
        (vec!["gate", "--max-leak-ub", "2"], "`--max-leak-ub` is a share"),
        (vec!["diff", "a.json", "b.json", "--at-least", "nan"], "`--at-least` is not a finite number"),
        (vec!["upgrade", "--calls", "1e300"], "`calls` is so large"),
        (vec!["bound", "--probes", "10", "--queries", "1e300"], "`queries` is so large"),
        (vec!["roi", "--benefit", "1e308,1e308"], "`benefits` is so large"),
        (vec!["architecture", "--tenants", "1e300"], "`tenants` is so large"),
        (vec!["gate", "--max-eal", "-1"], "`--max-eal` must not be negative"),
        (vec!["assumptions", "--explain", "breach.sigam"], "did you mean `breach.sigma`?"),
    ] {
        price(&arguments).code(2).stdout("").stderr(contains(named).and(contains("NaN").not()));
    }
}

/// Overridden assumptions move the answer; a mistake among them is shown at its place.
#[test]
fn assumptions_can_be_overridden() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ours.toml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "downtime.enterprise = 4_500\n").unwrap();
    price(&["downtime", "--assumptions", path]).success().stdout(contains("customers lose   $202,500"));
    std::fs::write(&file, "[downtime]\nenterprize = 4_500\n").unwrap();
    price(&["downtime", "--assumptions", path])
        .code(2)
        .stderr(contains("ours.toml:2:1").and(contains("did you mean `downtime.enterprise`?")));
}

/// A run of nothing: its gate is inconclusive and never a pass, an unproven leak rate is 1 and fails, it differs from itself
/// in nothing, and no fix returns anything.
#[test]
fn a_run_of_nothing_passes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let report = tenant_chaos::report::assemble(vec![], vec![]);
    let report = report.with_year(tenant_chaos::business_metrics::Assumptions::built_in()).unwrap();
    std::fs::write(&file, tenant_chaos::report::json(&report)).unwrap();
    let run = file.to_str().unwrap();
    price(&["gate", run, "--max-eal", "1"]).code(3).stdout(contains("pass  expected annual loss"));
    price(&["gate", run, "--max-leak-ub", "0.5"]).code(1).stdout(contains("FAIL  foreign rows, upper bound: 100.0%"));
    price(&["diff", run, run]).success().stdout(contains("No scenario's price changed."));
    price(&["roi", "--before", run, "--after", run]).success().stdout(contains("nothing that the fix could return"));
    price(&[run]).success().stdout(contains("does not make it none"));
    price(&[run, "--years", "0"]).code(2).stderr(contains("`years` must not be zero"));
    price(&[run, "--years", "1000", "--seed", "7"]).success().stdout(contains("1,000 simulated years, seed 7"));
    price(&["roi", "--before", run, "--after", run, "--years", "0"])
        .code(2)
        .stderr(contains("`horizon` must not be zero"));
    price(&["tornado", run]).code(2).stderr(contains("no scenario"));
    assert_eq!(exit_code_with_a_closed_pipe(&["price", "gate", run, "--max-leak-ub", "0.5"]), Some(1));
    assert_eq!(exit_code_with_a_closed_pipe(&["price", "gate", run, "--max-eal", "1", "--json"]), Some(3));
}

/// A reader who has seen enough and leaves (`| head`) does not turn the verdict.
fn exit_code_with_a_closed_pipe(arguments: &[&str]) -> Option<i32> {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("tenant-chaos"));
    command.args(arguments).stdout(writer).status().unwrap().code()
}
