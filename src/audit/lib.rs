//! Audits of scores: AUC against decoys with exact negative controls, hardness,
//! slack statistics, scores and truth contracts, cost and lift, acceptance.
//!
//! Works on plain data and byte readers; knows nothing of paths or chemistry.
//! Whatever is gathered over rows merges exactly, in any order and partition.

mod acceptance;
mod auc;
mod binomial;
mod cost_lift;
mod coverage;
mod evaluate;
pub mod evidence;
mod exact_sum;
mod hardness;
mod histogram;
mod library_ranking;
mod null;
mod passes;
mod permutation;
mod python_sort;
mod ranking;
mod scores;
mod significance;
mod slack;
mod summary;
mod top_k;
mod truth;
mod truth_table;

pub use hetero2_contract::hardness::{EASY_BELOW, HardnessBin, MEDIUM_BELOW};
pub use hetero2_contract::{DecoyHash, NotAHash, Status, TruthLabel, Verdict};

pub use acceptance::{
    Acceptance, AcceptanceCounts, Criterion, Decision, EXPECTED_SKIPS, Met, accept,
    is_expected_skip,
};
pub use cost_lift::{
    COST_LIFT_SCHEMA, CostLift, CostLiftError, CostLiftReport, CostLiftSettings, DecoyCoverage,
    Eligibility, MethodResult, Methods, ReasonShare, SkipPolicy,
};
pub use coverage::{CoverageStats, RowScores};
pub use evaluate::{
    AUDIT_SCHEMA, Audit, AuditError, AuditSettings, Item, Label, Method, NegativeControls,
    NullMethod, evaluate,
};
pub use exact_sum::ExactSum;
pub use hardness::{HardnessStats, MIN_HARD_PAIRS, ScoredPair};
pub use histogram::{Resolution, ValueHistogram};
pub use library_ranking::{CostCurve, RankingReport};
pub use passes::PassLedger;
pub use ranking::{
    BEDROC_ALPHA, ENRICHMENT_FRACTIONS, Enrichment, Estimate, RankedHits, RankingQuality,
};
pub use scores::{
    Canonicalise, OriginalSource, SCORES_SCHEMA, Score, ScoreLimits, ScoreTable, ScoresError,
};
pub use significance::{
    PValues, PowerNote, QValues, SIGNIFICANCE_LEVEL, Significance, null_aucs, significance,
};
pub use slack::SlackStats;
pub use summary::{SummaryError, SummaryRow, read_summary};
pub use truth::{
    PROXY_SOURCE, ProxyTruthWriter, TRUTH_SCHEMA, Truth, TruthError, proxy_label, write_proxy_truth,
};
pub use truth_table::{ActiveIf, NotARule};
