//! What a report says of known outcomes: hits of a budget, and how early
//! rankings find them.

/// How a run stands to known outcomes.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeSummary {
    /// Molecules that can be afforded.
    pub budget: u64,
    /// Rows that could be chosen.
    pub rows: u64,
    /// Hits among them.
    pub hits: u64,
    /// Ways of spending the budget.
    pub methods: Vec<MethodLine>,
    /// Rankings of all rows; one that is undefined is left out.
    pub rankings: Vec<RankingLine>,
    /// Budgets of the curves, ascending.
    pub budgets: Vec<u64>,
    /// Hits expected with each budget, by name.
    pub curves: Vec<(&'static str, Vec<f64>)>,
}

/// One way of spending the budget.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodLine {
    /// In words.
    pub name: &'static str,
    /// Molecules chosen.
    pub selected: u64,
    /// Hits among them.
    pub hits: u64,
    /// Their hit rate.
    pub rate: Interval,
}

/// One ranking of all rows.
#[derive(Debug, Clone, PartialEq)]
pub struct RankingLine {
    /// In words.
    pub name: &'static str,
    /// Area under the ROC curve.
    pub roc_auc: Interval,
    /// BEDROC at α = 20.
    pub bedroc: Interval,
    /// Enrichment factor by share of the ranking.
    pub enrichment: Vec<(f64, Interval)>,
}

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The figure.
    pub value: f64,
    /// Lower end, where it is defined.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}
