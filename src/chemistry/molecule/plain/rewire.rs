//! Plain molecules with other bonds: sanitised and written as the chemistry
//! crate does it, and their fingerprints. It must not know which bonds change.

use super::aromatic::{hangs_on_ring_order, is_crowded};
use super::graph::{Atom, Bond, Order, Plain};
use super::numbering::{Components, hangs_on_numbering};
use super::read::Marks;
use super::rings::{RingFinder, Rings, is_same_ring};
use super::stereo::Handedness;
use super::{WORKSPACE, Workspace, morgan_atoms};
use crate::molecule::edit::fixed_form_by;
use crate::molecule::fingerprint::Fingerprint;
use crate::molecule::labelling::{ColouredGraph, odd, ranks};
use crate::molecule::morgan::{MorganBond, morgan};

/// A plain molecule as its canonical SMILES writes it.
#[derive(Debug, Clone)]
pub(in crate::molecule) struct PlainGraph {
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
pub(in crate::molecule) struct PlainBond {
    pub begin: u32,
    pub end: u32,
    pub single: bool,
    pub in_ring: bool,
}

/// A molecule that rewiring gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::molecule) struct PlainProduct {
    pub smiles: String,
    /// `None` where the fingerprint is left to the general path.
    pub fingerprint: Option<Fingerprint>,
}

impl PlainGraph {
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
    pub(in crate::molecule) fn bonds(&self) -> impl Iterator<Item = PlainBond> {
        let chain = self.atoms.len() - 1;
        self.bonds.iter().zip(&self.in_ring).enumerate().map(move |(index, (bond, &in_ring))| {
            let (low, high) = (bond.begin, bond.end);
            let (begin, end) = if index < chain { (low, high) } else { (high, low) };
            PlainBond { begin, end, single: bond.order == Order::Single, in_ring }
        })
    }

    /// The molecule with single bonds `made` instead of those between the
    /// atoms of `broken`.
    pub(in crate::molecule) fn rewired(
        &self,
        broken: [(u32, u32); MADE],
        made: [(u32, u32); MADE],
    ) -> PlainRewired<'_> {
        let ordered = |(a, b): (u32, u32)| (a.min(b), a.max(b));
        let broken = broken.map(ordered);
        let kept = self.bonds.iter().filter(|bond| !broken.contains(&(bond.begin, bond.end)));
        let made = made.map(|(a, b)| Bond::single(a, b));
        let bonds: Vec<Bond> = kept.copied().chain(made).collect();
        // A broken ring changes what perception finds.
        let opens_ring =
            |(bond, &in_ring): (&Bond, &bool)| in_ring && broken.contains(&(bond.begin, bond.end));
        let opens_ring = self.bonds.iter().zip(&self.in_ring).any(opens_ring);
        let perceived = self.perceived.as_ref().filter(|_| !opens_ring);
        PlainRewired { atoms: &self.atoms, colours: &self.colours, perceived, bonds }
    }

    pub(in crate::molecule) fn coloured(&self) -> ColouredGraph {
        coloured(&self.colours, &self.atoms, &self.bonds)
    }
}

/// Bonds that rewiring makes; the last ones of a rewired graph.
const MADE: usize = 2;

/// A plain molecule with other bonds, not sanitised.
#[derive(Debug)]
pub(in crate::molecule) struct PlainRewired<'a> {
    atoms: &'a [Atom],
    colours: &'a [u32],
    /// Of the molecule before, if its rings are still there.
    perceived: Option<&'a Perceived>,
    bonds: Vec<Bond>,
}

impl PlainRewired<'_> {
    /// The molecule that it is; `None` where that could hang on the numbering,
    /// or the general path has to decide.
    pub(in crate::molecule) fn settled(&self) -> Option<PlainProduct> {
        WORKSPACE.with(|workspace| workspace.try_borrow_mut().ok()?.settle(self))
    }

    pub(in crate::molecule) fn coloured(&self) -> ColouredGraph {
        coloured(self.colours, self.atoms, &self.bonds)
    }

    /// The molecule that it is with its atoms in `order` (the old atom at each
    /// new place) and its bonds sorted by their ends; `None` where the general
    /// path has to decide.
    pub(in crate::molecule) fn settled_in(&self, order: &[u32]) -> Option<PlainProduct> {
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
            if let Some(hand) = atom.handedness {
                // Sorted bonds meet an atom's neighbours in ascending order.
                let around = bonds.iter().filter(|bond| bond.begin == index || bond.end == index);
                let ends = around.map(|bond| bond.other(index));
                atom.handedness = Some(hand.turned(odd(&ends.collect::<Vec<_>>())));
            }
        }
        bonds.sort_unstable_by_key(|bond| (bond.begin, bond.end));
        WORKSPACE.with(|workspace| workspace.try_borrow_mut().ok()?.settle_as_is(&atoms, &bonds))
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
    let parity = |atom: &Atom| atom.handedness.map(|hand| hand == Handedness::Clockwise);
    ColouredGraph::new(colours.to_vec(), atoms.iter().map(parity).collect(), edges)
}

/// Colours that tell atoms apart by what they are.
fn colours(atoms: &[Atom]) -> Vec<u32> {
    ranks(atoms, |atom| {
        let written = atom.no_implicit.then_some(atom.explicit_hs);
        (atom.z, atom.charge, written, atom.aromatic, atom.handedness.is_some())
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
            workspace.perceive(part, Marks::Ignore)?;
            let Workspace { plain, rings, .. } = &mut *workspace;
            whole = whole.union(&fingerprint_as_read(plain, rings)?);
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
    pub(super) fn rewirable(&mut self) -> Option<PlainGraph> {
        if self.marks != Marks::Read {
            return None;
        }
        self.stereo.check(&self.plain)?;
        let perceived = self.perceived_surely();
        let Self { plain, read_atoms: atoms, .. } = self;
        Some(PlainGraph {
            atoms: atoms.clone(),
            // Aromatic bonds are those that were written.
            bonds: plain.bonds.clone(),
            in_ring: plain.bond_rings.iter().map(|&rings| rings > 0).collect(),
            colours: colours(atoms),
            perceived,
        })
    }

    /// What sanitising found, if it is the same in any numbering.
    fn perceived_surely(&mut self) -> Option<Perceived> {
        let (plain, rings) = (&self.plain, &mut self.rings);
        let sure = rings.unique && !hangs_on_numbering(plain, Some(rings), plain.bonds.len());
        sure.then(|| Perceived {
            atoms: plain.atoms.clone(),
            rings: plain.ring_atoms.iter().map(<[u32]>::to_vec).collect(),
        })
    }

    /// Sanitises and writes a graph component by component.
    fn settle(&mut self, rewired: &PlainRewired<'_>) -> Option<PlainProduct> {
        let PlainRewired { atoms, perceived, bonds, .. } = rewired;
        let components = Components::of(atoms.len(), bonds.iter());
        let (kept, made) = bonds.split_at(bonds.len() - MADE);
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
                (self.settled_text(true)?, of_crate)
            } else {
                self.take(part, &components, atoms, bonds);
                self.settle_connected(made.count())?
            };
            texts.push(text);
            let part = if of_crate { fingerprint_of(&self.plain) } else { None };
            fingerprint = union(fingerprint, part);
        }
        Some(PlainProduct { smiles: joined(&texts), fingerprint })
    }

    /// Sanitises and writes a graph as it is numbered, and reads and writes
    /// that until it stays. Rings are those that the chemistry crate finds in
    /// this numbering: they are not always the smallest.
    fn settle_as_is(&mut self, atoms: &[Atom], bonds: &[Bond]) -> Option<PlainProduct> {
        let components = Components::of(atoms.len(), bonds.iter());
        let mut texts = Vec::with_capacity(components.count as usize);
        for part in 0..components.count {
            self.take(part, &components, atoms, bonds);
            self.sanitize_with(Rings::OfCrate)?;
            self.stereo.perceive(&mut self.plain)?;
            texts.push(self.canonical_text()?);
        }
        let first = joined(&texts);
        let mut read = (String::new(), None);
        let smiles = fixed_form_by(first, |text| {
            let mut fingerprint = Some(Fingerprint::empty());
            for text in &mut texts {
                *text = self.rewritten(text, Rings::OfCrate).ok_or(())?;
                fingerprint = union(fingerprint, self.fingerprint_in_crate_order());
            }
            read = (text.to_owned(), fingerprint);
            Ok::<_, ()>(joined(&texts))
        });
        let smiles = smiles.ok()?;
        let (text, fingerprint) = read;
        let fingerprint = fingerprint.filter(|_| text == smiles);
        Some(PlainProduct { smiles, fingerprint })
    }

    /// The fingerprint of what was sanitised with the rings of the chemistry
    /// crate; `None` where others could be found or their order mattered, as its
    /// fingerprint finds rings in another way.
    fn fingerprint_in_crate_order(&mut self) -> Option<Fingerprint> {
        if self.perceiver.hangs_on_order {
            return None;
        }
        let (plain, rings) = (&self.plain, &mut self.rings);
        if rings.unique { fingerprint_of(plain) } else { fingerprint_as_read(plain, rings) }
    }

    /// Takes over one component of a graph, numbered as there.
    fn take(&mut self, part: u32, components: &Components, atoms: &[Atom], bonds: &[Bond]) {
        self.plain.clear();
        self.places.clear();
        self.places.resize(atoms.len(), 0);
        for (index, atom) in atoms.iter().enumerate() {
            if components.of_atom[index] == part {
                self.places[index] = self.plain.atoms.len() as u32;
                self.plain.atoms.push(*atom);
            }
        }
        let inside = bonds.iter().filter(|bond| components.holds(part, bond));
        self.plain.bonds.extend(inside.map(|bond| Bond {
            begin: self.places[bond.begin as usize],
            end: self.places[bond.end as usize],
            ..*bond
        }));
        self.plain.connect();
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
        self.plain.set_rings(self.rows.iter()).then_some(true)
    }

    /// Finds the rings of a component whose last `made` bonds close some; whether
    /// its fingerprint is that of the chemistry crate. `None` unless aromaticity is
    /// as before in any numbering: the rings that could be aromatic are old ones,
    /// and their atoms give them what they gave.
    fn close_rings(&mut self, made: usize) -> Option<bool> {
        self.rings.find(&mut self.plain, Rings::Smallest)?;
        let of_crate = self.settles(made, true)?;
        let plain = &self.plain;
        let made = plain.bonds.len() - made;
        let crowded = |&atom: &u32| is_crowded(plain, atom);
        let is_known = |ring: &[u32]| self.rows.iter().any(|known| is_same_ring(known, ring));
        let is_old = |ring: &&[u32]| ring.iter().all(|&bond| (bond as usize) < made);
        let enters_ring = |(index, bond): (u32, &Bond)| {
            matches!(bond.order, Order::Double | Order::Triple)
                && plain.bond_rings[index as usize] > 0
                && !plain.ring_bonds.iter().filter(is_old).any(|ring| ring.contains(&index))
        };
        let mut atoms = 0..plain.atoms.len() as u32;
        let changes =
            !plain.ring_atoms.iter().all(|ring| ring.iter().any(crowded) || is_known(ring))
                || (0..).zip(&plain.bonds).any(enters_ring)
                || atoms.any(|atom| hangs_on_ring_order(plain, atom));
        (!changes).then_some(of_crate)
    }

    fn rewritten(&mut self, text: &str, rings: Rings) -> Option<String> {
        self.reader.read(text.as_bytes(), Marks::Read, &mut self.plain)?;
        self.sanitize_with(rings)?;
        self.stereo.perceive(&mut self.plain)?;
        self.canonical_text()
    }

    fn canonical_text(&mut self) -> Option<String> {
        let ranks = self.ranker.rank(&self.plain)?;
        self.writer.write(&self.plain, ranks)?;
        Some(self.writer.text.clone())
    }

    /// Sanitises and writes what `plain` holds, its last `made` bonds new
    /// ones; also whether its fingerprint is that of the chemistry crate, which
    /// finds rings in another way there. `None` unless reading and writing that
    /// again changes nothing, and where the result could hang on the numbering: a
    /// ring that stops being aromatic takes any Kekulé structure, and RDKit finds
    /// some rings in some numberings only.
    fn settle_connected(&mut self, made: usize) -> Option<(String, bool)> {
        self.note_aromatic();
        self.sanitize()?;
        let as_noted = self.is_aromatic_as_noted();
        if !(as_noted || self.is_aromatic_where_noted()) {
            return None;
        }
        let of_crate = self.settles(made, as_noted)?;
        Some((self.settled_text(as_noted)?, of_crate))
    }

    /// What a component with `made` new bonds, and as aromatic as before or more,
    /// is in any numbering: whether its fingerprint is that of the chemistry crate.
    /// `None` where it could be another one.
    fn settles(&mut self, made: usize, as_noted: bool) -> Option<bool> {
        let made = self.plain.bonds.len() - made;
        let apart = as_noted && !hangs_on_numbering(&self.plain, Some(&mut self.rings), made);
        (apart || self.rings.are_sure(&self.plain)).then_some(apart || self.rings.unique)
    }

    /// Writes what was sanitised, and found as aromatic as it was before or not.
    /// `None` as of [`Self::settle_connected`].
    fn settled_text(&mut self, as_noted: bool) -> Option<String> {
        self.stereo.perceive(&mut self.plain)?;
        let (ranks, sure) = self.ranker.rank_surely(&self.plain)?;
        self.writer.write(&self.plain, ranks)?;
        let text = self.writer.text.clone();
        let sure = sure && as_noted && self.reads_the_same();
        // Directions can give a configuration to a double bond that has none.
        let directed = !self.plain.configurations.is_empty();
        if sure && !directed {
            return Some(text);
        }
        if !sure && (directed || self.plain.is_handed()) {
            return None;
        }
        (self.rewritten(&text, Rings::Smallest)? == text).then_some(text)
    }
}

fn fingerprint_of(plain: &Plain) -> Option<Fingerprint> {
    let bonds = plain.bonds.iter().map(|bond| MorganBond {
        begin: bond.begin,
        end: bond.end,
        order: bond.order as u32,
    });
    morgan(morgan_atoms(plain), &bonds.collect::<Vec<_>>())
}

/// The same of a molecule that was read; `None` also where aromaticity hangs on
/// the numbering, so that the chemistry crate may see another.
fn fingerprint_as_read(plain: &Plain, finder: &mut RingFinder) -> Option<Fingerprint> {
    if hangs_on_numbering(plain, Some(finder), plain.bonds.len()) {
        None
    } else {
        fingerprint_of(plain)
    }
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
