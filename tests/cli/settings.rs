//! Options of `run` from `hetero2.toml`, and refusals as JSON.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Done, call, fixture, hetero2, hetero2_with, scratch, write};

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The program in a directory, without settings of whoever runs the tests.
fn hetero2_in(directory: &Path, arguments: &[&str]) -> Done {
    let mut command = hetero2();
    call(command.current_dir(directory).env("XDG_CONFIG_HOME", directory).args(arguments))
}

fn config(directory: &Path, out: &str) -> Value {
    let text = std::fs::read_to_string(directory.join(out).join("pack/manifest.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["config"].clone()
}

#[test]
fn settings_of_the_project_go_over_those_of_the_user_and_the_command_line_over_both() {
    let scratch = scratch();
    let directory = scratch.path();
    let library = fixture("libraries/small.csv");
    std::fs::create_dir(directory.join("hetero2")).unwrap();
    write(
        directory,
        "hetero2/hetero2.toml",
        "[run]\ndecoys = 4\nseed = 9\npotential-scale = 0.5\n",
    );
    write(directory, "hetero2.toml", "[run]\ndecoys = 3\nmax_atoms = 30\nstrip-salts = true\n");
    let done = hetero2_in(directory, &["run", path(&library), "--out", "a", "--max-atoms", "40"]);
    let done = done.expect_code(0);
    assert!(done.stderr.contains("options of hetero2.toml: --decoys=3"), "{}", done.stderr);
    let found = config(directory, "a");
    assert_eq!((&found["decoys"], &found["seed"]), (&json!(3), &json!(9)));
    assert_eq!((&found["max_atoms"], &found["potential_scale"]), (&json!(40), &json!(0.5)));
    // The decoys to score are those of the run.
    let table = ["decoys", path(&library), "--out", "d.csv", "--json"];
    let decoys = hetero2_in(directory, &table).expect_code(0).json();
    let plain = ["decoys", path(&library), "--out", "e.csv", "--json", "--decoys", "3"];
    let mut command = hetero2();
    command.current_dir(directory).env("HETERO2_NO_SETTINGS", "1").args(plain);
    command.args(["--seed", "9", "--max-atoms", "30", "--strip-salts", "--potential-scale", "0.5"]);
    assert_eq!(call(&mut command).expect_code(0).json()["sha256"], decoys["sha256"]);
}

#[test]
fn wrong_settings_are_refused_with_their_file() {
    let scratch = scratch();
    let directory = scratch.path();
    let library = fixture("libraries/small.csv");
    for (text, expected) in [
        ("[run]\ndecoyz = 3\n", "[run] has decoyz"),
        ("[run]\nout = 'x'\n", "one run alone"),
        ("[run]\nstrip-salts = 1\n", "true or false"),
        ("[run]\ndecoys = { a = 1 }\n", "a text or a number"),
        ("[run]\ndecoys = -1\n", "neither a number, 0 to 10000"),
        ("[run]\nlargest-fragment = true\n", "options came from hetero2.toml"),
    ] {
        write(directory, "hetero2.toml", text);
        let run = ["run", path(&library), "--out", "a", "--strip-salts", "--json"];
        let run = match text.contains("strip") {
            true => &run[..4],
            false => &run[..],
        };
        let done = hetero2_in(directory, run).expect_code(2);
        assert!(done.stderr.contains("hetero2.toml"), "{text}: {}", done.stderr);
        assert!(done.stderr.contains(expected), "{text}: {}", done.stderr);
        assert!(!directory.join("a").exists());
    }
}

#[test]
fn a_wrong_command_line_is_an_error_document_too() {
    for arguments in [
        &["frob", "--json"][..],
        &["run", "--json", "--decoys", "-1"],
        &["verify", "--json"],
        &["--json", "run", "--physics", "quantum"],
    ] {
        let done = hetero2_with(arguments).expect_code(2);
        let document = done.json();
        assert_eq!(document["exit_code"], 2, "{arguments:?}");
        let error = document["error"].as_str().unwrap();
        assert!(!error.is_empty() && !error.contains('\n'), "{error:?}");
    }
    // `--json` behind `--` is a file.
    assert_eq!(hetero2_with(&["frob", "--", "--json"]).expect_code(2).stdout, "");
}

#[test]
fn decoys_say_which_rows_they_leave_out() {
    let scratch = scratch();
    let directory = scratch.path();
    let library = "smiles,id\nCCO,ethanol\nnonsense,x\nCC(=O)Oc1ccccc1C(=O)O,aspirin\nC.C,two\n";
    let library = write(directory, "library.csv", library);
    let table = directory.join("d.csv");
    let run = ["decoys", path(&library), "--out", path(&table), "--force"];
    let text = hetero2_with(&run).expect_code(0).stdout;
    assert!(text.contains("row 1 (x): invalid_smiles"), "{text}");
    let found = hetero2_with(&[&run[..], &["--json"]].concat()).expect_code(0).json();
    let counts = found["left_out"].as_object().unwrap();
    assert_eq!((&counts["invalid_smiles"], &counts["disconnected"]), (&json!(1), &json!(1)));
    let left: u64 = counts.values().filter_map(Value::as_u64).sum();
    let with = found["rows_with_decoys"].as_u64().unwrap();
    assert_eq!(left + with, found["rows"].as_u64().unwrap());
    assert_eq!(found["left_out_rows"].as_array().unwrap().len() as u64, left);
}
