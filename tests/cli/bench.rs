//! `bench` through the program: what its results hold, and that they make
//! sense. How fast anything is depends on the machine and is not tested.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{
    Done, call, fixture, hetero2, hetero2_with, scratch, table, tree, verify, write,
};
use serde_json::Value;

/// `hetero2 bench ARGUMENTS` with this folder for temporary files.
fn bench(temporary: &Path, arguments: &[&str]) -> Command {
    let mut command = hetero2();
    command.arg("bench").args(arguments).env("TMPDIR", temporary);
    command
}

#[track_caller]
fn measurements(report: &Value) -> &Vec<Value> {
    report["measurements"].as_array().expect("measurements")
}

/// `min ≤ q1 ≤ median ≤ q3 ≤ max`, all above 0.
#[track_caller]
fn check_spread(spread: &Value) {
    let order = ["min", "q1", "median", "q3", "max"].map(|name| spread[name].as_f64().expect(name));
    assert!(order[0] > 0.0 && order.is_sorted(), "{spread}");
}

#[track_caller]
fn check_svg(path: &Path, points: usize) {
    let svg = fs::read_to_string(path).unwrap();
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
    assert_eq!(svg.matches("<circle").count(), points, "{svg}");
}

#[test]
fn spectra_are_measured_by_backend_threads_work_and_order() {
    let scratch = scratch();
    let [csv, svg] = ["spectra.csv", "spectra.svg"].map(|name| scratch.path().join(name));
    let library = fixture("libraries/small.csv");
    let arguments = [
        &["spectra", "--json", "--sizes", "5,9", "--threads", "2,1,2", "--repeats", "3"][..],
        &["--matrices", "100", "--backend", "cpu"],
    ]
    .concat();
    let done = call(bench(scratch.path(), &arguments).arg("--library").arg(&library).args([
        "--csv",
        csv.to_str().unwrap(),
        "--svg",
        svg.to_str().unwrap(),
    ]));
    let report = done.expect_code(0).json();
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&report["repeats"], &report["warm_up"]), (&3.into(), &1.into()));
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
    let lines: Vec<String> = measurements(&report)
        .iter()
        .map(|m| {
            check_spread(&m["us_per_matrix"]);
            check_spread(&m["matrices_per_s"]);
            assert_eq!(m["matrices"], 100);
            assert!(m["backend"].as_str().unwrap().starts_with("cpu ("), "{m}");
            // The two figures are the same measurement.
            let product = m["us_per_matrix"]["median"].as_f64().unwrap()
                * m["matrices_per_s"]["median"].as_f64().unwrap();
            assert!((product - 1e6).abs() < 1.0, "{m}");
            format!("{} {} {}", m["threads"], m["work"].as_str().unwrap(), m["set"])
        })
        .collect();
    let expected: Vec<String> = ["1", "2"]
        .iter()
        .flat_map(|threads| ["values", "densities"].map(|work| format!("{threads} {work}")))
        .flat_map(|line| ["\"5\"", "\"9\"", "\"library\""].map(|set| format!("{line} {set}")))
        .collect();
    assert_eq!(lines, expected);
    let rows = table(&csv);
    assert_eq!(rows.len(), lines.len());
    for (row, m) in rows.iter().zip(measurements(&report)) {
        let median: f64 = row["us_per_matrix_median"].parse().unwrap();
        assert_eq!(Some(median), m["us_per_matrix"]["median"].as_f64());
    }
    // Values only: two orders and the library, with 1 and 2 threads.
    check_svg(&svg, 6);
    assert_eq!(tree(scratch.path()), ["spectra.csv", "spectra.svg"]);
}

#[test]
fn every_instruction_set_is_measured_when_asked_for() {
    let arguments = [
        &["spectra", "--instruction-sets", "--sizes", "4", "--threads", "1", "--repeats", "1"][..],
        &["--matrices", "100", "--backend", "cpu"],
    ]
    .concat();
    let text = call(&mut bench(scratch().path(), &arguments)).expect_code(0).stdout;
    let line = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
    // Values and densities of one order and of the demo library.
    assert_eq!(line("cpu (scalar)"), 4, "{text}");
    assert!(line("cpu (") % 4 == 0, "{text}");
    assert!(text.contains("µs/matrix") && text.contains("matrices/s"), "{text}");
    assert!(text.contains("\"library\": 999 molecules of 8 to"), "{text}");
}

#[test]
fn runs_are_measured_in_processes_and_leave_nothing() {
    let scratch = scratch();
    let [csv, svg] = ["runs.csv", "runs.svg"].map(|name| scratch.path().join(name));
    let temporary = scratch.path().join("temporary");
    fs::create_dir(&temporary).unwrap();
    let library = fixture("libraries/small.csv");
    let arguments = ["run", "--decoys", "2", "--threads", "1,2", "--repeats", "2", "--json"];
    let done = call(bench(&temporary, &arguments).arg("--library").arg(&library).args([
        "--csv",
        csv.to_str().unwrap(),
        "--svg",
        svg.to_str().unwrap(),
    ]));
    let report = done.expect_code(0).json();
    assert_eq!((&report["rows"], &report["decoys"]), (&20.into(), &2.into()));
    let threads: Vec<&Value> = measurements(&report).iter().map(|m| &m["threads"]).collect();
    assert_eq!(threads, [1, 2]);
    for m in measurements(&report) {
        check_spread(&m["wall_s"]);
        check_spread(&m["molecules_per_s"]);
        let number = |name: &str| m[name].as_f64().expect(name);
        let stages = number("plan_s") + number("shards_s") + number("reduce_s");
        assert!(stages > 0.0 && stages <= m["wall_s"]["max"].as_f64().unwrap(), "{m}");
        assert!(number("first_rows_s") > 0.0 && number("efficiency") > 0.0, "{m}");
        if cfg!(unix) {
            check_spread(&m["cpu_s"]);
            assert!((5.0..4096.0).contains(&number("peak_rss_mib")), "{m}");
        }
    }
    assert_eq!(measurements(&report)[0]["efficiency"], 1.0);
    assert_eq!(table(&csv).len(), 2);
    // What is measured and what is ideal.
    check_svg(&svg, 4);
    assert!(tree(&temporary).is_empty(), "{:?}", tree(&temporary));

    // The measured run is the run that a user gets.
    let out = scratch.path().join("out");
    let run = crate::support::Run::of(&library, &out, &["--decoys", "2", "--decoy-set", "v1"]);
    assert_eq!(report["content_digest"], verify(&run.pack()).as_str());
}

#[test]
fn text_names_machine_units_and_digest() {
    let arguments = ["run", "--decoys", "0", "--repeats", "1", "--warm-up", "0", "--threads", "1"];
    let library = fixture("libraries/small.csv");
    let scratch = scratch();
    let done = call(bench(scratch.path(), &arguments).arg("--library").arg(&library));
    let Done { stdout, .. } = done.expect_code(0);
    for part in
        ["cores", "20 rows, 0 decoys", "content digest of every run: ", "CPU s", "peak RSS MiB"]
    {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
}

#[test]
fn what_cannot_be_measured_is_said() {
    let scratch = scratch();
    let missing = scratch.path().join("missing.smi").display().to_string();
    let bad = write(scratch.path(), "bad.smi", "no molecule\n").display().to_string();
    for (arguments, said) in [
        (&["spectra", "--library", &missing][..], "missing.smi"),
        (&["spectra", "--library", &bad], "none of the 1 rows"),
        (&["spectra", "--sizes", "0"], "0 is not in 1..=2000"),
        (&["run", "--library", &missing], "missing.smi"),
        (&["run", "--library", "-"], "standard input"),
        (&["run", "--repeats", "0"], "0 is not in"),
    ] {
        let done = call(&mut bench(scratch.path(), arguments)).expect_code(2);
        assert!(done.stderr.contains(said), "{arguments:?}: {}", done.stderr);
    }
    let done = hetero2_with(&["bench"]).expect_code(2);
    assert!(done.stderr.contains("spectra") && done.stderr.contains("run"), "{}", done.stderr);
}

#[test]
fn counts_are_measured_by_graph_and_atoms() {
    let scratch = scratch();
    let [csv, svg] = ["scale.csv", "scale.svg"].map(|name| scratch.path().join(name));
    let arguments = ["scale", "--json", "--sizes", "50,1000,2000", "--dense-up-to", "50"];
    let mut command = bench(scratch.path(), &arguments);
    command.args(["--repeats", "1", "--csv"]).arg(&csv).arg("--svg").arg(&svg);
    let report = call(&mut command).expect_code(0).json();
    assert_eq!(measurements(&report).len(), 12);
    for m in measurements(&report) {
        check_spread(&m["total_s"]);
        assert_eq!(m["dense_s"].is_null(), m["atoms"].as_u64().unwrap() > 50, "{m}");
        assert!(m["largest_slack"].as_f64().unwrap() < 1e-8, "{m}");
    }
    // Sizes too close for an exponent.
    assert!(report["exponent_polymers"].is_null() && report["exponent_rings"].is_null());
    assert_eq!(table(&csv).len(), 12);
    check_svg(&svg, 13);
}
