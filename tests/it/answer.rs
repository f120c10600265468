//! What an entry point answers: all its numbers in one row, or why it refused.

use embex_linalg::Rows;

/// The error of whichever crate refused.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    Linalg(embex_linalg::Error),
    Trees(embex_trees::Error),
    Metrics(embex_metrics::Error),
    Tsne(embex_tsne::Error),
}

impl Refusal {
    /// The refusal of a matrix, whichever crates it has come through.
    pub(crate) const fn of_matrix(&self) -> Option<&embex_linalg::Error> {
        use embex_metrics::Error as Metrics;
        use embex_trees::Error as Trees;
        match self {
            Self::Linalg(error)
            | Self::Trees(Trees::Input(error) | Trees::Queries(error))
            | Self::Metrics(
                Metrics::Matrix(error)
                | Metrics::Search(Trees::Input(error) | Trees::Queries(error)),
            )
            | Self::Tsne(embex_tsne::Error::Input(error)) => Some(error),
            _ => None,
        }
    }
}

impl From<embex_linalg::Error> for Refusal {
    fn from(error: embex_linalg::Error) -> Self {
        Self::Linalg(error)
    }
}

impl From<embex_trees::Error> for Refusal {
    fn from(error: embex_trees::Error) -> Self {
        Self::Trees(error)
    }
}

impl From<embex_metrics::Error> for Refusal {
    fn from(error: embex_metrics::Error) -> Self {
        Self::Metrics(error)
    }
}

impl From<embex_tsne::Error> for Refusal {
    fn from(error: embex_tsne::Error) -> Self {
        Self::Tsne(error)
    }
}

/// Every number of a result, in a fixed order.
#[derive(Debug, Default)]
pub(crate) struct Numbers(pub(crate) Vec<f64>);

impl Numbers {
    pub(crate) fn and(mut self, values: impl IntoIterator<Item = f64>) -> Self {
        self.0.extend(values);
        self
    }

    pub(crate) fn rows(self, rows: &Rows<f64>) -> Self {
        self.and(rows.as_slice().iter().copied())
    }

    pub(crate) fn counts<'a>(self, values: impl IntoIterator<Item = &'a usize>) -> Self {
        self.and(values.into_iter().map(|&v| v as f64))
    }

    /// Equal for equal bytes alone: −0 differs from 0, a NaN equals itself.
    pub(crate) fn bits(&self) -> Vec<u64> {
        self.0.iter().map(|v| v.to_bits()).collect()
    }
}

/// What an entry point gives back.
pub(crate) type Answer = Result<Numbers, Refusal>;
