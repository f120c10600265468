//! File formats, atomic writers, bundled data sets and the data manifest of embex.
