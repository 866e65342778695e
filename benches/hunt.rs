//! How long the leak hunt takes on a schema of 25, 50 and 100 tables with two policies each, and the static audit on
//! one of 1,000.
//!
//! Each hunt is checked: nothing leaks, every table is seen by its own tenant, and at least 95% of the pairs of object
//! and verb are tested. A hunt that tests nothing would be fast. Sizes take turns within one run; docs/benchmarks.md
//! says how to read it. `HUNT_ROUNDS` says how many rounds there are.

#[path = "common/mod.rs"]
#[expect(dead_code, reason = "each benchmark uses its own part of what they share")]
mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Instant;

use common::{Environment, Failure, Goal, Line, Mode, Ratio, Table, check, median, processors, setting};
use sqlx::{Connection, PgConnection};
use tenant_chaos::hunt::{Config, HuntReport, HuntVerdict, Outcome, Target, apply, audit, hunt};
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

/// The largest hunt is to end within this many seconds.
const HUNT_REACH: f64 = 60.0;
/// The audit is to end within this many seconds.
const AUDIT_REACH: f64 = 5.0;
/// Seconds per table may grow by this from the smallest schema to the largest: linear, and noise.
const GROWTH_REACH: f64 = 1.25;

fn main() -> Result<(), Failure> {
    let mode = Mode::of_arguments();
    if mode == Mode::List {
        println!("hunt: benchmark");
        return Ok(());
    }
    let processors = processors();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(measure(mode, processors))
}

async fn measure(mode: Mode, processors: usize) -> Result<(), Failure> {
    let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    let server = Server::start(&options, None).await?;
    let mut table = Table::new("hunt", Environment::note("hunt", "HUNT_", Some(&server), processors));
    let measured = add_lines(&mut table, &server, mode).await;
    server.stop().await?;
    measured?;
    table.note(
        "every hunt was checked: nothing leaks, each table is seen by its own tenant, 95% of the pairs are tested",
    );
    table.publish(mode)
}

async fn add_lines(table: &mut Table, server: &Server, mode: Mode) -> Result<(), Failure> {
    let sizes = mode.pick([25, 50, 100], [2, 3, 4]);
    let rounds = setting("HUNT_ROUNDS", mode.pick(3, 1))?;
    let mut seconds = vec![Vec::new(); sizes.len()];
    let mut cells = vec![0; sizes.len()];
    for round in 1..=rounds {
        for (place, &tables) in sizes.iter().enumerate() {
            eprintln!("round {round}: hunting {tables} tables");
            let (_folder, target) = schema(tables)?;
            let began = Instant::now();
            let report = hunt(&target, server, Some("bench_app"), &Config::default()).await?;
            seconds[place].push(began.elapsed().as_secs_f64());
            cells[place] = report.coverage.cells_total;
            check_hunt(&report, tables)?;
        }
    }
    let per_table = |place: usize| -> Vec<f64> { seconds[place].iter().map(|all| all / sizes[place] as f64).collect() };
    let smallest = format!("{} tables, per table", sizes[0]);
    for (place, &tables) in sizes.iter().enumerate() {
        let is_largest = place + 1 == sizes.len();
        table.push(Line {
            what: format!("hunt of {tables} tables with {} policies, {} cells", tables * 2, cells[place]),
            value: median(&seconds[place]),
            unit: "s",
            against: None,
            ratio: None,
            goal: is_largest.then_some(Goal::ValueBelow(HUNT_REACH)),
        });
        table.push(Line {
            what: format!("{tables} tables, per table"),
            value: median(&per_table(place)) * 1e3,
            unit: "ms",
            against: (place > 0).then(|| smallest.clone()),
            ratio: (place > 0).then(|| Ratio::of_rounds(&per_table(place), &per_table(0))),
            goal: (place > 0).then_some(Goal::AtMost(GROWTH_REACH)),
        });
    }
    let tables = mode.pick(1_000, 10);
    eprintln!("auditing {tables} tables");
    let (_folder, target) = schema(tables)?;
    let database = apply(&target, server).await?.database;
    let mut connection = PgConnection::connect_with(&server.admin(&database)).await?;
    let mut took = Vec::new();
    for _ in 0..rounds {
        let began = Instant::now();
        let found = audit(&mut connection, Some("bench_app")).await?;
        took.push(began.elapsed().as_secs_f64());
        check(found.protected_tables > tables as i64 && !found.is_open(), || format!("audit: {:?}", found.findings))?;
    }
    connection.close().await?;
    table.push(Line {
        what: format!("audit of {tables} tables with {} policies", tables * 2),
        value: median(&took),
        unit: "s",
        against: None,
        ratio: None,
        goal: Some(Goal::ValueBelow(AUDIT_REACH)),
    });
    Ok(())
}

/// A schema in the reference one's style: each table has a tenant's policy and a restrictive one, a CHECK, an index, and
/// a foreign key to the table before it, in chains of ten.
fn schema(tables: usize) -> Result<(tempfile::TempDir, Target), Failure> {
    let tenant = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)";
    let mut sql = format!(
        "DO $$ BEGIN CREATE ROLE bench_app; EXCEPTION WHEN duplicate_object THEN NULL; END $$;\n\
         CREATE TABLE tenants (id uuid PRIMARY KEY, name text NOT NULL);\n\
         ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;\n\
         CREATE POLICY own ON tenants USING (id = {tenant});\n\
         GRANT SELECT ON tenants TO bench_app;\n"
    );
    for number in 0..tables {
        let parent = match number % 10 {
            0 => String::new(),
            _ => format!(", FOREIGN KEY (tenant_id, parent) REFERENCES table_{} (tenant_id, id)", number - 1),
        };
        write!(
            sql,
            "CREATE TABLE table_{number} (tenant_id uuid NOT NULL REFERENCES tenants, id bigint NOT NULL, parent bigint,\n\
             title text NOT NULL, state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')), amount numeric,\n\
             made timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (tenant_id, id){parent});\n\
             CREATE INDEX ON table_{number} (tenant_id, made);\n\
             ALTER TABLE table_{number} ENABLE ROW LEVEL SECURITY;\n\
             ALTER TABLE table_{number} FORCE ROW LEVEL SECURITY;\n\
             CREATE POLICY own ON table_{number} USING (tenant_id = {tenant}) WITH CHECK (tenant_id = {tenant});\n\
             CREATE POLICY floor ON table_{number} AS RESTRICTIVE USING (tenant_id = {tenant});\n\
             GRANT SELECT, INSERT, UPDATE, DELETE ON table_{number} TO bench_app;\n"
        )?;
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("schema.sql");
    std::fs::write(&file, sql)?;
    Ok((folder, Target::Schema(file)))
}

fn check_hunt(report: &HuntReport, tables: usize) -> Result<(), Failure> {
    let pairs = |wanted: &dyn Fn(&Outcome) -> bool| {
        let cells = report.coverage.cells.iter().filter(|cell| wanted(&cell.outcome));
        cells.map(|cell| (&cell.object, &cell.verb)).collect::<BTreeSet<_>>().len()
    };
    let (tested, all) = (pairs(&|outcome| *outcome != Outcome::NotTested), pairs(&|_| true));
    check(report.verdict() == HuntVerdict::Closed, || format!("a leak where none is: {:?}", report.findings))?;
    check(all >= tables * 4 && tested * 100 >= all * 95, || format!("{tested} of {all} pairs are tested"))?;
    let discovered = &report.discovered;
    check(discovered.control_visible == discovered.control_tables && discovered.control_tables > 0, || {
        format!("{} of {} tables are seen", discovered.control_visible, discovered.control_tables)
    })
}
