//! What a suite reads of a pack: rows and metrics.

use std::fs;
use std::path::Path;

use hetero2_audit::{SlackStats, Status, SummaryError, SummaryRow, read_summary};
use hetero2_chemistry::decoy::StrategyId;
use hetero2_common::files::FileError;
use hetero2_contract::Metrics;
use hetero2_contract::scores::ScoresCoverage;
use hetero2_contract::slack::SlackStatistics;

use super::error::SuiteError;

/// A row of the summary, and the strategy that gave its decoys.
#[derive(Debug, Clone)]
pub(super) struct EvidenceRow {
    pub summary: SummaryRow,
    pub strategy: String,
}

/// What a suite reads of a pack.
#[derive(Debug)]
pub(super) struct Evidence {
    pub rows: Vec<EvidenceRow>,
    pub metrics: Metrics,
}

impl Evidence {
    /// Reads the pack in this directory, which the caller has just written.
    pub fn read(pack: &Path) -> Result<Self, SuiteError> {
        let path = pack.join("summary.csv");
        let summary = fs::read(&path).map_err(FileError::io("read", &path))?;
        let strategies = strategies(&summary)?;
        let rows = read_summary(summary.as_slice())?
            .zip(strategies)
            .map(|(summary, strategy)| Ok(EvidenceRow { summary: summary?, strategy }))
            .collect::<Result<_, SummaryError>>()?;
        let path = pack.join("metrics.json");
        let metrics = fs::read(&path).map_err(FileError::io("read", &path))?;
        let metrics =
            serde_json::from_slice(&metrics).map_err(|source| SuiteError::Json { path, source })?;
        Ok(Self { rows, metrics })
    }

    /// Coverage of the scores; of nothing where they are stand-ins.
    pub fn coverage(&self) -> ScoresCoverage {
        self.metrics.scores_coverage.clone().unwrap_or_default()
    }

    /// Rows that ended so.
    pub fn with_status(&self, status: Status) -> u64 {
        self.rows.iter().filter(|row| row.summary.status == status).count() as u64
    }

    /// Rows whose strict strategy gave a decoy: those that the published record
    /// of known bad and good scores covers.
    pub fn strict(&self) -> impl Iterator<Item = &EvidenceRow> {
        let strict = StrategyId::Strict.name();
        let given = |row: &&EvidenceRow| row.summary.n_decoys_generated.is_some_and(|n| n > 0);
        self.rows.iter().filter(move |row| row.strategy == strict).filter(given)
    }
}

/// Slack statistics over the `OK` ones of some rows.
pub(super) fn slack<'a>(rows: impl Iterator<Item = &'a EvidenceRow>) -> SlackStatistics {
    let mut stats = SlackStats::default();
    rows.map(|row| &row.summary)
        .filter(|row| row.status == Status::Ok)
        .for_each(|row| stats.add(row.verdict, row.slack));
    stats.report()
}

fn strategies(summary: &[u8]) -> Result<Vec<String>, SummaryError> {
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(summary);
    let place = csv.headers()?.iter().position(|name| name == "decoy_strategy_used");
    let place = place.ok_or_else(|| SummaryError::MissingColumns(vec!["decoy_strategy_used"]))?;
    csv.records().map(|record| Ok(record?.get(place).unwrap_or("").to_owned())).collect()
}
