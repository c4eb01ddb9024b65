//! Metrics and reports.

use hetero2::contract::scores::ScoresCoverage;
use hetero2::contract::{CountedReason, Reason};
use hetero2::pack::json;
use hetero2::pack::report::*;

use super::fixture::{rows, summary};

#[test]
fn metrics_have_the_contracts_keys_and_no_nan() {
    let mut data = summary(&rows());
    data.metrics.audit_slack_stats_ok.mean_slack_ok = Some(f64::NAN);
    let value = serde_json::to_value(&data.metrics).unwrap();
    let keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
    for key in ["audit_slack_stats_ok", "config", "counts", "decoy_realism", "top_reasons"] {
        assert!(keys.contains(&key.to_owned()), "{key}");
    }
    assert_eq!(value["rows_total"], 40);
    assert_eq!(value["counts"], serde_json::json!({"OK": 37, "SKIP": 2, "ERROR": 1}));
    assert_eq!(value["top_reasons"][0], serde_json::json!(["disconnected", 2]));
    assert!(value["audit_slack_stats_ok"]["mean_slack_ok"].is_null());
    assert!(value["decoy_realism"]["auc_tie_aware_by_bin"]["hard"].is_null());
    assert!(value.get("runtime_s_total").is_none(), "times are provenance");
    let text = String::from_utf8(json::to_bytes(&value, "metrics.json").unwrap()).unwrap();
    let order = ["\"audit_slack", "\"config", "\"counts", "\"decoy_r", "\"rows_total", "\"schema"];
    let places: Vec<_> =
        order.iter().map(|key| text.find(&format!("\n  {key}")).unwrap()).collect();
    assert!(places.is_sorted(), "keys are sorted");
    let metadata = serde_json::to_value(&data.metadata).unwrap();
    assert_eq!(metadata["dos_grid_n"], 128);
    assert_eq!(metadata["auc_interpretation"], "INCONCLUSIVE_DECOYS_TOO_EASY");
}

#[test]
fn reports_are_bounded_and_nothing_in_them_is_markup_of_the_data() {
    let mut molecules = rows();
    let hostile = "<script>alert(1)</script>\"'&|`](x)\u{202e}\n| injected |";
    molecules.iter_mut().for_each(|row| {
        row.id = hostile.repeat(50_000);
        row.smiles = hostile.into();
    });
    let mut data = summary(&molecules);
    data.metrics.top_reasons = (0..5_000)
        .map(|i| (CountedReason::Of(Reason::Internal(format!("{hostile}{i}"))), i))
        .collect();
    data.top = (0..10).flat_map(|_| data.top.clone()).collect();
    data.tool.version = hostile.into();
    data.metrics.config = serde_json::json!({ "name": hostile });
    let page = index_html(&data);
    assert!(!page.contains("<script") && !page.contains('\u{202e}'));
    assert!(page.len() < 200_000, "{}", page.len());
    for outside in ["http:", "https:", "src=", "href=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let text = index_md(&data);
    assert!(!text.contains("<script") && text.len() < 50_000, "{}", text.len());
    assert!(!text.lines().any(|line| line.starts_with("| injected")));
    assert!(hardness_md(&data).contains("| easy | [0.00, 0.50) | 74 | 37 | 1.0 |"));
}

#[test]
fn an_empty_run_has_a_report_too() {
    let data = summary(&[]);
    assert!(index_html(&data).contains("None of the 0 rows could be audited"));
    assert!(index_md(&data).contains("None of the 0 rows could be audited"));
    assert_eq!(data.metrics.rows_total, 0);
}

#[test]
fn the_largest_page_stays_small() {
    let mut data = summary(&rows());
    // Nothing of a page grows with the rows but the digits of its counts.
    let drawing = |size: usize| Some(format!("<svg>{}</svg>", "x".repeat(size)));
    let mut drawn = data.gallery.top[0].clone();
    drawn.row.id = "&".repeat(5_000);
    drawn.drawing = drawing(DRAWING_BYTES - 11);
    drawn.decoys[0].drawing = drawn.drawing.clone();
    drawn.decoys = vec![drawn.decoys[0].clone(); 50];
    data.gallery = Gallery { top: vec![drawn.clone(); 50], bottom: vec![drawn.clone(); 50] };
    data.top.iter_mut().for_each(|row| row.smiles = "&".repeat(120));
    let page = index_html(&data);
    assert!((1_000_000..5_000_000).contains(&page.len()), "{}", page.len());
    assert_eq!(page.matches("class=\"original\"").count(), 2 * DRAWN_ROWS);
    // A larger drawing is left out.
    drawn.drawing = drawing(DRAWING_BYTES);
    data.gallery = Gallery { top: vec![drawn], bottom: Vec::new() };
    assert!(index_html(&data).contains("not drawn"));
}

#[test]
fn a_page_leads_with_chance_and_plots_what_there_is() {
    let mut data = summary(&rows());
    let page = index_html(&data);
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    let order = [
        "class=\"verdict\"",
        "24 of 37 molecules pass; random scores would let 12 pass",
        "<h2>Rows</h2>",
        "<h2>Scores against decoys</h2>",
        "<h2>Best molecules, and the decoys most like them</h2>",
        "<h2>Made from</h2>",
        "<h2>How to verify</h2>",
    ];
    assert!(order.map(place).is_sorted());
    assert!(page.contains("class=\"beats\""), "a decoy that outscores its molecule is marked");
    assert!(!page.contains("Against known outcomes") && !page.contains("Coverage of the scores"));
    assert_eq!(page.matches("<svg class=\"plot\"").count(), 6);

    let half = Interval { value: 0.5, low: Some(0.25), high: None };
    data.outcomes = Some(OutcomeSummary {
        budget: 10,
        rows: 37,
        hits: 4,
        methods: vec![MethodLine { name: "by chance", selected: 10, hits: 1, rate: half }],
        rankings: vec![RankingLine {
            name: "by score",
            roc_auc: half,
            bedroc: half,
            enrichment: vec![(0.01, half)],
        }],
        budgets: vec![0, 10, 37],
        curves: vec![("by chance", vec![0.0, 1.1, 4.0]), ("by score", vec![0.0, 2.0, 4.0])],
    });
    data.metrics.scores_coverage = Some(ScoresCoverage { decoys_total: 4, ..Default::default() });
    let page = index_html(&data);
    assert!(page.contains("4 of 37 molecules with a known outcome"));
    assert!(page.contains("<h2>Coverage of the scores</h2>"));
    assert_eq!(page.matches("<svg class=\"plot\"").count(), 7);
}
