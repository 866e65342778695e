//! Four ways to keep tenants apart, by what they cost with their leaks, what they leave of the price, and how many leaks a
//! year make the cheaper one the dearer one.
//!
//! `total(N) = N × 12 × (infrastructure + other) + leaks a year × mean cost of one`.

use serde::Serialize;

use super::assumptions::Point;
use super::breach::BreachModel;
use super::input::{InputError, amount, dollars, positive};
use super::key::Key;

/// A way to keep tenants apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// One database, tenants told apart by the application.
    SharedDatabase,
    /// One database, tenants told apart by Row-Level Security behind a pool.
    RlsPooling,
    /// A database for each tenant.
    DatabasePerTenant,
    /// Row-Level Security and pooling in each of many complete stacks.
    Cells,
}

impl Architecture {
    /// All of them, cheapest first.
    pub const ALL: [Architecture; 4] =
        [Architecture::SharedDatabase, Architecture::RlsPooling, Architecture::Cells, Architecture::DatabasePerTenant];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::SharedDatabase => "shared database",
            Architecture::RlsPooling => "RLS + pooling",
            Architecture::DatabasePerTenant => "database per tenant",
            Architecture::Cells => "cells",
        }
    }

    /// When it is the wrong choice.
    pub fn wrong_when(self) -> &'static str {
        match self {
            Architecture::SharedDatabase => "anybody pays for isolation: one forgotten WHERE exposes every tenant",
            Architecture::RlsPooling => {
                "there are fewer than 100 customers of over $10,000 a year each, or HIPAA or PCI demand physical isolation"
            }
            Architecture::DatabasePerTenant => {
                "there are thousands of small tenants: the databases cost more than the leaks that they prevent"
            }
            Architecture::Cells => {
                "one database still holds everybody: a cell is a complete stack to run and to upgrade"
            }
        }
    }

    fn cost_key(self) -> Key {
        match self {
            Architecture::SharedDatabase => Key::ArchitectureShared,
            Architecture::RlsPooling => Key::ArchitectureRls,
            Architecture::DatabasePerTenant => Key::ArchitectureDatabase,
            Architecture::Cells => Key::ArchitectureCells,
        }
    }
}

/// One architecture at a number of tenants, US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ArchitectureCost {
    /// Which.
    pub architecture: Architecture,
    /// Infrastructure per tenant and month.
    pub per_tenant_month: f64,
    /// Infrastructure and other cost of all tenants in a year.
    pub yearly: f64,
    /// Share of the price that is left, before leaks are paid for.
    pub margin: f64,
    /// Tenants that one leak exposes: `architecture.exposed`, or as many as are together.
    pub exposed: f64,
    /// Expected annual loss by leaks: leaks a year times the mean cost of one.
    pub leaks_yearly: f64,
    /// Everything of a year: infrastructure, other cost and leaks.
    pub total: f64,
    /// Share of the price that is left after leaks.
    pub margin_after_leaks: f64,
    /// Typical cost of a leak that exposes everybody whom one leak can expose.
    pub worst_breach: f64,
    /// Leaks a year at which a database per tenant would have cost the same; `None` where that is not dearer.
    pub break_even: Option<BreakEven>,
}

/// Leaks a year that use up what an architecture saves over a database per tenant, by what one of them costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BreakEven {
    /// Of its usual size, at the typical cost.
    pub typical: f64,
    /// Of its usual size, at the mean cost.
    pub mean: f64,
    /// That expose everybody whom one can expose, at the typical cost.
    pub worst: f64,
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArchitectureModel {
    point: Point,
}

impl ArchitectureModel {
    /// With these assumptions.
    pub fn of(point: &Point) -> Self {
        Self { point: *point }
    }

    /// Infrastructure per tenant and month, US dollars.
    pub fn infrastructure(&self, architecture: Architecture) -> f64 {
        self.point.get(architecture.cost_key())
    }

    /// Share of the price that is left after infrastructure, other cost and a cost of risk per tenant and month.
    ///
    /// # Errors
    /// If the cost of risk is negative or not finite.
    pub fn margin(&self, architecture: Architecture, risk: f64) -> Result<f64, InputError> {
        let price = positive(Key::ArchitecturePrice.name(), self.point.get(Key::ArchitecturePrice))?;
        let cost = self.infrastructure(architecture) + self.point.get(Key::ArchitectureOther) + amount("risk", risk)?;
        Ok((price - cost) / price)
    }

    /// Infrastructure of so many tenants in a year, US dollars.
    ///
    /// # Errors
    /// If the number is negative or not finite, or the cost exceeds what can be counted.
    pub fn yearly_infrastructure(&self, architecture: Architecture, tenants: f64) -> Result<f64, InputError> {
        let tenants = amount("tenants", tenants)?;
        dollars("tenants", tenants, tenants * 12.0 * self.infrastructure(architecture))
    }

    /// What one architecture saves over another in a year, US dollars; negative if it costs more.
    ///
    /// # Errors
    /// As [`Self::yearly_infrastructure`].
    pub fn saving(&self, cheap: Architecture, dear: Architecture, tenants: f64) -> Result<f64, InputError> {
        Ok(self.yearly_infrastructure(dear, tenants)? - self.yearly_infrastructure(cheap, tenants)?)
    }

    /// Leaks of some cost a year at which a saving is used up.
    ///
    /// # Errors
    /// If the cost is not above zero, or the saving is negative.
    pub fn break_even(&self, saving: f64, cost_of_leak: f64) -> Result<f64, InputError> {
        Ok(amount("saving", saving)? / positive("cost_of_leak", cost_of_leak)?)
    }

    /// Typical cost of the largest leak: everybody in one database, US dollars.
    ///
    /// # Errors
    /// If there are no tenants or no cells, or the cost exceeds what can be counted.
    pub fn worst_breach(&self, architecture: Architecture, tenants: f64, cells: f64) -> Result<f64, InputError> {
        let together = together(architecture, tenants, cells)?;
        BreachModel::of(&self.point).median(together * self.point.get(Key::BreachRecordsPerTenant))
    }

    /// Leaks a year. A shared database has those of its applications; the others are held to the published rate of all
    /// incidents, which is an upper bound.
    pub fn leaks_per_year(&self, architecture: Architecture) -> f64 {
        self.point.get(match architecture {
            Architecture::SharedDatabase => Key::ArchitectureSharedLeaks,
            Architecture::RlsPooling | Architecture::DatabasePerTenant | Architecture::Cells => Key::FrequencyLeak,
        })
    }

    /// Tenants that one leak exposes: the usual number, or as many as are together.
    ///
    /// # Errors
    /// As [`Self::worst_breach`].
    pub fn exposed(&self, architecture: Architecture, tenants: f64, cells: f64) -> Result<f64, InputError> {
        Ok(together(architecture, tenants, cells)?.min(self.point.get(Key::ArchitectureExposed)))
    }

    /// Expected annual loss by leaks, US dollars.
    ///
    /// # Errors
    /// As [`Self::worst_breach`].
    pub fn expected_leaks(&self, architecture: Architecture, tenants: f64, cells: f64) -> Result<f64, InputError> {
        let records = self.exposed(architecture, tenants, cells)? * self.point.get(Key::BreachRecordsPerTenant);
        let mean = BreachModel::of(&self.point).mean(records)?;
        dollars("tenants", tenants, self.leaks_per_year(architecture) * mean)
    }

    /// All architectures at a number of tenants.
    ///
    /// # Errors
    /// As [`Self::worst_breach`].
    pub fn compare(&self, tenants: f64, cells: f64) -> Result<[ArchitectureCost; 4], InputError> {
        let mut costs = Vec::with_capacity(4);
        for architecture in Architecture::ALL {
            costs.push(self.cost(architecture, tenants, cells)?);
        }
        Ok([costs[0], costs[1], costs[2], costs[3]])
    }

    fn cost(&self, architecture: Architecture, tenants: f64, cells: f64) -> Result<ArchitectureCost, InputError> {
        let breach = BreachModel::of(&self.point);
        let exposed = self.exposed(architecture, tenants, cells)?;
        let records = exposed * self.point.get(Key::BreachRecordsPerTenant);
        let worst_breach = self.worst_breach(architecture, tenants, cells)?;
        let saving = self.saving(architecture, Architecture::DatabasePerTenant, tenants)?;
        let break_even = match saving > 0.0 {
            true => Some(BreakEven {
                typical: self.break_even(saving, breach.median(records)?)?,
                mean: self.break_even(saving, breach.mean(records)?)?,
                worst: self.break_even(saving, worst_breach)?,
            }),
            false => None,
        };
        let other = tenants * 12.0 * self.point.get(Key::ArchitectureOther);
        let yearly = dollars("tenants", tenants, self.yearly_infrastructure(architecture, tenants)? + other)?;
        let leaks_yearly = self.expected_leaks(architecture, tenants, cells)?;
        Ok(ArchitectureCost {
            architecture,
            per_tenant_month: self.infrastructure(architecture),
            yearly,
            margin: self.margin(architecture, 0.0)?,
            exposed,
            leaks_yearly,
            total: dollars("tenants", tenants, yearly + leaks_yearly)?,
            margin_after_leaks: self.margin(architecture, leaks_yearly / tenants / 12.0)?,
            worst_breach,
            break_even,
        })
    }
}

/// Tenants whose data are in one database: as many as one leak can expose.
fn together(architecture: Architecture, tenants: f64, cells: f64) -> Result<f64, InputError> {
    let (tenants, cells) = (positive("tenants", tenants)?, positive("cells", cells)?);
    Ok(match architecture {
        Architecture::DatabasePerTenant => 1.0,
        Architecture::Cells => (tenants / cells).max(1.0),
        Architecture::SharedDatabase | Architecture::RlsPooling => tenants,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::business_metrics::{AnchoredBreach, Assumptions};

    fn model() -> ArchitectureModel {
        ArchitectureModel::of(&Assumptions::built_in().point())
    }

    /// Rows 20 and 21: at one price the margins are 75% and 40%; a shared database would have 78.8%, and has the brief's
    /// 60% with a cost of risk of $24.19 a month; RLS saves $450,000 a month at 10,000 tenants.
    #[test]
    fn the_briefs_margins_and_saving_come_out() {
        let margin = |architecture, risk| model().margin(architecture, risk).unwrap();
        assert!((margin(Architecture::RlsPooling, 0.0) - 0.75).abs() < 1e-5);
        assert!((margin(Architecture::DatabasePerTenant, 0.0) - 0.40).abs() < 1e-5);
        assert!((margin(Architecture::SharedDatabase, 0.0) - 0.788).abs() < 5e-4);
        assert!((margin(Architecture::SharedDatabase, 24.186) - 0.60).abs() < 1e-4);
        let saving = model().saving(Architecture::RlsPooling, Architecture::DatabasePerTenant, 10_000.0).unwrap();
        assert_eq!((saving / 12.0, saving), (450_000.0, 5_400_000.0));
        let more_margin = (margin(Architecture::RlsPooling, 0.0) - margin(Architecture::DatabasePerTenant, 0.0))
            * 10_000.0
            * 12.0
            * Assumptions::built_in().point().get(Key::ArchitecturePrice);
        assert!((more_margin / saving - 1.0).abs() < 1e-5, "what is saved is the difference of the margins");
    }

    /// The saving is used up by 4.5 leaks of fifty tenants a year, or 36 of one; in means 1.346 and 10.8. Below a hundred
    /// customers (row 31) the saving is $54,000 and 0.36 leaks of one tenant use it up.
    #[test]
    fn leaks_use_the_saving_up() {
        let breach = AnchoredBreach::of(&Assumptions::built_in().point());
        let (one, fifty) = (5_000.0, 250_000.0);
        let leaks = |saving, cost| model().break_even(saving, cost).unwrap();
        assert!((leaks(5.4e6, breach.median(fifty).unwrap()) - 4.5).abs() < 1e-9);
        assert!((leaks(5.4e6, breach.median(one).unwrap()) - 36.0).abs() < 1e-9);
        assert!((leaks(5.4e6, breach.mean(fifty).unwrap()) - 1.346).abs() < 5e-4);
        assert!((leaks(5.4e6, breach.mean(one).unwrap()) - 10.8).abs() < 0.05);
        let hundred = model().saving(Architecture::RlsPooling, Architecture::DatabasePerTenant, 100.0).unwrap();
        assert_eq!((hundred, leaks(hundred, breach.median(one).unwrap())), (54_000.0, 0.36));
    }

    /// Row 26: a million tenants cost $60 million a year in cells and $600 million in databases, not $5 and $30 million;
    /// a hundred cells cut the worst breach by 11.6, not by a hundred.
    #[test]
    fn a_million_tenants_cost_what_they_cost() {
        let yearly = |architecture| model().yearly_infrastructure(architecture, 1e6).unwrap();
        assert_eq!((yearly(Architecture::Cells), yearly(Architecture::DatabasePerTenant)), (60e6, 600e6));
        let worst = |architecture| model().worst_breach(architecture, 1e6, 100.0).unwrap();
        let cut = worst(Architecture::RlsPooling) / worst(Architecture::Cells);
        assert!((cut - 11.56).abs() < 0.01, "{cut}");
    }

    /// The total holds the leaks of a year. A shared database has the brief's 60% once they are paid for; RLS has the published
    /// rate of leaks of fifty tenants ($391,632 a year); a database of one's own leaks one tenant at a time; and a hundred
    /// cells cap a leak only where they hold fewer tenants than one leak exposes.
    #[test]
    fn leaks_are_in_the_total() {
        let [shared, rls, cells, database] = model().compare(10_000.0, 100.0).unwrap();
        assert!((shared.margin_after_leaks - 0.60).abs() < 1e-4, "{shared:?}");
        assert!((rls.leaks_yearly - 391_632.0).abs() < 1.0 && rls.leaks_yearly == cells.leaks_yearly, "{rls:?}");
        assert!((database.leaks_yearly - 0.097_612_8 * 501_511.8).abs() < 1.0, "{database:?}");
        let cheapest = [shared, rls, cells, database].into_iter().min_by(|a, b| a.total.total_cmp(&b.total)).unwrap();
        assert!(matches!(cheapest.architecture, Architecture::RlsPooling | Architecture::Cells));
        let small = model().compare(1_000.0, 100.0).unwrap()[2];
        assert!(small.exposed == 10.0 && small.leaks_yearly < cells.leaks_yearly);
    }

    /// The comparison agrees with its parts, and impossible numbers are refused by name.
    #[test]
    fn the_comparison_is_made_of_its_parts() {
        let all = model().compare(10_000.0, 10.0).unwrap();
        assert!(all.windows(2).all(|pair| pair[0].per_tenant_month <= pair[1].per_tenant_month));
        assert_eq!(all[3].break_even, None);
        let rls = all[1];
        let saving = model().saving(Architecture::RlsPooling, Architecture::DatabasePerTenant, 10_000.0).unwrap();
        let BreakEven { typical, mean, worst } = rls.break_even.unwrap();
        assert!((typical - 4.5).abs() < 1e-9 && (mean - 1.346).abs() < 5e-4);
        assert!((worst * rls.worst_breach / saving - 1.0).abs() < 1e-12);
        for each in all {
            assert!((each.total - each.yearly - each.leaks_yearly).abs() < 1e-6, "{each:?}");
        }
        assert_eq!(model().compare(0.0, 10.0).unwrap_err().key, "tenants");
        assert_eq!(model().compare(10.0, 0.0).unwrap_err().key, "cells");
        assert_eq!(model().compare(f64::NAN, 1.0).unwrap_err().key, "tenants");
        assert_eq!(model().margin(Architecture::Cells, -1.0).unwrap_err().key, "risk");
    }
}
