//! One test per kind of mistake: what a person sees, and that what is sound passes.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use crate::scenario::{FaultAction, Layer, LoadShape, Scenario, ServerUse, Tier, load, parse};

/// A sound scenario that uses most of the format.
const SOUND: &str = r#"name = "sound"
why = "Everything is said once."
tags = ["pool", "smoke"]
seed = 7

[stack]
postgres = "17"
pool = { size = 8, acquire_timeout = "200ms", bulkheads = { starter = "25%" } }
defence = ["guard", "rls", "monitor"]
defects = ["no-bulkhead"]
server = "alone"

[fleet]
starter = 4
growth = 2
enterprise = 0
rows_per_tenant = 10

[load]
rate = "400/s"
mix = { read = 70, write = 30 }
skew = 0.5
timeout = "1s"

[phases]
baseline = "1s"
inject = "2s"
recover = "1s"

[[fault]]
context.drop = { leaves = "stale" }
when = { share = "20%", nth = 2, first = 10, tenant = "starter-1", tier = "starter", operation = "write" }

[[fault]]
flood.heavy = { tenant = "starter-2", clients = 16 }
at = "200ms"
for = "1s"

[expect]
always = ["leaked_rows == 0", "lost_writes == 0"]
baseline = ["rate > 300/s"]
inject = ["p99(victims) < 4 * p99(baseline)", "alerts > 0"]
recover = { within = "500ms", that = ["error_rate(pool-timeout) == 0%"] }
cost = ["cost_usd < 10_000"]
must_find = ["TC-N01"]

[stop]
leaked_rows = 100
wall_clock = "60s"

[business]
slo = "100ms"
"#;

fn mistakes(text: &str) -> String {
    match parse(Path::new("pool/sound.toml"), text) {
        Ok(_) => panic!("no mistake was found in:\n{text}"),
        Err(diagnostics) => diagnostics.to_string(),
    }
}

/// What a person sees after one replacement in [`SOUND`].
fn after(from: &str, to: &str) -> String {
    assert!(SOUND.contains(from), "{from}");
    mistakes(&SOUND.replacen(from, to, 1))
}

/// Title, line and suggestion of each mistake, without the decoration.
fn brief(replacements: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (from, to) in replacements {
        for line in after(from, to).lines().filter(|line| !line.trim().is_empty() && line.trim() != "|") {
            writeln!(text, "{line}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn sound() -> Scenario {
    parse(Path::new("scenarios/pool/sound.toml"), SOUND).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// What the file says is what the scenario means.
#[test]
fn a_sound_file_means_what_it_says() {
    let scenario = sound();
    assert_eq!((scenario.name.as_str(), scenario.family.as_str(), scenario.seed), ("sound", "pool", 7));
    assert_eq!(scenario.stack.pool.bulkheads[&Tier::Starter], 0.25);
    assert_eq!((scenario.fleet.tenants(), scenario.fleet.rows_per_tenant), (6, 10));
    assert_eq!(scenario.load.shape, LoadShape::Open { rate_per_s: 400.0 });
    assert_eq!((scenario.load.mix.read, scenario.load.mix.report, scenario.load.skew), (70, 0, 0.5));
    let [drop, heavy] = scenario.faults.as_slice() else { panic!("{:?}", scenario.faults) };
    assert_eq!((drop.at, drop.lasts), (Duration::ZERO, Duration::from_secs(2)), "the rest of the phase");
    assert_eq!((drop.when.share, drop.when.nth, drop.when.first), (0.2, Some(2), Some(10)));
    assert_eq!((heavy.index, heavy.at, heavy.lasts), (1, Duration::from_millis(200), Duration::from_secs(1)));
    assert!(matches!(heavy.action, FaultAction::FloodHeavy { clients: 16, .. }));
    assert_eq!(scenario.expect.recover.unwrap().within, Duration::from_millis(500));
    assert_eq!(scenario.expect.min_samples, 20);
    assert_eq!((scenario.stop.leaked_rows, scenario.stop.wall_clock), (100, Duration::from_secs(60)));
    assert_eq!((scenario.business.tenants, scenario.business.slo), (10_000, Duration::from_millis(100)));
}

/// A file that says only what it must gets the defaults of the reference; both stop conditions exist.
#[test]
fn what_is_not_said_has_its_default() {
    let text =
        "name = \"x\"\nwhy = \"y\"\nload.clients = 16\nphases.inject = \"1s\"\nexpect.always = [\"leaked_rows == 0\"]";
    let scenario = parse(Path::new("x.toml"), text).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!((scenario.family.as_str(), scenario.seed, scenario.fleet.tenants()), ("scenarios", 1, 50));
    assert_eq!(scenario.load.shape, LoadShape::Closed { clients: 16 });
    assert_eq!(scenario.load.timeout, Duration::from_secs(1));
    assert_eq!(scenario.stack.defence.len(), Layer::ALL.len());
    assert_eq!((scenario.stack.server, scenario.stack.pool.size), (ServerUse::Shared, 8));
    assert_eq!((scenario.phases.baseline, scenario.phases.recover), (Duration::ZERO, Duration::ZERO));
    assert_eq!((scenario.stop.leaked_rows, scenario.stop.wall_clock), (1_000, Duration::from_secs(31)));
}

/// A file with five mistakes shows all five.
#[test]
fn all_mistakes_are_shown_at_once() {
    let text = SOUND
        .replace("seed = 7", "sede = 7")
        .replace("\"400/s\"", "\"400\"")
        .replace("for = \"1s\"", "for = \"3s\"")
        .replace("p99(victims)", "p99(victim)")
        .replace("\"60s\"", "\"1s\"");
    let shown = mistakes(&text);
    assert_eq!(shown.matches("error: ").count(), 5);
    insta::assert_snapshot!(shown);
}

/// What is no TOML is pointed at; a doubled key does not hide other mistakes.
#[test]
fn syntax() {
    insta::assert_snapshot!(brief(&[
        ("seed = 7", "seed = "),
        ("seed = 7", "seed = seven"),
        ("[stack]", "[stack"),
        ("seed = 7", "seed = 7\nseed = 8\nseeed = 9"),
    ]));
}

/// Unknown keys, missing keys, wrong types, words that are on no list.
#[test]
fn keys_types_and_words() {
    insta::assert_snapshot!(brief(&[
        ("timeout = \"1s\"", "timeuot = \"1s\""),
        ("context.drop", "context.dorp"),
        ("flood.heavy", "flod.heavy"),
        ("why = \"Everything is said once.\"\n", ""),
        ("inject = \"2s\"\n", ""),
        ("seed = 7", "seed = \"7\""),
        ("tags = [\"pool\", \"smoke\"]", "tags = \"pool\""),
        ("\"rls\"", "\"rsl\""),
        ("\"no-bulkhead\"", "\"no-bulkheads\""),
        ("\"stale\"", "\"old\""),
        ("\"TC-N01\"", "\"TC-N1\""),
        ("\"TC-N01\"", "\"TC-N01\", \"TC-N01\""),
        ("\"sound\"", "\"So und!\""),
        ("\"sound\"", "\"\""),
        ("\"Everything is said once.\"", "\" \""),
        ("context.drop = { leaves = \"stale\" }", ""),
        ("context.drop", "pool.leak = {}\ncontext.drop"),
        ("[[fault]]\ncontext.drop = { leaves = \"stale\" }\nwhen", "[fault]\npool.leak = {}\n\n[[fault]]\nwhen"),
    ]));
}

/// Values without or with the wrong unit, and values out of their limits.
#[test]
fn units_and_limits() {
    insta::assert_snapshot!(brief(&[
        ("\"200ms\"", "200"),
        ("\"200ms\"", "\"200\""),
        ("\"200ms\"", "\"200msecs\""),
        ("\"200ms\"", "\"0s\""),
        ("\"25%\"", "0.25"),
        ("\"20%\"", "\"120%\""),
        ("\"400/s\"", "400"),
        ("\"400/s\"", "\"0/s\""),
        ("\"400/s\"", "\"1_000_000/s\""),
        ("skew = 0.5", "skew = 50"),
        ("skew = 0.5", "skew = nan"),
        ("skew = 0.5", "skew = -1"),
        ("size = 8", "size = 0"),
        ("size = 8", "size = 99999999999999999999999"),
        ("postgres = \"17\"", "postgres = \"14\""),
        ("postgres = \"17\"", "postgres = \"17.2\""),
        ("clients = 16", "clients = 1_001"),
        ("inject = \"2s\"", "inject = \"2h\""),
        ("inject = \"2s\"", "inject = \"10ms\""),
        ("baseline = \"1s\"\ninject = \"2s\"", "baseline = \"40min\"\ninject = \"40min\""),
        ("\"100ms\"\n", "\"2h\"\n"),
        ("starter = 4", "starter = 2_000_000"),
        ("starter = 4\ngrowth = 2", "starter = 900_000\ngrowth = 200_000"),
        ("growth = 2\nenterprise = 0\nrows_per_tenant = 10", "growth = 100\nrows_per_tenant = 1_000_000"),
    ]));
    assert!(after("starter = 4\n", "starter = 1\n").contains("the fleet has no starter-2"));
    assert!(after("starter = 4\ngrowth = 2", "starter = 1\ngrowth = 0").contains("nobody to isolate"));
}

/// Faults outside their phase, on nobody, or that can never fire.
#[test]
fn faults_that_cannot_happen() {
    insta::assert_snapshot!(brief(&[
        ("for = \"1s\"", "for = \"2s\""),
        ("at = \"200ms\"", "at = \"2s\""),
        ("for = \"1s\"", "for = \"0s\""),
        ("at = \"200ms\"", "at = \"200ms\"\nwhen = { nth = 2 }"),
        ("tenant = \"starter-2\"", "tenant = \"starter-5\""),
        ("tenant = \"starter-2\"", "tenant = \"enterprise-1\""),
        ("tenant = \"starter-2\"", "tenant = \"starter\""),
        ("tier = \"starter\"", "tier = \"growth\""),
        ("tenant = \"starter-1\", tier = \"starter\"", "tier = \"enterprise\""),
        ("nth = 2", "nth = 11"),
        ("share = \"20%\"", "share = \"0%\""),
        ("operation = \"write\"", "operation = \"report\""),
        ("{ leaves = \"stale\" }", "{ leaves = \"stale\", layer = \"request\" }"),
        (
            "flood.heavy = { tenant = \"starter-2\", clients = 16 }",
            "flood.rate = { tenant = \"starter-2\", times = 1 }"
        ),
        (
            "flood.heavy = { tenant = \"starter-2\", clients = 16 }",
            "flood.lock = { tenant = \"starter-2\", hold = \"0s\" }"
        ),
        ("flood.heavy", "pool.hold = { connections = 9 }\n[[fault]]\nflood.heavy"),
    ]));
}

/// Faults on the wire: what they cannot look at, values out of range, and that each of them can be written.
#[test]
fn faults_on_the_wire() {
    const FLOOD: &str = "flood.heavy = { tenant = \"starter-2\", clients = 16 }";
    let before_the_flood = |fault: &str| format!("{fault}\n[[fault]]\n{FLOOD}");
    let mistaken = [
        "network.latency = { add = \"0s\" }",
        "network.bandwidth = { rate = \"100\" }",
        "network.slice = { size = \"100kb\", gap = \"2ms\" }",
        "network.refuse = {}\nwhen = { statement = \"select\" }",
        "network.cut = { how = \"rst\" }",
        "protocol.swallow = {}\nwhen = { operation = \"read\" }",
        "protocol.swallow = {}\nwhen = { statement = \"copy\" }",
        "protocol.drop-context = {}\nwhen = { statement = \"select\" }",
        "protocol.delay = { by = \"2min\" }\nwhen = { after = \"beginn\" }",
        "protocol.fail = { sqlstate = \"00000\" }",
        "protocol.fail = { sqlstate = \"4000\" }",
        "protocol.duplicate = {}\nwhen = { tenant = \"starter-1\", context = \"x\" }",
        "protocol.duplicate = {}\nnetwork.blackhole = {}",
        "pool.leak = {}\nwhen = { table = \"orders\" }",
    ]
    .map(before_the_flood);
    let mistaken: Vec<_> = mistaken.iter().map(|text| (FLOOD, text.as_str())).collect();
    insta::assert_snapshot!(brief(&mistaken));
    for sound in [
        "network.latency = { add = \"50ms\", jitter = \"20ms\" }\nwhen = { after = \"context\", nth = 3 }",
        "network.bandwidth = { rate = \"100KiB/s\" }\nwhen = { share = \"20%\" }",
        "network.slice = { size = \"100B\", gap = \"2ms\" }",
        "network.limit = { after = \"1.5MB\" }",
        "network.cut = {}",
        "network.blackhole = {}",
        "network.refuse = {}",
        "network.drain = { rate = \"10kB/s\" }",
        "protocol.swallow = {}\nwhen = { statement = \"insert\", table = \"orders\", tenant = \"starter-1\" }",
        "protocol.drop-context = {}\nwhen = { first = 3 }",
        "protocol.fail = { sqlstate = \"40001\", message = \"try again\" }",
        "protocol.delay = { by = \"20ms\" }",
        "protocol.duplicate = {}",
        "protocol.reorder = {}",
        "protocol.cut = { at = \"acknowledgement\", how = \"silence\" }\nwhen = { statement = \"commit\" }",
    ] {
        let text = SOUND.replace(FLOOD, &before_the_flood(sound));
        let scenario = parse(Path::new("x.toml"), &text).unwrap_or_else(|wrong| panic!("{sound}: {wrong}"));
        let name = sound.split(' ').next().unwrap();
        assert!(scenario.faults.iter().any(|fault| fault.action.name() == name), "{sound}");
    }
}

/// Conditions that have no value where they stand.
#[test]
fn expectations_that_are_never_evaluated() {
    insta::assert_snapshot!(brief(&[
        ("baseline = \"1s\"", "baseline = \"0s\""),
        ("recover = \"1s\"", "recover = \"0s\""),
        ("within = \"500ms\"", "within = \"1s\""),
        ("that = [\"error_rate(pool-timeout) == 0%\"]", "that = []"),
        ("p99(victims) <", "p99(victims, recover) <"),
        ("\"leaked_rows == 0\"", "\"cost_usd < 5\""),
        ("\"cost_usd < 10_000\"", "\"leaked_rows == 0\""),
        ("\"alerts > 0\"", "\"lost_writes == 0\""),
        ("\"lost_writes == 0\"", "\"lost_writes(growth) == 0\""),
        ("\"lost_writes == 0\"", "\"lost_writes(inject) == 0\""),
        ("\"lost_writes == 0\"", "\"fairness(growth-1) > 0.9\""),
        ("error_rate(pool-timeout) == 0%", "fairness > 0.9"),
        ("\"alerts > 0\"", "\"alerts(growth) > 0\""),
        ("p99(victims)", "p99(enterprise)"),
        ("p99(victims)", "p99(growth-3)"),
        ("\"monitor\"", ""),
        ("\"leaked_rows == 0\"", "\"leaked_rows >= 0\""),
        ("\"leaked_rows == 0\"", "\"error_rate > 100%\""),
        ("4 * p99(baseline)", "p99(victims)"),
        ("write = 30", "write = 0"),
        ("\"alone\"", "\"shared\""),
    ]));
    for sound in ["leaked_tenants(growth) == 0", "alerts == 0", "max(victims) < 2 * max(victims, baseline)"] {
        let text = SOUND.replace("error_rate(pool-timeout) == 0%", sound);
        parse(Path::new("x.toml"), &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
    let without_flood =
        SOUND.replace("flood.heavy = { tenant = \"starter-2\", clients = 16 }", "pool.hold = { connections = 4 }");
    insta::assert_snapshot!("without_flood", mistakes(&without_flood));
}

/// Findings that cannot occur, and contradictions between sections.
#[test]
fn contradictions() {
    insta::assert_snapshot!(brief(&[
        ("\"TC-N01\"", "\"TC-L01\""),
        ("\"guard\", \"rls\", \"monitor\"", "\"guard\", \"rls\", \"rls\""),
        ("mix = { read = 70, write = 30 }", "mix = { read = 0 }"),
        ("rate = \"400/s\"", "rate = \"400/s\"\nclients = 4"),
        ("rate = \"400/s\"\n", ""),
        (", bulkheads = { starter = \"25%\" }", ""),
        ("starter = \"25%\"", "starter = \"0%\""),
        ("starter = \"25%\"", "enterprise = \"25%\""),
        ("wall_clock = \"60s\"", "wall_clock = \"3s\""),
        ("wall_clock = \"60s\"", "wall_clock = \"3h\""),
    ]));
    let expects = |expect: &str| {
        let (head, _) = SOUND.split_once("[expect]").unwrap();
        mistakes(&format!("{head}[expect]\n{expect}\n"))
    };
    assert!(expects("").contains("nothing is expected, so the scenario cannot fail"));
    assert!(expects("always = []\nmin_samples = 5").contains("nothing is expected"));
    assert!(expects("must_find = [\"TC-R01\"]").contains("nothing says when the system must have recovered"));
    assert!(expects("must_find = [\"TC-M01\"]\nalways = [\"alerts > 0\"]").contains("a blind monitor raises no alert"));
    let writes_nothing = SOUND.replace("write = 30", "write = 0").replace("TC-N01", "TC-W01");
    assert!(
        mistakes(&writes_nothing).contains("\"TC-W01\"")
            && mistakes(&writes_nothing).contains("the load writes nothing")
    );
    let no_recovery = SOUND.replace("recover = \"1s\"\n", "").replace("TC-N01", "TC-P02");
    assert!(mistakes(&no_recovery).contains("need a recover phase"));
    let quiet = SOUND.replace("context.drop = { leaves = \"stale\" }", "pool.leak = {}").replace("TC-N01", "TC-C01");
    assert!(mistakes(&quiet).contains("no fault takes the tenant context away"));
}

/// A caret stands in the right column inside a condition, whatever the quotes; with escapes, on the whole of it.
#[test]
fn carets_inside_conditions() {
    let column = |condition: &str| {
        let text = SOUND.replace("\"leaked_rows == 0\"", condition);
        let wrong = parse(Path::new("x.toml"), &text).unwrap_err();
        let place = wrong.iter().next().unwrap().place.clone().unwrap();
        text[place.span].to_owned()
    };
    assert_eq!(column("\"leaked_rows(grwth) == 0\""), "grwth");
    assert_eq!(column("'leaked_rows(grwth) == 0'"), "grwth");
    assert_eq!(column("\"\"\"leaked_rows(grwth) == 0\"\"\""), "grwth");
    assert_eq!(column("\"leaked_rows(\\u0067rwth) == 0\""), "\"leaked_rows(\\u0067rwth) == 0\"");
}

/// Hostile names and keys are shown and not acted on.
#[test]
fn hostile_text_is_shown() {
    let shown = after("seed = 7", "\"\\u001b[2J\\nerror: forged\" = 7");
    assert!(!shown.contains('\x1b') && shown.contains("␛[2J␊error: forged"), "{shown}");
    assert!(!shown.lines().any(|line| line.starts_with("error: forged")), "{shown}");
}

/// A text over the limit of a file is refused before it is read.
#[test]
fn too_large_a_text() {
    assert!(mistakes(&"#".repeat(300_000)).contains("larger than 256 KiB"));
}

/// A hostile file costs no more problems and no more text than a person can read, however it is made.
#[test]
fn hostile_files_are_bounded() {
    let keys = |n: usize| (0..n).map(|n| format!("k{n}=1,")).collect::<String>();
    let (head, _) = SOUND.split_once("[[fault]]").unwrap();
    for text in [
        format!("load = {{{}}}", keys(20_000)),
        format!("a = [{}]", "1,".repeat(120_000)),
        format!("expect.always = [{}]", "\"x\",".repeat(60_000)),
        format!("{head}{}", "[[fault]]\n".repeat(20_000)),
        "=\n".repeat(120_000),
        "[".repeat(250_000),
        "{a=".repeat(80_000),
        "a.".repeat(120_000),
    ] {
        let wrong = parse(Path::new("x.toml"), &text).unwrap_err();
        let start: String = text.chars().take(40).collect();
        assert!(wrong.len() <= 500 && wrong.render(false).len() < 100_000, "{start}: {}", wrong.len());
    }
}

fn catalogue() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    load(&[folder], None).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// Every file of the catalogue is sound and named after its scenario; a planted one must find something, and a flood
/// asks for at least as much as everybody else together.
#[test]
fn the_catalogue_is_sound() {
    let catalogue = catalogue();
    assert!(catalogue.len() >= 50, "{}", catalogue.len());
    for scenario in &catalogue {
        let name = &scenario.name;
        assert_eq!(scenario.source.path.file_stem().unwrap().to_str(), Some(name.as_str()));
        let planted = scenario.tags.contains("planted");
        assert_eq!(planted, !scenario.expect.must_find.is_empty(), "{name}");
        assert_eq!(planted, scenario.why.starts_with("Planted:"), "{name}");
        let rate = match scenario.load.shape {
            LoadShape::Open { rate_per_s } => rate_per_s,
            LoadShape::Closed { .. } => continue,
        };
        let roster = crate::observe::Roster::of(&scenario.fleet);
        let plan = crate::load::LoadPlan::of(scenario, scenario.seed, &roster);
        for fault in &scenario.faults {
            if let FaultAction::FloodRate { tenant, times } = fault.action {
                let index = roster.iter().position(|(slug, _)| slug == tenant).unwrap() as u32;
                let until = fault.at + fault.lasts;
                let flood = plan.flood(fault.index, index, times, fault.at, until).count() as f64;
                assert!(flood >= rate * fault.lasts.as_secs_f64(), "{name}: only {flood} requests");
            }
        }
    }
}

proptest! {
    /// No text makes the parser panic, and every mistake can be shown.
    #[test]
    fn no_text_panics(text in "(\\PC|[\\n\"'\\[\\]={}.,#]){0,120}") {
        if let Err(wrong) = parse(Path::new("x.toml"), &text) {
            prop_assert!(!wrong.render(true).is_empty());
        }
    }

    /// A damaged file never makes the parser panic, and every mistake can be shown.
    #[test]
    fn no_damage_panics(file in any::<prop::sample::Index>(), from in any::<prop::sample::Index>(), length in 0usize..40, put in "(\\PC|[\\n\"'\\[\\]={}]|[0-9]{1,25}|\"[a-z0-9%/]{0,6}\"){0,4}") {
        let files = texts();
        let text = file.get(files);
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).chain([text.len()]).collect();
        let start = from.index(places.len());
        let (from, to) = (places[start], places[(start + length).min(places.len() - 1)]);
        let damaged = format!("{}{put}{}", &text[..from], &text[to..]);
        if let Err(wrong) = parse(Path::new("x.toml"), &damaged) {
            prop_assert!(!wrong.render(false).is_empty());
        }
    }
}

/// The texts of the catalogue, read once.
fn texts() -> &'static [String] {
    static TEXTS: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
    TEXTS.get_or_init(|| {
        catalogue().into_iter().map(|scenario| scenario.source.text).chain([SOUND.to_owned()]).collect()
    })
}

/// A pooler's settings, faults and defects need a pooler that they can touch, and room for the pool.
#[test]
fn poolers_fit() {
    let stack = |settings: &str| SOUND.replacen("[stack]\n", &format!("[stack]\n{settings}\n"), 1);
    assert_ne!(stack("pooler = \"none\""), SOUND);
    for (settings, said) in [
        ("pooler_size = 4", "there is no pooler, so `pooler_size` means nothing"),
        ("pooler_wait = \"1s\"", "there is no pooler, so `pooler_wait` means nothing"),
        ("pooler = \"pgbouncer\"", "pgbouncer-session"),
        ("pooler = \"pgbouncer-session\"\npooler_size = 2", "write pooler_size = 8 or more"),
        ("pooler = \"pgbouncer-transaction\"\npooler_wait = \"1ms\"", "write \"10ms\" or more"),
    ] {
        let shown = mistakes(&stack(settings));
        assert!(shown.contains(said), "{said}: {shown}");
    }
    let planted = |defect: &str, pooler: &str| {
        let text = stack(&format!("pooler = \"{pooler}\""));
        let (head, tail) = text.split_once("defects = [").unwrap_or_else(|| panic!("{text}"));
        format!("{head}defects = [\"{defect}\", {tail}")
    };
    for (defect, pooler) in [("kept-statements", "pgbouncer-session"), ("pooler-reset-off", "none")] {
        assert!(mistakes(&planted(defect, pooler)).contains("there is none that it could touch"), "{defect}");
    }
    let restarted = format!("{SOUND}\n[[fault]]\npooler.restart = {{ down = \"100ms\" }}\n");
    assert!(mistakes(&restarted).contains("there is no pooler that could be restarted"));
}
