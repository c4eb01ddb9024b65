//! Whether the CSV tables and reports of a pack follow from its typed tables:
//! they are made again and compared, file by file.

use std::collections::BTreeMap;
use std::path::Path;

use hetero2_common::files::{FileDigest, Scratch};
use hetero2_evidence::pack::manifest::{Manifest, Provenance};
use hetero2_evidence::pack::{Check, Outcome, PackWriter, ZipOutput, extract, read_manifest};

use super::rescore::{Audits, Scores, audit_all};
use super::stored_pack::{MADE_AGAIN, StoredPack};
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::observer::{Observer, Silent};
use crate::run::plan::{Plan, create_dir};
use crate::run::provenance::Started;
use crate::run::reduce::{
    AuditedTables, Conclusion, FinalizeRows, Outcomes, PackOptions, TRUTH, evidence_of,
    molecules_of, scores_name,
};

const NAME: &str = "made again";
/// Files that a finding names.
const SHOWN: usize = 8;

/// Makes every file of the pack at `path` again that follows from its tables of
/// molecules and decoys, and compares them with those that are there. The pack
/// must have passed [`verify`](hetero2_evidence::pack::verify()).
///
/// Disk: about the pack's size among the temporary files, removed at the end.
/// Local densities and the curve of densities follow from spectra, which light
/// packs do not have: they are not made again.
///
/// # Errors
/// [`RunError::NotRescorable`] for a pack of another version, whose reports this
/// one cannot make; the pack cannot be read, or the disk refuses. That files do
/// not follow from the tables is in the checks.
pub fn verify_regenerated(path: &Path, observer: &dyn Observer) -> Result<Vec<Check>, RunError> {
    let mut old = StoredPack::open(path)?;
    let plan = match old.plan() {
        Ok(plan) => plan,
        Err(RunError::DamagedPack { why, .. }) => return Ok(vec![check(Outcome::Fail, why)]),
        Err(error) => return Err(error),
    };
    let again = match make_again(&mut old, &plan, observer) {
        Ok(again) => again,
        // The tables contradict one another.
        Err(RunError::DamagedPack { why, .. }) => return Ok(vec![check(Outcome::Fail, why)]),
        Err(error) => return Err(error),
    };
    Ok(vec![compare(&old.manifest, &again)])
}

/// The manifest of the pack that the tables give.
fn make_again(
    old: &mut StoredPack,
    plan: &Plan,
    observer: &dyn Observer,
) -> Result<Manifest, RunError> {
    let started = Started::now();
    let work = Scratch::passing("hetero2-verify")?;
    let dir = RunDir::new(work.path());
    create_dir(&dir.inputs())?;
    take_inputs(old, plan, &dir)?;
    let destination = work.path().join("pack");
    let mut pack = PackWriter::create(&destination)?;
    let staged = work.path().join("molecules.parquet");
    let options = PackOptions::of(plan);
    let tables = AuditedTables::create(&mut pack, &options)?;
    let outcomes = Outcomes::load(&dir, plan)?;
    let stored = old.controls()?;
    let evidence = evidence_of(&dir, plan, outcomes.as_ref(), stored)?;
    let audits = Audits { scores: Scores::Kept, options: &options, evidence: evidence.as_ref() };
    let (aggregate, tables, gathered) = audit_all(old, plan, &audits, tables, &staged, observer)?;
    let q_values = aggregate.null_expectation.q_values();
    let mut finalizing = FinalizeRows::new(tables, &options, q_values, outcomes.as_ref())?;
    finalizing.add(molecules_of(&staged)?.into_iter().map(Ok), None, &Silent)?;
    let cost_lift = finalizing.finish(&mut pack)?;
    let dos = old.copy_spectral(&plan.config, &mut pack)?;
    let budget = plan.truth.as_ref().map(|truth| truth.budget as u64);
    let concluded = evidence.as_ref().zip(gathered).map(|(run, part)| run.conclude(part, budget));
    let conclusion = Conclusion {
        dir: &dir,
        plan,
        evidence: concluded.as_ref(),
        reports: old.reports(),
        zip: ZipOutput::Omitted,
        aggregate: &aggregate,
        cost_lift: cost_lift.as_ref(),
        dos: dos.as_deref(),
        destination: &destination,
        started,
    };
    conclusion.finish(pack, &Provenance::default())?;
    Ok(read_manifest(&destination)?)
}

/// Takes scores and outcomes out of the pack, where the plan names any.
fn take_inputs(old: &StoredPack, plan: &Plan, dir: &RunDir) -> Result<(), RunError> {
    let scores = plan.scores.iter().map(|file| (scores_name(&file.name), file));
    let truth = plan.truth.iter().map(|truth| (TRUTH.to_owned(), &truth.file));
    for (name, file) in scores.chain(truth) {
        extract(&old.path, &name, &dir.input(&file.sha256.to_string()))?;
    }
    Ok(())
}

fn compare(old: &Manifest, again: &Manifest) -> Check {
    let files = |manifest: &Manifest| -> BTreeMap<String, FileDigest> {
        manifest.files.iter().map(|file| (file.name.clone(), file.digest)).collect()
    };
    let (old_files, again_files) = (files(old), files(again));
    let made = |name: &&String| MADE_AGAIN.contains(&name.as_str());
    let mut wrong: Vec<String> = old_files
        .keys()
        .filter(made)
        .filter(|name| old_files.get(*name) != again_files.get(*name))
        .cloned()
        .collect();
    let missing = again_files.keys().filter(made).filter(|name| !old_files.contains_key(*name));
    wrong.extend(missing.map(|name| format!("{name} (missing)")));
    if wrong.is_empty() {
        let count = old_files.keys().filter(made).count();
        return check(Outcome::Pass, format!("{count} files follow from the tables"));
    }
    let more = wrong.len().saturating_sub(SHOWN);
    let shown = wrong[..wrong.len() - more].join(", ");
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let commits = (&old.body.tool.commit, &again.body.tool.commit);
    let build = match commits {
        (Some(theirs), Some(ours)) if theirs != ours => {
            format!(" (build {theirs} made the pack, this is {ours})")
        }
        _ => String::new(),
    };
    check(Outcome::Fail, format!("{shown}{rest} do not follow from the tables{build}"))
}

fn check(outcome: Outcome, detail: String) -> Check {
    Check { name: NAME, outcome, detail }
}
