//! What the defences are worth that scenarios switched off.

use super::kind::{Kind, LossLine};
use super::model::Defence;
use super::risk::risk;
use super::select::{ScenarioPrice, Which, dearest, priced};
use crate::business_metrics::{Assumptions, InputError, MicroDollars};
use crate::oracle::Code;
use crate::pricing::priced::Losses;

pub(super) fn defences(scenarios: &[ScenarioPrice<'_>], assumptions: &Assumptions) -> Result<Vec<Defence>, InputError> {
    let mut defences = Vec::new();
    for each in scenarios {
        let codes: Vec<Code> = priced(each, Which::Planted).map(|(_, priced)| priced.code).collect();
        let expected = |line: LossLine| -> Result<MicroDollars, InputError> {
            let mut sum = MicroDollars::ZERO;
            for kind in Kind::ALL {
                if let Some(found) = dearest(std::slice::from_ref(each), Which::Planted, kind, line) {
                    let risk = risk(kind, found.priced, line, assumptions)?;
                    sum += MicroDollars::from_usd(risk.expected_annual_loss());
                }
            }
            Ok(sum)
        };
        let expected = Losses { customer: expected(LossLine::Customer)?, vendor: expected(LossLine::Vendor)? };
        if expected != Losses::default() {
            defences.push(Defence { scenario: each.scenario.to_owned(), codes, expected });
        }
    }
    defences.sort_by_key(|defence| std::cmp::Reverse(defence.expected.vendor.max(defence.expected.customer)));
    Ok(defences)
}
