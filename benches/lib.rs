//! Criterion benches live beside this file: `kernels.rs` and `papers.rs`.
