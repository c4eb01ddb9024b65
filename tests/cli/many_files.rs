//! Libraries of several files, layouts that are found by trying, and fragments
//! that are left out, through the program.

use std::fs;
use std::path::{Path, PathBuf};

use hetero2::pack::rows::MoleculeRow;
use hetero2::pack::tables::TableReader;
use serde_json::Value;

use crate::support::{Run, call, files, fixture, hetero2, scratch, verify, write};

/// Tranches below a folder, and the same rows in one file.
fn tranches(dir: &Path) -> (PathBuf, PathBuf) {
    let text = fs::read_to_string(fixture("libraries/small.csv")).unwrap();
    let lines: Vec<&str> = text.lines().skip(1).collect();
    let folder = dir.join("tranches");
    let mut whole = String::new();
    for (at, rows) in lines.chunks(3).enumerate() {
        fs::create_dir_all(folder.join(format!("{}", at % 2))).unwrap();
        let part = format!("id,smiles\n{}\n", rows.join("\n"));
        write(&folder, &format!("{}/{at}.csv", at % 2), &part);
    }
    for at in [0, 2, 4, 6, 1, 3, 5] {
        whole += &fs::read_to_string(folder.join(format!("{}/{at}.csv", at % 2))).unwrap();
    }
    (folder, write(dir, "whole.csv", whole))
}

fn run(inputs: &[&str], dir: &Path, out: &str, arguments: &[&str]) -> Run {
    let mut command = hetero2();
    command.arg("run").args(inputs).arg("--out").arg(out).args(["--decoys", "2"]).args(arguments);
    let done = call(command.current_dir(dir)).expect_code(0);
    let run = Run { out: dir.join(out), done };
    run.verify();
    run
}

#[test]
fn tranches_are_one_library_however_they_are_named() {
    let scratch = scratch();
    let dir = scratch.path();
    let (_, whole) = tranches(dir);
    write(dir, "list.txt", "# two ways\ntranches/0\n\ntranches/1/*.csv\n");
    let folder = run(&["tranches"], dir, "folder", &["--threads", "1", "--shards", "1"]);
    let digest = folder.verify();
    assert_eq!(run(&["tranches/*/*.csv"], dir, "pattern", &["--threads", "3"]).verify(), digest);
    assert_eq!(run(&["tranches/0", "tranches/1"], dir, "two", &[]).verify(), digest);
    assert_eq!(run(&[], dir, "list", &["--files-from", "list.txt"]).verify(), digest);
    // In stages, and again.
    call(hetero2().args(["plan", "tranches", "--out", "staged", "--decoys", "2"]).current_dir(dir))
        .expect_code(0);
    call(hetero2().args(["shard", "staged", "0"]).current_dir(dir)).expect_code(0);
    call(hetero2().args(["reduce", "staged"]).current_dir(dir)).expect_code(0);
    assert_eq!(verify(&dir.join("staged/pack")), digest);
    let again = ["run", "tranches", "--out", "staged", "--decoys", "2", "--resume"];
    let again = call(hetero2().args(again).current_dir(dir)).expect_code(0);
    assert!(again.stdout.contains("complete already"), "{}", again.stdout);
    let rerun = ["rerun", "folder/pack", "--input", "tranches"];
    call(hetero2().args(rerun).current_dir(dir)).expect_code(0);
    let fewer = ["rerun", "folder/pack", "--input", "tranches/0/0.csv", "tranches/1"];
    let fewer = call(hetero2().args(fewer).current_dir(dir)).expect_code(2);
    assert!(fewer.stderr.contains("is not the library of this pack"), "{}", fewer.stderr);

    // The same rows as of one file, each with the file that it came from.
    let one = run(&[whole.to_str().unwrap()], dir, "whole", &[]);
    let mut rows = folder.summary();
    let files: Vec<String> = rows.iter_mut().map(|row| row.remove("input_file").unwrap()).collect();
    assert_eq!(rows, one.summary());
    assert_eq!(files[..4], ["0/0.csv", "0/0.csv", "0/0.csv", "0/2.csv"]);
    let manifest = folder.document("manifest.json");
    let inputs = manifest["inputs"].as_array().unwrap();
    assert_eq!(
        (inputs[0]["role"].as_str(), inputs[0]["name"].as_str()),
        (Some("library"), Some("7 files"))
    );
    let listed: Vec<&Value> = inputs.iter().filter(|i| i["role"] == "library_file").collect();
    assert_eq!(listed.len(), 7);
    assert_eq!(listed.iter().map(|file| file["rows"].as_u64().unwrap()).sum::<u64>(), 20);
    assert!(inputs_are_absent(&one));

    // A changed file is another library.
    write(dir, "tranches/0/0.csv", "id,smiles\na,CCO\n");
    let other = ["run", "tranches", "--out", "staged", "--decoys", "2", "--resume"];
    let other = call(hetero2().args(other).current_dir(dir)).expect_code(2);
    assert!(other.stderr.contains("another library"), "{}", other.stderr);
}

fn inputs_are_absent(run: &Run) -> bool {
    let manifest = run.document("manifest.json");
    let header = fs::read_to_string(run.pack().join("summary.csv")).unwrap();
    manifest["inputs"].as_array().unwrap().len() == 1 && !header.contains("input_file")
}

#[test]
fn parts_join_to_the_plan_that_is_made_alone() {
    let scratch = scratch();
    let dir = scratch.path();
    tranches(dir);
    // An empty file alone in its part.
    write(dir, "tranches/1/9.csv", "");
    let plan = |out: &str, arguments: &[&str]| {
        let mut command = hetero2();
        command.args(["plan", "tranches", "--out", out, "--decoys", "2"]).args(arguments);
        call(command.current_dir(dir))
    };
    let planned = |out: &str| {
        let mut found = files(&dir.join(out).join("library"));
        found.insert("plan.json".into(), fs::read(dir.join(out).join("plan.json")).unwrap());
        found
    };
    plan("alone", &[]).expect_code(0);
    for part in 0..8 {
        plan("eight", &["--part", &format!("{part}/8")]).expect_code(0);
    }
    plan("eight", &["--join", "8"]).expect_code(0);
    assert_eq!(planned("eight"), planned("alone"));
    // In any order, and again.
    for part in ["2/3", "0/3", "0/3"] {
        plan("joined", &["--part", part]).expect_code(0);
    }
    let missing = plan("joined", &["--join", "3"]).expect_code(4);
    assert!(missing.stderr.contains("1 of 3 parts are not planned"), "{}", missing.stderr);
    plan("joined", &["--part", "1/3"]).expect_code(0);
    let other = plan("joined", &["--join", "3", "--seed", "7"]).expect_code(2);
    assert!(other.stderr.contains("another configuration"), "{}", other.stderr);
    let early = call(hetero2().args(["shard", "joined/parts/00000", "0"]).current_dir(dir));
    assert!(early.expect_code(2).stderr.contains("it is part 0 of 3: join the parts first"));
    plan("joined", &["--join", "3"]).expect_code(0);
    assert_eq!(planned("joined"), planned("alone"));
    assert!(!dir.join("joined/parts").exists());
    // Known already.
    plan("joined", &["--join", "3"]).expect_code(0);
    let many = plan("more", &["--part", "0/9"]).expect_code(2);
    assert!(many.stderr.contains("9 parts of 8 files"), "{}", many.stderr);
    for part in ["3/3", "x", "1/0"] {
        plan("more", &["--part", part]).expect_code(2);
    }
}

#[test]
fn decoys_of_several_files_are_those_of_one() {
    let scratch = scratch();
    let dir = scratch.path();
    let (_, whole) = tranches(dir);
    for (inputs, out) in [("tranches", "many.csv"), (whole.to_str().unwrap(), "one.csv")] {
        let arguments = ["decoys", inputs, "--out", out, "--decoys", "2"];
        call(hetero2().args(arguments).current_dir(dir)).expect_code(0);
    }
    assert_eq!(fs::read(dir.join("many.csv")).unwrap(), fs::read(dir.join("one.csv")).unwrap());
}

#[test]
fn what_is_no_library_is_an_error_and_not_a_run_of_skips() {
    let scratch = scratch();
    let dir = scratch.path();
    write(dir, "words.txt", "once upon a time\nthere was a table\n");
    write(dir, "program", b"\x7fELF\x02\x01\x01\0\0\0\0\0");
    write(dir, "two.csv", "a,b\nCCO,CCN\nCCC,CCS\n");
    for (name, told) in [
        (
            "words.txt",
            "`once` was taken for the SMILES and `upon a time` for the id; name the columns with --smiles-column",
        ),
        ("program", "is no text and of no known format: byte 8 is zero"),
        (
            "two.csv",
            "columns a, b hold different molecules, and none has a known name; name the one to read with --smiles-column",
        ),
        ("*.pq", "the pattern *.pq has no file that is read"),
    ] {
        let done =
            call(hetero2().args(["run", name, "--out", "out", "--decoys", "0"]).current_dir(dir));
        let done = done.expect_code(2);
        assert!(done.stderr.contains(told), "{name}: {}", done.stderr);
        assert!(!dir.join("out/pack").exists());
    }
}

#[test]
fn fragments_are_left_out_where_that_is_asked_for() {
    let scratch = scratch();
    let dir = scratch.path();
    let text = "CC(C)NCC(O)COc1ccccc1.Cl salt\nCCCCCC(=O)N.CCCCCCN two\nc1ccccc1CCO one\n";
    let library = write(dir, "salts.smi", text);
    let library = library.to_str().unwrap();
    let without = run(&[library], dir, "without", &[]);
    assert_eq!(without.outcomes()[0].2, "disconnected");
    let stripped = run(&[library], dir, "stripped", &["--strip-salts", "--threads", "1"]);
    let status = |run: &Run| -> Vec<String> { run.outcomes().into_iter().map(|o| o.1).collect() };
    assert_eq!(status(&stripped), ["OK", "SKIP", "OK"]);
    assert_eq!(stripped.document("metrics.json")["rows_with_fragments_left_out"], 1);
    assert_eq!(stripped.document("manifest.json")["config"]["connectivity"], "without_salts");
    let again = run(&[library], dir, "again", &["--strip-salts", "--threads", "3"]);
    assert_eq!(stripped.verify(), again.verify());
    let largest = run(&[library], dir, "largest", &["--largest-fragment"]);
    assert_eq!(status(&largest), ["OK", "OK", "OK"]);
    assert_eq!(largest.document("metrics.json")["rows_with_fragments_left_out"], 2);
    assert!(without.document("metrics.json").get("rows_with_fragments_left_out").is_none());
    assert!(!files(&without.pack()).is_empty());
    let both = ["run", library, "--strip-salts", "--largest-fragment"];
    call(hetero2().args(both)).expect_code(2);
}

#[test]
fn a_smiles_item_that_is_another_molecule_is_remarked() {
    let scratch = scratch();
    let dir = scratch.path();
    // Propanol, as a salt where a fragment is added.
    let record = |salt: &str, item: &str| {
        let (atoms, chlorine) = if salt.is_empty() {
            (4, "")
        } else {
            (5, "    5.0000    0.0000    0.0000 Cl  0  0  0  0  0  0\n")
        };
        let atom = |at: usize, name: &str| {
            format!("{:>10}    0.0000    0.0000 {name:<3} 0  0  0  0  0  0\n", format!("{at}.0000"))
        };
        let all: String =
            ["C", "C", "C", "O"].iter().enumerate().map(|(at, name)| atom(at, name)).collect();
        format!(
            "x\n  made\n\n{atoms:>3}  3  0  0  0  0            999 V2000\n{all}{chlorine}\
             \x20 1  2  1  0\n  2  3  1  0\n  3  4  1  0\nM  END\n> <Can_SMILES>\n{item}\n\n$$$$\n"
        )
    };
    let text = [record("", "OCCC"), record("", "CC(C)O"), record("Cl", "Cl.OCCC")].concat()
        + &record("Cl", "OCCC");
    let library = write(dir, "items.sdf", text);
    let library = library.to_str().unwrap();
    let remarks = |run: &Run| -> Vec<Vec<String>> {
        let path = run.pack().join("summary.parquet");
        let rows = TableReader::<MoleculeRow>::open(&path).unwrap().flat_map(Result::unwrap);
        let named = |row: MoleculeRow| {
            let texts = row.warnings.iter().map(ToString::to_string);
            texts.filter(|text| text.starts_with("smiles_item")).collect()
        };
        rows.map(named).collect()
    };
    let differs = |smiles: &str| vec![format!("smiles_item_differs:{smiles}")];
    let expected = [vec![], differs("CC(C)O"), vec![], differs("CCCO")];
    for (out, options) in
        [("alone", &["--threads", "1"][..]), ("many", &["--threads", "3", "--shards", "2"])]
    {
        assert_eq!(remarks(&run(&[library], dir, out, options)), expected);
    }
    // Neither does a salt that is left out hide that it was drawn.
    assert_eq!(remarks(&run(&[library], dir, "stripped", &["--strip-salts"])), expected);
}
