//! The interactive page: one HTML file without network, eval or server.

mod input;

pub use input::{
    Groups, ImageShape, Layer, LayerData, LayerKind, PageInput, Saturation, Summary, SummaryColumn,
    TopFeatures,
};
