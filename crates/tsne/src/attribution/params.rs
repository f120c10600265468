//! What to attribute, by which derivative, at which steps.

use std::fmt;
use std::str::FromStr;

use embex_linalg::Real;

use crate::{Error, Result};

/// Whose mathematics the recursion follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Formula {
    /// The authors' package, interpretable-tsne 0.0.4, with the quirks that
    /// [`PublishedQuirks`] names.
    Published,
    /// The printed equations: dP of \[TG, eq. 20–27\] with the wrong sign of eq. 25–27, summed as in
    /// eq. 16–17, that is with factor 4 but without learning rate, momentum and gains.
    Paper,
    /// The derivative of the update that the map really makes, with learning rate, momentum and
    /// gains, its step kept inside the recursion's own stability limit: near the end of early
    /// exaggeration most updates are shortened (`Diagnostics::limited` counts them), and the values
    /// lag behind the free recursion's until the map has settled; see
    /// [`AttributeParams::with_limit_step`].
    #[default]
    Corrected,
}

/// What is differentiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Derivative {
    /// Along the run: point i alone moves, the others follow the path they took
    /// [TG, eq. 6]. Not the gradient of the whole map.
    #[default]
    Restricted,
    /// Where the force on point i vanishes, the others held: −H_ii⁻¹ ∂g_i/∂x_i at the map.
    FixedPoint,
}

/// Whether bandwidths follow the inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Bandwidth {
    /// σ is a constant, as in \[TG\].
    Fixed,
    /// σ keeps the perplexity: the constraint is differentiated as well.
    #[default]
    Aware,
}

/// The three choices that say which derivative is meant.
///
/// Written `FORMULA[:DERIVATIVE][:BANDWIDTH]`; what is left out takes its default, and the
/// bandwidth is `fixed` for `published` and `paper`.
///
/// # Example
/// ```
/// use embex_tsne::attribution::{Bandwidth, Derivative, Mode};
/// let mode: Mode = "corrected:fixed_point".parse()?;
/// assert_eq!((mode.derivative, mode.bandwidth), (Derivative::FixedPoint, Bandwidth::Aware));
/// assert_eq!("published".parse::<Mode>()?.to_string(), "published:restricted:fixed");
/// # Ok::<(), embex_tsne::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Mode {
    /// Whose mathematics.
    pub formula: Formula,
    /// Which derivative.
    pub derivative: Derivative,
    /// Whether bandwidths follow.
    pub bandwidth: Bandwidth,
}

impl Mode {
    /// A formula with its own defaults: restricted, and aware only if corrected.
    pub const fn of(formula: Formula) -> Self {
        let bandwidth = match formula {
            Formula::Corrected => Bandwidth::Aware,
            Formula::Published | Formula::Paper => Bandwidth::Fixed,
        };
        Self { formula, derivative: Derivative::Restricted, bandwidth }
    }

    /// Refuses aware bandwidths where the formula fixes them.
    ///
    /// # Errors
    /// [`Error::AwareBandwidth`].
    pub fn check(self) -> Result<()> {
        match (self.formula, self.bandwidth) {
            (Formula::Published | Formula::Paper, Bandwidth::Aware) => {
                Err(Error::AwareBandwidth { formula: self.formula })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Published => "published",
            Self::Paper => "paper",
            Self::Corrected => "corrected",
        })
    }
}

impl fmt::Display for Derivative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restricted => "restricted",
            Self::FixedPoint => "fixed_point",
        })
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed => "fixed",
            Self::Aware => "aware",
        })
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.formula, self.derivative, self.bandwidth)
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || Error::UnknownMode { text: text.to_owned() };
        let mut words = text.split(':');
        let mut mode = Self::of(match words.next() {
            Some("published") => Formula::Published,
            Some("paper") => Formula::Paper,
            Some("corrected") => Formula::Corrected,
            _ => return Err(unknown()),
        });
        let mut word = words.next();
        if let Some(derivative) = word.and_then(derivative_named) {
            mode.derivative = derivative;
            word = words.next();
        }
        mode.bandwidth = match word {
            None => mode.bandwidth,
            Some("fixed") => Bandwidth::Fixed,
            Some("aware") => Bandwidth::Aware,
            Some(_) => return Err(unknown()),
        };
        if words.next().is_some() {
            return Err(unknown());
        }
        mode.check().map(|()| mode)
    }
}

fn derivative_named(word: &str) -> Option<Derivative> {
    match word {
        "restricted" => Some(Derivative::Restricted),
        "fixed_point" => Some(Derivative::FixedPoint),
        _ => None,
    }
}

/// What sets [`Formula::Published`] apart from the derivative of the update, one switch each.
///
/// Found by reading interpretable-tsne 0.0.4 and confirmed against its recorded runs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // independent switches, all 64 combinations are meant
pub struct PublishedQuirks {
    /// Gains are written as n × C and read as C × n: a point gets another point's gain.
    pub scrambled_gains: bool,
    /// The mean term E_i of \[TG, eq. 31\] is zero for points 0 and 1.
    pub zeroed_mean: bool,
    /// The recursion's velocity survives the phase change that resets the map's.
    pub kept_velocity: bool,
    /// The factor 4 of \[TG, eq. 17\] is missing.
    pub missing_factor: bool,
    /// dP uses β where 2β belongs.
    pub half_size_dp: bool,
    /// The derivative of p_{i|j} has the wrong sign, as printed in \[TG, eq. 25–27\].
    pub wrong_sign_dp: bool,
}

impl Default for PublishedQuirks {
    /// All of them.
    fn default() -> Self {
        Self {
            scrambled_gains: true,
            zeroed_mean: true,
            kept_velocity: true,
            missing_factor: true,
            half_size_dp: true,
            wrong_sign_dp: true,
        }
    }
}

impl PublishedQuirks {
    /// None of them: what remains is [`Formula::Corrected`] without its step limit.
    pub const fn none() -> Self {
        Self {
            scrambled_gains: false,
            zeroed_mean: false,
            kept_velocity: false,
            missing_factor: false,
            half_size_dp: false,
            wrong_sign_dp: false,
        }
    }

    /// Sets [`Self::scrambled_gains`].
    #[must_use]
    pub const fn with_scrambled_gains(mut self, on: bool) -> Self {
        self.scrambled_gains = on;
        self
    }

    /// Sets [`Self::zeroed_mean`].
    #[must_use]
    pub const fn with_zeroed_mean(mut self, on: bool) -> Self {
        self.zeroed_mean = on;
        self
    }

    /// Sets [`Self::kept_velocity`].
    #[must_use]
    pub const fn with_kept_velocity(mut self, on: bool) -> Self {
        self.kept_velocity = on;
        self
    }

    /// Sets [`Self::missing_factor`].
    #[must_use]
    pub const fn with_missing_factor(mut self, on: bool) -> Self {
        self.missing_factor = on;
        self
    }

    /// Sets [`Self::half_size_dp`].
    #[must_use]
    pub const fn with_half_size_dp(mut self, on: bool) -> Self {
        self.half_size_dp = on;
        self
    }

    /// Sets [`Self::wrong_sign_dp`].
    #[must_use]
    pub const fn with_wrong_sign_dp(mut self, on: bool) -> Self {
        self.wrong_sign_dp = on;
        self
    }
}

/// A scalar (or several) of a point's place y_i, whose derivative by x_i is wanted.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Scalar {
    /// |y_i|², as in \[TG\]; depends on where the map's origin lies.
    #[default]
    NormSq,
    /// Every output axis: C values a feature. An axis alone means nothing, since maps rotate.
    Axes,
    /// Length of ∂y_i/∂x_id over the axes, per feature d; needs no origin and never cancels.
    JacobianNorm,
    /// |y_i − m|² to the mean m of the point's own group, the mean held still.
    GroupDistanceSq {
        /// Group of each sample; any numbers.
        groups: Vec<u32>,
    },
    /// |y_i − m|² to a place on the map.
    DistanceSq {
        /// C coordinates.
        place: Vec<f64>,
    },
    /// Any scalar with these derivatives by y_i at the step.
    Gradient {
        /// n × C, row after row.
        rows: Vec<f64>,
    },
}

impl Scalar {
    /// Values per feature during the recursion: C for the axes and their norm, else 1.
    pub(crate) fn channels(&self, axes: usize) -> usize {
        if matches!(self, Self::Axes | Self::JacobianNorm) { axes } else { 1 }
    }

    /// Accepts a scalar that fits a map of `n` points in `axes` dimensions.
    ///
    /// # Errors
    /// [`embex_linalg::Error::LengthMismatch`], `NotFinite`.
    pub fn check(&self, n: usize, axes: usize) -> Result<()> {
        let values: &[f64] = match self {
            Self::NormSq | Self::Axes | Self::JacobianNorm => return Ok(()),
            Self::GroupDistanceSq { groups } => {
                return Ok(embex_linalg::check::length("groups", groups.len(), n)?);
            }
            Self::DistanceSq { place } => {
                embex_linalg::check::length("place", place.len(), axes)?;
                place
            }
            Self::Gradient { rows } => {
                embex_linalg::check::length("gradient", rows.len(), n * axes)?;
                rows
            }
        };
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(at) => {
                let (row, col, value) = (at / axes, at % axes, values[at]);
                Err(embex_linalg::Error::NotFinite { row, col, value }.into())
            }
        }
    }

    /// [`Self::seeds`] at a map of `axes` columns, row after row.
    pub(crate) fn seeds_at<T: Real>(&self, map: &[T], axes: usize) -> Vec<T> {
        match axes {
            1 => self.seeds(map.as_chunks::<1>().0),
            2 => self.seeds(map.as_chunks::<2>().0),
            _ => self.seeds(map.as_chunks::<3>().0),
        }
    }

    /// Derivatives of the channels by y_i: n × channels × C, row after row.
    ///
    /// For a scalar that passed [`Self::check`].
    pub(crate) fn seeds<T: Real, const C: usize>(&self, y: &[[T; C]]) -> Vec<T> {
        let two = T::from_f64(2.0);
        match self {
            Self::NormSq => y.iter().flatten().map(|&v| two * v).collect(),
            Self::Axes | Self::JacobianNorm => axis_seeds::<T, C>(y.len()),
            Self::GroupDistanceSq { groups } => distance_seeds(y, groups),
            Self::DistanceSq { place } => {
                let seed = |p: &[T; C]| -> [T; C] {
                    std::array::from_fn(|c| two * (p[c] - T::from_f64(place[c])))
                };
                y.iter().flat_map(seed).collect()
            }
            Self::Gradient { rows } => rows.iter().map(|&v| T::from_f64(v)).collect(),
        }
    }
}

fn axis_seeds<T: Real, const C: usize>(n: usize) -> Vec<T> {
    let mut seeds = vec![T::ZERO; n * C * C];
    for unit in seeds.chunks_exact_mut(C * C) {
        for c in 0..C {
            unit[c * C + c] = T::ONE;
        }
    }
    seeds
}

fn distance_seeds<T: Real, const C: usize>(y: &[[T; C]], groups: &[u32]) -> Vec<T> {
    let mut sums = std::collections::BTreeMap::<u32, ([f64; C], f64)>::new();
    for (place, &group) in y.iter().zip(groups) {
        let (sum, count) = sums.entry(group).or_insert(([0.0; C], 0.0));
        (0..C).for_each(|c| sum[c] += place[c].to_f64());
        *count += 1.0;
    }
    let from_mean = |(place, group): (&[T; C], &u32)| -> [T; C] {
        let (sum, count) = sums[group];
        std::array::from_fn(|c| T::from_f64(2.0 * (place[c].to_f64() - sum[c] / count)))
    };
    y.iter().zip(groups).flat_map(from_mean).collect()
}

/// Settings of an attribution; checked by the verb that uses them.
///
/// # Example
/// ```
/// use embex_tsne::attribution::{AttributeParams, Formula, Scalar};
/// let params = AttributeParams::default()
///     .with_formula(Formula::Corrected)
///     .with_scalar(Scalar::JacobianNorm)
///     .with_steps([250]);
/// assert_eq!(params.mode.to_string(), "corrected:restricted:aware");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct AttributeParams {
    /// Formula, derivative and bandwidth.
    pub mode: Mode,
    /// What of y_i is attributed.
    pub scalar: Scalar,
    /// Numbers of completed updates at which to attribute; empty means the end of early
    /// exaggeration. Not used by the fixed point, which belongs to the finished map.
    pub steps: Vec<usize>,
    /// Quirks of [`Formula::Published`]; the other formulas ignore them.
    pub quirks: PublishedQuirks,
    /// Clip every entry of a step's increment, before learning rate and gain, to ±this, as the
    /// package does at 1. Only with [`Formula::Published`]; off by default.
    pub clip: Option<f64>,
    /// Keep the recursion of [`Formula::Corrected`] inside its stability limit: learning rate ·
    /// gain · 4 at most 2 (1 − momentum) / (exaggeration · Σ_j p_ij) for each point; on by default.
    /// Without it the recursion is the derivative of the map's own updates, exactly, and may
    /// explode where the map does not.
    pub limit_step: bool,
    /// Also carry the start's own dependence on x_i, where the start is linear in x; off by
    /// default, as in \[TG\]: exaggeration contracts the start's share to almost nothing, and the
    /// start is a choice, not a finding.
    pub init_jacobian: bool,
}

impl Default for AttributeParams {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            scalar: Scalar::default(),
            steps: Vec::new(),
            quirks: PublishedQuirks::default(),
            clip: None,
            limit_step: true,
            init_jacobian: false,
        }
    }
}

impl AttributeParams {
    /// Sets all three parts of [`Self::mode`].
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the formula, and the bandwidth to that formula's default.
    #[must_use]
    pub fn with_formula(mut self, formula: Formula) -> Self {
        self.mode = Mode { derivative: self.mode.derivative, ..Mode::of(formula) };
        self
    }

    /// Sets the derivative.
    #[must_use]
    pub fn with_derivative(mut self, derivative: Derivative) -> Self {
        self.mode.derivative = derivative;
        self
    }

    /// Sets the bandwidth.
    #[must_use]
    pub fn with_bandwidth(mut self, bandwidth: Bandwidth) -> Self {
        self.mode.bandwidth = bandwidth;
        self
    }

    embex_linalg::setters! {
        with_scalar scalar: Scalar,
    }

    /// Sets [`Self::steps`].
    #[must_use]
    pub fn with_steps(mut self, steps: impl IntoIterator<Item = usize>) -> Self {
        self.steps = steps.into_iter().collect();
        self
    }

    embex_linalg::setters! {
        with_quirks quirks: PublishedQuirks,
        with_clip clip: Option<f64>,
        with_limit_step limit_step: bool,
        with_init_jacobian init_jacobian: bool,
    }

    /// Checks what does not depend on the data.
    ///
    /// # Errors
    /// [`Error::AwareBandwidth`]; [`Error::Clip`] unless the clip is positive and published.
    pub fn check(&self) -> Result<()> {
        self.mode.check()?;
        match self.clip {
            Some(clip) if !(clip > 0.0 && clip.is_finite()) => Err(Error::Clip { clip }),
            Some(clip) if self.mode.formula != Formula::Published => Err(Error::Clip { clip }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_survive_writing_and_reading() {
        for text in [
            "corrected:restricted:aware",
            "corrected:fixed_point:fixed",
            "published:restricted:fixed",
            "paper:fixed_point:fixed",
        ] {
            assert_eq!(text.parse::<Mode>().expect("known mode").to_string(), text);
        }
        assert_eq!("corrected".parse::<Mode>().expect("known"), Mode::default());
        assert_eq!("corrected:fixed".parse::<Mode>().expect("known").bandwidth, Bandwidth::Fixed);
        let paper = Mode { bandwidth: Bandwidth::Fixed, ..Mode::of(Formula::Paper) };
        assert_eq!("paper".parse::<Mode>().expect("known"), paper);
    }

    #[test]
    fn unknown_modes_are_refused_by_name() {
        for text in ["", "exact", "corrected:total", "corrected:fixed:restricted", "paper:fixed:x"]
        {
            assert!(
                matches!(text.parse::<Mode>(), Err(Error::UnknownMode { text: t }) if t == text),
                "{text}"
            );
        }
        assert!(matches!(
            "published:aware".parse::<Mode>(),
            Err(Error::AwareBandwidth { formula: Formula::Published })
        ));
    }

    #[test]
    fn formulas_bring_their_bandwidth_and_clips_are_checked() {
        let published = AttributeParams::default().with_formula(Formula::Published);
        assert_eq!(published.mode.bandwidth, Bandwidth::Fixed);
        assert!(published.clone().with_clip(Some(1.0)).check().is_ok());
        assert!(matches!(published.with_clip(Some(0.0)).check(), Err(Error::Clip { .. })));
        let corrected = AttributeParams::default().with_clip(Some(1.0));
        assert!(matches!(corrected.check(), Err(Error::Clip { .. })));
    }

    #[test]
    fn seeds_are_derivatives_of_their_scalars() {
        let y = [[1.0, 2.0], [3.0, 6.0], [-1.0, 0.5_f64]];
        let groups = vec![7, 7, 2];
        let seeds = |s: Scalar| s.seeds(&y);
        assert_eq!(seeds(Scalar::NormSq), [2.0, 4.0, 6.0, 12.0, -2.0, 1.0]);
        assert_eq!(seeds(Scalar::GroupDistanceSq { groups }), [-2.0, -4.0, 2.0, 4.0, 0.0, 0.0]);
        let place = vec![1.0, 0.0];
        assert_eq!(seeds(Scalar::DistanceSq { place })[..4], [0.0, 4.0, 4.0, 12.0]);
        assert_eq!(seeds(Scalar::Axes)[..4], [1.0, 0.0, 0.0, 1.0]);
        let rows = vec![0.0, 1.0, f64::NAN, 0.0, 0.0, 0.0];
        assert!(Scalar::Gradient { rows }.check(3, 2).is_err());
        assert!(Scalar::Gradient { rows: vec![0.0] }.check(3, 2).is_err());
        assert!(Scalar::DistanceSq { place: vec![1.0] }.check(3, 2).is_err());
        assert!(Scalar::GroupDistanceSq { groups: vec![1] }.check(3, 2).is_err());
    }
}
