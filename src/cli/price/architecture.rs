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
        let mut costs = Table::new([
            "architecture",
            "tenant/month",
            "running it/year",
            "leaks/year",
            "total/year",
            "margin before leaks",
            "after",
        ]);
        let mut leaks = Table::new([
            "leaks/year that eat the saving",
            "tenants exposed",
            "typical",
            "on average",
            "worst",
            "worst leak",
        ]);
        for each in &self.architectures {
            costs.row([
                each.architecture.name().to_owned(),
                usd(each.per_tenant_month),
                usd(each.yearly),
                usd(each.leaks_yearly),
                usd(each.total),
                percent(each.margin),
                percent(each.margin_after_leaks),
            ]);
            let [typical, mean, worst] = match each.break_even {
                Some(leaks) => [leaks.typical, leaks.mean, leaks.worst].map(|leaks| format!("{leaks:.2}")),
                None => ["-"; 3].map(str::to_owned),
            };
            leaks.row([
                each.architecture.name().to_owned(),
                whole(each.exposed),
                typical,
                mean,
                worst,
                usd(each.worst_breach),
            ]);
        }
        let wrong = self
            .architectures
            .iter()
            .map(|each| format!("{} is wrong when {}", each.architecture.name(), each.architecture.wrong_when()));
        format!(
            "{} tenants, cells: {}\n{}\n\n{}\n\nThe saving is that over a database per tenant. Leaks a year cost their mean; all but those of a \
             shared database\nare held to the published rate of all incidents, an upper bound.\n\n{}",
            whole(self.tenants),
            whole(self.cells),
            costs.text(),
            leaks.text(),
            wrong.collect::<Vec<_>>().join("\n")
        )
    }
}
