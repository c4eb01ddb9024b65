//! Stress: rows that cannot be computed among such that can.

use hetero2_audit::Status;
use hetero2_chemistry::decoy::DecoyStrategy;
use hetero2_common::random::PythonRandom;
use hetero2_contract::Reason;

use super::error::SuiteError;
use super::evidence::{Evidence, EvidenceRow};
use super::fact::Facts;
use super::folder::SuiteFolder;
use crate::run::{Artifacts, RunConfig, ScoreMode, SeedStrategy};

/// Rows of the published suite.
pub(super) const ROWS: u64 = 10_000;
/// Seeds the choice of molecules and the shuffle.
const SEED: i64 = 0;
/// Atoms of the chain: more than the 200 that a run accepts by default.
const CHAIN: usize = 210;
const VALID: [&str; 6] = ["CCO", "c1ccccc1", "CC(=O)O", "CCN", "CCOC", "CC(C)O"];
const INVALID: [&str; 5] = ["C1", "(", "notasmiles", "C(C", "C=)C"];

/// One kind of row: what its id begins with, and its share.
struct Kind {
    name: &'static str,
    share: f64,
}

const TOO_LARGE: Kind = Kind { name: "too_large", share: 0.05 };
const DISCONNECTED: Kind = Kind { name: "disconnected", share: 0.025 };
const UNREADABLE: Kind = Kind { name: "invalid", share: 0.0208 };
const MISSING: Kind = Kind { name: "missing_smiles", share: 0.0042 };
/// The rest.
const REST: &str = "ok";

impl Kind {
    /// Rows of this kind among `rows`, at least one.
    fn count(&self, rows: u64) -> u64 {
        ((self.share * rows as f64) as u64).max(1)
    }
}

/// Id and SMILES of every row, shuffled.
fn rows(count: u64) -> Vec<(String, String)> {
    let mut generator = PythonRandom::new(SEED);
    let kinds = [TOO_LARGE, DISCONNECTED, UNREADABLE, MISSING];
    let rest = count.saturating_sub(kinds.iter().map(|kind| kind.count(count)).sum());
    let mut rows = Vec::new();
    let mut add = |name: &str, count: u64, smiles: &mut dyn FnMut() -> String| {
        rows.extend((0..count).map(|i| (format!("{name}_{i:05}"), smiles())));
    };
    add(REST, rest, &mut || (*generator.choice(&VALID)).to_owned());
    add(TOO_LARGE.name, TOO_LARGE.count(count), &mut || "C".repeat(CHAIN));
    add(DISCONNECTED.name, DISCONNECTED.count(count), &mut || "CC.CC".to_owned());
    add(UNREADABLE.name, UNREADABLE.count(count), &mut || (*generator.choice(&INVALID)).to_owned());
    add(MISSING.name, MISSING.count(count), &mut String::new);
    generator.shuffle(&mut rows);
    rows
}

/// The library.
fn input_csv(rows: &[(String, String)]) -> String {
    let lines = rows.iter().map(|(id, smiles)| format!("{id},{smiles}\n"));
    std::iter::once("id,smiles\n".to_owned()).chain(lines).collect()
}

pub(super) fn run(work: &mut SuiteFolder<'_>, count: u64) -> Result<Facts, SuiteError> {
    let input = rows(count);
    let library = work.input("input.csv", input_csv(&input).as_bytes())?;
    let found = work.run("stress", &library, None, config())?;
    Ok(facts(&input, &found))
}

/// The configuration of the published runs: few decoys, since the molecules
/// hardly have any.
fn config() -> RunConfig {
    RunConfig {
        decoys: 2,
        seed: SEED,
        seed_strategy: SeedStrategy::PerRow,
        decoy_strategy: DecoyStrategy::Published,
        physics: hetero2_chemistry::operator::Physics::Topological,
        score_mode: ScoreMode::Mock,
        artifacts: Artifacts::Light,
        ..RunConfig::default()
    }
}

/// How a row must end: status and reason.
fn outcome(id: &str, smiles: &str) -> (Status, Option<Reason>) {
    let kind = id.rsplit_once('_').map_or(id, |(kind, _)| kind);
    let reason = match kind {
        name if name == TOO_LARGE.name => Reason::TooManyAtoms,
        name if name == DISCONNECTED.name => Reason::Disconnected,
        name if name == UNREADABLE.name => Reason::InvalidSmiles,
        name if name == MISSING.name => Reason::MissingSmiles,
        // Of the small molecules, only the ring has bonds that can be swapped.
        _ if smiles == "c1ccccc1" => return (Status::Ok, None),
        _ => Reason::NoDecoysGenerated,
    };
    (Status::Skip, Some(reason))
}

fn facts(input: &[(String, String)], found: &Evidence) -> Facts {
    let mut facts = Facts::default();
    facts.equal("rows with an outcome", input.len() as u64, found.rows.len() as u64);
    facts.equal("ERROR", 0, found.with_status(Status::Error));
    let reasons = [
        (Status::Ok, None),
        (Status::Skip, Some(Reason::NoDecoysGenerated)),
        (Status::Skip, Some(Reason::TooManyAtoms)),
        (Status::Skip, Some(Reason::Disconnected)),
        (Status::Skip, Some(Reason::InvalidSmiles)),
        (Status::Skip, Some(Reason::MissingSmiles)),
    ];
    for ended in reasons {
        let expected = input.iter().filter(|(id, smiles)| outcome(id, smiles) == ended);
        let found = found.rows.iter().filter(|row| of(row) == ended);
        let (expected, found) = (expected.count() as u64, found.count() as u64);
        let name = ended.1.map_or_else(|| "OK".to_owned(), |reason| format!("SKIP {reason}"));
        facts.equal(name, expected, found);
    }
    let wrong = input
        .iter()
        .zip(&found.rows)
        .filter(|((id, smiles), row)| *id != row.summary.id || of(row) != outcome(id, smiles));
    facts.equal("rows out of place or with another outcome", 0, wrong.count() as u64);
    facts
}

fn of(row: &EvidenceRow) -> (Status, Option<Reason>) {
    (row.summary.status, row.summary.known_reason())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hetero2_common::files::Sha256Digest;

    #[test]
    fn the_published_input_is_made_draw_for_draw() {
        // SHA-256 of what the recipe's own program writes.
        for (count, expected) in [
            (1_000, "e49872d4997a54c54f92e8f5d608e84e40b8a798c71be91512ade32e8612b536"),
            (10_000, "230919a0683de882f06e5f5c7ccf44af518adcdc0b1c73a3c7180c33705f4779"),
        ] {
            let csv = input_csv(&rows(count));
            assert_eq!(Sha256Digest::of(csv.as_bytes()).to_string(), expected, "{count} rows");
        }
    }

    #[test]
    fn the_shares_are_those_of_the_contract() {
        let rows = rows(ROWS);
        let outcomes = [
            (Status::Ok, None, 1_512),
            (Status::Skip, Some(Reason::NoDecoysGenerated), 7_488),
            (Status::Skip, Some(Reason::TooManyAtoms), 500),
            (Status::Skip, Some(Reason::Disconnected), 250),
            (Status::Skip, Some(Reason::InvalidSmiles), 208),
            (Status::Skip, Some(Reason::MissingSmiles), 42),
        ];
        for (status, reason, expected) in outcomes {
            let found =
                rows.iter().filter(|(id, smiles)| outcome(id, smiles) == (status, reason.clone()));
            assert_eq!(found.count(), expected, "{status:?} {reason:?}");
        }
    }
}
