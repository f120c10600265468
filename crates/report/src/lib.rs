//! Result records, claims, tables, plots and the interactive page of embex.
