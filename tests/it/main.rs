//! Scenario tests, one module each.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod agreement;
mod answer;
mod contract;
mod data;
mod entries;
mod properties;
mod vectors;
