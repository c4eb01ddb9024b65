//! Small molecules with results of the Python implementation.

use std::collections::BTreeMap;

use hetero2::molecule::{HeavyBond, HeavyGraph};
use hetero2::operator::{
    AtomTable, EdgeWeights, GraphOperators, OperatorSettings, Physics, PotentialScale,
};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Case {
    pub id: String,
    pub z: Vec<u8>,
    pub bonds: Vec<(u32, u32, u8)>,
    #[serde(rename = "L")]
    pub l: Vec<f64>,
    #[serde(rename = "H")]
    pub h: Vec<f64>,
    #[serde(rename = "W")]
    pub w: Vec<f64>,
    #[serde(rename = "WH")]
    pub wh: Vec<f64>,
    pub features: BTreeMap<String, Option<f64>>,
    pub scf: ScfCase,
    pub local: LocalCase,
}

#[derive(Deserialize)]
pub struct ScfCase {
    pub comparable: bool,
    pub converged: bool,
    pub v: Vec<f64>,
    pub rho: Vec<f64>,
    pub residuals: Vec<f64>,
}

#[derive(Deserialize)]
pub struct LocalCase {
    pub comparable: bool,
    pub atom: usize,
    pub weights: Vec<f64>,
}

pub fn cases() -> Vec<Case> {
    let text = include_str!("../../../fixtures/spectra.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

impl Case {
    /// L, H, and W, WH weighted by bond order and Δχ.
    pub fn operators(&self) -> GraphOperators {
        operators(&graph(&self.z, &self.bonds), EdgeWeights::BondOrderDeltaChi)
    }
}

pub fn graph(z: &[u8], bonds: &[(u32, u32, u8)]) -> HeavyGraph {
    let bond = |&(i, j, doubled_order): &_| HeavyBond { i, j, doubled_order };
    HeavyGraph { atomic_numbers: z.to_vec(), bonds: bonds.iter().map(bond).collect() }
}

pub fn operators(graph: &HeavyGraph, edge_weights: EdgeWeights) -> GraphOperators {
    let settings = OperatorSettings {
        physics: Physics::Both,
        edge_weights,
        potential_scale: PotentialScale::default(),
    };
    GraphOperators::build(graph, AtomTable::embedded(), &settings).unwrap()
}

/// One atom in the middle of `leaves` carbon atoms.
pub fn star(centre: u8, leaves: u32) -> HeavyGraph {
    let mut z = vec![6; leaves as usize + 1];
    z[0] = centre;
    graph(&z, &(1..=leaves).map(|leaf| (0, leaf, 2)).collect::<Vec<_>>())
}

/// All numbers within a tolerance.
pub fn assert_close(got: &[f64], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= tolerance, "{what}: {g} and {w}");
    }
}
