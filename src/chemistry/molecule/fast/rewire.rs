//! FlatMol molecules with other bonds: sanitised and written as the chemistry
//! crate does it, and their fingerprints. It must not know which bonds change.

use std::borrow::Cow;

use super::aromatic::{depends_on_ring_order, is_crowded};
use super::graph::{Atom, Bond, FlatMol, Order};
use super::numbering::{Components, depends_on_numbering};
use super::read::Marks;
use super::rings::{Rings, is_same_ring};
use super::stereo::ChiralTag;
use super::{WORKSPACE, Workspace, morgan_atoms};
use crate::molecule::fingerprint::Fingerprint;
use crate::molecule::fixed_form::fixed_form_by;
use crate::molecule::labelling::{ColouredGraph, odd, ranks};
use crate::molecule::morgan::{MorganBond, morgan};

/// A plain molecule as its canonical SMILES writes it.
#[derive(Debug, Clone)]
pub(in crate::molecule) struct FastMol {
    atoms: Vec<Atom>,
    bonds: Vec<Bond>,
    in_ring: Vec<bool>,
    colours: Vec<u32>,
    /// Where it is the same in any numbering.
    perceived: Option<Perceived>,
}

/// What sanitising found: the atoms, and the rings as atoms in ring order.
/// Bonds are as they were written.
#[derive(Debug, Clone)]
struct Perceived {
    atoms: Vec<Atom>,
    rings: Vec<Vec<u32>>,
}

/// A bond as rewiring sees it, begin and end as RDKit has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::molecule) struct FastBond {
    pub begin: u32,
    pub end: u32,
    pub single: bool,
    pub in_ring: bool,
}

/// A molecule that rewiring gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::molecule) struct FastProduct {
    pub smiles: String,
    /// `None` where the fingerprint is left to the general path.
    pub fingerprint: Option<Fingerprint>,
}

impl FastMol {
    /// Reads a canonical SMILES; `None` unless it is a plain molecule that
    /// sanitising leaves as it is written.
    pub(in crate::molecule) fn read(canonical_smiles: &str) -> Option<Self> {
        WORKSPACE.with(|workspace| {
            let mut workspace = workspace.try_borrow_mut().ok()?;
            let as_written = workspace.perceive(canonical_smiles, Marks::Read)?;
            if as_written { workspace.rewirable() } else { None }
        })
    }

    pub(in crate::molecule) fn is_aromatic(&self, atom: u32) -> bool {
        self.atoms[atom as usize].aromatic
    }

    pub(in crate::molecule) fn atom_count(&self) -> usize {
        self.atoms.len()
    }

    /// The bonds in RDKit's order: those of the chain as written, then those
    /// that close rings, which begin where they are closed.
    pub(in crate::molecule) fn bonds(&self) -> impl Iterator<Item = FastBond> {
        let chain = self.atoms.len() - 1;
        self.bonds.iter().zip(&self.in_ring).enumerate().map(move |(index, (bond, &in_ring))| {
            let (low, high) = (bond.begin, bond.end);
            let (begin, end) = if index < chain { (low, high) } else { (high, low) };
            FastBond { begin, end, single: bond.order == Order::Single, in_ring }
        })
    }

    /// The molecule with single bonds `made` instead of those between the
    /// atoms of `broken`, and with more or fewer hydrogens.
    pub(in crate::molecule) fn rewired(
        &self,
        broken: &[(u32, u32)],
        made: &[(u32, u32)],
        hydrogens: &[(u32, i8)],
    ) -> FastRewired<'_> {
        let ordered = |(a, b): (u32, u32)| (a.min(b), a.max(b));
        let broken: Vec<_> = broken.iter().copied().map(ordered).collect();
        let kept = self.bonds.iter().filter(|bond| !broken.contains(&(bond.begin, bond.end)));
        let fresh = made.iter().map(|&(a, b)| Bond::single(a, b));
        let bonds: Vec<Bond> = kept.copied().chain(fresh).collect();
        let made = made.len();
        // A broken ring changes what perception finds.
        let opens_ring =
            |(bond, &in_ring): (&Bond, &bool)| in_ring && broken.contains(&(bond.begin, bond.end));
        let opens_ring = self.bonds.iter().zip(&self.in_ring).any(opens_ring);
        let same_atoms = hydrogens.is_empty();
        let perceived = self.perceived.as_ref().filter(|_| !opens_ring && same_atoms);
        if same_atoms {
            let (atoms, colours) = (Cow::from(&self.atoms), Cow::from(&self.colours));
            return FastRewired { atoms, colours, perceived, bonds, made };
        }
        let mut atoms = self.atoms.clone();
        for &(atom, gained) in hydrogens {
            atoms[atom as usize].gain_hydrogens(gained);
        }
        let colours = Cow::from(colours(&atoms));
        FastRewired { atoms: Cow::from(atoms), colours, perceived, bonds, made }
    }

    pub(in crate::molecule) fn coloured(&self) -> ColouredGraph {
        coloured(&self.colours, &self.atoms, &self.bonds)
    }
}

/// A plain molecule with other bonds, not sanitised.
#[derive(Debug)]
pub(in crate::molecule) struct FastRewired<'a> {
    atoms: Cow<'a, [Atom]>,
    colours: Cow<'a, [u32]>,
    /// Of the molecule before, if its rings are still there.
    perceived: Option<&'a Perceived>,
    bonds: Vec<Bond>,
    /// How many of the last bonds rewiring made.
    made: usize,
}

impl FastRewired<'_> {
    /// The molecule that it is; `None` where that could depend on the numbering,
    /// or the general path has to decide.
    pub(in crate::molecule) fn canonicalized(&self) -> Option<FastProduct> {
        WORKSPACE.with(|workspace| workspace.try_borrow_mut().ok()?.canonicalize_until_stable(self))
    }

    pub(in crate::molecule) fn coloured(&self) -> ColouredGraph {
        coloured(&self.colours, &self.atoms, &self.bonds)
    }

    /// The molecule that it is with its atoms in `order` (the old atom at each
    /// new place) and its bonds sorted by their ends; `None` where the general
    /// path has to decide.
    pub(in crate::molecule) fn canonicalized_in(&self, order: &[u32]) -> Option<FastProduct> {
        let mut place = vec![0; order.len()];
        for (at, &atom) in order.iter().enumerate() {
            place[atom as usize] = at as u32;
        }
        let mut atoms: Vec<Atom> = order.iter().map(|&atom| self.atoms[atom as usize]).collect();
        let placed = |bond: &Bond| {
            let (a, b) = (place[bond.begin as usize], place[bond.end as usize]);
            let rises = bond.rises.map(|rises| rises == (a < b));
            Bond { begin: a.min(b), end: a.max(b), rises, ..*bond }
        };
        let mut bonds: Vec<Bond> = self.bonds.iter().map(placed).collect();
        for (atom, index) in atoms.iter_mut().zip(0..) {
            if let Some(hand) = atom.chiral_tag {
                // Sorted bonds meet an atom's neighbours in ascending order.
                let around = bonds.iter().filter(|bond| bond.begin == index || bond.end == index);
                let ends = around.map(|bond| bond.other(index));
                atom.chiral_tag = Some(hand.turned(odd(&ends.collect::<Vec<_>>())));
            }
        }
        bonds.sort_unstable_by_key(|bond| (bond.begin, bond.end));
        WORKSPACE
            .with(|workspace| workspace.try_borrow_mut().ok()?.canonicalize_as_is(&atoms, &bonds))
    }
}

/// A graph whose colours tell atoms and bonds apart by what they are, as
/// [`EditableGraph`](crate::molecule::edit::EditableGraph) has it.
fn coloured(colours: &[u32], atoms: &[Atom], bonds: &[Bond]) -> ColouredGraph {
    let edges = bonds.iter().map(|bond| {
        let (low, high) = match (bond.order, bond.rises) {
            (Order::Double, _) => (1, 1),
            (Order::Triple, _) => (2, 2),
            (Order::Single, None) => (0, 0),
            (Order::Single, Some(true)) => (7, 8),
            (Order::Single, Some(false)) => (8, 7),
            (Order::Aromatic, None) => (4, 4),
            (Order::Aromatic, Some(true)) => (9, 10),
            (Order::Aromatic, Some(false)) => (10, 9),
        };
        [(bond.begin, low), (bond.end, high)]
    });
    let parity = |atom: &Atom| atom.chiral_tag.map(|hand| hand == ChiralTag::Clockwise);
    ColouredGraph::new(colours.to_vec(), atoms.iter().map(parity).collect(), edges)
}

/// Colours that tell atoms apart by what they are.
fn colours(atoms: &[Atom]) -> Vec<u32> {
    ranks(atoms, |atom| {
        let written = atom.no_implicit.then_some(atom.explicit_hs);
        (atom.z, atom.charge, written, atom.aromatic, atom.chiral_tag.is_some())
    })
}

/// Fingerprint of a canonical SMILES of any number of parts, each plain but for
/// marks that a fingerprint does not see; `None` otherwise.
pub(in crate::molecule) fn fingerprint(canonical_smiles: &str) -> Option<Fingerprint> {
    WORKSPACE.with(|workspace| {
        let mut workspace = workspace.try_borrow_mut().ok()?;
        let mut whole = Fingerprint::empty();
        for part in canonical_smiles.split('.') {
            if has_isotopes(part) {
                return None;
            }
            let as_written = workspace.perceive(part, Marks::Ignore)?;
            whole = whole.union(&workspace.fingerprint_as_read(as_written)?);
        }
        Some(whole)
    })
}

/// Whether a SMILES text has isotopes.
pub(in crate::molecule) fn has_isotopes(text: &str) -> bool {
    text.as_bytes().windows(2).any(|two| two[0] == b'[' && two[1].is_ascii_digit())
}

impl Workspace {
    /// The graph of what was just perceived, as written; `None` unless every
    /// mark of it was read.
    pub(super) fn rewirable(&mut self) -> Option<FastMol> {
        if self.marks != Marks::Read {
            return None;
        }
        self.stereo.check(&self.mol)?;
        let perceived = self.order_independent();
        let Self { mol, read_atoms: atoms, .. } = self;
        Some(FastMol {
            atoms: atoms.clone(),
            // Aromatic bonds are those that were written.
            bonds: mol.bonds.clone(),
            in_ring: mol.bond_rings.iter().map(|&rings| rings > 0).collect(),
            colours: colours(atoms),
            perceived,
        })
    }

    /// What sanitising found, if it is the same in any numbering.
    fn order_independent(&mut self) -> Option<Perceived> {
        let (mol, rings) = (&self.mol, &mut self.rings);
        let sure = rings.unique && !depends_on_numbering(mol, Some(rings), mol.bonds.len());
        sure.then(|| Perceived {
            atoms: mol.atoms.clone(),
            rings: mol.ring_atoms.iter().map(<[u32]>::to_vec).collect(),
        })
    }

    /// Sanitises and writes a graph component by component.
    fn canonicalize_until_stable(&mut self, rewired: &FastRewired<'_>) -> Option<FastProduct> {
        let FastRewired { atoms, perceived, bonds, .. } = rewired;
        let components = Components::of(atoms.len(), bonds.iter());
        let (kept, made) = bonds.split_at(bonds.len() - rewired.made);
        let pieces = Components::of(atoms.len(), kept.iter());
        let closes_ring =
            |bond: &Bond| pieces.of_atom[bond.begin as usize] == pieces.of_atom[bond.end as usize];
        let mut texts = Vec::with_capacity(components.count as usize);
        let mut fingerprint = Some(Fingerprint::empty());
        for part in 0..components.count {
            let made = made.iter().filter(|bond| components.holds(part, bond));
            let known = perceived.and_then(|perceived| {
                self.take(part, &components, &perceived.atoms, bonds);
                self.place_rings(part, &components, perceived);
                if made.clone().any(closes_ring) {
                    self.close_rings(made.clone().count())
                } else {
                    self.keep_rings()
                }
            });
            let (text, of_crate) = if let Some(of_crate) = known {
                (self.stable_text(true)?, of_crate)
            } else {
                self.take(part, &components, atoms, bonds);
                self.canonicalize_connected(made.count())?
            };
            texts.push(text);
            let part = if of_crate { fingerprint_of(&self.mol) } else { None };
            fingerprint = union(fingerprint, part);
        }
        Some(FastProduct { smiles: joined(&texts), fingerprint })
    }

    /// Sanitises and writes a graph as it is numbered, and reads and writes
    /// that until it stays. Rings are those that the chemistry crate finds in
    /// this numbering: they are not always the smallest.
    fn canonicalize_as_is(&mut self, atoms: &[Atom], bonds: &[Bond]) -> Option<FastProduct> {
        let components = Components::of(atoms.len(), bonds.iter());
        let mut texts = Vec::with_capacity(components.count as usize);
        for part in 0..components.count {
            self.take(part, &components, atoms, bonds);
            self.sanitize_product(Rings::OfCrate)?;
            self.stereo.perceive(&mut self.mol)?;
            texts.push(self.canonical_text()?);
        }
        let first = joined(&texts);
        let mut read = (String::new(), None);
        let smiles = fixed_form_by(first, |text| {
            let mut fingerprint = Some(Fingerprint::empty());
            for text in &mut texts {
                *text = self.rewritten(text, Rings::OfCrate).ok_or(())?;
                let as_written = self.is_aromatic_as_noted();
                fingerprint = union(fingerprint, self.fingerprint_as_read(as_written));
            }
            read = (text.to_owned(), fingerprint);
            Ok::<_, ()>(joined(&texts))
        });
        let smiles = smiles.ok()?;
        let (text, fingerprint) = read;
        let fingerprint = fingerprint.filter(|_| text == smiles);
        Some(FastProduct { smiles, fingerprint })
    }

    /// The fingerprint of what was read and sanitised, and found as aromatic as it
    /// was written or not. `None` where aromaticity depends on the numbering.
    fn fingerprint_as_read(&mut self, as_written: bool) -> Option<Fingerprint> {
        let Self { mol, rings, .. } = self;
        let is_sure = rings.unique
            || as_written && rings.complete
            || !depends_on_numbering(mol, Some(rings), mol.bonds.len());
        is_sure.then(|| fingerprint_of(mol)).flatten()
    }

    /// Takes over one component of a graph, numbered as there.
    fn take(&mut self, part: u32, components: &Components, atoms: &[Atom], bonds: &[Bond]) {
        self.mol.clear();
        self.places.clear();
        self.places.resize(atoms.len(), 0);
        for (index, atom) in atoms.iter().enumerate() {
            if components.of_atom[index] == part {
                self.places[index] = self.mol.atoms.len() as u32;
                self.mol.atoms.push(*atom);
            }
        }
        let inside = bonds.iter().filter(|bond| components.holds(part, bond));
        self.mol.bonds.extend(inside.map(|bond| Bond {
            begin: self.places[bond.begin as usize],
            end: self.places[bond.end as usize],
            ..*bond
        }));
        self.mol.connect();
    }

    /// Notes the rings that a component had before.
    fn place_rings(&mut self, part: u32, components: &Components, perceived: &Perceived) {
        let inside = |ring: &&Vec<u32>| components.of_atom[ring[0] as usize] == part;
        self.rows.clear();
        for ring in perceived.rings.iter().filter(inside) {
            self.rows.push(ring.iter().map(|&atom| self.places[atom as usize]));
        }
    }

    /// Gives a component the rings that it had before: neither valences nor rings
    /// are others, so that aromaticity is none, and its fingerprint is that of the
    /// chemistry crate.
    fn keep_rings(&mut self) -> Option<bool> {
        self.rings.unique = true;
        self.mol.set_rings(self.rows.iter()).then_some(true)
    }

    /// Finds the rings of a component whose last `made` bonds close some; whether
    /// its fingerprint is that of the chemistry crate. `None` unless aromaticity is
    /// as before in any numbering: the rings that could be aromatic are old ones,
    /// and their atoms give them what they gave.
    fn close_rings(&mut self, made: usize) -> Option<bool> {
        self.rings.find(&mut self.mol, Rings::Smallest)?;
        if self.rings.beyond_crate {
            return None;
        }
        let of_crate = self.is_stable(made, true)?;
        let mol = &self.mol;
        let made = mol.bonds.len() - made;
        let crowded = |&atom: &u32| is_crowded(mol, atom);
        let is_known = |ring: &[u32]| self.rows.iter().any(|known| is_same_ring(known, ring));
        let is_old = |ring: &&[u32]| ring.iter().all(|&bond| (bond as usize) < made);
        let enters_ring = |(index, bond): (u32, &Bond)| {
            matches!(bond.order, Order::Double | Order::Triple)
                && mol.bond_rings[index as usize] > 0
                && !mol.ring_bonds.iter().filter(is_old).any(|ring| ring.contains(&index))
        };
        let mut atoms = 0..mol.atoms.len() as u32;
        let changes = !mol.ring_atoms.iter().all(|ring| ring.iter().any(crowded) || is_known(ring))
            || (0..).zip(&mol.bonds).any(enters_ring)
            || atoms.any(|atom| depends_on_ring_order(mol, atom));
        (!changes).then_some(of_crate)
    }

    /// Sanitises a part of a product; `None` also where the chemistry crate refuses
    /// it, because the product has to be read again as a whole, which it does.
    fn sanitize_product(&mut self, rings: Rings) -> Option<()> {
        self.sanitize_with(rings)?;
        (!self.rings.beyond_crate).then_some(())
    }

    fn rewritten(&mut self, text: &str, rings: Rings) -> Option<String> {
        self.reader.read(text.as_bytes(), Marks::Read, &mut self.mol)?;
        self.note_aromatic();
        self.sanitize_product(rings)?;
        self.stereo.perceive(&mut self.mol)?;
        self.canonical_text()
    }

    fn canonical_text(&mut self) -> Option<String> {
        let ranks = self.ranker.rank(&self.mol)?;
        self.writer.write(&self.mol, ranks)?;
        Some(self.writer.text.clone())
    }

    /// Sanitises and writes what `fast` holds, its last `made` bonds new
    /// ones; also whether its fingerprint is that of the chemistry crate, which
    /// finds rings in another way there. `None` unless reading and writing that
    /// again changes nothing, and where the result could depend on the numbering: a
    /// ring that stops being aromatic takes any Kekulé structure, and RDKit finds
    /// some rings in some numberings only.
    fn canonicalize_connected(&mut self, made: usize) -> Option<(String, bool)> {
        self.note_aromatic();
        self.sanitize_product(Rings::Smallest)?;
        let as_noted = self.is_aromatic_as_noted();
        if !(as_noted || self.is_aromatic_where_noted()) {
            return None;
        }
        let of_crate = self.is_stable(made, as_noted)?;
        Some((self.stable_text(as_noted)?, of_crate))
    }

    /// What a component with `made` new bonds, and as aromatic as before or more,
    /// is in any numbering: whether its fingerprint is that of the chemistry crate.
    /// `None` where it could be another one.
    fn is_stable(&mut self, made: usize, as_noted: bool) -> Option<bool> {
        let made = self.mol.bonds.len() - made;
        let apart = as_noted && !depends_on_numbering(&self.mol, Some(&mut self.rings), made);
        let is_sure = apart || self.rings.unique || as_noted && self.rings.complete;
        (apart || self.rings.are_sure(&self.mol)).then_some(is_sure)
    }

    /// Writes what was sanitised, and found as aromatic as it was before or not.
    /// `None` as of [`Self::canonicalize_connected`].
    fn stable_text(&mut self, as_noted: bool) -> Option<String> {
        self.stereo.perceive(&mut self.mol)?;
        let (ranks, sure) = self.ranker.rank_order_independent(&self.mol)?;
        self.writer.write(&self.mol, ranks)?;
        let text = self.writer.text.clone();
        let sure = sure && as_noted && self.reads_the_same();
        // Directions can give a configuration to a double bond that has none.
        let directed = !self.mol.configurations.is_empty();
        if sure && !directed {
            return Some(text);
        }
        if !sure && (directed || self.mol.is_handed()) {
            return None;
        }
        (self.rewritten(&text, Rings::Smallest)? == text).then_some(text)
    }
}

fn fingerprint_of(mol: &FlatMol) -> Option<Fingerprint> {
    let bonds = mol.bonds.iter().map(|bond| MorganBond {
        begin: bond.begin,
        end: bond.end,
        order: bond.order as u32,
    });
    morgan(morgan_atoms(mol), &bonds.collect::<Vec<_>>())
}

fn union(whole: Option<Fingerprint>, part: Option<Fingerprint>) -> Option<Fingerprint> {
    Some(whole?.union(&part?))
}

/// The SMILES of a molecule with these parts.
fn joined(parts: &[String]) -> String {
    let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    parts.sort_unstable();
    parts.join(".")
}
