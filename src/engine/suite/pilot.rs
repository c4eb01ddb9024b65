//! The pilot input: ten molecules over and over, and its scores.

use hetero2_chemistry::decoy::{DecoyRequest, DecoySet, DecoyStrategy, generate};
use hetero2_chemistry::molecule::{Molecule, ParseLimits};

use super::error::SuiteError;
use super::scores::SuiteScores;
use crate::run::{Artifacts, RunConfig, ScoreMode, SeedStrategy};

/// Names and SMILES of the ten, as published, also where the structure is not
/// the drug's.
pub const PILOT_MOLECULES: [(&str, &str); 10] = [
    ("aspirin", "CC(=O)OC1=CC=CC=C1C(=O)O"),
    ("caffeine", "Cn1cnc2n(C)c(=O)n(C)c(=O)c12"),
    ("ibuprofen", "CC(C)CC1=CC=C(C=C1)C(C)C(=O)O"),
    ("acetaminophen", "CC(=O)NC1=CC=C(O)C=C1O"),
    ("naproxen", "CC1=CC=C2C(=C1)C=C(C=C2)C(C)C(=O)O"),
    ("salicylic_acid", "O=C(O)C1=CC=CC=C1O"),
    ("benzene", "c1ccccc1"),
    ("toluene", "Cc1ccccc1"),
    ("aniline", "Nc1ccccc1"),
    ("phenol", "Oc1ccccc1"),
];

/// Rows of one round of the molecules.
pub(super) const ROUND: u64 = PILOT_MOLECULES.len() as u64;
/// Rows of the published runs.
pub(super) const ROWS: u64 = 200;
/// Decoys per molecule of the published runs.
const DECOYS: u32 = 20;
/// Seed of runs and decoys.
const SEED: i64 = 0;
/// Molecules all of whose decoys have a score; the others have one only.
const FULLY_SCORED: usize = 3;
/// Score of every scored decoy.
const DECOY_SCORE: f64 = 0.1;

/// The molecule whose scored decoys are taken as published.
const CAFFEINE: &str = "caffeine";
/// Its scored decoys, in the published order. The program that published them
/// wrote the first one's canonical SMILES in a way that no later one does, and
/// drew it first, so that neither can be computed.
const CAFFEINE_DECOYS: [&str; 2] = [
    "98a2e8868dc65d5903dafdd0711b9fae855aa83bb947d541275757c804fbe471",
    "77e162ad2bef0bdb592ada8c5e8feffdc84161bfb416a6ef10ec58c7064e7b68",
];

/// Id and SMILES of every row.
pub(super) fn rows(rows: u64) -> impl Iterator<Item = (String, &'static str)> {
    (0..rows).zip(PILOT_MOLECULES.iter().cycle()).map(|(i, (name, smiles))| {
        let id = format!("{name}_{i}");
        (id, *smiles)
    })
}

/// The library.
pub(super) fn input_csv(count: u64) -> String {
    let lines = rows(count).map(|(id, smiles)| format!("{id},{smiles}\n"));
    std::iter::once("id,smiles\n".to_owned()).chain(lines).collect()
}

/// The scores: decoys of each molecule in order, by the published strategies.
pub(super) fn scores() -> Result<SuiteScores, SuiteError> {
    let mut scores = SuiteScores::new(1.0);
    let request = DecoyRequest {
        count: DECOYS as usize,
        seed: SEED,
        set: DecoySet::V1,
        strategy: DecoyStrategy::Published,
        hardness: None,
    };
    for (i, (name, smiles)) in PILOT_MOLECULES.into_iter().enumerate() {
        if name == CAFFEINE {
            CAFFEINE_DECOYS.iter().for_each(|hash| scores.add(hash, DECOY_SCORE));
            continue;
        }
        let molecule = Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default())
            .map_err(|source| SuiteError::Molecule { smiles, source })?;
        let scored = if i < FULLY_SCORED { usize::MAX } else { 1 };
        for decoy in generate(&molecule, &request).decoys.iter().take(scored) {
            scores.add(&decoy.hash.to_string(), DECOY_SCORE);
        }
    }
    Ok(scores)
}

/// The configuration of the published runs.
pub(super) fn config() -> RunConfig {
    RunConfig {
        decoys: DECOYS,
        seed: SEED,
        seed_strategy: SeedStrategy::PerRow,
        decoy_strategy: DecoyStrategy::Published,
        physics: hetero2_chemistry::operator::Physics::Topological,
        score_mode: ScoreMode::ExternalScores,
        artifacts: Artifacts::Light,
        ..RunConfig::default()
    }
}
