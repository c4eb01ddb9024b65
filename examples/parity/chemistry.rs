//! Molecules: what is accepted, its graph, its descriptors.

use hetero2::molecule::{Molecule, ParseLimits};

use crate::Result;
use crate::golden::{Row, Table};
use crate::report::{Section, Tally, Target};

const DESCRIPTORS: [(&str, &str, f64); 6] = [
    ("MW", "mw", 99.8),
    ("logP", "logp", 99.8),
    ("TPSA", "tpsa", 99.8),
    ("HBD", "hbd", 99.8),
    ("HBA", "hba", 99.8),
    ("QED", "qed", 99.7),
];

pub fn compare(molecules: &Table) -> Result<Section> {
    let mut accepted = Tally::exact("text is a molecule", Target::Differ(3));
    let mut canonical = Tally::exact("canonical SMILES", Target::Percent(99.9));
    let mut graph = Tally::exact("heavy-atom graph", Target::Percent(99.9));
    let mut orders = Tally::exact("bond orders", Target::Percent(99.9));
    let mut rings = Tally::exact("rings, aromatic rings", Target::Open);
    let mut descriptors =
        DESCRIPTORS.map(|(title, _, share)| Tally::within(title, 1e-3, Target::Percent(share)));
    for row in molecules.rows() {
        let text = row.text("smiles").unwrap_or_default();
        let molecule = Molecule::from_smiles(text.as_bytes(), &ParseLimits::default());
        let parsed = row.flag("parse_ok");
        let show = |yes| if yes { "a molecule" } else { "none" };
        accepted.same(row.id(), show(parsed), show(molecule.is_ok()));
        let (true, Ok(molecule)) = (parsed, molecule) else { continue };
        let theirs = row.text("canonical_smiles").unwrap_or_default();
        canonical.same(row.id(), theirs, molecule.canonical_smiles());
        compare_graph(&mut graph, &mut orders, row, &molecule);
        let found = molecule.rings()?;
        let pair = |rings: f64, aromatic: f64| format!("{rings}, {aromatic}");
        let number = |name| row.number(name).unwrap_or(f64::NAN);
        rings.same(
            row.id(),
            pair(number("n_rings"), number("n_aromatic_rings")),
            pair(found.rings.into(), found.aromatic_rings.into()),
        );
        let d = molecule.descriptors()?;
        let ours = [d.mw, d.logp, d.tpsa, d.hbd.into(), d.hba.into(), d.qed];
        for ((tally, (_, column, _)), ours) in descriptors.iter_mut().zip(DESCRIPTORS).zip(ours) {
            tally.close(row.id(), row.number(column), Some(ours));
        }
    }
    let mut tallies = vec![accepted, canonical, graph, orders, rings];
    tallies.extend(descriptors);
    Ok(Section::new(
        "Molecules",
        "Every text of the golden input, whether a run would audit it or not.",
        tallies,
    ))
}

fn compare_graph(graph: &mut Tally, orders: &mut Tally, row: Row<'_>, molecule: &Molecule) {
    let list = |name| row.list(name).unwrap_or_default();
    let ours = molecule.graph();
    let elements: Vec<f64> = ours.atomic_numbers.iter().map(|&z| z.into()).collect();
    let ends = ours.bonds.iter().map(|bond| (f64::from(bond.i), f64::from(bond.j)));
    let same = elements == list("z") && list("edge_i").into_iter().zip(list("edge_j")).eq(ends);
    let counts = |atoms: usize, bonds: usize| format!("{atoms} atoms, {bonds} bonds");
    graph.outcome(row.id(), same, || {
        (counts(list("z").len(), list("edge_i").len()), counts(elements.len(), ours.bonds.len()))
    });
    let doubled: Vec<f64> = ours.bonds.iter().map(|bond| bond.doubled_order.into()).collect();
    let theirs: Vec<f64> = list("edge_order").iter().map(|order| 2.0 * order).collect();
    orders.outcome(row.id(), doubled == theirs, || (format!("{theirs:?}"), format!("{doubled:?}")));
}
