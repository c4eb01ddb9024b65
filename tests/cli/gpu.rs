//! Spectra on GPUs, through the program: packs are those of the CPU.
//!
//! Every adapter is used, software ones too. Where there is none, the tests
//! say so and check nothing, unless `HETERO2_REQUIRE_GPU` is set.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::support::{Run, call, demo_library, hetero2, hetero2_with, scratch};
use serde_json::Value;

/// The numbers of the adapters that can compute in double precision.
fn adapters() -> Vec<String> {
    static FOUND: OnceLock<Vec<String>> = OnceLock::new();
    FOUND.get_or_init(find_adapters).clone()
}

fn find_adapters() -> Vec<String> {
    let devices = hetero2_with(&["--json", "devices"]).expect_code(0).json();
    let gpus = devices["gpus"].as_array().unwrap();
    if gpus.is_empty() {
        assert!(std::env::var_os("HETERO2_REQUIRE_GPU").is_none(), "no GPU adapter");
        eprintln!("SKIPPED: no GPU adapter, not even a software one");
    }
    gpus.iter()
        .filter(|gpu| gpu["self_test_double"]["passed"] == true)
        .map(|gpu| gpu["index"].to_string())
        .collect()
}

/// The first rows of the shipped library.
fn rows(folder: &Path, count: usize) -> PathBuf {
    let text = fs::read_to_string(demo_library()).unwrap();
    let lines: Vec<&str> = text.lines().take(count).collect();
    let path = folder.join("library.smi");
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    path
}

fn provenance(run: &Run) -> Value {
    let text = fs::read_to_string(run.pack().join("provenance.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_gpu_pack_is_the_cpu_pack() {
    let folder = scratch();
    let library = rows(folder.path(), 250);
    let all = ["--decoys", "2", "--edge-weights", "bond-order-delta-chi", "--artifacts", "full"];
    let run = |name: &str, device: &[&str]| {
        Run::of(&library, &folder.path().join(name), &[&all, device].concat())
    };
    let cpu = run("cpu", &["--backend", "cpu"]);
    assert_eq!(provenance(&cpu)["spectra"], Value::Null);
    for adapter in adapters() {
        for threads in ["1", "3"] {
            let device = ["--backend", "gpu", "--gpu-adapter", &adapter, "--threads", threads];
            let gpu = run(&format!("gpu-{adapter}-{threads}"), &device);
            assert_eq!(gpu.verify(), cpu.verify(), "adapter {adapter}, {threads} threads");
            let provenance = provenance(&gpu);
            let counts = &provenance["spectra"];
            let count = |name: &str| counts[name].as_u64().unwrap();
            assert_eq!(count("failed_check") + count("after_failure"), 0, "{counts}");
            assert!(count("gpu") > 9 * count("guard_band"), "{counts}");
            assert!(provenance["devices"][0].as_str().unwrap().starts_with("gpu ("));
        }
    }
}

#[test]
fn shards_of_cpu_and_gpu_make_one_pack() {
    let folder = scratch();
    let text = fs::read_to_string(demo_library()).unwrap();
    let few: Vec<&str> = text.lines().take(60).collect();
    // Shards are cut at blocks of 4,096 rows; most of these are refused at once.
    let library = folder.path().join("library.smi");
    let skipped = "not-a-molecule\n".repeat(4096 - 30);
    fs::write(&library, [&few[..30].join("\n"), "\n", &skipped, &few[30..].join("\n")].concat())
        .unwrap();
    let cpu = Run::of(&library, &folder.path().join("cpu"), &["--decoys", "0", "--backend", "cpu"]);
    for adapter in adapters() {
        let out = folder.path().join(format!("both-{adapter}"));
        call(
            hetero2()
                .arg("plan")
                .arg(&library)
                .arg("--out")
                .arg(&out)
                .args(["--decoys", "0", "--shards", "2"]),
        )
        .expect_code(0);
        let gpu = ["--backend", "gpu", "--gpu-adapter", &adapter];
        for (shard, device) in [("0", &gpu[..]), ("1", &["--backend", "cpu"])] {
            call(hetero2().arg("shard").arg(&out).arg(shard).args(device)).expect_code(0);
        }
        call(hetero2().arg("reduce").arg(&out)).expect_code(0);
        assert_eq!(crate::support::verify(&out.join("pack")), cpu.verify());
    }
}

/// `HETERO2_GPU_LIBRARY=FILE` compares the packs of a library of any size.
#[test]
fn a_gpu_pack_of_a_library_of_yours_is_the_cpu_pack() {
    let Some(library) = std::env::var_os("HETERO2_GPU_LIBRARY").map(PathBuf::from) else {
        eprintln!("SKIPPED: set HETERO2_GPU_LIBRARY to a library to compare its packs");
        return;
    };
    let folder = scratch();
    let run = |name: &str, device: &[&str]| {
        let all = [&["--decoys", "0"], device].concat();
        Run::of(&library, &folder.path().join(name), &all)
    };
    let cpu = run("cpu", &["--backend", "cpu"]).verify();
    for adapter in adapters() {
        let gpu = run(&adapter, &["--backend", "gpu", "--gpu-adapter", &adapter]);
        eprintln!("adapter {adapter}: {}", provenance(&gpu)["spectra"]);
        assert_eq!(gpu.verify(), cpu);
    }
}

#[test]
fn screening_says_so_and_keeps_four_decimals() {
    let folder = scratch();
    let library = rows(folder.path(), 60);
    let mut devices = vec![vec!["--backend".to_owned(), "cpu".into()]];
    devices.extend(adapters().into_iter().map(|adapter| {
        ["--backend", "gpu", "--gpu-adapter", &adapter].map(str::to_owned).to_vec()
    }));
    let mut gaps: Vec<Vec<f64>> = Vec::new();
    for (k, device) in devices.iter().enumerate() {
        let mut arguments = vec!["--decoys", "0", "--precision", "screening"];
        arguments.extend(device.iter().map(String::as_str));
        let run = Run::of(&library, &folder.path().join(k.to_string()), &arguments);
        let manifest = fs::read_to_string(run.pack().join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(manifest["config"]["precision"], "screening");
        let summary = run.summary();
        let gap = summary.iter().filter_map(|row| row["spectral_gap"].parse::<f64>().ok());
        gaps.push(gap.collect());
    }
    for found in &gaps {
        assert!(found.len() > 50);
        for (gap, exact) in found.iter().zip(&gaps[0]) {
            assert_eq!((gap * 1e4).round() / 1e4, *gap, "four decimals");
            assert!((gap - exact).abs() < 1.5e-4, "{gap} {exact}");
        }
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_its_cure() {
    let folder = scratch();
    let out = folder.path().join("run");
    let run = |arguments: &[&str]| {
        let done = call(hetero2().arg("run").arg("--out").arg(&out).args(arguments)).expect_code(2);
        done.stderr
    };
    let message = run(&["--backend", "gpu", "--gpu-adapter", "no such adapter"]);
    assert!(message.contains("adapter") && message.contains("hetero2 devices"), "{message}");
    let message = run(&["--backend", "auto", "--gpu-adapter", "99"]);
    assert!(message.contains("hetero2 devices"), "{message}");
    let message = run(&["--backend", "cpu", "--gpu-adapter", "0"]);
    assert!(message.contains("drop one of them"), "{message}");
    assert!(run(&["--backend", "tpu"]).contains("possible values: auto, cpu, gpu"));
    assert!(run(&["--precision", "half"]).contains("possible values: double, screening"));
}

#[test]
fn devices_are_listed_with_their_self_test() {
    let shown = hetero2_with(&["devices"]).expect_code(0).stdout;
    assert!(shown.contains("cpu ("), "{shown}");
    let listed = hetero2_with(&["--json", "devices"]).expect_code(0).json();
    for gpu in listed["gpus"].as_array().unwrap() {
        assert!(shown.contains(gpu["name"].as_str().unwrap()), "{shown}");
        assert_eq!(gpu["self_test_screening"]["passed"], true, "{gpu}");
        assert!(gpu["workgroup_memory_bytes"].as_u64().unwrap() >= 16 << 10);
        if gpu["f64"] == true {
            assert_eq!(gpu["self_test_double"]["passed"], true, "{gpu}");
            assert!(shown.contains("passed"), "{shown}");
        }
    }
}
