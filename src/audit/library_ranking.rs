//! Rankings of a whole library against known outcomes, beyond `cost_lift.v1`:
//! by the model's score, by score and audit, and by AUC.

use serde::Serialize;

use super::ranking::{BEDROC_ALPHA, RankedHits, RankingQuality, curve_budgets};
use hetero2_common::rounding::round8;

/// How rankings of the eligible rows find their hits; published values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankingReport {
    /// Eligible rows: `OK`, with a truth and a verdict `PASS` or `FAIL`.
    pub rows: u64,
    /// Hits among them.
    pub hits: u64,
    /// α of BEDROC.
    pub bedroc_alpha: f64,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// By the model's score of the molecule, highest first; none where a row
    /// has no score, or where all rows are hits, or none is.
    pub by_score: Option<RankingQuality>,
    /// `PASS` before `FAIL`, each by score.
    pub by_score_plus_audit: Option<RankingQuality>,
    /// By AUC against the decoys: the ranking that `cost_lift.v1` calls
    /// `score_only`.
    pub by_auc: Option<RankingQuality>,
    /// Hits against budget.
    pub cost_curve: CostCurve,
}

/// Hits found with each budget: expected ones where rows tie.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CostCurve {
    /// Molecules that are tried, ascending.
    pub budget: Vec<u64>,
    /// Hits of a random choice.
    pub by_chance: Vec<f64>,
    /// Hits of each ranking, as above.
    pub by_score: Option<Vec<f64>>,
    /// `PASS` before `FAIL`, each by score.
    pub by_score_plus_audit: Option<Vec<f64>>,
    /// By AUC against the decoys.
    pub by_auc: Vec<f64>,
}

/// An eligible row.
#[derive(Debug, Clone, Copy)]
struct Eligible {
    score: Option<f64>,
    auc: f64,
    passed: bool,
    hit: bool,
}

/// Gathers the eligible rows. Memory: 32 bytes a row.
#[derive(Debug, Default)]
pub(super) struct LibraryRanking {
    rows: Vec<Eligible>,
}

impl LibraryRanking {
    pub(super) fn add(&mut self, score: Option<f64>, auc: f64, passed: bool, hit: bool) {
        self.rows.push(Eligible { score, auc, passed, hit });
    }

    pub(super) fn report(&self, budget: u64) -> RankingReport {
        let rows = self.rows.len() as u64;
        let hits = self.rows.iter().filter(|row| row.hit).count() as u64;
        // A row without a score has no place among those that have one.
        let scored = self.rows.iter().all(|row| row.score.is_some());
        let ranked = |values: &dyn Fn(&Eligible) -> [f64; 2]| {
            RankedHits::new(self.rows.iter().map(|row| (values(row), row.hit)).collect())
        };
        let score = |row: &Eligible| row.score.unwrap_or_default();
        let by_score = scored.then(|| ranked(&|row| [score(row), 0.0]));
        let by_both = scored.then(|| ranked(&|row| [f64::from(u8::from(row.passed)), score(row)]));
        let by_auc = ranked(&|row| [row.auc, 0.0]);
        let budgets = curve_budgets(rows, budget);
        let curve = |ranked: &RankedHits| -> Vec<f64> {
            ranked.hits_at(&budgets).into_iter().map(round8).collect()
        };
        let rate = if rows == 0 { 0.0 } else { hits as f64 / rows as f64 };
        RankingReport {
            rows,
            hits,
            bedroc_alpha: BEDROC_ALPHA,
            confidence: 0.95,
            by_score: by_score.as_ref().and_then(RankedHits::quality),
            by_score_plus_audit: by_both.as_ref().and_then(RankedHits::quality),
            by_auc: by_auc.quality(),
            cost_curve: CostCurve {
                by_chance: budgets.iter().map(|n| round8(*n as f64 * rate)).collect(),
                by_score: by_score.as_ref().map(curve),
                by_score_plus_audit: by_both.as_ref().map(curve),
                by_auc: curve(&by_auc),
                budget: budgets,
            },
        }
    }
}
