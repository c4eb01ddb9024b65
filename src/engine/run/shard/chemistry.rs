//! What a row needs of chemistry: the molecule, its operators, its decoys.
//!
//! Everything here depends on the row, the configuration and the seed only,
//! and owns its data, so that a row with a time limit can run on a thread of
//! its own.

use hetero2_chemistry::decoy::{DecoyOutcome, DecoyRequest};
use hetero2_chemistry::molecule::fragments::{self, FragmentChoice};
use hetero2_chemistry::molecule::{
    Descriptors, HeavyGraph, MolecularGraph, Molecule, MoleculeError, ParseLimits,
};
use hetero2_chemistry::operator::{
    AtomClasses, AtomTable, GraphOperators, OperatorError, OperatorSettings, PotentialScale,
};

use hetero2_contract::warning::{AtomLimit, CountedWarning};
use hetero2_contract::{Reason, Warning};

use super::large::LARGE_ORDER;
use crate::run::config::{Artifacts, Connectivity, RunConfig, ScoreMode};
use crate::run::decoy_source::DecoySource;

/// Why a row ends without results.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum EarlyEnd {
    /// Status SKIP with this reason.
    Skip(Reason),
    /// Status ERROR with this reason.
    Error(Reason),
}

/// Where a row's decoys come from.
#[derive(Clone, Copy)]
pub(crate) struct RowDecoys<'a> {
    pub from: &'a DecoySource,
    /// Id of the row.
    pub id: &'a str,
}

/// A row after its chemistry.
#[derive(Debug, Default)]
pub(crate) struct Chemistry {
    pub warnings: Vec<Warning>,
    pub canonical_smiles: Option<String>,
    pub heavy_atoms: Option<u32>,
    pub atomic_numbers: Vec<u8>,
    pub atom_classes: AtomClasses,
    pub operators: Option<GraphOperators>,
    pub decoys: Option<DecoyOutcome>,
    pub descriptors: Option<Descriptors>,
    pub decoy_descriptors: Vec<Descriptors>,
    pub missing_params: u32,
    pub end: Option<EarlyEnd>,
}

/// Reads the molecule, checks the guardrails, builds what the configuration
/// asks for. `has_scores` tells whether a row of a run on external scores has
/// any.
pub(crate) fn chemistry(
    smiles: &[u8],
    seed: i64,
    config: &RunConfig,
    has_scores: bool,
    source: RowDecoys<'_>,
) -> Chemistry {
    let mut out = Chemistry::default();
    if let Err(end) = fill(&mut out, smiles, seed, config, has_scores, source) {
        if let EarlyEnd::Skip(reason) = &end
            && *reason != Reason::MissingSmiles
        {
            out.warn_skip(reason);
        }
        out.end = Some(end);
    }
    out
}

fn fill(
    out: &mut Chemistry,
    smiles: &[u8],
    seed: i64,
    config: &RunConfig,
    has_scores: bool,
    source: RowDecoys<'_>,
) -> Result<(), EarlyEnd> {
    if smiles.trim_ascii().is_empty() {
        return Err(EarlyEnd::Skip(Reason::MissingSmiles));
    }
    let limits = ParseLimits::with_max_heavy_atoms(config.max_atoms as usize);
    if let Some(graph) = large_graph(smiles, config) {
        let graph = readable(out, graph)?;
        begin(out, None, &graph, 1, config, has_scores)?;
        let none = EarlyEnd::Skip(Reason::NoDecoysGenerated);
        return if config.decoys > 0 { Err(none) } else { Ok(()) };
    }
    let chosen = choose_fragment(out, smiles, &limits, config)?;
    let smiles = chosen.as_deref().map_or(smiles, str::as_bytes);
    if config.decoys == 0 && config.artifacts == Artifacts::Light {
        let read = readable(out, MolecularGraph::from_smiles(smiles, &limits))?;
        let MolecularGraph { canonical_smiles, graph, component_count } = read;
        return begin(out, Some(canonical_smiles), &graph, component_count, config, has_scores);
    }
    let molecule = readable(out, Molecule::from_smiles(smiles, &limits))?;
    let (smiles, components) = (molecule.canonical_smiles().to_owned(), molecule.component_count());
    begin(out, Some(smiles), molecule.graph(), components, config, has_scores)?;
    if config.decoys > 0 {
        find_decoys(out, &molecule, seed, config, source)?;
    }
    if config.artifacts == Artifacts::Full {
        let internal = |e: MoleculeError| EarlyEnd::Error(Reason::Internal(e.to_string()));
        out.descriptors = Some(molecule.descriptors().map_err(internal)?);
        if let Some(decoys) = &out.decoys {
            out.decoy_descriptors = decoys
                .decoys
                .iter()
                .map(|decoy| decoy.molecule.molecule()?.descriptors())
                .collect::<Result<_, _>>()
                .map_err(internal)?;
        }
    }
    Ok(())
}

/// The graph of a molecule that is too large to be read otherwise, in a run without a bound on
/// atoms; nothing where it is not.
fn large_graph(smiles: &[u8], config: &RunConfig) -> Option<Result<HeavyGraph, MoleculeError>> {
    // Each atom takes a letter at least.
    if config.max_atoms > 0 || smiles.len() <= LARGE_ORDER {
        return None;
    }
    let small =
        ParseLimits { max_bytes: ParseLimits::as_written().max_bytes, ..Default::default() };
    match Molecule::written_atoms(smiles, &small) {
        Err(MoleculeError::TooLarge(_)) => {
            Some(HeavyGraph::as_written(smiles, &ParseLimits::as_written()))
        }
        _ => None,
    }
}

/// The SMILES of the fragments that are meant, where that is not all.
fn choose_fragment(
    out: &mut Chemistry,
    smiles: &[u8],
    limits: &ParseLimits,
    config: &RunConfig,
) -> Result<Option<String>, EarlyEnd> {
    let (choice, warning): (_, CountedWarning) = match config.connectivity {
        Connectivity::Required | Connectivity::Any => return Ok(None),
        Connectivity::LargestFragment => (FragmentChoice::Largest, Warning::FragmentsLeftOut),
        Connectivity::WithoutSalts => (FragmentChoice::WithoutSalts, Warning::SaltsLeftOut),
    };
    // A molecule of one fragment needs no second look.
    if !smiles.contains(&b'.') {
        return Ok(None);
    }
    let whole = readable(out, MolecularGraph::from_smiles(smiles, limits))?;
    let chosen = fragments::choose(&whole.canonical_smiles, choice);
    Ok(readable(out, chosen)?.map(|chosen| {
        out.warnings.push(warning(chosen.removed));
        chosen.smiles
    }))
}

/// The molecule, or what its error means for the row.
fn readable<T>(out: &mut Chemistry, read: Result<T, MoleculeError>) -> Result<T, EarlyEnd> {
    read.map_err(|error| match error {
        MoleculeError::TooManyAtoms { found, limit } => {
            out.heavy_atoms = Some(u32::try_from(found).unwrap_or(u32::MAX));
            let (found, limit) = (found as u64, limit as u64);
            out.warnings.push(Warning::TooManyAtoms(AtomLimit { found, limit }));
            EarlyEnd::Skip(Reason::TooManyAtoms)
        }
        MoleculeError::TooLarge(what) => {
            out.warnings.push(Warning::TooLarge(what));
            EarlyEnd::Skip(Reason::TooManyAtoms)
        }
        MoleculeError::Internal(what) => EarlyEnd::Error(Reason::Internal(what)),
        error => {
            out.warnings.push(Warning::InvalidSmiles(error.to_string()));
            EarlyEnd::Skip(match error {
                MoleculeError::UnsupportedBond(_) => Reason::UnsupportedBond,
                MoleculeError::UnsupportedRings => Reason::UnsupportedRings,
                _ => Reason::InvalidSmiles,
            })
        }
    })
}

/// Checks the guardrails and builds the operators.
fn begin(
    out: &mut Chemistry,
    canonical_smiles: Option<String>,
    graph: &HeavyGraph,
    components: usize,
    config: &RunConfig,
    has_scores: bool,
) -> Result<(), EarlyEnd> {
    out.canonical_smiles = canonical_smiles;
    out.heavy_atoms = u32::try_from(graph.atomic_numbers.len()).ok();
    if config.connectivity != Connectivity::Any && components > 1 {
        out.warnings.push(Warning::Disconnected(components as u64));
        return Err(EarlyEnd::Skip(Reason::Disconnected));
    }
    if graph.atomic_numbers.is_empty() {
        return Err(EarlyEnd::Error(Reason::NoHeavyAtoms));
    }
    if config.score_mode == ScoreMode::ExternalScores && !has_scores {
        return Err(EarlyEnd::Skip(Reason::MissingScoresInput));
    }
    out.atomic_numbers.clone_from(&graph.atomic_numbers);
    out.atom_classes = AtomClasses::of(graph);
    out.operators = Some(build_operators(out, graph, config)?);
    Ok(())
}

/// The operator part of a configuration.
pub(crate) fn operator_settings(config: &RunConfig) -> OperatorSettings {
    OperatorSettings {
        physics: config.physics,
        edge_weights: config.edge_weights,
        // The range was checked when the configuration was validated.
        potential_scale: PotentialScale::try_from(config.potential_scale).unwrap_or_default(),
    }
}

fn build_operators(
    out: &mut Chemistry,
    graph: &HeavyGraph,
    config: &RunConfig,
) -> Result<GraphOperators, EarlyEnd> {
    let settings = operator_settings(config);
    GraphOperators::build(graph, AtomTable::embedded(), &settings).map_err(|error| match error {
        OperatorError::MissingPhysicsParams(missing) => {
            out.missing_params = u32::try_from(missing.atomic_numbers.len()).unwrap_or(u32::MAX);
            out.warnings.extend(missing.warnings());
            EarlyEnd::Error(Reason::MissingPhysicsParams)
        }
        error => EarlyEnd::Error(Reason::Internal(error.to_string())),
    })
}

fn find_decoys(
    out: &mut Chemistry,
    molecule: &Molecule,
    seed: i64,
    config: &RunConfig,
    source: RowDecoys<'_>,
) -> Result<(), EarlyEnd> {
    let request = DecoyRequest {
        count: config.decoys as usize,
        seed,
        set: config.decoy_set,
        strategy: config.decoy_strategy,
        hardness: config.hard_decoys,
    };
    let outcome = source.from.decoys(molecule, source.id, &request);
    out.warnings.extend(outcome.warnings.iter().cloned());
    let none = outcome.decoys.is_empty();
    out.decoys = Some(outcome);
    if none {
        let reason = if config.hard_decoys.is_some() {
            Reason::NoHardDecoysGenerated
        } else {
            Reason::NoDecoysGenerated
        };
        return Err(EarlyEnd::Skip(reason));
    }
    Ok(())
}

impl Chemistry {
    /// Notes the reason among the warnings, as the published files do, unless
    /// a more telling warning is there already.
    fn warn_skip(&mut self, reason: &Reason) {
        if !self.warnings.iter().any(Warning::is_of_skip) {
            self.warnings.push(Warning::Skip(reason.clone()));
        }
    }
}
