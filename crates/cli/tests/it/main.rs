//! The program as a user meets it: files, exit codes, interruptions.

mod approximate;
mod common;
mod explain;
mod folders;
mod interruption;
mod program;
mod refusals;
