//! Seeded data, comparisons and golden loaders for the tests of embex.
