//! Measures of embeddings, clusterings and attributions.
