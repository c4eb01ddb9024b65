//! Metrics and reports.

use hetero2::pack::json;
use hetero2::pack::report::*;

use super::fixture::{rows, summary};

#[test]
fn metrics_have_the_contracts_keys_and_no_nan() {
    let mut data = summary(&rows());
    data.slack.mean_slack_ok = Some(f64::NAN);
    let value = metrics(&data);
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
    let metadata = summary_metadata(&data);
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
    data.reasons = (0..5_000).map(|i| (format!("{hostile}{i}"), i)).collect();
    data.top = (0..10).flat_map(|_| data.top.clone()).collect();
    data.hardness.interpretation_reason = hostile.into();
    data.tool.version = hostile.into();
    data.config = serde_json::json!({ "name": hostile });
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
    assert_eq!(metrics(&data)["rows_total"], 0);
}
