//! Which decoys lack a score, and how many rows that affects.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;

use hetero2_contract::DecoyHash;
use hetero2_contract::scores::{MissingDecoy, ScoresCoverage};

/// Missing decoys named in the metrics.
const TOP: usize = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Missing {
    smiles: Box<str>,
    rows: u64,
}

/// What the scores file said about one input row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowScores<'a> {
    /// The row has no scores file at all.
    NoScoresInput,
    /// The row has a scores file but no decoys to look up (`SKIP` or `ERROR`).
    NotAudited,
    /// The row's decoys were looked up.
    LookedUp {
        /// Decoys of the row.
        decoys: u64,
        /// Those without a score: hash and canonical SMILES.
        missing: &'a [(DecoyHash, &'a str)],
    },
}

/// Mergeable counters of an external-scores run; the same in any order and
/// partition.
///
/// Memory: about 150 bytes for each distinct decoy without a score.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CoverageStats {
    rows_total: u64,
    rows_with_scores_input: u64,
    rows_missing_scores_input: u64,
    rows_with_missing_decoys: u64,
    rows_missing_original: u64,
    decoys_total: u64,
    decoys_missing: u64,
    missing: HashMap<DecoyHash, Missing>,
}

impl CoverageStats {
    /// Counts one input row.
    pub fn add(&mut self, row: RowScores<'_>) {
        self.rows_total += 1;
        match row {
            RowScores::NoScoresInput => self.rows_missing_scores_input += 1,
            RowScores::NotAudited => self.rows_with_scores_input += 1,
            RowScores::LookedUp { decoys, missing } => {
                self.rows_with_scores_input += 1;
                self.decoys_total += decoys;
                self.decoys_missing += missing.len() as u64;
                self.rows_with_missing_decoys += u64::from(!missing.is_empty());
                for (i, (hash, smiles)) in missing.iter().enumerate() {
                    // A decoy that a row has twice affects that row once.
                    if !missing[..i].iter().any(|(earlier, _)| earlier == hash) {
                        self.add_missing(*hash, smiles, 1);
                    }
                }
            }
        }
    }

    /// Counts a row that was not audited because its original has no score,
    /// beside what [`CoverageStats::add`] counts of it.
    pub fn add_missing_original(&mut self) {
        self.rows_missing_original += 1;
    }

    /// Rows whose original has no score.
    #[must_use]
    pub fn rows_missing_original(&self) -> u64 {
        self.rows_missing_original
    }

    /// Adds all that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        self.rows_total += other.rows_total;
        self.rows_with_scores_input += other.rows_with_scores_input;
        self.rows_missing_scores_input += other.rows_missing_scores_input;
        self.rows_with_missing_decoys += other.rows_with_missing_decoys;
        self.rows_missing_original += other.rows_missing_original;
        self.decoys_total += other.decoys_total;
        self.decoys_missing += other.decoys_missing;
        for (hash, missing) in &other.missing {
            self.add_missing(*hash, &missing.smiles, missing.rows);
        }
    }

    fn add_missing(&mut self, hash: DecoyHash, smiles: &str, rows: u64) {
        match self.missing.entry(hash) {
            Entry::Occupied(entry) => {
                let known = entry.into_mut();
                known.rows += rows;
                // Equal hashes mean equal texts; were they not, order must not decide.
                if smiles < &*known.smiles {
                    known.smiles = smiles.into();
                }
            }
            Entry::Vacant(entry) => {
                entry.insert(Missing { smiles: smiles.into(), rows });
            }
        }
    }

    /// Rows without a scores file.
    #[must_use]
    pub fn rows_missing_scores_input(&self) -> u64 {
        self.rows_missing_scores_input
    }

    /// Decoys without a score, most affected rows first, then by hash.
    fn ranked(&self) -> Vec<(&DecoyHash, &Missing)> {
        let mut order: Vec<_> = self.missing.iter().collect();
        order.sort_unstable_by(|a, b| b.1.rows.cmp(&a.1.rows).then(a.0.cmp(b.0)));
        order
    }

    /// Writes `missing_decoy_scores.csv`.
    ///
    /// # Errors
    /// Whatever `out` fails with.
    pub fn write_missing(&self, out: impl io::Write) -> io::Result<()> {
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(out);
        writer.write_record(["decoy_hash", "decoy_smiles", "count_rows_affected"])?;
        for (hash, missing) in self.ranked() {
            writer.write_record([
                hash.to_string().as_str(),
                &missing.smiles,
                missing.rows.to_string().as_str(),
            ])?;
        }
        writer.flush()
    }

    /// The `scores_coverage` section of `metrics.json`.
    #[must_use]
    pub fn report(&self) -> ScoresCoverage {
        let top = self.ranked().into_iter().take(TOP).map(|(hash, missing)| MissingDecoy {
            decoy_hash: *hash,
            decoy_smiles: missing.smiles.to_string(),
            count_rows_affected: missing.rows,
        });
        ScoresCoverage {
            rows_total: self.rows_total,
            rows_with_scores_input: self.rows_with_scores_input,
            rows_missing_scores_input: self.rows_missing_scores_input,
            rows_with_missing_decoys: self.rows_with_missing_decoys,
            decoys_total: self.decoys_total,
            decoys_scored: self.decoys_total.saturating_sub(self.decoys_missing),
            decoys_missing: self.decoys_missing,
            unique_missing_decoy_hashes: self.missing.len() as u64,
            rows_missing_original_score: self.rows_missing_original,
            // Which rows those are is for the rows to say.
            rows_original_score_defaulted: 0,
            missing_decoy_hashes_top10: top.collect(),
        }
    }
}
