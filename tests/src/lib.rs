//! Runs the code of the README as doctests.
#![doc = include_str!("../../README.md")]
