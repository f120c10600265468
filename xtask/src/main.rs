//! Experiments, comparisons, benches and checks.

fn main() {}
