//! The reduction of a run: its finished shards merged into the evidence pack.

mod aggregate;
mod checks;
mod command_scores;
mod dos;
mod finalize_rows;
mod gallery;
mod merge;
mod null_expectation;
mod outcomes;
mod reduction;
mod row_groups;
mod summarise;
mod top_rows;

pub use command_scores::ScoringReport;
pub use reduction::RunReport;

pub(crate) use aggregate::Aggregate;
pub(crate) use checks::{check_pack, check_scores};
pub(crate) use command_scores::{keep_scores, note, with_command_scores};
pub(crate) use finalize_rows::FinalizeRows;
pub(crate) use merge::{AuditedTables, DOS, DecoyText, LOCAL_DOS, PackOptions, SPECTRA};
pub(crate) use outcomes::{COST_LIFT, Outcomes, TRUTH};
pub(crate) use reduction::{Conclusion, Reduction, evidence_of, finished, pack_path, reduce};
pub(crate) use row_groups::molecules_of;
pub(crate) use summarise::{Finished, manifest_body, read_finished, scores_name};
