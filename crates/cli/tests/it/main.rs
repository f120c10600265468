//! The program as a user meets it: files, exit codes, interruptions.

mod common;
mod interruption;
mod program;
mod refusals;
