//! Which features are removed together.

use std::collections::HashMap;

use embex_io::{FeatureSet, ReadOptions};
use embex_linalg::{Real, faer::MatRef};
use embex_tsne::importance::FeatureSets;

use super::settings::{ImportanceSettings, Settings};
use crate::exit::{Error, Result};

/// Sets of features, those removed alone included, and what the result says of them.
#[derive(Clone, Debug)]
pub(super) struct Sets {
    pub(super) removed: FeatureSets,
    /// How they came about; none where every feature is removed alone as a matter of course.
    pub(super) title: Option<String>,
    /// Name of each set; empty for a feature that is removed alone.
    pub(super) names: Vec<String>,
    /// Features of the file that the preparation left out.
    n_left_out: usize,
}

/// The sets of `--feature-sets`, if it was given, held against all features of the input.
pub(super) fn given(
    settings: &Settings,
    features: &[String],
    max_bytes: u64,
) -> Result<Option<Vec<FeatureSet>>> {
    let asked = settings.explain.importance.as_ref().and_then(|i| i.feature_sets.as_ref());
    let Some(path) = asked else { return Ok(None) };
    let sets =
        embex_io::read_feature_sets(path, &ReadOptions::default().with_max_bytes(max_bytes))?;
    let places = places(features);
    for (set, feature) in sets.iter().flat_map(|set| set.features.iter().map(move |f| (set, f))) {
        let n = places.get(feature.as_str()).map_or(0, Vec::len);
        if n != 1 {
            let found = if n == 0 { "no feature".to_owned() } else { format!("{n} features") };
            return Err(Error::Input(format!(
                "{}: the set \"{}\" names \"{feature}\", and the matrix has {found} of that name",
                path.display(),
                set.name
            )));
        }
    }
    Ok(Some(sets))
}

/// Where each name stands.
pub(super) fn places(features: &[String]) -> HashMap<&str, Vec<usize>> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (d, name) in features.iter().enumerate() {
        places.entry(name).or_default().push(d);
    }
    places
}

impl Sets {
    /// What is removed together among the features that were kept.
    pub(super) fn of<T: Real>(
        asked: &ImportanceSettings,
        given: Option<&[FeatureSet]>,
        features: MatRef<'_, T>,
        names: &[String],
    ) -> Result<Self> {
        match (given, asked.correlated) {
            (Some(given), _) => Self::from_file(given, names),
            (None, Some(threshold)) => {
                let sets = FeatureSets::correlated(features, threshold)?;
                let mut n = 0;
                let name = |set| {
                    if sets.members(set).len() == 1 {
                        return String::new();
                    }
                    n += 1;
                    format!("set {n}")
                };
                let names = (0..sets.len()).map(name).collect();
                let title = Some(format!("correlated above {threshold}"));
                Ok(Self { removed: sets, title, names, n_left_out: 0 })
            }
            (None, None) => {
                let removed = FeatureSets::singles(features.ncols());
                let names = vec![String::new(); removed.len()];
                Ok(Self { removed, title: None, names, n_left_out: 0 })
            }
        }
    }

    fn from_file(given: &[FeatureSet], names: &[String]) -> Result<Self> {
        let places = places(names);
        let mut is_alone = vec![true; names.len()];
        let (mut members, mut set_names, mut n_left_out) = (Vec::new(), Vec::new(), 0);
        for set in given {
            let kept: Vec<usize> = set
                .features
                .iter()
                .filter_map(|f| places.get(f.as_str())?.first().copied())
                .collect();
            n_left_out += set.features.len() - kept.len();
            if kept.is_empty() {
                continue;
            }
            for &d in &kept {
                is_alone[d] = false;
            }
            members.push(kept);
            set_names.push(set.name.clone());
        }
        for d in (0..names.len()).filter(|&d| is_alone[d]) {
            members.push(vec![d]);
            set_names.push(String::new());
        }
        let removed = FeatureSets::given(names.len(), members)?;
        Ok(Self { removed, title: Some("as given".to_owned()), names: set_names, n_left_out })
    }

    /// For the page and the files; none where every feature was removed alone as a matter of course.
    pub(super) fn shown(&self) -> Option<embex_report::page::FeatureSets> {
        use embex_report::page::FeatureSets as Shown;
        let title = self.title.clone()?;
        let mut of_feature = vec![Shown::ALONE; self.removed.n_features()];
        let named = (0..self.removed.len()).filter(|&set| !self.names[set].is_empty());
        let mut names = Vec::new();
        for set in named {
            for &d in self.removed.members(set) {
                of_feature[d] = names.len() as u32;
            }
            names.push(self.names[set].clone());
        }
        Some(Shown { title, names, of_feature })
    }

    /// A sentence for the user, where features were removed together.
    pub(super) fn notice(&self) -> Option<String> {
        let title = self.title.as_ref()?;
        let sizes = || (0..self.removed.len()).filter(|&set| !self.names[set].is_empty());
        let n_features: usize = sizes().map(|set| self.removed.members(set).len()).sum();
        if n_features == 0 {
            return Some(format!("importance: no features were removed together ({title})"));
        }
        let left_out = match self.n_left_out {
            0 => String::new(),
            n => format!("; {n} features of the file were not kept by the preparation"),
        };
        Some(format!(
            "importance: {n_features} features were removed together in {} sets ({title}): each of them shows \
             the importance of its whole set, so do not add them up{left_out}",
            sizes().count()
        ))
    }
}
