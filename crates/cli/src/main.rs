//! The `embex` program.
fn main() {}
