//! `price architecture`: four ways to keep tenants apart.

use clap::Args;
use serde::Serialize;

use super::answer::{Common, Table, percent, usd, whole};
use crate::business_metrics::{ArchitectureCost, ArchitectureModel};
use crate::cli::exit::Exit;
use crate::cli::output::{CliError, bad_input};

#[derive(Debug, Args)]
pub(super) struct Architecture {
    /// Tenants.
    #[arg(long, default_value_t = 10_000.0, allow_negative_numbers = true)]
    tenants: f64,
    /// Cells that they are spread over.
    #[arg(long, default_value_t = 100.0, allow_negative_numbers = true)]
    cells: f64,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Answer {
    tenants: f64,
    cells: f64,
    architectures: [ArchitectureCost; 4],
}

impl Architecture {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let model = ArchitectureModel::of(&self.common.point()?);
        let architectures = model.compare(self.tenants, self.cells).map_err(bad_input)?;
        let answer = Answer { tenants: self.tenants, cells: self.cells, architectures };
        self.common.answer(&answer, || answer.text())
    }
}

impl Answer {
    fn text(&self) -> String {
        let mut table = Table::new([
            "architecture",
            "tenant/month",
            "all/year",
            "margin",
            "worst leak",
            "leaks/year that eat the saving",
        ]);
        for each in &self.architectures {
            let leaks = each.break_even_leaks.map_or("-".to_owned(), |leaks| format!("{leaks:.2}"));
            table.row([
                each.architecture.name().to_owned(),
                usd(each.per_tenant_month),
                usd(each.yearly),
                percent(each.margin),
                usd(each.worst_breach),
                leaks,
            ]);
        }
        let wrong = self
            .architectures
            .iter()
            .map(|each| format!("{} is wrong when {}", each.architecture.name(), each.architecture.wrong_when()));
        format!(
            "{} tenants, cells: {}\n{}\n\n{}",
            whole(self.tenants),
            whole(self.cells),
            table.text(),
            wrong.collect::<Vec<_>>().join("\n")
        )
    }
}
