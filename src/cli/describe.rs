//! `describe`: one molecule's graph, spectra, features, decoys and audit.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use hetero2::decoy::DecoySet;
use hetero2::library::Record;
use hetero2::molecule::{Molecule, ParseLimits};
use hetero2::pack::rows::{MoleculeRow, OperatorColumns, Status};
use hetero2::run::{Artifacts, Engine, RowOutcome, ScoreMode, ScoreSource};
use hetero2::spectra::CpuBackend;

use super::arguments::{GlobalArguments, SettingsArguments};
use super::failure::Failure;
use super::output::{print_json, print_text};

/// Look at one molecule: graph, spectra, features, decoys, audit
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 describe 'CC(=O)Oc1ccccc1C(=O)O'
  hetero2 describe 'c1ccccc1O' --decoys 5 --edge-weights bond-order-delta-chi
  hetero2 describe CCO --json")]
pub struct DescribeArguments {
    /// SMILES of the molecule
    #[arg(allow_hyphen_values = true)]
    smiles: String,
    #[command(flatten)]
    settings: SettingsArguments,
}

/// Runs `describe`.
pub fn describe(
    arguments: &DescribeArguments,
    global: &GlobalArguments,
) -> Result<ExitCode, Failure> {
    arguments.settings.decoy.refuse_file("describe")?;
    let mut config = arguments.settings.config(ScoreMode::Mock, DecoySet::V2)?;
    config.artifacts = Artifacts::Full;
    config.validate().map_err(Failure::usage)?;
    let molecule = Molecule::from_smiles(arguments.smiles.as_bytes(), &ParseLimits::default())
        .map_err(|error| Failure::usage(anyhow::anyhow!("{:?}: {error}", arguments.smiles)))?;
    let record = Record {
        row: 0,
        id: "molecule".into(),
        smiles: arguments.smiles.clone().into_bytes(),
        scores_input: None,
        problem: None,
        line: 1,
    };
    let backend = CpuBackend::new();
    let scores = ScoreSource::Mock;
    let outcomes =
        Engine::new(&config, &backend, &scores).compute(&[record]).map_err(Failure::other)?;
    let Some(outcome) = outcomes.into_iter().next() else {
        return Err(Failure::other(anyhow::anyhow!("no outcome for the molecule")));
    };
    if global.json {
        print_json(&as_json(&molecule, &outcome))?;
    } else {
        print_text(&as_text(&molecule, &outcome))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(molecule: &Molecule, outcome: &RowOutcome) -> Value {
    let row = &outcome.molecule;
    let operator = |o: OperatorColumns| json!({ "gap": o.gap, "trace": o.trace, "entropy_beta": o.entropy_beta });
    json!({
        "canonical_smiles": molecule.canonical_smiles(),
        "status": row.status,
        "reason": row.reason,
        "warnings": row.warnings,
        "graph": {
            "atomic_numbers": molecule.graph().atomic_numbers,
            "bonds": molecule.graph().bonds.iter()
                .map(|b| json!([b.i, b.j, f64::from(b.doubled_order) / 2.0]))
                .collect::<Vec<_>>(),
        },
        "descriptors": row.descriptors.map(|d| json!({
            "mw": d.mw, "logp": d.logp, "tpsa": d.tpsa, "hbd": d.hbd, "hba": d.hba, "qed": d.qed,
        })),
        "features": row.spectral.as_ref().map(|s| json!({
            "spectral_gap": s.spectral_gap,
            "spectral_entropy": s.spectral_entropy,
            "spectral_entropy_norm": s.spectral_entropy_norm,
            "L": operator(s.l), "H": operator(s.h), "W": operator(s.w), "WH": operator(s.wh),
        })),
        "eigenvalues": outcome.spectrum.as_ref()
            .map(|s| json!({ "L": s.l, "H": s.h, "W": s.w, "WH": s.wh })),
        "decoys": outcome.decoys.iter().map(|d| json!({
            "smiles": d.decoy_smiles,
            "hash": d.decoy_hash,
            "strategy": d.strategy,
            "tanimoto": d.tanimoto(),
            "hardness": d.hardness_bin,
        })).collect::<Vec<_>>(),
        "decoys_exist": row.n_decoys_exist,
        "audit_of_mock_scores": row.audit.as_ref().map(|a| json!({
            "verdict": a.verdict, "auc_tie_aware": a.auc, "gate": a.gate, "slack": a.slack,
            "p_value": a.p_value, "p_min": a.p_min,
        })),
    })
}

fn as_text(molecule: &Molecule, outcome: &RowOutcome) -> String {
    let mut text = String::new();
    write_molecule(&mut text, molecule, &outcome.molecule);
    write_spectra(&mut text, outcome);
    write_decoys(&mut text, outcome);
    text
}

// Writing to a String cannot fail, hence the discarded results below.

fn write_molecule(text: &mut String, molecule: &Molecule, row: &MoleculeRow) {
    let graph = molecule.graph();
    let _ = writeln!(text, "canonical SMILES  {}", molecule.canonical_smiles());
    let status = match row.status {
        Status::Ok => "OK",
        Status::Skip => "SKIP",
        Status::Error => "ERROR",
    };
    let reason = row.reason.as_ref().map_or_else(String::new, |reason| format!(" {reason}"));
    let _ = writeln!(text, "status            {status}{reason}");
    let _ = writeln!(
        text,
        "graph             {} heavy atoms, {} bonds, {} fragment(s)",
        graph.atomic_numbers.len(),
        graph.bonds.len(),
        molecule.component_count()
    );
    if let Some(d) = row.descriptors {
        let _ = writeln!(
            text,
            "descriptors       MW {:.2} g/mol, logP {:.2}, TPSA {:.1} Å², HBD {}, HBA {}, QED {:.3}",
            d.mw, d.logp, d.tpsa, d.hbd, d.hba, d.qed
        );
    }
    for warning in &row.warnings {
        let _ = writeln!(text, "warning           {warning}");
    }
}

fn write_spectra(text: &mut String, outcome: &RowOutcome) {
    let (Some(columns), Some(values)) = (&outcome.molecule.spectral, &outcome.spectrum) else {
        return;
    };
    let _ = writeln!(
        text,
        "\noperator  gap         trace       entropy     eigenvalues (dimensionless)"
    );
    let rows = [
        ("L", columns.l, &values.l),
        ("H", columns.h, &values.h),
        ("W", columns.w, &values.w),
        ("WH", columns.wh, &values.wh),
    ];
    for (name, features, values) in rows {
        if values.is_empty() {
            continue;
        }
        let cell = |x: Option<f64>| x.map_or_else(|| "-".into(), |x| format!("{x:.6}"));
        let mut listed: Vec<String> = values.iter().take(8).map(|v| format!("{v:.4}")).collect();
        if values.len() > 8 {
            listed.push(format!("… {:.4}", values[values.len() - 1]));
        }
        let _ = writeln!(
            text,
            "{name:<9} {:<11} {:<11} {:<11} {}",
            cell(features.gap),
            cell(features.trace),
            cell(features.entropy_beta),
            listed.join(" ")
        );
    }
}

fn write_decoys(text: &mut String, outcome: &RowOutcome) {
    let row = &outcome.molecule;
    if outcome.decoys.is_empty() {
        return;
    }
    let exist = row.n_decoys_exist.map_or_else(String::new, |n| format!(" of {n} that exist"));
    let _ = writeln!(text, "\n{} decoys{exist}", outcome.decoys.len());
    let _ = writeln!(text, "Tanimoto  hardness  strategy              SMILES");
    for decoy in &outcome.decoys {
        let similarity = decoy.tanimoto().map_or_else(|| "-".into(), |t| format!("{t:.3}"));
        let hardness = format!("{:?}", decoy.hardness_bin).to_lowercase();
        let strategy = decoy.strategy.trim_end_matches("_v1");
        let _ =
            writeln!(text, "{similarity:<9} {hardness:<9} {strategy:<21} {}", decoy.decoy_smiles);
    }
    if let Some(audit) = &row.audit {
        let cell = |x: Option<f64>| x.map_or_else(|| "-".into(), |x| x.to_string());
        let _ = writeln!(
            text,
            "\naudit of stand-in scores (they say nothing of any model)\n{}: AUC {}, gate {}, \
             slack {}, p {} (smallest attainable {})",
            audit.verdict.as_str(),
            cell(audit.auc),
            cell(audit.gate),
            cell(audit.slack),
            cell(audit.p_value),
            cell(audit.p_min)
        );
    }
}
