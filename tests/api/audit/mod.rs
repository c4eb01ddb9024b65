//! What scores prove: scores files, verdicts, controls, rankings.

mod cost_lift;
mod evaluation;
mod ranking;
mod scores;
