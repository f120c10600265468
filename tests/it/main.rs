//! Scenario tests, one module each.
