//! What the documentation says, where a program can check it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use hetero2::audit::{AuditSettings, Item, Label, Verdict, evaluate, significance};

/// Every file below `folder` with this extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let mut documents = Vec::new();
    for folder in ["docs", "src", "scheduler", "fixtures"] {
        documents.extend(files(&root().join(folder), "md"));
    }
    documents.extend(["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(|f| root().join(f)));
    documents
}

#[test]
fn every_link_leads_to_a_file() {
    let mut broken = Vec::new();
    let mut links = 0;
    for document in documents() {
        // Code, every second piece, may hold SMILES that look like links.
        let text = fs::read_to_string(&document).unwrap();
        let text: String = text.split('`').step_by(2).collect();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            links += 1;
            if !target.contains("://") && !document.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(links > 10, "only {links} links: the documents are not read as they should be");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_document_stands_in_the_book() {
    let docs = root().join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    for document in files(&docs, "md") {
        let name = document.strip_prefix(&docs).unwrap().display().to_string();
        let there = name == "SUMMARY.md" || summary.contains(&format!("({name})"));
        assert!(there, "docs/SUMMARY.md leaves out {name}");
    }
}

#[test]
fn every_crate_says_what_it_answers() {
    for folder in ["src", "scheduler"] {
        for manifest in files(&root().join(folder), "toml") {
            let folder = manifest.parent().unwrap();
            if manifest.ends_with("Cargo.toml") {
                assert!(folder.join("README.md").exists(), "{} has no README", folder.display());
            }
        }
    }
}

#[test]
fn every_test_that_a_claim_names_exists() {
    let folders = ["tests", "src", "scheduler/src", "scheduler/tests"];
    let sources: Vec<PathBuf> =
        folders.iter().flat_map(|folder| files(&root().join(folder), "rs")).collect();
    let mut tests = BTreeSet::new();
    for source in sources {
        let text = fs::read_to_string(source).unwrap();
        let names = text.split("#[test]").skip(1).filter_map(|rest| rest.split("fn ").nth(1));
        tests.extend(names.filter_map(|rest| rest.split('(').next()).map(str::to_owned));
    }
    let claims = fs::read_to_string(root().join("docs/standard_claims.md")).unwrap();
    let mut named = 0;
    let mut missing = Vec::new();
    for line in claims.lines().filter(|line| line.starts_with('|')) {
        let cell = line.trim_end_matches('|').rsplit('|').next().unwrap();
        for name in cell.split('`').skip(1).step_by(2) {
            named += 1;
            if !tests.contains(name) {
                missing.push(name.to_owned());
            }
        }
    }
    assert!(named > 20, "only {named} tests are named");
    assert!(missing.is_empty(), "claims name tests that do not exist: {missing:#?}");
}

/// `docs/contracts/audit.md`: "What a PASS takes".
#[test]
fn a_pass_means_that_the_original_beats_every_decoy() {
    let item = |label, score| Item { label, score, weight: 1.0 };
    let settings = AuditSettings::default();
    for decoys in 1..=200_usize {
        // The best of the decoys below, level with, and above the original.
        for (best, verdict) in [(0.4, Verdict::Pass), (0.5, Verdict::Fail), (0.6, Verdict::Fail)] {
            let mut items = vec![item(Label::Positive, 0.5), item(Label::Negative, best)];
            items.extend((1..decoys).map(|i| item(Label::Negative, 0.3 - i as f64 / 1e3)));
            let audit = evaluate(&items, &settings).unwrap();
            let chance = significance(&items, &audit, &settings).unwrap();
            assert_eq!(audit.neg_controls.verdict, verdict, "{decoys} decoys, best {best}");
            assert_eq!(chance.p_min, 1.0 / (decoys as f64 + 1.0));
        }
    }
}
