//! A small whole pack that other tests build, break and compare.

use std::path::Path;

use hetero2::contract::hardness::{
    DecoyRealism, INTERPRETATION_SCHEMA, Interpretation, InterpretationReason, TanimotoBins,
};
use hetero2::contract::metrics::METRICS_SCHEMA;
use hetero2::contract::significance::{Passes, RunSignificance};
use hetero2::contract::slack::SlackStatistics;
use hetero2::contract::summary_metadata::{DOS_SCHEMA, METADATA_SCHEMA};
use hetero2::contract::{
    AucInterpretation, CountedReason, Metrics, Reason, ScoreMode, StatusCounts, SummaryMetadata,
};
use hetero2::files::{FileDigest, Sha256Digest};
use hetero2::pack::csv::{
    DosPoint, EdgeWeightColumns, HardnessCsv, OperatorFeaturesCsv, SummaryCsv,
};
use hetero2::pack::manifest::{Input, ManifestBody, Provenance, Seeds, Tool};
use hetero2::pack::report::*;
use hetero2::pack::rows::{DecoyRow, HardnessBin, MoleculeRow, SpectrumRow, Verdict};
use hetero2::pack::{PackDigest, PackWriter, ZipOutput};
use serde_json::json;

use super::rows::{decoy, failed, molecule, skipped, spectrum};

/// The rows of the pack.
pub fn rows() -> Vec<MoleculeRow> {
    (0..40)
        .map(|i| match i {
            7 | 8 => skipped(i, Reason::Disconnected),
            9 => failed(i, Reason::MissingPhysicsParams),
            _ => molecule(i),
        })
        .collect()
}

/// Builds the pack of `rows` at `path`; `provenance` is the time it gives.
pub fn build(path: &Path, rows: &[MoleculeRow], provenance: &str) -> PackDigest {
    build_with(path, rows, provenance, ZipOutput::Written)
}

/// [`build`] with or without the zip.
pub fn build_with(
    path: &Path,
    rows: &[MoleculeRow],
    provenance: &str,
    zip: ZipOutput,
) -> PackDigest {
    let mut pack = PackWriter::create(path).unwrap();
    write_rows(&mut pack, rows);
    let summary = summary(rows);
    pack.add_json("metrics.json", &summary.metrics).unwrap();
    pack.add_json("summary_metadata.json", &summary.metadata).unwrap();
    pack.add_bytes("hardness_curve.md", hardness_md(&summary).as_bytes()).unwrap();
    pack.add_bytes("index.md", index_md(&summary).as_bytes()).unwrap();
    pack.add_bytes("index.html", index_html(&summary).as_bytes()).unwrap();
    let provenance = Provenance { started_at: Some(provenance.into()), ..Default::default() };
    pack.finish(body(), &provenance, zip).unwrap()
}

fn write_rows(pack: &mut PackWriter, rows: &[MoleculeRow]) {
    // All tables are under construction at once, as in a streaming run.
    let weights = EdgeWeightColumns::Present;
    let mut csv = SummaryCsv::new(pack.create_file("summary.csv").unwrap(), weights).unwrap();
    let mut features =
        OperatorFeaturesCsv::new(pack.create_file("operator_features.csv").unwrap(), weights)
            .unwrap();
    let mut pairs =
        HardnessCsv::new(pack.create_file("hardness_curve.csv").unwrap(), "mock", "both").unwrap();
    let mut table = pack.create_table::<MoleculeRow>("summary.parquet").unwrap();
    let mut decoys = pack.create_table::<DecoyRow>("decoys.parquet").unwrap();
    let mut spectra = pack.create_table::<SpectrumRow>("spectra.parquet").unwrap();
    for row in rows {
        csv.write(row).unwrap();
        features.write(row).unwrap();
        table.write(std::slice::from_ref(row)).unwrap();
        if row.spectral.is_some() {
            spectra.write(&[spectrum(row.row)]).unwrap();
            for pair in [decoy(row.row, 0), decoy(row.row, 1)] {
                pairs.write(&pair).unwrap();
                decoys.write(&[pair]).unwrap();
            }
        }
    }
    for file in [csv.into_inner(), features.into_inner(), pairs.into_inner()] {
        pack.finish_file(file).unwrap();
    }
    pack.finish_table(table).unwrap();
    pack.finish_table(decoys).unwrap();
    pack.finish_table(spectra).unwrap();
}

/// The aggregates of `rows`.
pub fn summary(rows: &[MoleculeRow]) -> PackSummary {
    let mut counts = StatusCounts::default();
    let mut slack = SlackStatistics { median_slack_ok: Some(0.0), ..Default::default() };
    let mut slack_histogram = Histogram::new(-1.0, 0.5, 30);
    let mut auc_histogram = Histogram::new(0.0, 1.0, 20);
    for row in rows {
        counts.add(row.status);
        match row.audit.as_ref().map(|a| a.verdict) {
            Some(Verdict::Pass) => slack.rows_pass += 1,
            Some(Verdict::Fail) => slack.rows_fail += 1,
            _ => continue,
        }
        let audit = row.audit.as_ref().unwrap();
        slack_histogram.add(audit.slack.unwrap());
        auc_histogram.add(audit.auc.unwrap());
    }
    slack.rows_ok = counts.ok;
    slack.rows_ok_with_slack = counts.ok;
    slack.rows_ok_with_verdict = counts.ok;
    slack.pass_rate_ok = Some(slack.rows_pass as f64 / counts.ok.max(1) as f64);
    let mut tanimoto_histogram = Histogram::new(0.0, 1.0, 20);
    (0..2 * counts.ok).for_each(|_| tanimoto_histogram.add(4.0 / 13.0));
    let excerpts = || rows.iter().map(RowExcerpt::from).collect::<Vec<_>>();
    PackSummary {
        metadata: SummaryMetadata {
            schema_version: METADATA_SCHEMA.into(),
            interpretation: interpretation(counts.ok),
            physics_mode: "both".into(),
            edge_weight_mode: "bond_order_delta_chi".into(),
            potential_mode: "static".into(),
            potential_scale_gamma: 1.0,
            potential_unit_model: "dimensionless".into(),
            physics_entropy_beta: 1.0,
            dos_ldos_schema: Some(DOS_SCHEMA.into()),
            dos_eta: Some(0.05),
            dos_grid_n: Some(128),
            dos_energy_min: Some(-1.0),
            dos_energy_max: Some(6.9375),
        },
        model: None,
        library: "library.smi".into(),
        budget: None,
        roc: Vec::new(),
        audit_top: None,
        concludes: Concludes::AsPublished,
        metrics: Metrics {
            evidence: None,
            rows_with_fragments_left_out: None,
            schema_version: METRICS_SCHEMA.into(),
            rows_total: counts.total(),
            top_reasons: vec![
                (CountedReason::Of(Reason::Disconnected), 2),
                (CountedReason::Of(Reason::MissingPhysicsParams), 1),
            ],
            config: json!({"decoys": 2, "score_mode": "mock"}),
            audit_slack_stats_ok: slack,
            decoy_realism: DecoyRealism {
                interpretation: interpretation(counts.ok),
                hard_pairs_min_n: 50,
                tanimoto_bins: TanimotoBins::default(),
            },
            significance: significance(),
            scores_coverage: None,
            counts,
        },
        scores: ScoreMode::Mock,
        outcomes: None,
        dos: Some(dos()),
        null_auc: vec![37.0 / 20.0; 20],
        slack_histogram,
        auc_histogram,
        tanimoto_histogram,
        top: excerpts(),
        bottom: excerpts(),
        gallery: gallery(rows),
        first: excerpts(),
        tool: tool(),
        inputs: inputs(),
    }
}

fn gallery(rows: &[MoleculeRow]) -> Gallery {
    let drawing = Some("<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0\"/></svg>".into());
    let drawn = |row: &MoleculeRow| DrawnRow {
        row: RowExcerpt::from(row),
        score: Some(1.0),
        drawing: drawing.clone(),
        decoys: vec![DrawnDecoy {
            tanimoto: Some(0.8),
            hardness_bin: HardnessBin::Hard,
            score: Some(1.5),
            smiles: "COC".into(),
            drawing: None,
        }],
    };
    Gallery { top: rows.iter().take(9).map(drawn).collect(), bottom: Vec::new() }
}

fn interpretation(ok: u64) -> Interpretation {
    let by_bin =
        |easy| HardnessBin::ALL.map(|bin| (bin, if bin == HardnessBin::Easy { easy } else { 0 }));
    Interpretation {
        auc_interpretation: AucInterpretation::InconclusiveDecoysTooEasy,
        auc_interpretation_reason: InterpretationReason::DecoysTooEasy,
        auc_interpretation_schema: INTERPRETATION_SCHEMA.into(),
        auc_tie_aware_by_bin: HardnessBin::ALL
            .map(|bin| (bin, (bin == HardnessBin::Easy).then_some(1.0)))
            .into(),
        pairs_scored_by_bin: by_bin(ok).into(),
        pairs_total_by_bin: by_bin(2 * ok).into(),
        tanimoto_median: Some(0.30769231),
    }
}

fn significance() -> RunSignificance {
    let passes = Passes {
        rows: 37,
        observed_passes: 24,
        expected_passes_by_chance: 12.33333333,
        chance_low: 7,
        chance_high: 18,
        p_value: 0.0001,
        pass_rate: 0.64864865,
        pass_rate_low: 0.47,
        pass_rate_high: 0.8,
    };
    RunSignificance {
        level: 0.05,
        rows_tested: 37,
        rows_without_power: 37,
        rows_p_significant: 0,
        rows_q_significant: 0,
        passes: Some(passes),
        passes_by_bin: [(HardnessBin::Easy, Some(passes)), (HardnessBin::Hard, None)].into(),
    }
}

fn dos() -> Vec<DosPoint> {
    (0..128)
        .map(|i| {
            let energy = f64::from(i) / 16.0 - 1.0;
            let bump = |at: f64| (-(energy - at) * (energy - at)).exp();
            DosPoint { energy, l: Some(bump(1.0)), h: Some(bump(2.5)), wh: None }
        })
        .collect()
}

fn tool() -> Tool {
    Tool { name: "hetero2".into(), version: "0.1.0".into(), commit: None }
}

fn inputs() -> Vec<Input> {
    let digest = FileDigest::of(b"OCC mol_0\n");
    vec![Input::new("library", Path::new("/somewhere/else/library.smi"), digest)]
}

fn body() -> ManifestBody {
    ManifestBody {
        tool: tool(),
        config: json!({"decoys": 2, "score_mode": "mock"}),
        seeds: Seeds { seed: 0, strategy: "global".into() },
        inputs: inputs(),
        atom_table_sha256: Sha256Digest::of(b"atoms"),
        notes: Default::default(),
    }
}
