//! The sentence for those who pay.

use super::model::Year;

impl Year {
    /// The sentence for those who pay. Never says that nothing can be lost.
    pub fn sentence(&self) -> String {
        let mut parts = vec![match self.vendor.risks.first() {
            Some(first) => format!(
                "Expected annual loss of the vendor: {} (nine years in ten between {} and {}; once in 20 years more than \
                 {}), most of it by {}",
                self.vendor.expected, self.vendor.p05, self.vendor.p95, self.vendor.p95, first.name
            ),
            None => {
                "Nothing was found, unplanted, that costs the vendor anything; that bounds the loss and does not make \
                     it none"
                    .to_owned()
            }
        }];
        if !self.customer.risks.is_empty() {
            parts.push(format!(
                "its customers lose {} a year at published rates, once in 20 years more than {}",
                self.customer.expected, self.customer.p95
            ));
        }
        if let Some(best) = self.defences.first() {
            parts.push(format!(
                "the dearest defence is the one that `{}` switches off: without it {} a year for the vendor, {} for its \
                 customers",
                best.scenario, best.expected.vendor, best.expected.customer
            ));
        }
        format!("{}.", parts.join("; "))
    }
}
