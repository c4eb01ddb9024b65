//! Which units are taken for independent: those of different scaffolds that
//! share no decoy.

use std::collections::HashMap;

use hetero2_common::rounding::round8;
use hetero2_common::union_find::{Sets, Union, UnionFind};
use hetero2_contract::evidence::Clusters;

use super::row::Key;
use super::table::{ControlUnit, Store, Unit};

/// Units in row order with their clusters.
#[derive(Debug)]
pub(super) struct Clustered<'a> {
    pub(super) units: Vec<&'a Unit>,
    /// Each unit's controls.
    pub(super) controls: Vec<&'a [ControlUnit]>,
    /// Each unit's cluster.
    pub(super) cluster: Vec<u32>,
    /// Clusters.
    pub(super) count: u32,
    joined_by_decoys: u64,
}

impl<'a> Clustered<'a> {
    pub(super) fn of(store: &'a Store) -> Self {
        let mut order: Vec<usize> = (0..store.units.len()).collect();
        order.sort_unstable_by_key(|unit| (store.units[*unit].first_row, store.units[*unit].key));
        let units: Vec<&Unit> = order.iter().map(|unit| &store.units[*unit]).collect();
        let controls = order.iter().map(|unit| store.controls_of(*unit)).collect();
        let mut sets = UnionFind::new(units.len() as u32);
        let mut places: HashMap<Key, u32> = HashMap::with_capacity(units.len());
        let mut scaffolds: HashMap<Key, u32> = HashMap::new();
        for (place, unit) in (0..).zip(&units) {
            places.insert(unit.key, place);
            if let Some(scaffold) = unit.scaffold {
                sets.union(place, *scaffolds.entry(scaffold).or_insert(place));
            }
        }
        let decoys = store.decoys();
        let mut joined_by_decoys = 0;
        for ((decoy, unit), (other_decoy, other_unit)) in decoys.iter().zip(decoys.iter().skip(1)) {
            let both = places.get(unit).zip(places.get(other_unit));
            if let Some((a, b)) = both.filter(|_| decoy == other_decoy) {
                joined_by_decoys += u64::from(sets.union(*a, *b) == Union::Joined);
            }
        }
        let Sets { of_member: cluster, count } = sets.number();
        Self { units, controls, cluster, count, joined_by_decoys }
    }

    /// What the document says of them.
    pub(super) fn summary(&self) -> Clusters {
        let mut sizes = vec![0u64; self.count as usize];
        self.cluster.iter().for_each(|cluster| sizes[*cluster as usize] += 1);
        let total: u64 = sizes.iter().sum();
        let squares: f64 = sizes.iter().map(|size| *size as f64 * *size as f64).sum();
        let effective = if squares > 0.0 { total as f64 * total as f64 / squares } else { 0.0 };
        Clusters {
            clusters: u64::from(self.count),
            largest: sizes.iter().copied().max().unwrap_or(0),
            effective: round8(effective),
            joined_by_decoys: self.joined_by_decoys,
        }
    }
}
