//! How parameters are set, one by one.

/// Methods of a params struct that each set one field and hand the struct on.
///
/// # Example
/// ```
/// #[derive(Default)]
/// pub struct SmoothingParams {
///     /// Width of the window.
///     pub width: usize,
/// }
///
/// impl SmoothingParams {
///     embex_linalg::setters! {
///         with_width width: usize,
///     }
/// }
///
/// assert_eq!(SmoothingParams::default().with_width(3).width, 3);
/// ```
#[macro_export]
macro_rules! setters {
    ($($setter:ident $field:ident: $t:ty,)*) => {$(
        #[doc = concat!("Sets [`Self::", stringify!($field), "`].")]
        #[must_use]
        pub fn $setter(mut self, $field: $t) -> Self {
            self.$field = $field;
            self
        }
    )*};
}
