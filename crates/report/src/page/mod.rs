//! The interactive page: one HTML file without network, eval or server.
//!
//! [`PageInput`] is what it shows, [`write()`] makes it. The scripts beside this file use plain
//! JavaScript and Canvas 2D. Data stand in the file as compressed text blocks that are decoded
//! when first needed; every name reaches the document as text, never as markup.

mod encode;
mod input;
mod write;

pub use input::{
    FeatureSets, Groups, ImageShape, Layer, LayerData, LayerKind, PageInput, Saturation, Summary,
    SummaryColumn, TopFeatures,
};
pub(crate) use write::write_with_run;
pub use write::{PageOptions, write};
