//! A whole run with two decoys a molecule, against the files Python wrote.

use std::collections::HashMap;
use std::path::Path;

use hetero2::decoy::DecoyStrategy;
use hetero2::operator::{EdgeWeights, Physics};
use hetero2::run::{LibraryInput, RunConfig, RunRequest, SeedStrategy, Silent};
use serde_json::Value;

use crate::Result;
use crate::golden::{Row, Table, csv_rows, text};
use crate::report::{Section, Tally, Target};

type Summary = HashMap<String, String>;

pub fn compare(golden: &Path) -> Result<Section> {
    let golden = golden.join("batch_k2");
    let work = tempfile::tempdir()?;
    let config = RunConfig {
        decoys: 2,
        seed_strategy: SeedStrategy::PerRow,
        decoy_strategy: DecoyStrategy::Published,
        physics: Physics::Both,
        edge_weights: EdgeWeights::BondOrderDeltaChi,
        ..RunConfig::default()
    };
    let library = LibraryInput::File(golden.join("input.csv.gz"));
    let request = RunRequest::new(library, work.path().join("run"), config);
    let pack = hetero2::run::run(&request, &Silent)?.pack;
    let python = csv_rows(&golden.join("summary.csv.gz"))?;
    let ours = csv_rows(&pack.join("summary.csv"))?;
    let mut tallies = compare_summaries(&python, &ours)?;
    let curve = csv_rows(&golden.join("hardness_curve.csv.gz"))?;
    let decoys = Table::open(&pack.join("decoys.parquet"))?;
    tallies.extend(compare_decoys(&curve, &decoys)?);
    let read = |folder: &Path| -> Result<Value> {
        // Python writes bare NaN, which is no JSON.
        let metrics = text(&folder.join("metrics.json"))?.replace(": NaN", ": null");
        Ok(serde_json::from_str(&metrics)?)
    };
    tallies.push(compare_metrics(&read(&golden)?, &read(&pack)?));
    Ok(Section::new("A whole run", ABOUT, tallies))
}

const ABOUT: &str = "\
All 3,245 rows, two decoys each by the published strategies, a seed per row, mock scores, both halves of the physics, \
weights `bond_order_delta_chi`. A molecule without heavy atoms ends as ERROR in both; Python's reason is then the text of \
an exception, ours is `no_heavy_atoms`: the two count as one. Python's run also iterated the self-consistent potential; \
its remark on rows that did not converge (`outcome_verdict`) has no counterpart here and is not compared.";

fn compare_summaries(python: &[Summary], ours: &[Summary]) -> Result<Vec<Tally>> {
    let by_id: HashMap<&str, &Summary> = ours.iter().map(|row| (row["id"].as_str(), row)).collect();
    let mut status = Tally::exact("status and reason", Target::Differ(3));
    let mut verdict = Tally::exact("verdict, gate, slack", Target::Percent(98.0));
    let mut strategy = Tally::exact("`decoy_strategy_used`", Target::Open);
    let mut count = Tally::exact("`n_decoys`, generated, scored", Target::Open);
    let mut seed = Tally::exact("`seed_used`", Target::Differ(0));
    let mut warnings = Tally::exact("`warnings_count`", Target::Open);
    let mut spectral = Tally::within("spectral and operator columns", 1.1e-8, Target::Differ(0));
    for theirs in python {
        let id = theirs["id"].as_str();
        let ours = *by_id.get(id).ok_or("a row is missing in our summary")?;
        status.same(id, ending(theirs), ending(ours));
        seed.same(id, &theirs["seed_used"], &ours["seed_used"]);
        warnings.same(id, &theirs["warnings_count"], &ours["warnings_count"]);
        strategy.same(id, &theirs["decoy_strategy_used"], &ours["decoy_strategy_used"]);
        let joined = |row: &Summary, columns: &[&str]| -> String {
            columns.iter().map(|c| number_text(&row[*c])).collect::<Vec<_>>().join(", ")
        };
        let counts = ["n_decoys", "n_decoys_generated", "n_decoys_scored"];
        count.same(id, joined(theirs, &counts), joined(ours, &counts));
        if theirs["status"] != "OK" || ours["status"] != "OK" {
            continue;
        }
        let audit = ["verdict", "gate", "slack", "margin"];
        verdict.same(id, joined(theirs, &audit), joined(ours, &audit));
        for column in SPECTRAL {
            spectral.close(id, theirs[column].parse().ok(), ours[column].parse().ok());
        }
    }
    Ok(vec![status, verdict, strategy, count, seed, spectral, warnings])
}

const SPECTRAL: [&str; 14] = [
    "spectral_gap",
    "spectral_entropy",
    "spectral_entropy_norm",
    "physics_missing_params_count",
    "L_gap",
    "L_trace",
    "L_entropy_beta",
    "H_gap",
    "H_trace",
    "H_entropy_beta",
    "W_gap",
    "W_entropy",
    "WH_gap",
    "WH_entropy",
];

/// Status and reason; texts of exceptions are one class.
fn ending(row: &Summary) -> String {
    let reason = row["reason"].as_str();
    let internal = reason.contains("Error(") || reason == "no_heavy_atoms";
    format!("{} {}", row["status"], if internal { "(internal)" } else { reason })
}

/// `0.0` and `0` are one number.
fn number_text(text: &str) -> String {
    text.parse::<f64>().map_or_else(|_| text.to_owned(), |value| value.to_string())
}

fn compare_decoys(curve: &[Summary], decoys: &Table) -> Result<Vec<Tally>> {
    let mut hashes = Tally::exact("decoys by their hash", Target::Open);
    // Six decimals.
    let mut tanimoto = Tally::within("hardness curve: Tanimoto", 5.1e-7, Target::Open);
    let mut bins = Tally::exact("hardness curve: bin", Target::Open);
    let mut scores = Tally::within("hardness curve: mock score", 5.1e-7, Target::Open);
    let key = |row: Row<'_>| {
        let column = |name| row.text(name).unwrap_or_default().to_owned();
        (column("molecule_id"), column("decoy_hash"))
    };
    let ours: HashMap<(String, String), Row<'_>> =
        decoys.rows().map(|row| (key(row), row)).collect();
    for theirs in curve {
        let id = theirs["molecule_id"].as_str();
        let hash = &theirs["decoy_id"];
        let found = ours.get(&(id.to_owned(), hash.clone()));
        hashes.outcome(id, found.is_some(), || {
            (format!("{}, Tanimoto {}", &hash[..12], theirs["tanimoto"]), "other decoys".into())
        });
        let Some(found) = found else { continue };
        let bits = |name| found.number(name).unwrap_or(f64::NAN);
        let similarity = bits("tanimoto_shared_bits") / bits("tanimoto_total_bits");
        tanimoto.close(id, theirs["tanimoto"].parse().ok(), Some(similarity));
        bins.same(
            id,
            theirs["hardness_bin"].as_str(),
            found.text("hardness_bin").unwrap_or_default(),
        );
        scores.close(id, theirs["neg_score"].parse().ok(), found.number("score"));
    }
    Ok(vec![hashes, tanimoto, bins, scores])
}

fn compare_metrics(python: &Value, ours: &Value) -> Tally {
    let mut tally = Tally::exact("`metrics.json`: aggregates of the run", Target::Open);
    for path in [
        "/counts/OK",
        "/counts/SKIP",
        "/counts/ERROR",
        "/audit_slack_stats_ok/rows_ok",
        "/audit_slack_stats_ok/rows_ok_with_verdict",
        "/audit_slack_stats_ok/pass_rate_ok",
        "/audit_slack_stats_ok/median_slack_ok",
        "/audit_slack_stats_ok/mean_slack_ok",
        "/decoy_realism/pairs_total_by_bin/easy",
        "/decoy_realism/pairs_total_by_bin/medium",
        "/decoy_realism/pairs_total_by_bin/hard",
        "/decoy_realism/auc_tie_aware_by_bin/easy",
        "/decoy_realism/auc_tie_aware_by_bin/medium",
        "/decoy_realism/auc_tie_aware_by_bin/hard",
        "/decoy_realism/auc_interpretation",
        "/decoy_realism/auc_interpretation_reason",
        "/decoy_realism/tanimoto_median",
    ] {
        let value = |metrics: &Value| {
            let value = metrics.pointer(path).cloned().unwrap_or_default();
            // Published to 8 decimals here, in full there.
            value.as_f64().map_or(value.to_string(), |v| ((v * 1e8).round() / 1e8).to_string())
        };
        tally.same(&path[1..], value(python), value(ours));
    }
    tally
}
