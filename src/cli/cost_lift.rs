//! `cost-lift`: what an audit is worth against known outcomes.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::audit::{CostLiftSettings, Estimate, MethodResult, RankingReport};
use hetero2::outcomes::{CostLiftOutcome, CostLiftRequest, SummaryInput, cost_lift as report};

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::force::ForceArguments;
use super::output::{json_text, print_document, print_text};

/// Compare the hits that a budget finds by chance, by score, and by score plus audit
///
/// The truth is a CSV table with the columns molecule_id, expensive_label (PASS or FAIL),
/// truth_source and truth_version (customer_truth.v1). Eligible are OK rows with a truth and a
/// verdict; the uplift is reported, never gated.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 cost-lift --pack screen/pack --truth truth.csv --budget 100
  hetero2 cost-lift --pack evidence_pack.zip --truth truth.csv --budget 100 --out cost_lift.json
  hetero2 cost-lift --summary summary.csv --truth truth.csv --budget 100 --seed 7 --json

Exit codes: 0 reported; 2 wrong usage or input, or no row is eligible; 3 the pack's summary was
changed after the pack was made.")]
#[command(group = clap::ArgGroup::new("rows").required(true).args(["pack", "summary"]))]
pub struct CostLiftArguments {
    /// Directory or zip of the pack
    #[arg(long, value_name = "PACK")]
    pack: Option<PathBuf>,
    /// A summary.csv by itself
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Known outcomes, customer_truth.v1
    #[arg(long, value_name = "FILE")]
    truth: PathBuf,
    /// Expected SHA-256 of the truth
    #[arg(long, value_name = "HEX")]
    truth_sha256: Option<String>,
    /// Molecules that can be afforded, at least 1
    #[arg(long, value_name = "K")]
    budget: usize,
    /// Seeds the random baseline and the bootstraps
    #[arg(long, value_name = "S", default_value_t = 0, allow_negative_numbers = true)]
    seed: i64,
    /// Bootstrap resamples
    #[arg(long, value_name = "N", default_value_t = 500,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    resamples: u32,
    /// Also write the JSON report here
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    force: ForceArguments,
}

/// Runs `cost-lift`.
pub fn cost_lift(
    arguments: &CostLiftArguments,
    global: &GlobalArguments,
) -> Result<ExitCode, Failure> {
    if let Some(path) = &arguments.out {
        arguments.force.check(path)?;
    }
    let summary = match (&arguments.pack, &arguments.summary) {
        (Some(pack), _) => SummaryInput::Pack(pack.clone()),
        (None, Some(summary)) => SummaryInput::File(summary.clone()),
        (None, None) => return Err(Failure::usage(anyhow::anyhow!("give --pack or --summary"))),
    };
    let settings = CostLiftSettings {
        budget: arguments.budget,
        seed: arguments.seed,
        resamples: arguments.resamples,
        ..CostLiftSettings::default()
    };
    let outcome = report(&CostLiftRequest {
        summary,
        truth: arguments.truth.clone(),
        truth_sha256: arguments.truth_sha256.clone(),
        settings,
    })?;
    let json = json_text(&outcome)?;
    if let Some(path) = &arguments.out {
        arguments.force.write(path, json.as_bytes())?;
    }
    if global.json {
        print_document(&json)?;
    } else {
        print_text(&as_text(&outcome))?;
    }
    Ok(ExitCode::SUCCESS)
}

// Writing to a String cannot fail, hence the discarded results below.
fn as_text(outcome: &CostLiftOutcome) -> String {
    let report = &outcome.report;
    let mut text = String::new();
    let _ = writeln!(text, "method                hits  of       hit rate  95 % interval");
    let methods = [
        ("by chance", &report.methods.baseline_random),
        ("by score", &report.methods.baseline_score_only_topk),
        ("by score plus audit", &report.methods.filtered_score_plus_audit_topk),
    ];
    for (name, method) in methods {
        let MethodResult { k_effective, hits, hit_rate, ci_low, ci_high } = method;
        let _ = writeln!(
            text,
            "{name:<20} {hits:>5}  {k_effective:<8} {hit_rate:<9.4} {ci_low:.4} to {ci_high:.4}"
        );
    }
    let selected = report.methods.filtered_score_plus_audit_topk.k_effective;
    if selected < report.k_effective {
        let _ = writeln!(
            text,
            "only {selected} eligible rows passed: the rest of the budget is unspent"
        );
    }
    let _ = writeln!(
        text,
        "uplift of score plus audit: {:+.4} against score, {:+.4} against chance",
        report.uplift_score_plus_audit_vs_score_only, report.uplift_score_plus_audit_vs_random
    );
    let eligible = &report.eligibility;
    let _ = writeln!(
        text,
        "rows {}: OK {}, with truth {}, eligible {}; budget {}, seed {}",
        report.n_total,
        report.n_ok,
        report.n_with_truth,
        eligible.rows_eligible_for_cost_lift,
        report.k_requested,
        report.seed
    );
    for reason in &eligible.reason_top {
        let _ = writeln!(text, "  not eligible {:>8}  {}", reason.count, reason.reason);
    }
    text.push_str(&ranking_text(&outcome.ranking));
    let _ = writeln!(text, "truth SHA-256 {}", outcome.truth_csv.digest.sha256);
    text
}

/// The library-level rankings, a line each.
fn ranking_text(ranking: &RankingReport) -> String {
    let mut text =
        String::from("ranking               ROC AUC                BEDROC                 ");
    let rankings = [
        ("by score", &ranking.by_score),
        ("PASS first, by score", &ranking.by_score_plus_audit),
        ("by AUC", &ranking.by_auc),
    ];
    let first = rankings.iter().find_map(|(_, quality)| quality.as_ref());
    for enrichment in first.into_iter().flat_map(|quality| &quality.enrichment) {
        let _ = write!(text, "{:<8}", format!("EF {:.0} %", 100.0 * enrichment.fraction));
    }
    let mut lines = vec![text];
    for (name, quality) in rankings {
        let Some(quality) = quality else {
            lines.push(format!("{name:<20}  undefined"));
            continue;
        };
        let estimate = |e: &Estimate| {
            let end = |end: Option<f64>| end.map_or_else(|| "?".into(), |end| format!("{end:.3}"));
            format!("{:.3} ({} to {})", e.value, end(e.ci_low), end(e.ci_high))
        };
        let (auc, bedroc) = (estimate(&quality.roc_auc), estimate(&quality.bedroc));
        let mut line = format!("{name:<20}  {auc:<23}{bedroc:<23}");
        for enrichment in &quality.enrichment {
            let _ = write!(line, "{:<8.2}", enrichment.factor.value);
        }
        lines.push(line);
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}
