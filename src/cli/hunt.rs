//! `hunt`: prove or break the isolation of a schema with probes.

use std::path::{Path, PathBuf};

use clap::Args;

use super::audit::TargetArgs;
use super::exit::Exit;
use super::options::MoneyArgs;
use super::output::{CliError, print, print_json};
use super::stops::Stops;
use crate::hunt::{self, Baseline, Config, Finding, HuntReport, HuntVerdict, Options, Status};
use crate::scenario;

#[derive(Debug, Args)]
pub(super) struct Hunt {
    #[command(flatten)]
    target: TargetArgs,
    /// Role that the application connects as; without it the least privileged one with rights on tables.
    #[arg(long, value_name = "ROLE")]
    app_role: Option<String>,
    /// hunt.toml: what cannot be discovered.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// TOML file of accepted findings: `[[accepted]]` with `fingerprint` and `reason`.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Folder of hunt.json, .md, .html, .sarif, junit.xml, and one reproducer (.sql) per confirmed finding.
    #[arg(long, value_name = "DIR", default_value = "target/hunt")]
    out: PathBuf,
    /// What the search for sequences draws from: the same seed draws the same sequences.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How long the hunt may take, such as 60s or 5min; what is cut is reported.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    budget: String,
    #[command(flatten)]
    money: MoneyArgs,
    /// Print hunt.json on standard output instead of the summary.
    #[arg(long)]
    json: bool,
}

impl Hunt {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let config = self.config()?;
        let runtime = tokio::runtime::Runtime::new().map_err(CliError::io("start the async runtime"))?;
        let baseline = self.baseline()?;
        let budget = scenario::length(&self.budget).map_err(|why| CliError::Usage(format!("--budget: {why}")))?;
        let assumptions = self.money.assumptions()?;
        let options = Options { assumptions, budget, seed: self.seed, ..Options::default() };
        let (mut report, clean) = runtime.block_on(self.hunt(&config, &options))?;
        for fingerprint in baseline.apply(&mut report) {
            eprintln!("the baseline accepts {fingerprint}, which is no longer found: take it out");
        }
        write(&mut report, &self.out)?;
        for role in &report.discovered.created_roles {
            eprintln!("the schema expects the role {role}: created, without rights of its own");
        }
        if let Some(question) = report.question() {
            eprintln!("{question}");
        }
        match self.json {
            true => print_json(&report)?,
            false => print(&hunt::terminal(&report, &self.out))?,
        }
        Ok(match report.verdict() {
            HuntVerdict::Closed if !clean => Exit::Trouble,
            HuntVerdict::Closed => Exit::Pass,
            HuntVerdict::Confirmed => Exit::Fail,
            HuntVerdict::Inconclusive => Exit::Inconclusive,
        })
    }

    /// The report, and whether nothing is left of the server. A signal ends the hunt, and the server with it.
    async fn hunt(&self, config: &Config, options: &Options) -> Result<(HuntReport, bool), CliError> {
        let (target, mut stops) = (self.target.target()?, Stops::new()?);
        eprintln!("hunt: starting PostgreSQL");
        let server = stops.unless(self.target.server()).await??;
        eprintln!("hunt: seeding and probing on a server of our own, within a budget of {}", self.budget);
        let hunted = hunt::hunt_with(&target, &server, self.app_role.as_deref(), config, options);
        let report = stops.unless(hunted).await;
        let clean = stops.stop(&server).await;
        Ok((report??, clean))
    }

    fn baseline(&self) -> Result<Baseline, CliError> {
        let Some(path) = &self.baseline else { return Ok(Baseline::default()) };
        Baseline::parse(&read(path)?).map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))
    }

    fn config(&self) -> Result<Config, CliError> {
        let Some(path) = &self.config else { return Ok(Config::default()) };
        Config::parse(&read(path)?).map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))
    }
}

fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| CliError::Usage(format!("cannot read {}: {error}", path.display())))
}

/// Takes out the reproducers of an earlier hunt: those of what is no longer found would be run as if it were.
fn remove_reproducers(folder: &Path) -> Result<(), CliError> {
    let failed = || CliError::io(format!("take out the reproducers in {}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        if path.file_name().is_some_and(|name| is_reproducer(&name.to_string_lossy())) {
            std::fs::remove_file(&path).map_err(failed())?;
        }
    }
    Ok(())
}

/// `F15-0123456789abcdef.sql`
fn is_reproducer(name: &str) -> bool {
    let parts = name.strip_suffix(".sql").and_then(|name| name.strip_prefix('F')?.split_once('-'));
    parts.is_some_and(|(mode, fingerprint)| {
        mode.len() == 2
            && mode.bytes().all(|byte| byte.is_ascii_digit())
            && fingerprint.len() == 16
            && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Writes hunt.json and a reproducer per confirmed finding, of which it notes the file.
fn write(report: &mut HuntReport, folder: &Path) -> Result<(), CliError> {
    std::fs::create_dir_all(folder).map_err(CliError::io(format!("create {}", folder.display())))?;
    remove_reproducers(folder)?;
    let confirmed = |finding: &&mut Finding| finding.status == Status::Confirmed && !finding.reproducer_sql.is_empty();
    for finding in report.findings.iter_mut().filter(confirmed) {
        let name = format!("{}-{}.sql", finding.mode, finding.fingerprint);
        let path = folder.join(&name);
        std::fs::write(&path, &finding.reproducer_sql).map_err(CliError::io(format!("write {}", path.display())))?;
        finding.reproducer = Some(name);
    }
    let files = [
        ("hunt.json", hunt::json(report)),
        ("hunt.md", hunt::markdown(report)),
        ("hunt.html", hunt::grid(report)),
        ("hunt.sarif", hunt::sarif(report)),
        ("junit.xml", hunt::junit(report)),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(CliError::io(format!("write {}", path.display())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reproducers of an earlier hunt go, and nothing else of the folder's does.
    #[test]
    fn only_reproducers_are_taken_out() {
        let folder = tempfile::tempdir().unwrap();
        let kept = ["hunt.json", "F15-mine.sql", "F15-0123456789abcdef.sql.bak", "schema.sql"];
        for name in kept.iter().chain(&["F15-0123456789abcdef.sql"]) {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        remove_reproducers(folder.path()).unwrap();
        assert!(kept.iter().all(|name| folder.path().join(name).exists()));
        assert!(!folder.path().join("F15-0123456789abcdef.sql").exists());
    }
}
