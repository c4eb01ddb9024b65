//! `compare`: several models on one library, side by side.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::contract::evidence::Figure;
use hetero2::outcomes::{ComparedPack, Comparison, compare_packs};
use hetero2::pack::report::{comparison_caution, comparison_html};

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::force::ForceArguments;
use super::output::{print_json, print_text};

/// Show several models on one library side by side
///
/// Reads what each pack concludes: verdict, mean AUC against the decoys, contrast and ROC AUC on known
/// outcomes, hits of the budget. Nothing is computed; `audit --pack` makes packs of other scores on
/// the same decoys.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 compare rf/pack svm/pack baseline/pack
  hetero2 compare rf/pack svm/pack --html models.html
  hetero2 compare rf/pack svm/pack --json

Exit codes: 0 done; 2 there is no pack; 1 the page cannot be written.")]
pub struct CompareArguments {
    /// Directories or zips of packs
    #[arg(required = true, num_args = 1..)]
    packs: Vec<PathBuf>,
    /// Write one self-contained page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    force: ForceArguments,
}

/// Runs `compare`.
pub fn compare(
    arguments: &CompareArguments,
    global: &GlobalArguments,
) -> Result<ExitCode, Failure> {
    if let Some(path) = &arguments.html {
        arguments.force.check(path)?;
    }
    let found = compare_packs(&arguments.packs)?;
    if let Some(path) = &arguments.html {
        let page = comparison_html(&found);
        arguments.force.write(path, page.as_bytes())?;
    }
    if global.json {
        print_json(&found)?;
    } else {
        print_text(&as_text(&found))?;
    }
    Ok(ExitCode::SUCCESS)
}

// Writing to a String cannot fail, hence the discarded results below.
fn as_text(found: &Comparison) -> String {
    let width = found.packs.iter().map(|pack| pack.model.chars().count()).max().unwrap_or(0).max(5);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<width$}  {:<15}  {:<22}  {:<22}  {:<22}  hits of the budget",
        "model", "verdict", "AUC against decoys", "contrast", "ROC AUC"
    );
    for pack in &found.packs {
        let evidence = pack.evidence.as_ref();
        let verdict = evidence.map_or_else(|| "no verdict".to_owned(), |e| e.verdict.to_string());
        let model = evidence.and_then(|e| e.outcomes.as_ref()).map(|outcomes| &outcomes.model);
        let _ = writeln!(
            text,
            "{:<width$}  {verdict:<15}  {:<22}  {:<22}  {:<22}  {}",
            pack.model,
            figure(evidence.and_then(|e| e.audit_auc)),
            figure(model.and_then(|m| m.contrast)),
            figure(model.and_then(|m| m.roc_auc)),
            hits(pack)
        );
    }
    if let Some(caution) = comparison_caution(found.comparable) {
        let _ = writeln!(text, "{caution}");
    }
    text
}

fn figure(figure: Option<Figure>) -> String {
    match figure {
        None => "–".to_owned(),
        Some(Figure { value, low: Some(low), high: Some(high) }) => {
            format!("{value:.3} [{low:.3}, {high:.3}]")
        }
        Some(Figure { value, .. }) => format!("{value:.3}"),
    }
}

fn hits(pack: &ComparedPack) -> String {
    pack.budget.as_ref().map_or_else(
        || "–".to_owned(),
        |budget| format!("{:.1} of {}", budget.by_score.hits, budget.by_score.selected),
    )
}
