//! Result records, claims, tables, plots and the interactive page of embex.
//!
//! Everything here turns plain data into text: no algorithm, no clock. Numbers are made elsewhere.
//!
//! - [`page`]: the page a run leaves behind, one HTML file;
//! - [`RunResult`]: the files of a result folder, written and read back;
//! - [`plot`]: static figures as SVG;
//! - [`claims`], [`CellRecord`], [`Reproduction`]: the papers' numbers beside ours;
//! - [`Table`], [`text`], [`palette`]: what the others are written with.

mod error;
mod matrix;
mod record;
mod reproduction;
mod run_result;
mod table;

pub mod claims;
pub mod page;
pub mod palette;
pub mod plot;
pub mod text;

pub use claims::{Change, Claim, Direction, Estimate, Outcome, Verdict};
pub use error::{Error, Result};
pub use matrix::Matrix;
pub use record::{CellRecord, Environment};
pub use reproduction::{DataNote, Figure, Reproduction, Section};
pub use run_result::{PhaseTime, RunRecord, RunResult, SCHEMA};
pub use table::{Entry, Table};

/// The README's example runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
