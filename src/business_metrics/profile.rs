//! Named sets of assumptions: whose view of the same failures is taken.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::assumptions::Assumptions;
use super::overrides;

/// A named set of assumptions: the built-in ones with some changed. `price assumptions --profile NAME` shows what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// The built-in ones: the product brief's figures come out.
    #[default]
    Brief,
    /// Breaches as insurers paid for them.
    Dbir,
    /// What a vendor can expect to pay itself.
    Vendor,
    /// The brief's million tenants, as it says them.
    Brief1m,
    /// The brief's price behind its $3.5 million of margin.
    BriefArpu,
}

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 5] =
        [Profile::Brief, Profile::Dbir, Profile::Vendor, Profile::Brief1m, Profile::BriefArpu];

    /// As written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Brief => "brief",
            Profile::Dbir => "dbir",
            Profile::Vendor => "vendor",
            Profile::Brief1m => "brief-1m",
            Profile::BriefArpu => "brief-arpu",
        }
    }

    /// What it changes, as a file of assumptions.
    pub fn text(self) -> &'static str {
        match self {
            Profile::Brief => "",
            Profile::Dbir => include_str!("profiles/dbir.toml"),
            Profile::Vendor => include_str!("profiles/vendor.toml"),
            Profile::Brief1m => include_str!("profiles/brief-1m.toml"),
            Profile::BriefArpu => include_str!("profiles/brief-arpu.toml"),
        }
    }

    /// Its assumptions.
    pub fn assumptions(self) -> Assumptions {
        let path = format!("profile {}", self.name());
        overrides::read(Path::new(&path), self.text(), Assumptions::built_in())
            .expect("the profiles are sound, as a test shows")
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Profile {
    type Err = String;

    /// By name; underscores count as dashes.
    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = text.replace('_', "-");
        Self::ALL
            .into_iter()
            .find(|profile| profile.name() == wanted)
            .ok_or_else(|| crate::diagnostics::did_you_mean(&wanted, Self::ALL.map(Profile::name)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::business_metrics::{
        AnchoredBreach, Architecture, ArchitectureModel, BreachModel, Dbir2015, NoisyNeighbourModel, Tier, TierCounts,
    };

    /// Every profile can be read and says where each of its changes comes from; the first changes nothing.
    #[test]
    fn profiles_are_sound_and_sourced() {
        assert_eq!(Profile::Brief.assumptions(), *Assumptions::built_in());
        for profile in Profile::ALL.into_iter().skip(1) {
            let (ours, built_in) = (profile.assumptions(), Assumptions::built_in());
            let changed: Vec<_> = ours.iter().filter(|(key, value)| *value != built_in.get(*key)).collect();
            assert!(!changed.is_empty(), "{profile}");
            assert!(
                changed.iter().all(|(_, value)| !value.source.starts_with("profile ") || value.source.contains(':'))
            );
            assert_eq!(profile.name().parse(), Ok(profile));
        }
        assert_eq!("brief_1m".parse(), Ok(Profile::Brief1m));
        assert!("breif".parse::<Profile>().unwrap_err().contains("brief"));
    }

    /// `dbir` and `vendor` price a breach as insurers paid for it; `vendor` also has engineers at market rates.
    #[test]
    fn claims_price_breaches() {
        for profile in [Profile::Dbir, Profile::Vendor] {
            let point = profile.assumptions().point();
            let (ours, claims) =
                (BreachModel::of(&point).median(250_000.0).unwrap(), Dbir2015::of(&point).median(250_000.0).unwrap());
            assert!((ours / claims - 1.0).abs() < 1e-9 && ours < AnchoredBreach::of(&point).median(250_000.0).unwrap());
        }
        let noisy = |profile: Profile| {
            let model = NoisyNeighbourModel::of(&profile.assumptions().point());
            model.cost(&TierCounts::only(Tier::Starter, 200.0)).unwrap().engineering
        };
        assert_eq!((noisy(Profile::Dbir), noisy(Profile::Vendor)), (2_500.0, 1_000.0));
    }

    /// The brief's own words, where they contradict its other figures: a million tenants for 5 and 30 million a year, and
    /// 3.5 million of margin at 10,000 tenants with margins of 75% and 40%.
    #[test]
    fn the_briefs_other_figures_come_out() {
        let model = |profile: Profile| ArchitectureModel::of(&profile.assumptions().point());
        let million = |architecture| model(Profile::Brief1m).yearly_infrastructure(architecture, 1e6).unwrap();
        assert!((million(Architecture::Cells) - 5e6).abs() < 1.0);
        assert!((million(Architecture::DatabasePerTenant) - 30e6).abs() < 1.0);
        let arpu = model(Profile::BriefArpu);
        let saving = arpu.saving(Architecture::RlsPooling, Architecture::DatabasePerTenant, 10_000.0).unwrap();
        assert!((saving - 3.5e6).abs() < 1.0, "{saving}");
        for (architecture, margin) in [(Architecture::RlsPooling, 0.75), (Architecture::DatabasePerTenant, 0.40)] {
            assert!((arpu.margin(architecture, 0.0).unwrap() - margin).abs() < 1e-9, "{margin}");
        }
    }
}
