//! Libraries as they come: every bad row keeps its place and tells its reason,
//! and none of them stops a run, slows it down or writes where it should not.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{
    Run, call, fixture, hetero2, run_command, scratch, skip_loudly, table, tree, write,
};

/// More than any of these runs takes; a hang takes longer.
const SOON: Duration = Duration::from_secs(60);

/// A run of this text, which must give a pack that verifies.
#[track_caller]
fn run_of(directory: &Path, name: &str, content: impl AsRef<[u8]>, arguments: &[&str]) -> Run {
    let library = write(directory, name, content);
    let clock = Instant::now();
    let run = Run::of(&library, &directory.join(format!("{name}.out")), arguments);
    assert!(clock.elapsed() < SOON, "{name} took {:?}", clock.elapsed());
    run
}

/// `id status reason` of each row.
fn lines(run: &Run) -> Vec<String> {
    run.outcomes()
        .into_iter()
        .map(|(id, status, reason)| format!("{id} {status} {reason}"))
        .collect()
}

/// Warnings of each row, joined, from `summary.parquet`'s source of truth.
fn warnings(run: &Run) -> Vec<Vec<String>> {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;
    let file = fs::File::open(run.pack().join("summary.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| {
        let row = row.unwrap();
        let (_, field) = row.get_column_iter().find(|(name, _)| *name == "warnings").unwrap();
        let Field::ListInternal(list) = field else { panic!("{field:?}") };
        list.elements().iter().map(|e| e.to_string().trim_matches('"').to_owned()).collect()
    })
    .collect()
}

#[test]
fn byte_order_mark_crlf_and_blank_lines_lose_nothing() {
    let scratch = scratch();
    let plain = Run::of(
        &fixture("libraries/small.csv"),
        &scratch.path().join("a"),
        &["--decoys", "1", "--decoy-set", "v1"],
    );
    let bom = Run::of(
        &fixture("libraries/bom_crlf.csv"),
        &scratch.path().join("b"),
        &["--decoys", "1", "--decoy-set", "v1"],
    );
    assert_eq!(bom.summary(), plain.summary());
}

#[test]
fn quoted_fields_and_bad_quoting() {
    let scratch = scratch();
    let run = Run::of(
        &fixture("libraries/quoted.csv"),
        &scratch.path().join("a"),
        &["--decoys", "1", "--decoy-set", "v1"],
    );
    let lines = lines(&run);
    assert_eq!(lines.len(), 21);
    assert_eq!(lines[0], "chembl_demo_0001, first OK ");
    assert_eq!(lines[1], "chembl_demo_0051 \"x\" OK ");
    assert_eq!(lines[2], "mol_2 SKIP invalid_smiles");
    assert_eq!(lines.iter().filter(|line| line.ends_with("OK ")).count(), 15);
}

#[test]
fn bytes_that_are_no_utf8_spoil_at_most_their_row() {
    let scratch = scratch();
    let run = Run::of(
        &fixture("libraries/non_utf8.smi"),
        &scratch.path().join("a"),
        &["--decoys", "1", "--decoy-set", "v1"],
    );
    let lines = lines(&run);
    assert_eq!(lines.len(), 20);
    assert_eq!(lines[0], "chembl_demo_0001 SKIP invalid_smiles");
    assert_eq!(lines[1], "caf\u{fffd} chembl_demo_0051 OK ");
    assert_eq!(lines.iter().filter(|line| line.ends_with("OK ")).count(), 18);
}

#[test]
fn short_long_empty_and_nul_rows_keep_their_place() {
    let scratch = scratch();
    let run = run_of(
        scratch.path(),
        "rows.csv",
        b"id,smiles\none\ntwo,CCOC(C)=O,extra,extra\n,CCOC(C)=O\nfour,\nnul,CC\0O\nn\0l,CCOC(C)=O\nlast,CCOC(C)=O\n",
        &["--decoys", "1", "--decoy-set", "v1"],
    );
    let found = lines(&run);
    assert_eq!(found.len(), 7, "{found:#?}");
    assert!(found[0].starts_with("one SKIP"), "{found:#?}");
    assert!(found[1].starts_with("two SKIP"), "{found:#?}");
    assert_eq!(found[2], "mol_2 OK ");
    assert_eq!(found[3], "four SKIP missing_smiles");
    assert_eq!(found[4], "nul SKIP invalid_smiles");
    assert!(found[5].ends_with(" OK "), "{found:#?}");
    assert_eq!(found[6], "last OK ");
}

#[test]
fn a_line_of_ten_megabytes_is_one_bad_row() {
    let scratch = scratch();
    let mut text = b"id,smiles\nbefore,CCOC(C)=O\nlong,".to_vec();
    text.resize(text.len() + 10_000_000, b'C');
    text.extend(b"\nafter,CCOC(C)=O\n");
    let run = run_of(scratch.path(), "long.csv", text, &["--decoys", "1", "--decoy-set", "v1"]);
    let found = lines(&run);
    assert_eq!(found.len(), 3);
    assert_eq!((found[0].as_str(), found[2].as_str()), ("before OK ", "after OK "));
    assert!(found[1].ends_with("SKIP invalid_smiles"), "{found:?}");
    assert!(warnings(&run)[1][0].starts_with("unreadable_row:"), "{:?}", warnings(&run)[1]);
}

#[test]
fn absurd_molecules_end_with_a_reason_and_at_once() {
    let scratch = scratch();
    let text = format!(
        "id,smiles\nchain,{}\nnested,{}C{}\nopen,C{}\nbrackets,{}\nrings,{}\ndots,C{}\nok,CCOC(C)=O\n",
        "C".repeat(99_000),
        "C(".repeat(100_000),
        ")".repeat(100_000),
        "(".repeat(100_000),
        "[".repeat(100_000),
        "C1".repeat(40_000),
        ".C".repeat(40_000),
    );
    for arguments in [
        &["--decoys", "1", "--decoy-set", "v1"][..],
        &["--decoys", "1", "--decoy-set", "v1", "--max-atoms", "0"],
    ] {
        let name = format!("sizes{}.csv", arguments.len());
        let run = run_of(scratch.path(), &name, &text, arguments);
        let (rows, warnings) = (run.outcomes(), warnings(&run));
        assert_eq!(rows.len(), 7);
        for ((id, status, reason), warnings) in rows.iter().zip(&warnings).take(6) {
            assert_ne!(status, "OK", "{id}");
            assert!(!reason.is_empty() && !warnings.is_empty(), "{id} tells no reason");
        }
        assert_eq!(lines(&run)[6], "ok OK ");
        if arguments.len() == 2 {
            assert_eq!(rows[0].2, "too_many_atoms");
        }
    }
}

#[test]
fn a_directory_that_cannot_be_read_or_written_is_an_error() {
    let scratch = scratch();
    let library = fixture("libraries/small.csv");
    let file = write(scratch.path(), "file", "");
    let done = call(&mut run_command(&library, &file.join("below"), &[]));
    assert!(matches!(done.code, Some(1 | 2)), "{done:?}");
    assert!(done.stderr.contains("below"), "{}", done.stderr);
    unreadable(scratch.path(), &library);
}

/// Directories without permissions; root can use them all the same.
#[cfg(unix)]
fn unreadable(directory: &Path, library: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let locked = directory.join("locked");
    fs::create_dir(&locked).unwrap();
    fs::copy(library, locked.join("library.csv")).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&locked).is_ok() {
        skip_loudly("unreadable", "this user may read every directory");
    } else {
        let out = directory.join("out");
        let reading = call(&mut run_command(&locked.join("library.csv"), &out, &[])).expect_code(2);
        assert!(reading.stderr.contains("locked"), "{}", reading.stderr);
        let writing = call(&mut run_command(library, &locked.join("out"), &[])).expect_code(1);
        assert!(writing.stderr.contains("ermission denied"), "{}", writing.stderr);
    }
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
}

#[cfg(not(unix))]
fn unreadable(_: &Path, _: &Path) {
    skip_loudly("unreadable", "permissions are tested on Unix");
}

/// Ids that are paths, markup, formulas, control characters.
const HOSTILE: &str = "id,smiles\n\
    ../x,CCOC(C)=O\n\
    ../../../../x,CCOC(C)=O\n\
    /tmp/hetero2-absolute,CCOC(C)=O\n\
    ..\\x,CCOC(C)=O\n\
    \"new\nline\",CCOC(C)=O\n\
    <script>alert(1)</script>,CCOC(C)=O\n\
    <img src=x onerror=alert(1)>,bad smiles\n\
    =cmd|' /C calc'!A0,CCOC(C)=O\n\
    a|b`c`[d](javascript:e),CCOC(C)=O\n\
    CON,CCOC(C)=O\n";

#[test]
fn hostile_ids_are_text_and_nothing_else() {
    let scratch = scratch();
    let inner = scratch.path().join("a/b");
    fs::create_dir_all(&inner).unwrap();
    let library = write(scratch.path(), "library.csv", HOSTILE);
    let before = tree(scratch.path());
    let run = Run::of(
        &library,
        &inner.join("out"),
        &["--decoys", "1", "--decoy-set", "v1", "--artifacts", "full"],
    );
    let mut after = tree(scratch.path());
    after.retain(|name| !name.starts_with("a/b/out"));
    assert_eq!(after, before, "something was written outside the run directory");
    assert!(!Path::new("/tmp/hetero2-absolute").exists());
    let folders: Vec<String> =
        tree(&run.out).into_iter().filter(|name| name.ends_with('/')).collect();
    assert_eq!(folders, ["pack/"], "ids made folders");
    let expected: Vec<String> = csv::Reader::from_reader(HOSTILE.as_bytes())
        .records()
        .map(|row| hetero2::contract::spreadsheet::guarded(&row.unwrap()[0]).into_owned())
        .collect();
    assert_eq!(run.ids(), expected);
    let page = fs::read_to_string(run.pack().join("index.html")).unwrap();
    for markup in ["<script>alert", "<img src=x"] {
        assert!(!page.contains(markup), "{markup} came through to the report");
    }
    assert!(!fs::read_to_string(run.pack().join("index.md")).unwrap().contains("<script>alert"));
}

/// Astatine has no parameters of the potential.
#[test]
fn a_missing_parameter_matters_only_where_it_is_used() {
    let scratch = scratch();
    let text = "id,smiles\nknown,CCOC(C)=O\nunknown,CCOC(C[At])=O\n";
    let topological = run_of(
        scratch.path(),
        "t.csv",
        text,
        &["--decoys", "1", "--decoy-set", "v1", "--physics", "topological"],
    );
    assert_eq!(lines(&topological), ["known OK ", "unknown OK "]);
    for physics in ["hamiltonian", "both"] {
        let name = format!("{physics}.csv");
        let run = run_of(
            scratch.path(),
            &name,
            text,
            &["--decoys", "1", "--decoy-set", "v1", "--physics", physics],
        );
        assert_eq!(lines(&run), ["known OK ", "unknown ERROR missing_physics_params"]);
        let warnings = &warnings(&run)[1];
        assert!(warnings.iter().any(|w| w.contains("85")), "{warnings:?}");
        assert!(warnings.iter().any(|w| w.contains("epsilon")), "{warnings:?}");
    }
}

/// A chain of fused four-membered rings takes many seconds to perceive on any machine.
#[test]
fn a_row_past_its_time_limit_ends_and_the_others_do_not() {
    let scratch = scratch();
    let slow = "C1CC1".repeat(3000);
    let text = format!("id,smiles\nfirst,CCOC(C)=O\nslow,{slow}\nlast,CCOC(C)=O\n");
    let run = run_of(
        scratch.path(),
        "slow.csv",
        text,
        &["--decoys", "1", "--decoy-set", "v1", "--max-atoms", "0", "--timeout-per-row", "0.5"],
    );
    assert_eq!(lines(&run), ["first OK ", "slow ERROR timeout", "last OK "]);
}

#[test]
fn weakness_ids_write_outside_the_output_folder() {
    let scratch = scratch();
    let library = write(scratch.path(), "library.csv", "id,smiles\n../x,CCOC(C)=O\n");
    let out = scratch.path().join("out");
    let mut command = hetero2();
    call(command.arg("batch").arg("--input").arg(&library).arg("--out_dir").arg(&out))
        .expect_code(0);
    crate::support::verify(&out);
    let mut found = tree(scratch.path());
    found.retain(|name| !name.starts_with("out/") && !name.starts_with(".out.hetero2-run/"));
    assert_eq!(found, ["library.csv"], "only the pack and the run's own folder beside it");
    assert_eq!(table(&out.join("summary.csv"))[0]["id"], "../x");
}

#[test]
fn weakness_duplicate_ids_overwrite_each_other() {
    let scratch = scratch();
    let run = run_of(
        scratch.path(),
        "twins.csv",
        "id,smiles\nsame,CCOC(C)=O\nsame,CC(=O)Oc1ccccc1C(=O)O\nsame,CCOC(C)=O\n",
        &["--decoys", "2", "--decoy-set", "v1", "--artifacts", "full"],
    );
    let rows = run.summary();
    assert_eq!(run.ids(), ["same", "same", "same"]);
    assert_eq!(rows[0], rows[2]);
    assert_ne!(rows[0]["L_trace"], rows[1]["L_trace"]);
    assert_eq!(table(&run.pack().join("operator_features.csv")).len(), 3);
}

#[test]
fn weakness_one_short_or_long_row_kills_the_run() {
    let scratch = scratch();
    let run = Run::of(
        &fixture("libraries/ragged.csv"),
        &scratch.path().join("a"),
        &["--decoys", "1", "--decoy-set", "v1"],
    );
    let lines = lines(&run);
    assert_eq!(lines.len(), 20);
    assert_eq!(lines.iter().filter(|line| line.ends_with("OK ")).count(), 5);
    assert_eq!(lines[3], "chembl_demo_0151 SKIP missing_smiles");
}

#[test]
fn weakness_a_byte_order_mark_loses_the_ids() {
    let scratch = scratch();
    let text = "\u{feff}id,smiles\nmine,CCOC(C)=O\n";
    let run = run_of(scratch.path(), "bom.csv", text, &["--decoys", "1", "--decoy-set", "v1"]);
    assert_eq!(run.ids(), ["mine"]);
}

#[test]
fn weakness_the_time_limit_kills_nothing() {
    let scratch = scratch();
    let text = format!("id,smiles\nslow,{}\n", "C1CC1".repeat(2_000));
    let library = write(scratch.path(), "slow.csv", text);
    let clock = Instant::now();
    let arguments =
        ["--decoys", "1", "--decoy-set", "v1", "--max-atoms", "0", "--timeout-per-row", "0.2"];
    let run = Run::of(&library, &scratch.path().join("out"), &arguments);
    assert_eq!(lines(&run), ["slow ERROR timeout"]);
    assert!(clock.elapsed() < Duration::from_secs(15), "{:?}", clock.elapsed());
}

#[test]
fn weakness_a_missing_element_is_an_error_in_topological_mode() {
    let scratch = scratch();
    let text = "id,smiles\na,CCOC(C[At])=O\n";
    let run = run_of(
        scratch.path(),
        "a.csv",
        text,
        &["--decoys", "1", "--decoy-set", "v1", "--physics", "topological"],
    );
    assert_eq!(lines(&run), ["a OK "]);
}

/// One atom has no gap and no normalised entropy; no row has no statistics.
#[test]
fn weakness_nan_in_json() {
    let scratch = scratch();
    for (name, text) in [
        ("none.csv", "id,smiles\n"),
        ("atom.csv", "id,smiles\na,C\nb,[Na+]\nc,*\nd,[H][H]\n"),
        ("bad.csv", "id,smiles\na,\nb,((\nc,C.C\n"),
    ] {
        for decoys in ["0", "2"] {
            let file = format!("{decoys}{name}");
            let run = run_of(
                scratch.path(),
                &file,
                text,
                &[
                    "--decoys",
                    decoys,
                    "--decoy-set",
                    "v1",
                    "--edge-weights",
                    "bond-order",
                    "--artifacts",
                    "full",
                ],
            );
            let mut documents = 0;
            for (name, bytes) in run.files() {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if name.ends_with(".json") {
                    // The reader refuses NaN and Infinity as JSON does.
                    serde_json::from_str::<serde_json::Value>(&text).expect(&name);
                    documents += 1;
                } else if name.ends_with(".csv") {
                    let cells = text.split([',', '\n']).map(str::trim);
                    let odd: Vec<&str> = cells
                        .filter(|c| {
                            ["nan", "inf", "-inf", "null", "none"]
                                .contains(&c.to_lowercase().as_str())
                        })
                        .collect();
                    assert!(odd.is_empty(), "{file}, {name}: {odd:?}");
                }
            }
            assert!(documents >= 4, "{documents}");
        }
    }
}

#[test]
fn weakness_paths_and_files_come_from_the_current_directory() {
    let scratch = scratch();
    let library = write(scratch.path(), "library.csv", "id,smiles\na,CC(=O)Oc1ccccc1C(=O)O\n");
    let elsewhere = scratch.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    // What a program might pick up from where it is started.
    for name in ["atoms.csv", "atoms_db_v1.json", "scores.json", "truth.csv", "input.csv"] {
        write(&elsewhere, name, "no such thing");
    }
    let here =
        Run::of(&library, &scratch.path().join("here"), &["--decoys", "2", "--decoy-set", "v1"]);
    let mut command = run_command(
        &library,
        &scratch.path().join("there"),
        &["--decoys", "2", "--decoy-set", "v1"],
    );
    let done = call(command.current_dir(&elsewhere)).expect_code(0);
    let there = Run { out: scratch.path().join("there"), done };
    assert_eq!(there.verify(), here.verify());
    assert_eq!(tree(&elsewhere).len(), 5, "something was written where it was started");
    let root = scratch.path().display().to_string();
    for (name, bytes) in there.files() {
        let found = bytes.windows(root.len()).any(|part| part == root.as_bytes());
        assert!(!found, "{name} holds a path of this machine");
    }
}
