//! From a heavy-atom graph to its operators.

use hetero2_contract::Warning;
use hetero2_contract::warning::AtomicNumbers;
pub use hetero2_contract::warning::PhysicsKey;

use super::{
    AtomTable, DELTA_CHI_ALPHA, EdgeWeights, Operator, OperatorSettings, SymmetricGraph,
    SymmetricMatrix,
};
use crate::molecule::{HeavyBond, HeavyGraph};

/// The atom table lacks a parameter that an operator of the run needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "missing_physics_params: no {key} for atomic number {}; leave the row out, or ask only for \
     operators that need no {key}",
    AtomicNumbers(.atomic_numbers.clone())
)]
pub struct MissingPhysicsParams {
    /// The parameter.
    pub key: PhysicsKey,
    /// The elements without it, ascending, each once.
    pub atomic_numbers: Vec<u8>,
}

impl MissingPhysicsParams {
    /// The row's warnings, which name the key and the elements.
    #[must_use]
    pub fn warnings(&self) -> [Warning; 2] {
        [
            Warning::MissingParamsKey(self.key),
            Warning::MissingParamsAtoms(AtomicNumbers(self.atomic_numbers.clone())),
        ]
    }
}

/// Why a graph has no operators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperatorError {
    /// A parameter is missing.
    #[error(transparent)]
    MissingPhysicsParams(#[from] MissingPhysicsParams),
    /// The bonds are not strictly ascending pairs `i < j < n`.
    #[error(
        "heavy-atom graph of {atoms} atoms: bond {bond} ({i}, {j}) is not an ascending pair of its \
         atoms, or follows a pair that is not smaller; pack the molecule again"
    )]
    InvalidBond {
        /// Number of atoms.
        atoms: usize,
        /// Index of the bond.
        bond: usize,
        /// Its first node.
        i: u32,
        /// Its second node.
        j: u32,
    },
}

/// The operators of one molecule in packed form.
///
/// Holds one edge list for all of them: `8·m` bytes, and `8·(n + m)` for each
/// of the unweighted and the weighted half, `8·n` for each potential.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphOperators {
    edges: Vec<(u32, u32)>,
    unweighted: Half,
    weighted: Option<Half>,
    potential: Option<Vec<f64>>,
}

/// A Laplacian, and its diagonal with the potential where that is asked for.
#[derive(Debug, Clone, PartialEq)]
struct Half {
    off_diagonal: Vec<f64>,
    degree: Vec<f64>,
    with_potential: Option<Vec<f64>>,
}

impl GraphOperators {
    /// Builds what `settings` needs ([`OperatorSettings::needs`]) and nothing
    /// else: a topological run never looks at ε, weights by bond order alone
    /// never look at χ.
    ///
    /// # Errors
    /// [`OperatorError::MissingPhysicsParams`] names ε first if both are
    /// missing; [`OperatorError::InvalidBond`] for a graph that breaks the
    /// rules of [`HeavyGraph`].
    pub fn build(
        graph: &HeavyGraph,
        table: &AtomTable,
        settings: &OperatorSettings,
    ) -> Result<Self, OperatorError> {
        let edges = edges_of(graph)?;
        let with_potential = settings.publishes(Operator::H) || settings.publishes(Operator::WH);
        let potential = with_potential.then(|| potential_of(graph, table, settings)).transpose()?;
        let weighted = edge_weights_of(graph, table, settings.edge_weights)?;
        let n = graph.atomic_numbers.len();
        let half = |weights| Half::new(n, &edges, weights, potential.as_deref());
        let unweighted = half(vec![1.0; edges.len()]);
        let weighted = weighted.map(half);
        Ok(Self { edges, unweighted, weighted, potential })
    }

    /// Number of heavy atoms.
    #[must_use]
    pub fn n(&self) -> usize {
        self.unweighted.degree.len()
    }

    /// `V = γ·ε` per atom, where the settings ask for a Hamiltonian.
    #[must_use]
    pub fn potential(&self) -> Option<&[f64]> {
        self.potential.as_deref()
    }

    /// The operator, or nothing where the settings leave it out.
    #[must_use]
    pub fn view(&self, operator: Operator) -> Option<SymmetricGraph<'_>> {
        let half = if operator.is_weighted() { self.weighted.as_ref()? } else { &self.unweighted };
        let diagonal =
            if operator.has_potential() { half.with_potential.as_ref()? } else { &half.degree };
        Some(SymmetricGraph {
            n: self.n(),
            edges: &self.edges,
            off_diagonal: &half.off_diagonal,
            diagonal,
        })
    }

    /// As [`Self::view`], copied.
    #[must_use]
    pub fn matrix(&self, operator: Operator) -> Option<SymmetricMatrix> {
        Some(self.view(operator)?.to_matrix())
    }

    /// The Laplacian that a self-consistent potential is iterated on: W with
    /// edge weights, else L.
    #[must_use]
    pub fn scf_base(&self) -> SymmetricGraph<'_> {
        let half = self.weighted.as_ref().unwrap_or(&self.unweighted);
        SymmetricGraph {
            n: self.n(),
            edges: &self.edges,
            off_diagonal: &half.off_diagonal,
            diagonal: &half.degree,
        }
    }
}

impl Half {
    fn new(n: usize, edges: &[(u32, u32)], weights: Vec<f64>, potential: Option<&[f64]>) -> Self {
        let mut degree = vec![0.0; n];
        for (&(i, j), w) in edges.iter().zip(&weights) {
            degree[i as usize] += w;
            degree[j as usize] += w;
        }
        // `0 − w`, not `−w`: a zero-order bond is +0, so equal matrices have
        // equal bits.
        let off_diagonal = weights.into_iter().map(|w| 0.0 - w).collect();
        let with_potential = potential.map(|v| degree.iter().zip(v).map(|(d, v)| d + v).collect());
        Self { off_diagonal, degree, with_potential }
    }
}

fn edges_of(graph: &HeavyGraph) -> Result<Vec<(u32, u32)>, OperatorError> {
    let atoms = graph.atomic_numbers.len();
    let mut edges: Vec<(u32, u32)> = Vec::with_capacity(graph.bonds.len());
    for (bond, &HeavyBond { i, j, .. }) in graph.bonds.iter().enumerate() {
        let ascends = edges.last().is_none_or(|&last| last < (i, j));
        if i >= j || j as usize >= atoms || !ascends {
            return Err(OperatorError::InvalidBond { atoms, bond, i, j });
        }
        edges.push((i, j));
    }
    Ok(edges)
}

fn potential_of(
    graph: &HeavyGraph,
    table: &AtomTable,
    settings: &OperatorSettings,
) -> Result<Vec<f64>, MissingPhysicsParams> {
    let mut potential = per_atom(graph, PhysicsKey::Epsilon, |z| table.epsilon(z))?;
    for v in &mut potential {
        *v *= settings.potential_scale.get();
    }
    Ok(potential)
}

fn edge_weights_of(
    graph: &HeavyGraph,
    table: &AtomTable,
    mode: EdgeWeights,
) -> Result<Option<Vec<f64>>, MissingPhysicsParams> {
    let order = |bond: &HeavyBond| f64::from(bond.doubled_order) / 2.0;
    let weights = match mode {
        EdgeWeights::Unweighted => return Ok(None),
        EdgeWeights::BondOrder => graph.bonds.iter().map(order).collect(),
        EdgeWeights::BondOrderDeltaChi => {
            let chi = per_atom(graph, PhysicsKey::Chi, |z| table.chi(z))?;
            let weight = |bond: &HeavyBond| {
                let delta = (chi[bond.i as usize] - chi[bond.j as usize]).abs();
                order(bond) * (1.0 + DELTA_CHI_ALPHA * delta)
            };
            graph.bonds.iter().map(weight).collect()
        }
    };
    Ok(Some(weights))
}

/// Looks a parameter up for every atom, or names every element without it.
fn per_atom(
    graph: &HeavyGraph,
    key: PhysicsKey,
    parameter: impl Fn(u8) -> Option<f64>,
) -> Result<Vec<f64>, MissingPhysicsParams> {
    let atoms = &graph.atomic_numbers;
    let mut values = Vec::with_capacity(atoms.len());
    values.extend(atoms.iter().map_while(|&z| parameter(z)));
    if values.len() == atoms.len() {
        return Ok(values);
    }
    let lacking = atoms.iter().copied().filter(|&z| parameter(z).is_none());
    let mut atomic_numbers: Vec<u8> = lacking.collect();
    atomic_numbers.sort_unstable();
    atomic_numbers.dedup();
    Err(MissingPhysicsParams { key, atomic_numbers })
}
