//! What it costs: findings become inputs of [`crate::business_metrics`], and dollars come back. Pure.

mod priced;

pub use priced::*;
