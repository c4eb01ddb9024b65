//! Checks of the tables against one another and against the metrics.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::{Findings, finding};
use crate::pack::error::PackError;
use crate::pack::rows::{DecoyRow, MoleculeRow, SpectrumRow, Status, Verdict};
use crate::pack::source::PackSource;
use crate::pack::tables::{TableReader, TableRow};
use hetero2_common::files::Sha256Digest;
use hetero2_contract::controls::ControlRow;
use hetero2_contract::spreadsheet::stripped;
use hetero2_contract::{Metrics, Reason, StatusCounts};

/// Longest record of a CSV table: longer than any row that a library may have.
const RECORD_BYTES: u64 = 256 << 20;

/// Columns that hold finite numbers or nothing.
const NUMBERS: [&str; 8] = [
    "gate",
    "slack",
    "margin",
    "auc_tie_aware",
    "spectral_gap",
    "spectral_entropy",
    "L_gap",
    "H_gap",
];

/// Checks the tables; returns the rows of the summary where it could be read.
pub fn check(
    source: &mut PackSource,
    metrics: &Result<Metrics, String>,
    findings: &mut Findings,
) -> Result<Option<u64>, PackError> {
    let csv = read_as_found(summary_csv(source))?;
    let parquet = read_as_found(summary_parquet(source))?;
    let mut rows = None;
    match &csv {
        Ok(found) => {
            rows = Some(found.counts.total());
            findings.pass("summary.csv", format!("{} rows", found.counts.total()));
            against_metrics(found, metrics, findings);
        }
        Err(e) => findings.fail("summary.csv", e.clone()),
    }
    match (&parquet, &csv) {
        (Err(e), _) => findings.fail("summary.parquet", e.clone()),
        (Ok(typed), Ok(text)) if typed != text => findings.fail(
            "summary.parquet",
            format!(
                "{} rows; ids, statuses or verdicts are not those of summary.csv",
                typed.counts.total()
            ),
        ),
        (Ok(typed), _) => {
            findings.pass("summary.parquet", format!("{} rows", typed.counts.total()));
        }
    }
    decoys(source, metrics, findings)?;
    spectra(source, rows, findings)?;
    controls(source, rows, findings)?;
    Ok(rows)
}

/// What was read, or what was found to be wrong with it.
fn read_as_found<T>(read: Result<T, PackError>) -> Result<Result<T, String>, PackError> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(error) => finding(error).map(Err),
    }
}

/// What both forms of the summary must agree on.
#[derive(PartialEq)]
struct SummaryFacts {
    counts: StatusCounts,
    /// Over id, status, reason and verdict of every row, in order.
    digest: Sha256Digest,
}

/// Gathers [`SummaryFacts`] row by row.
#[derive(Default)]
struct FactsBuilder {
    counts: StatusCounts,
    hasher: Sha256,
}

impl FactsBuilder {
    fn add(&mut self, id: &str, status: Status, reason: &str, verdict: &str) {
        self.counts.add(status);
        // The same text, whichever way the CSV form guards formulas.
        for text in [stripped(id), status.as_str(), stripped(reason), verdict] {
            self.hasher.update((text.len() as u64).to_le_bytes());
            self.hasher.update(text.as_bytes());
        }
    }

    fn finish(self) -> SummaryFacts {
        SummaryFacts { counts: self.counts, digest: Sha256Digest::from_hasher(self.hasher) }
    }
}

fn summary_csv(source: &mut PackSource) -> Result<SummaryFacts, PackError> {
    const NAME: &str = "summary.csv";
    let path = source.path().join(NAME);
    let wrong = |detail: String| PackError::Schema { path: path.clone(), detail };
    let reader = source.reader(NAME)?;
    let (mut csv, since_record) = bounded_csv(reader);
    let header = csv.headers().map_err(PackError::csv(&path))?.clone();
    let column = |name: &str| {
        let position = header.iter().position(|h| h == name);
        position.ok_or_else(|| wrong(format!("no column `{name}`")))
    };
    let [id, status, reason, verdict] =
        [column("id")?, column("status")?, column("reason")?, column("verdict")?];
    let numbers: Vec<(usize, &str)> =
        NUMBERS.iter().filter_map(|name| Some((column(name).ok()?, *name))).collect();
    let mut facts = FactsBuilder::default();
    let mut record = csv::StringRecord::new();
    for row in 0_u64.. {
        let at = |what: String| wrong(format!("row {row}: {what}"));
        if !csv.read_record(&mut record).map_err(PackError::csv(&path))? {
            break;
        }
        since_record.set(0);
        let known = record[status]
            .parse()
            .map_err(|_| at(format!("status {:?} is not known", &record[status])))?;
        if !record[verdict].is_empty() && record[verdict].parse::<Verdict>().is_err() {
            return Err(at(format!("verdict {:?} is not known", &record[verdict])));
        }
        for (i, name) in &numbers {
            let cell = &record[*i];
            if !cell.is_empty() && !cell.parse::<f64>().is_ok_and(f64::is_finite) {
                return Err(at(format!("column `{name}`: {cell:?} is not a number")));
            }
        }
        facts.add(&record[id], known, &record[reason], &record[verdict]);
    }
    Ok(facts.finish())
}

fn summary_parquet(source: &mut PackSource) -> Result<SummaryFacts, PackError> {
    let mut facts = FactsBuilder::default();
    each_row::<MoleculeRow>(source, "summary.parquet", |row| {
        let verdict = row.audit.as_ref().map_or("", |a| a.verdict.as_str());
        let reason = row.reason.as_ref().map(Reason::to_string).unwrap_or_default();
        facts.add(&row.id, row.status, &reason, verdict);
    })?;
    Ok(facts.finish())
}

fn against_metrics(
    found: &SummaryFacts,
    metrics: &Result<Metrics, String>,
    findings: &mut Findings,
) {
    const NAME: &str = "metrics against summary";
    let metrics = match metrics {
        Ok(metrics) => metrics,
        Err(e) => return findings.fail(NAME, e.clone()),
    };
    let mut problems = Vec::new();
    let total = found.counts.total();
    if metrics.rows_total != total {
        problems.push(format!("rows_total is {}, the summary has {total}", metrics.rows_total));
    }
    if metrics.counts != found.counts {
        let shown = |counts: &StatusCounts| {
            format!("OK {}, SKIP {}, ERROR {}", counts.ok, counts.skip, counts.error)
        };
        problems.push(format!(
            "counts are {}; the summary has {}",
            shown(&metrics.counts),
            shown(&found.counts)
        ));
    }
    findings.conclude(NAME, &problems, "counts agree");
}

fn decoys(
    source: &mut PackSource,
    metrics: &Result<Metrics, String>,
    findings: &mut Findings,
) -> Result<(), PackError> {
    const NAME: &str = "decoys.parquet";
    let mut rows = 0_u64;
    let read = each_row::<DecoyRow>(source, NAME, |_| rows += 1);
    let by_bin = metrics.as_ref().map(|m| &m.decoy_realism.interpretation.pairs_total_by_bin);
    let pairs: u64 =
        by_bin.map_or(0, |by_bin| by_bin.values().fold(0, |sum: u64, n| sum.saturating_add(*n)));
    match read_as_found(read)? {
        Err(e) => findings.fail(NAME, e),
        Ok(()) if pairs == rows => findings.pass(NAME, format!("{rows} rows")),
        Ok(()) => findings.fail(NAME, format!("{rows} rows, metrics.json counts {pairs} pairs")),
    }
    Ok(())
}

/// Stored controls: rows of the library, each once and in order.
fn controls(
    source: &mut PackSource,
    summary_rows: Option<u64>,
    findings: &mut Findings,
) -> Result<(), PackError> {
    const NAME: &str = "controls.parquet";
    if !source.entries().contains_key(NAME) {
        return Ok(());
    }
    let (mut rows, mut next, mut ordered) = (0_u64, 0_u64, true);
    let read = each_row::<ControlRow>(source, NAME, |row| {
        ordered &= row.row >= next;
        next = row.row.saturating_add(1);
        rows += 1;
    });
    match read_as_found(read)? {
        Err(e) => findings.fail(NAME, e),
        Ok(()) if !ordered || summary_rows.is_some_and(|all| next > all) => {
            findings.fail(NAME, "its rows are not rows of the summary in their order".to_owned());
        }
        Ok(()) => findings.pass(NAME, format!("{rows} rows")),
    }
    Ok(())
}

fn spectra(
    source: &mut PackSource,
    summary_rows: Option<u64>,
    findings: &mut Findings,
) -> Result<(), PackError> {
    const NAME: &str = "spectra.parquet";
    if !source.entries().contains_key(NAME) {
        return Ok(());
    }
    let mut rows = 0_u64;
    match read_as_found(each_row::<SpectrumRow>(source, NAME, |_| rows += 1))? {
        Err(e) => findings.fail(NAME, e),
        Ok(()) if summary_rows.is_some_and(|all| rows > all) => {
            findings.fail(NAME, format!("{rows} rows, more than the summary has"));
        }
        Ok(()) => findings.pass(NAME, format!("{rows} rows")),
    }
    Ok(())
}

fn each_row<R: TableRow>(
    source: &mut PackSource,
    name: &str,
    mut visit: impl FnMut(&R),
) -> Result<(), PackError> {
    let table = TableReader::<R>::from_batches(source.table(name)?)?;
    for rows in table {
        rows?.iter().for_each(&mut visit);
    }
    Ok(())
}

/// A CSV reader that fails at records of absurd length instead of filling the
/// memory. The caller sets the counter to 0 after each record.
pub(in crate::pack) fn bounded_csv<R: Read>(inner: R) -> (csv::Reader<Bounded<R>>, Rc<Cell<u64>>) {
    let since_record = Rc::new(Cell::new(0));
    let bounded = Bounded { inner, since_record: Rc::clone(&since_record) };
    (csv::ReaderBuilder::new().from_reader(bounded), since_record)
}

/// Counts bytes between records.
pub(in crate::pack) struct Bounded<R> {
    inner: R,
    since_record: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let bytes = self.since_record.get() + read as u64;
        self.since_record.set(bytes);
        if bytes > RECORD_BYTES {
            let detail = format!("a record of more than {RECORD_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
        }
        Ok(read)
    }
}
