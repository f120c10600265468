//! Seconds by two clocks, and what attributions add to a run.

use std::time::Instant;

use embex_io::Usage;
use embex_linalg::Rows;
use embex_linalg::progress::Silent;
use embex_tsne::attribution::{AttributeParams, Attributor};
use embex_tsne::{Affinities, Optimizer, TsneParams, init};
use serde::{Deserialize, Serialize};

/// The update whose map is explained.
const UPDATE: usize = 250;

/// What something took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Seconds {
    pub(super) wall: f64,
    /// Processor time over all threads; none where the system does not tell.
    pub(super) cpu: Option<f64>,
}

impl Seconds {
    fn with_cpu(wall: f64, cpu: Option<(f64, f64)>, of: impl Fn(f64, f64) -> f64) -> Self {
        Self { wall, cpu: cpu.map(|(a, b)| of(a, b)) }
    }

    fn plus(self, other: Self) -> Self {
        let both = self.cpu.zip(other.cpu);
        Self::with_cpu(self.wall + other.wall, both, |a, b| a + b)
    }

    fn less(self, other: Self) -> Self {
        let both = self.cpu.zip(other.cpu);
        Self::with_cpu(self.wall - other.wall, both, |a, b| a - b)
    }

    /// The median by each clock.
    pub(super) fn median(all: &[Self]) -> Self {
        let wall = all.iter().map(|seconds| seconds.wall).collect();
        let cpu: Option<Vec<f64>> = all.iter().map(|seconds| seconds.cpu).collect();
        Self { wall: middle(wall), cpu: cpu.map(middle) }
    }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}

/// Runs and looks at both clocks.
pub(super) fn clock<R>(run: impl FnOnce() -> anyhow::Result<R>) -> anyhow::Result<(R, Seconds)> {
    let (start, before) = (Instant::now(), Usage::now());
    let found = run()?;
    let wall = start.elapsed().as_secs_f64();
    Ok((found, Seconds { wall, cpu: Usage::now().since(&before).cpu_seconds }))
}

/// One pair of runs, or the median of several.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Cost {
    /// The updates alone.
    pub(super) map: Seconds,
    /// What attributions of |y|² at [`UPDATE`] add, projected to all features.
    pub(super) attributions: Seconds,
    /// The projection's share of that.
    pub(super) projection: Seconds,
}

impl Cost {
    /// A run without attributions, and what they add up to the update they are of: no later
    /// update takes part, whose noise would hide them.
    pub(super) fn pair(x: &Rows<f32>, p: &Affinities, params: &TsneParams) -> anyhow::Result<Self> {
        let alone = |params: &TsneParams| {
            let ((), seconds) = clock(|| {
                optimizer(p, params)?.run(&mut [], &mut Silent)?;
                Ok(())
            })?;
            anyhow::Ok(seconds)
        };
        let map = alone(params)?;
        let until = params.clone().with_n_iter(UPDATE);
        let before = if params.n_iter == UPDATE { map } else { alone(&until)? };
        let (found, both) = clock(|| {
            let attribute = AttributeParams::default().with_steps([UPDATE]);
            let attributor = Attributor::new(&attribute, &until, p, x.as_mat())?;
            Ok(attributor.run(&mut optimizer(p, &until)?, &mut Silent)?)
        })?;
        let ((), projection) = clock(|| {
            for attribution in &found.attributions {
                std::hint::black_box(attribution.project(x.as_mat())?);
            }
            Ok(())
        })?;
        Ok(Self { map, attributions: both.plus(projection).less(before), projection })
    }

    /// The medians, each by itself.
    pub(super) fn median(pairs: &[Self]) -> Self {
        let of =
            |get: fn(&Self) -> Seconds| Seconds::median(&pairs.iter().map(get).collect::<Vec<_>>());
        Self {
            map: of(|cost| cost.map),
            attributions: of(|cost| cost.attributions),
            projection: of(|cost| cost.projection),
        }
    }

    /// CPU seconds of the attributions over those of the map.
    pub(super) fn share(&self) -> Option<f64> {
        Some(self.attributions.cpu? / self.map.cpu?)
    }
}

fn optimizer<'p>(p: &'p Affinities, params: &TsneParams) -> anyhow::Result<Optimizer<'p, f32, 2>> {
    Ok(Optimizer::new(p, params, init::random(p.n_samples(), params.seed))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(wall: f64, cpu: f64) -> Seconds {
        Seconds { wall, cpu: Some(cpu) }
    }

    #[test]
    fn medians_are_taken_clock_by_clock() {
        let three = [seconds(1.0, 5.0), seconds(3.0, 4.0), seconds(2.0, 9.0)];
        assert_eq!(Seconds::median(&three), seconds(2.0, 5.0));
        assert_eq!(Seconds::median(&three[..2]), seconds(2.0, 4.5));
        let untold = Seconds { wall: 7.0, cpu: None };
        assert_eq!(Seconds::median(&[three[0], untold]).cpu, None);
    }

    #[test]
    fn attributions_are_what_the_second_run_adds() {
        let with = seconds(3.0, 2.5).plus(seconds(0.5, 0.25));
        assert_eq!(with.less(seconds(1.0, 0.75)), seconds(2.5, 2.0));
    }
}
