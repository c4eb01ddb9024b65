//! Published decoys: strategy, counters, the list itself, its similarities.

use std::path::Path;

use hetero2::decoy::{
    Decoy, DecoyOutcome, DecoyRequest, DecoySet, DecoyStrategy, StrategyId, generate,
};
use hetero2::molecule::{Molecule, ParseLimits};
use serde_json::Value;

use crate::Result;
use crate::golden::json_lines;
use crate::report::{Section, Tally, Target};

struct Tallies {
    strategy: Tally,
    counters: Tally,
    warnings: Tally,
    lists: Tally,
}

impl Tallies {
    fn new(targets: [Target; 3], names: [&'static str; 4]) -> Self {
        Self {
            strategy: Tally::exact(names[0], targets[0]),
            counters: Tally::exact(names[1], targets[1]),
            warnings: Tally::exact(names[2], Target::Open),
            lists: Tally::exact(names[3], targets[2]),
        }
    }
}

pub fn compare(golden: &Path) -> Result<Section> {
    let targets = [Target::Percent(100.0), Target::Percent(97.0), Target::Percent(95.0)];
    let names = [
        "k = 20: strategy",
        "k = 20: counters",
        "k = 20: warnings",
        "k = 20: the whole list of decoys",
    ];
    let mut plain = Tallies::new(targets, names);
    let mut single = Tally::exact("k = 20: SMILES of each decoy", Target::Open);
    let mut tanimoto = Tally::exact("k = 20: Tanimoto of each decoy", Target::Open);
    let mut rings = Tally::exact("k = 20: rings, aromatic rings of each decoy", Target::Open);
    let mut properties =
        Tally::within("k = 20: MW, logP, TPSA, HBD, HBA, QED of each decoy", 1e-3, Target::Open);
    for case in json_lines(&golden.join("decoys.jsonl.gz"))? {
        let id = text(&case["id"]);
        let result = &case["pipeline"];
        let Some(outcome) = outcome(&case, 20, 0, None) else {
            plain.strategy.same(id, text(&result["decoy_strategy"]["strategy_id"]), "no molecule");
            continue;
        };
        let theirs: Vec<&Value> = result["decoys"].as_array().into_iter().flatten().collect();
        let smiles: Vec<&str> = theirs.iter().map(|decoy| text(&decoy["smiles"])).collect();
        compare_outcome(
            &mut plain,
            id,
            &outcome,
            Theirs {
                strategy: text(&result["decoy_strategy"]["strategy_id"]),
                counters: &result["decoy_stats"],
                warnings: texts(&result["warnings"]),
                smiles: &smiles,
            },
        );
        for (index, decoy) in theirs.iter().enumerate() {
            let Some(ours) = outcome.decoys.get(index) else { continue };
            single.same(id, smiles[index], ours.smiles());
            let similarity = case["tanimoto"][index].as_f64();
            tanimoto.close(id, similarity, ours.tanimoto());
            if smiles[index] == ours.smiles() {
                compare_rings(&mut rings, id, decoy, ours)?;
                compare_properties(&mut properties, id, decoy, ours)?;
            }
        }
    }
    let names = [
        "k = 2, 5, 10: strategy",
        "k = 2, 5, 10: counters",
        "k = 2, 5, 10: warnings",
        "k = 2, 5, 10: the whole list of decoys",
    ];
    let mut variants = Tallies::new([Target::Open; 3], names);
    compare_variants(golden, &mut variants)?;
    let mut tallies = vec![plain.strategy, plain.counters, plain.lists, plain.warnings];
    tallies.extend([single, tanimoto, rings, properties]);
    tallies.extend([variants.strategy, variants.counters, variants.lists, variants.warnings]);
    let about = "240 molecules with k = 20 and seed 0; 60 of them with k = 2, with k = 5 and a seed of their own, and \
with k = 10 in hard mode (Tanimoto 0.65 to 0.95).";
    Ok(Section::new("Decoys", about, tallies))
}

fn compare_variants(golden: &Path, tallies: &mut Tallies) -> Result<()> {
    for case in json_lines(&golden.join("decoys_variants.jsonl.gz"))? {
        let count = case["k"].as_u64().unwrap_or_default() as usize;
        let hard = case["hard"] == true;
        let id = format!("{}, k = {count}", text(&case["id"]));
        let seed = case["seed"].as_i64().unwrap_or_default();
        let range = hard.then_some("0.65..0.95");
        let Some(outcome) = outcome(&case, count, seed, range) else { continue };
        let smiles: Vec<&str> =
            case["decoys"].as_array().into_iter().flatten().map(|d| text(&d[0])).collect();
        compare_outcome(
            tallies,
            &id,
            &outcome,
            Theirs {
                strategy: text(&case["strategy"]["strategy_id"]),
                counters: &case["stats"],
                warnings: texts(&case["warnings"]),
                smiles: &smiles,
            },
        );
    }
    Ok(())
}

fn outcome(case: &Value, count: usize, seed: i64, range: Option<&str>) -> Option<DecoyOutcome> {
    let smiles = text(&case["smiles"]);
    let molecule = Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default()).ok()?;
    let hardness = range.and_then(|range| range.parse().ok());
    let strategy = DecoyStrategy::Published;
    Some(generate(&molecule, &DecoyRequest { count, seed, set: DecoySet::V1, strategy, hardness }))
}

/// What Python found.
struct Theirs<'a> {
    strategy: &'a str,
    counters: &'a Value,
    warnings: Vec<&'a str>,
    smiles: &'a [&'a str],
}

fn compare_outcome(t: &mut Tallies, id: &str, ours: &DecoyOutcome, theirs: Theirs<'_>) {
    t.strategy.same(id, theirs.strategy, ours.strategy.map_or("", StrategyId::name));
    let c = ours.counters;
    let names = ["attempts", "sanitize_fail", "duplicate", "no_candidate_swap", "hardness_reject"];
    let counted =
        [c.attempts, c.sanitize_fail, c.duplicate, c.no_candidate_swap, c.hardness_reject];
    let expected = names.map(|name| theirs.counters[name].as_u64().unwrap_or_default());
    t.counters
        .outcome(id, counted == expected, || (format!("{expected:?}"), format!("{counted:?}")));
    // The row's own remark on why it is skipped is the run's, not the search's.
    let remarks: Vec<&str> =
        theirs.warnings.into_iter().filter(|warning| !warning.starts_with("skip:")).collect();
    let warnings: Vec<String> = ours.warnings.iter().map(|w| w.to_string()).collect();
    t.warnings.outcome(id, remarks == warnings, || {
        let only = |a: &[String], b: &[String]| {
            a.iter().filter(|w| !b.contains(w)).cloned().collect::<Vec<_>>().join(", ")
        };
        let remarks: Vec<String> = remarks.iter().map(|&w| w.to_owned()).collect();
        (only(&remarks, &warnings), only(&warnings, &remarks))
    });
    let smiles: Vec<&str> = ours.decoys.iter().map(Decoy::smiles).collect();
    t.lists.outcome(id, smiles == theirs.smiles, || {
        let differ = smiles.iter().zip(theirs.smiles).filter(|(a, b)| a != b).count();
        (
            format!("{} decoys", theirs.smiles.len()),
            format!("{} decoys, {differ} differ", smiles.len()),
        )
    });
}

fn compare_rings(tally: &mut Tally, id: &str, theirs: &Value, ours: &Decoy) -> Result<()> {
    let found = ours.molecule.molecule()?.rings()?;
    let count = |name: &str| theirs["ring_info"][name].as_u64().unwrap_or_default();
    let pair = |rings: u64, aromatic: u64| format!("{rings}, {aromatic} in {}", ours.smiles());
    tally.same(
        id,
        pair(count("n_rings"), count("n_aromatic_rings")),
        pair(found.rings.into(), found.aromatic_rings.into()),
    );
    Ok(())
}

fn compare_properties(tally: &mut Tally, id: &str, theirs: &Value, ours: &Decoy) -> Result<()> {
    let d = ours.molecule.molecule()?.descriptors()?;
    let ours = [d.mw, d.logp, d.tpsa, d.hbd.into(), d.hba.into(), d.qed];
    let names = ["mw", "logp", "tpsa", "hbd", "hba", "qed"];
    let theirs = names.map(|name| theirs["physchem"][name].as_f64().unwrap_or(f64::NAN));
    tally.close_lists(id, &theirs, &ours);
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(text).collect()
}
