//! Models in dollars of what a tenancy failure costs. Pure; knows no finding and no scenario.

mod money;

pub use money::MicroDollars;
