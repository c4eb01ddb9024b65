//! What a report says of chance: how many rows pass, and how many would under
//! random scores.

use hetero2_contract::significance::{Passes, RunSignificance};

use super::text::{grouped, percent};

/// How the passes stand to chance, in words.
fn against_chance(passes: &Passes) -> &'static str {
    if passes.observed_passes > passes.chance_high {
        "more than chance gives"
    } else if passes.observed_passes < passes.chance_low {
        "fewer than chance gives"
    } else {
        "no more than chance gives"
    }
}

/// Passes against chance, in one or two sentences; none without audits.
pub(super) fn sentence(chance: &RunSignificance) -> Option<String> {
    let passes = chance.passes?;
    let mut text = format!(
        "{} of {} molecules pass; random scores would let {:.0} pass (95 % interval {} to \
             {}): {}.",
        grouped(passes.observed_passes),
        grouped(passes.rows),
        passes.expected_passes_by_chance,
        grouped(passes.chance_low),
        grouped(passes.chance_high),
        against_chance(&passes),
    );
    if chance.rows_without_power > 0 {
        text.push_str(&format!(
            " For {} of {} ({}) no score could be significant at p ≤ {}: too few decoys.",
            grouped(chance.rows_without_power),
            grouped(chance.rows_tested),
            percent(Some(chance.rows_without_power as f64 / chance.rows_tested as f64)),
            chance.level,
        ));
    }
    Some(text)
}
