//! The controls of a run in its pack: stored rows, and the panel as a table.

use std::io::Write as _;

use hetero2_contract::controls::ControlRow;
use hetero2_contract::evidence::{ControlFigures, Evidence, Figure, ScorerOutcomes};
use hetero2_evidence::pack::{PackError, PackWriter};

use super::gather::Concluded;
use crate::run::error::RunError;

/// The panel: the model and each control, a line each.
pub(crate) const CONTROLS_CSV: &str = "controls.csv";
/// The stored rows.
pub(crate) const CONTROLS_TABLE: &str = "controls.parquet";

/// What a budget buys, by several rankings.
pub(crate) const COST_LIFT_V2: &str = "cost_lift_v2.json";

/// Columns of the panel.
const HEADER: [&str; 26] = [
    "score",
    "units",
    "audit_auc",
    "audit_auc_low",
    "audit_auc_high",
    "pass_rate",
    "pass_rate_low",
    "pass_rate_high",
    "model_minus_control",
    "model_minus_control_low",
    "model_minus_control_high",
    "contrast",
    "contrast_low",
    "contrast_high",
    "roc_auc",
    "roc_auc_low",
    "roc_auc_high",
    "bedroc",
    "cliffs",
    "cliffs_low",
    "cliffs_high",
    "roc_auc_difference",
    "roc_auc_difference_low",
    "roc_auc_difference_high",
    "p_holm",
    "model_above",
];

/// Writes the controls, and what a budget buys.
pub(crate) fn write(pack: &mut PackWriter, concluded: &Concluded) -> Result<(), RunError> {
    let Concluded { evidence, rows, budget, roc: _ } = concluded;
    if let Some(budget) = budget {
        pack.add_json(COST_LIFT_V2, budget)?;
    }
    let mut table = pack.create_table::<ControlRow>(CONTROLS_TABLE)?;
    table.write(rows)?;
    pack.finish_table(table)?;
    let mut file = pack.create_file(CONTROLS_CSV)?;
    let failed = |e| PackError::io("write", CONTROLS_CSV.as_ref())(e);
    writeln!(file, "{}", HEADER.join(",")).map_err(failed)?;
    for line in panel(evidence) {
        writeln!(file, "{}", line.join(",")).map_err(failed)?;
    }
    pack.finish_file(file)?;
    Ok(())
}

/// The lines of the panel: the model, then each control.
fn panel(evidence: &Evidence) -> Vec<Vec<String>> {
    let mut model = vec!["model".to_owned(), evidence.units.units.to_string()];
    model.extend(figure(evidence.audit_auc));
    model.extend(figure(evidence.passes.as_ref().map(|passes| passes.observed)));
    model.extend(figure(None));
    let outcomes = evidence.outcomes.as_ref();
    model.extend(scorer(outcomes.map(|outcomes| &outcomes.model)));
    model.extend(figure(None));
    model.extend([String::new(), String::new()]);
    let mut lines = vec![model];
    lines.extend(evidence.controls.iter().map(|control| control_line(evidence, control)));
    lines
}

fn control_line(evidence: &Evidence, control: &ControlFigures) -> Vec<String> {
    let mut line = vec![control.name.to_string(), control.units.to_string()];
    line.extend(figure(control.audit_auc));
    line.extend(figure(control.pass_rate));
    line.extend(figure(control.model_minus_control));
    let outcomes = evidence.outcomes.as_ref();
    let own = outcomes.and_then(|o| o.controls.iter().find(|c| c.name == control.name));
    line.extend(scorer(own.map(|own| &own.figures)));
    let found = outcomes.and_then(|o| o.differences.iter().find(|d| d.control == control.name));
    line.extend(figure(found.map(|found| found.difference)));
    line.push(number(found.and_then(|found| found.p_holm)));
    line.push(found.map_or_else(String::new, |found| found.above.to_string()));
    line
}

/// Contrast, ROC AUC, BEDROC and cliffs.
fn scorer(outcomes: Option<&ScorerOutcomes>) -> Vec<String> {
    let mut cells = figure(outcomes.and_then(|o| o.contrast)).to_vec();
    cells.extend(figure(outcomes.and_then(|o| o.roc_auc)));
    cells.push(number(outcomes.and_then(|o| o.bedroc).map(|bedroc| bedroc.value)));
    cells.extend(figure(outcomes.and_then(|o| o.cliffs)));
    cells
}

fn figure(figure: Option<Figure>) -> [String; 3] {
    let low = figure.and_then(|figure| figure.low);
    let high = figure.and_then(|figure| figure.high);
    [number(figure.map(|figure| figure.value)), number(low), number(high)]
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, hetero2_evidence::pack::csv::number)
}
