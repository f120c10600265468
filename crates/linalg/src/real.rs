//! The two floating-point types of the hot kernels.

use std::fmt::{Debug, Display};
use std::iter::Sum;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`; sealed, so that kernels may rely on IEEE arithmetic.
///
/// Arithmetic operators come from faer's field traits. The methods here are those of the
/// standard library that those traits lack, under their usual names with the suffix `_`
/// wherever both traits would offer one.
pub trait Real:
    sealed::Sealed
    + faer::traits::RealField
    + Copy
    + Default
    + Debug
    + Display
    + PartialOrd
    + Send
    + Sync
    + Sum
    + 'static
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Distance from 1 to the next number.
    const EPSILON: Self;
    /// Largest finite number.
    const MAX: Self;
    /// Name as in "f32".
    const NAME: &'static str;

    /// Rounds to this type.
    fn from_f64(value: f64) -> Self;
    /// Widens to `f64`, exactly.
    fn to_f64(self) -> f64;
    /// Square root.
    #[must_use]
    fn sqrt_(self) -> Self;
    /// Absolute value.
    #[must_use]
    fn abs_(self) -> Self;
    /// Whether neither infinite nor NaN.
    fn is_finite_(self) -> bool;
    /// `self * a + b` with one rounding.
    #[must_use]
    fn mul_add_(self, a: Self, b: Self) -> Self;
    /// The smaller of two numbers; the other one if one is NaN.
    #[must_use]
    fn min_(self, other: Self) -> Self;
    /// The larger of two numbers; the other one if one is NaN.
    #[must_use]
    fn max_(self, other: Self) -> Self;
}

macro_rules! real {
    ($t:ident) => {
        impl Real for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const EPSILON: Self = $t::EPSILON;
            const MAX: Self = $t::MAX;
            const NAME: &'static str = stringify!($t);

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as Self
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn sqrt_(self) -> Self {
                $t::sqrt(self)
            }
            #[inline(always)]
            fn abs_(self) -> Self {
                $t::abs(self)
            }
            #[inline(always)]
            fn is_finite_(self) -> bool {
                $t::is_finite(self)
            }
            #[inline(always)]
            fn mul_add_(self, a: Self, b: Self) -> Self {
                $t::mul_add(self, a, b)
            }
            #[inline(always)]
            fn min_(self, other: Self) -> Self {
                $t::min(self, other)
            }
            #[inline(always)]
            fn max_(self, other: Self) -> Self {
                $t::max(self, other)
            }
        }
    };
}

real!(f32);
real!(f64);
