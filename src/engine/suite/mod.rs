//! Suites with published outcomes: makes their inputs and scores, runs them,
//! holds what comes out against the published facts.
//!
//! The definitions are those of `docs/contracts/suites.md`. Must not know the
//! command line, nor how a row is computed.

mod customer_proxy;
mod error;
mod evidence;
mod fact;
mod folder;
mod known_bad_good;
mod pilot;
mod ring;
mod scale;
mod scores;
mod stress;

use std::path::PathBuf;

use serde::Serialize;

pub use error::SuiteError;
pub use fact::{Fact, FactOutcome};
pub use folder::{SuiteFile, SuiteRun};
pub use pilot::PILOT_MOLECULES;

use crate::run::Observer;
use folder::SuiteFolder;

/// Schema of [`SuiteReport`].
pub const SUITE_SCHEMA: &str = "hetero2_suite.v1";

/// Most rows of a suite: its facts are counted in memory.
const MAX_ROWS: u64 = 100_000;

/// A suite.
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suite {
    /// Ten ring molecules over and over: no row may be without an outcome.
    #[cfg_attr(
        feature = "clap",
        value(help = "Ten molecules over and over: no row without an outcome")
    )]
    Ring,
    /// Scores known to be bad and good: the audit must tell them apart.
    #[cfg_attr(
        feature = "clap",
        value(help = "Constant, random and separating scores: the audit tells them apart")
    )]
    KnownBadGood,
    /// Rows that cannot be computed among such that can: none may be an error.
    #[cfg_attr(
        feature = "clap",
        value(help = "Rows that cannot be computed among such that can: no row is an error")
    )]
    Stress,
    /// Proxy truth, cost and lift, acceptance: what a customer would see.
    #[cfg_attr(feature = "clap", value(help = "Proxy truth, cost and lift, acceptance"))]
    CustomerProxy,
    /// Counts of states of graphs of up to a million atoms: right first, then what they cost.
    #[cfg_attr(
        feature = "clap",
        value(
            help = "Chains, rings and polymers of up to a million atoms: right, and at what cost"
        )
    )]
    Scale,
}

impl Suite {
    /// Its name on the command line and in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::KnownBadGood => "known-bad-good",
            Self::Stress => "stress",
            Self::CustomerProxy => "customer-proxy",
            Self::Scale => "scale",
        }
    }

    /// Rows of the published suite; of `scale` the atoms of its largest graph.
    #[must_use]
    pub fn published_rows(self) -> u64 {
        match self {
            Self::Ring | Self::KnownBadGood | Self::CustomerProxy => pilot::ROWS,
            Self::Stress => stress::ROWS,
            Self::Scale => scale::ATOMS,
        }
    }

    /// Whether the suite can have so many rows.
    fn check_rows(self, rows: u64) -> Result<(), SuiteError> {
        if self == Self::Scale {
            let allowed = "20 to 20000000";
            let refused = SuiteError::Rows { suite: self.name(), rows, allowed };
            return if (20..=20_000_000).contains(&rows) { Ok(()) } else { Err(refused) };
        }
        // Rates are published over whole rounds of the ten molecules.
        let whole = self == Self::Stress || rows.is_multiple_of(pilot::ROUND);
        if (10..=MAX_ROWS).contains(&rows) && whole {
            return Ok(());
        }
        let allowed = if self == Self::Stress { "10 to 100000" } else { "10, 20, … 100000" };
        Err(SuiteError::Rows { suite: self.name(), rows, allowed })
    }
}

/// What is asked of [`run_suite`].
#[derive(Debug, Clone)]
pub struct SuiteRequest {
    /// Which suite.
    pub suite: Suite,
    /// Directory of its inputs, runs and report.
    pub out: PathBuf,
    /// Rows, or atoms of the largest graph; the published number without it.
    pub rows: Option<u64>,
    /// Worker threads; all cores without it.
    pub threads: Option<usize>,
}

/// What a suite found. Depends on neither the machine nor the directory, but for the costs of
/// `scale`.
#[derive(Debug, Clone, Serialize)]
pub struct SuiteReport {
    /// [`SUITE_SCHEMA`].
    pub schema_version: &'static str,
    /// Which suite.
    pub suite: Suite,
    /// Rows of its input.
    pub rows: u64,
    /// Inputs and reports, relative to the suite's directory.
    pub files: Vec<SuiteFile>,
    /// Its runs.
    pub runs: Vec<SuiteRun>,
    /// Every fact, whether it holds or not.
    pub facts: Vec<Fact>,
}

impl SuiteReport {
    /// Whether every fact holds.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.facts.iter().all(|fact| fact.outcome == FactOutcome::Pass)
    }
}

/// Makes a suite's inputs, runs it and checks its facts; writes the report as
/// `suite.json`. What an earlier call with the same request left is used.
///
/// # Errors
/// [`SuiteError`] where the request is impossible, the directory holds other
/// inputs, or a run fails. A fact that does not hold is no error.
pub fn run_suite(
    request: &SuiteRequest,
    observer: &dyn Observer,
) -> Result<SuiteReport, SuiteError> {
    let suite = request.suite;
    let rows = request.rows.unwrap_or_else(|| suite.published_rows());
    suite.check_rows(rows)?;
    let mut work = SuiteFolder::new(request, observer)?;
    let facts = match suite {
        Suite::Ring => ring::run(&mut work, rows)?,
        Suite::KnownBadGood => known_bad_good::run(&mut work, rows)?,
        Suite::Stress => stress::run(&mut work, rows)?,
        Suite::Scale => scale::run(&mut work, rows)?,
        Suite::CustomerProxy => customer_proxy::run(&mut work, rows)?,
    };
    let report = work.report(suite, rows, facts);
    request_report(&report, &request.out)?;
    Ok(report)
}

fn request_report(report: &SuiteReport, out: &std::path::Path) -> Result<(), SuiteError> {
    folder::write_json(&out.join("suite.json"), report).map(drop)
}
