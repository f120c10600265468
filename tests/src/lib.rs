//! Runs the code of the README as doctests.
