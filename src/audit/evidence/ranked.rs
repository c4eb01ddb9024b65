//! Rankings of labelled units that are counted again with clusters repeated.

use super::roc::{Class, Item};
use crate::ranking::ENRICHMENT_FRACTIONS;

/// A unit's place in a ranking.
#[derive(Debug, Clone, Copy)]
struct Place {
    cluster: u32,
    hit: bool,
}

/// Units by descending value; those of equal value stand in random order, and
/// every count is the mean over all such orders.
#[derive(Debug, Clone)]
pub(super) struct Ranking {
    places: Vec<Place>,
    /// Where each group of equal values ends.
    ends: Vec<u32>,
    /// Units and hits of each cluster.
    clusters: Vec<(f64, f64)>,
}

/// Enrichment among the first rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    pub(super) selected: u64,
    pub(super) factor: f64,
    pub(super) factor_max: f64,
}

impl Ranking {
    pub(super) fn new(items: &[Item]) -> Self {
        let mut sorted: Vec<&Item> = items.iter().collect();
        // Stable: items of equal value stay in row order.
        sorted.sort_by(|a, b| (b.value + 0.0).total_cmp(&(a.value + 0.0)));
        let mut ends = Vec::new();
        let mut end = 0;
        for ties in sorted.chunk_by(|a, b| a.value == b.value) {
            end += ties.len() as u32;
            ends.push(end);
        }
        let place =
            |item: &&Item| Place { cluster: item.cluster, hit: item.class == Class::Active };
        let count = items.iter().map(|item| item.cluster as usize + 1).max().unwrap_or(0);
        let mut clusters = vec![(0.0, 0.0); count];
        for item in items {
            let (units, hits) = &mut clusters[item.cluster as usize];
            *units += 1.0;
            *hits += if item.class == Class::Active { 1.0 } else { 0.0 };
        }
        Self { places: sorted.iter().map(place).collect(), ends, clusters }
    }

    /// Units and hits of all places, clusters repeated as often as `times`
    /// says.
    pub(super) fn totals(&self, times: Option<&[u32]>) -> (f64, f64) {
        let times = |cluster: usize| times.map_or(1.0, |times| f64::from(times[cluster]));
        let of = |(cluster, (units, hits)): (usize, &(f64, f64))| {
            (times(cluster) * units, times(cluster) * hits)
        };
        let add = |a: (f64, f64), b: (f64, f64)| (a.0 + b.0, a.1 + b.1);
        self.clusters.iter().enumerate().map(of).fold((0.0, 0.0), add)
    }

    /// Hits among the first units, for ascending numbers of units.
    pub(super) fn hits_at(&self, budgets: &[f64], times: Option<&[u32]>) -> Vec<f64> {
        let (mut units, mut hits, mut start) = (0.0, 0.0, 0);
        let mut found = Vec::with_capacity(budgets.len());
        for end in &self.ends {
            let (mut more, mut more_hits) = (0.0, 0.0);
            for place in &self.places[start as usize..*end as usize] {
                let count = repeated(place, times);
                more += count;
                more_hits += if place.hit { count } else { 0.0 };
            }
            start = *end;
            while let Some(budget) = budgets.get(found.len()) {
                if units + more < *budget {
                    break;
                }
                let rate = if more > 0.0 { more_hits / more } else { 0.0 };
                found.push(hits + (budget - units) * rate);
            }
            if found.len() == budgets.len() {
                return found;
            }
            units += more;
            hits += more_hits;
        }
        found.resize(budgets.len(), hits);
        found
    }

    /// At each of [`ENRICHMENT_FRACTIONS`]; none where no unit is a hit.
    pub(super) fn enrichment(
        &self,
        times: Option<&[u32]>,
    ) -> impl Iterator<Item = Option<Found>> + use<> {
        let (units, hits) = self.totals(times);
        let budgets = ENRICHMENT_FRACTIONS.map(|f| (units * f).ceil().clamp(1.0, units.max(1.0)));
        let at = self.hits_at(&budgets, times);
        let found = budgets.into_iter().zip(at).map(move |(selected, found)| {
            (hits > 0.0).then(|| Found {
                selected: selected as u64,
                factor: found / selected / (hits / units),
                factor_max: selected.min(hits) / selected / (hits / units),
            })
        });
        found.collect::<Vec<_>>().into_iter()
    }
}

fn repeated(place: &Place, times: Option<&[u32]>) -> f64 {
    times.map_or(1.0, |times| f64::from(times[place.cluster as usize]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(cluster: u32, value: f64, class: Class) -> Item {
        Item { cluster, class, value }
    }

    #[test]
    fn hits_are_the_mean_over_ties() {
        let items = [
            item(0, 3.0, Class::Active),
            item(1, 2.0, Class::Active),
            item(2, 2.0, Class::Inactive),
            item(3, 1.0, Class::Active),
        ];
        let ranking = Ranking::new(&items);
        assert_eq!(ranking.hits_at(&[1.0, 2.0, 3.0, 4.0], None), [1.0, 1.5, 2.0, 3.0]);
        // Cluster 0 twice, 1 not at all.
        let times = [2, 0, 1, 1];
        assert_eq!(ranking.hits_at(&[1.0, 2.0, 3.0, 4.0], Some(&times)), [1.0, 2.0, 2.0, 3.0]);
        assert_eq!(ranking.totals(Some(&times)), (4.0, 3.0));
        let first = ranking.enrichment(None).next().unwrap().unwrap();
        assert_eq!((first.selected, first.factor), (1, 4.0 / 3.0));
    }
}
