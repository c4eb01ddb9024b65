//! What a budget buys: `cost_lift.v2`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figures::Figure;
use super::names::ControlName;

/// Identifier of the report.
pub const COST_LIFT_V2_SCHEMA: &str = "cost_lift.v2";

/// Hits among the first K labelled molecules, by several rankings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostLiftV2 {
    /// [`COST_LIFT_V2_SCHEMA`].
    #[schemars(extend("const" = "cost_lift.v2"))]
    pub report_schema: String,
    /// K as asked for.
    pub budget: u64,
    /// Labelled, audited units that do not stand in the training file.
    pub units: u64,
    /// Hits among them.
    pub hits: u64,
    /// Units that passed the audit.
    pub passed: u64,
    /// How the intervals come about.
    pub intervals: String,
    /// A random choice.
    pub random: BudgetResult,
    /// By the model's own score of the molecule.
    pub by_score: BudgetResult,
    /// By the same among units that passed; none where none did.
    pub by_score_among_pass: Option<BudgetResult>,
    /// By each control's score.
    pub by_control: Vec<ControlBudget>,
    /// Hit rate among PASS minus hit rate by score alone, for as many units;
    /// none where none passed.
    pub audit_gain: Option<Figure>,
    /// What the audit gains or costs.
    pub effect: AuditEffect,
    /// The same in words.
    pub sentence: String,
}

/// What the audit does to the hits of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditEffect {
    /// The interval of the gain lies above zero.
    Gains,
    /// It lies below zero.
    Costs,
    /// It holds zero.
    Undecided,
    /// No unit passed.
    NothingPassed,
}

/// Hits of one ranking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetResult {
    /// Units selected: the budget, or all that there are.
    pub selected: u64,
    /// Hits among them; the mean over the order of ties.
    pub hits: f64,
    /// Hits over units selected.
    pub hit_rate: Figure,
}

/// Hits of a control's ranking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ControlBudget {
    /// Which.
    pub control: ControlName,
    /// Its hits; units that it has no score for are left out.
    pub result: BudgetResult,
}
