//! SMILES text to a plain molecule, or the finding that it is none.

use super::graph::{Atom, Bond, FlatMol, Order};
use super::stereo::ChiralTag;
use crate::molecule::labelling::odd;

/// Larger molecules are left to the general path.
const MAX_ATOMS: usize = 1000;

/// What to do with marks that say nothing of valences: chirality, directions,
/// isotopes, atom maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Marks {
    /// The canonical text would need them: the chirality of carbons and
    /// directions at double bonds are understood.
    Read,
    /// The text is canonical already.
    #[default]
    Ignore,
}

/// A ring number that waits for its second end.
#[derive(Clone, Copy)]
struct OpenRing {
    atom: u32,
    symbol: Symbol,
    /// How many rings were opened before.
    place: u32,
}

/// A bond symbol, if there is one.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Symbol {
    #[default]
    Unwritten,
    Order(Order),
    /// Whether it rises from left to right.
    Direction(bool),
}

impl Symbol {
    /// The same as written at the other end.
    fn turned(self) -> Self {
        match self {
            Self::Direction(rises) => Self::Direction(!rises),
            same => same,
        }
    }
}

/// A bond that closes a ring.
struct Closure {
    number: usize,
    /// How many rings were opened before.
    place: u32,
    bond: Bond,
}

/// Buffers for reading.
pub(super) struct Reader {
    branches: Vec<u32>,
    rings: [Option<OpenRing>; 100],
    open: usize,
    opened: u32,
    /// Bonds that close rings, with the ring's number and place: RDKit counts
    /// them after all others, in this order.
    closures: Vec<Closure>,
    /// Ring numbers in the order in which they are written: the atom, and the
    /// ring's place.
    ends: Vec<(u32, u32)>,
    /// Bonds of an atom in the order in which they are written.
    written: Vec<u32>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            branches: Vec::new(),
            rings: [None; 100],
            open: 0,
            opened: 0,
            closures: Vec::new(),
            ends: Vec::new(),
            written: Vec::new(),
        }
    }
}

impl Reader {
    /// Reads a text that the scan has passed. `None` for what is no plain
    /// molecule, and for anything that is wrong.
    pub(super) fn read(&mut self, text: &[u8], marks: Marks, mol: &mut FlatMol) -> Option<()> {
        self.read_up_to(text, marks, MAX_ATOMS, mol)
    }

    /// As [`read`](Self::read), up to `most` atoms. Beyond [`MAX_ATOMS`] the caller has to look for
    /// bonds that are closed twice.
    pub(super) fn read_up_to(
        &mut self,
        text: &[u8],
        marks: Marks,
        most: usize,
        mol: &mut FlatMol,
    ) -> Option<()> {
        mol.clear();
        self.branches.clear();
        self.closures.clear();
        self.ends.clear();
        self.opened = 0;
        if self.open > 0 {
            self.rings = [None; 100];
            self.open = 0;
        }
        let mut current: Option<u32> = None;
        let mut symbol = Symbol::Unwritten;
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            match byte {
                b'(' => {
                    self.branches.push(current?);
                    at += 1;
                }
                b')' => {
                    current = Some(self.branches.pop()?);
                    at += 1;
                }
                b'-' | b'=' | b'#' => {
                    symbol = Symbol::Order(match byte {
                        b'-' => Order::Single,
                        b'=' => Order::Double,
                        _ => Order::Triple,
                    });
                    at += 1;
                }
                // Single, or aromatic between aromatic atoms: as if it were not there.
                b'/' | b'\\' if marks == Marks::Ignore => at += 1,
                b'/' | b'\\' => {
                    symbol = Symbol::Direction(byte == b'/');
                    at += 1;
                }
                b'0'..=b'9' | b'%' => {
                    let number = ring_number(text, &mut at)?;
                    let from = current?;
                    // The order of its bonds would take in where branches stand.
                    if (from as usize) + 1 < mol.atoms.len()
                        && mol.atoms[from as usize].chiral_tag.is_some()
                    {
                        return None;
                    }
                    self.ring_end(number, from, std::mem::take(&mut symbol), mol)?;
                }
                _ => {
                    let atom = atom(text, marks, &mut at)?;
                    let index = mol.atoms.len() as u32;
                    if index as usize >= most {
                        return None;
                    }
                    mol.atoms.push(atom);
                    if let Some(previous) = current {
                        let symbol = std::mem::take(&mut symbol);
                        mol.bonds.push(new_bond(mol, previous, index, symbol));
                    }
                    current = Some(index);
                }
            }
        }
        if self.open > 0 || mol.atoms.is_empty() {
            return None;
        }
        self.closures.sort_unstable_by_key(|closure| (closure.number, closure.place));
        mol.bonds.extend(self.closures.iter().map(|closure| closure.bond));
        mol.connect();
        for atom in 0..mol.atoms.len() as u32 {
            if let Some(chiral_tag) = mol.atoms[atom as usize].chiral_tag {
                let odd = self.is_turned(mol, atom);
                mol.atoms[atom as usize].chiral_tag = Some(chiral_tag.turned(odd));
            }
        }
        Some(())
    }

    /// Whether an atom's bonds as written, the hydrogen in its place, turn the
    /// other way than its arcs, the hydrogen last.
    fn is_turned(&mut self, mol: &FlatMol, atom: u32) -> bool {
        let chain = mol.bonds.len() - self.closures.len();
        let in_chain = |ahead: bool| {
            let neighbors = mol.neighbors(atom).iter();
            neighbors
                .filter(move |neighbor| {
                    (neighbor.bond as usize) < chain && (neighbor.to < atom) == ahead
                })
                .map(|neighbor| neighbor.bond)
        };
        self.written.clear();
        self.written.extend(in_chain(true));
        let starts = self.written.is_empty();
        for &(_, place) in self.ends.iter().filter(|end| end.0 == atom) {
            let closure = self.closures.iter().position(|closure| closure.place == place);
            self.written.extend(closure.map(|at| (chain + at) as u32));
        }
        self.written.extend(in_chain(false));
        let hydrogen_first = starts && mol.atoms[atom as usize].explicit_hs == 1;
        odd(&self.written) != hydrogen_first
    }

    fn ring_end(
        &mut self,
        number: usize,
        atom: u32,
        symbol: Symbol,
        mol: &mut FlatMol,
    ) -> Option<()> {
        let Some(open) = self.rings[number].take() else {
            self.rings[number] = Some(OpenRing { atom, symbol, place: self.opened });
            self.ends.push((atom, self.opened));
            self.opened += 1;
            self.open += 1;
            return Some(());
        };
        self.open -= 1;
        self.ends.push((atom, open.place));
        let symbol = match (open.symbol, symbol.turned()) {
            (Symbol::Unwritten, symbol) | (symbol, Symbol::Unwritten) => symbol,
            (a, b) if a != b => return None,
            (symbol, _) => symbol,
        };
        let (low, high) = (open.atom.min(atom), open.atom.max(atom));
        let same = |bond: &Bond| bond.begin == low && bond.end == high;
        let mut closures = self.closures.iter().map(|closure| &closure.bond);
        // The chain bonds so far are those that end at atoms 1, 2 and so on.
        let in_chain = |high: u32| mol.bonds.get(high.checked_sub(1)? as usize);
        // The list is long in a large molecule.
        let is_small = mol.atoms.len() <= MAX_ATOMS;
        if open.atom == atom || in_chain(high).is_some_and(same) || (is_small && closures.any(same))
        {
            return None;
        }
        let bond = new_bond(mol, open.atom, atom, symbol);
        self.closures.push(Closure { number, place: open.place, bond });
        Some(())
    }
}

fn new_bond(mol: &FlatMol, begin: u32, end: u32, symbol: Symbol) -> Bond {
    let both = mol.atoms[begin as usize].aromatic && mol.atoms[end as usize].aromatic;
    let order = match symbol {
        Symbol::Order(order) => order,
        _ if both => Order::Aromatic,
        _ => Order::Single,
    };
    let rises = match symbol {
        Symbol::Direction(rises) => Some(rises == (begin < end)),
        _ => None,
    };
    let aromatic = order == Order::Aromatic;
    Bond { begin: begin.min(end), end: begin.max(end), order, aromatic, rises }
}

fn ring_number(text: &[u8], at: &mut usize) -> Option<usize> {
    let digit = |at: usize| {
        text.get(at).filter(|byte| byte.is_ascii_digit()).map(|&byte| usize::from(byte - b'0'))
    };
    if let Some(value) = digit(*at) {
        *at += 1;
        return Some(value);
    }
    let value = 10 * digit(*at + 1)? + digit(*at + 2)?;
    *at += 3;
    Some(value)
}

fn atom(text: &[u8], marks: Marks, at: &mut usize) -> Option<Atom> {
    let second = text.get(*at + 1).copied().unwrap_or(0);
    let (z, aromatic, width) = match (text[*at], second) {
        (b'[', _) => return bracket_atom(text, marks, at),
        (b'C', b'l') => (17, false, 2),
        (b'B', b'r') => (35, false, 2),
        // Read as selenium without brackets by some programs.
        (b's', b'e') => return None,
        (byte, _) => {
            let z = organic(byte.to_ascii_uppercase())?;
            let aromatic = byte.is_ascii_lowercase();
            if aromatic && matches!(byte, b'f' | b'i') {
                return None;
            }
            (z, aromatic, 1)
        }
    };
    *at += width;
    Some(Atom {
        z,
        charge: 0,
        explicit_hs: 0,
        no_implicit: false,
        aromatic,
        was_aromatic: aromatic,
        radicals: 0,
        chiral_tag: None,
        explicit_valence: 0,
        implicit_hs: 0,
    })
}

fn organic(symbol: u8) -> Option<u8> {
    Some(match symbol {
        b'B' => 5,
        b'C' => 6,
        b'N' => 7,
        b'O' => 8,
        b'F' => 9,
        b'P' => 15,
        b'S' => 16,
        b'I' => 53,
        _ => return None,
    })
}

/// Reads `[nH]`, `[N+]` and the like: an element, hydrogens, a charge of one.
fn bracket_atom(text: &[u8], marks: Marks, at: &mut usize) -> Option<Atom> {
    let length = text[*at..].iter().position(|&byte| byte == b']')?;
    let mut inside = &text[*at + 1..*at + length];
    if marks == Marks::Ignore {
        let isotope = inside.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let map = inside.iter().position(|&byte| byte == b':').unwrap_or(inside.len());
        inside = inside.get(isotope..map)?;
    }
    *at += length + 1;
    let (z, aromatic, mut rest) = match inside {
        [b'C', b'l', rest @ ..] => (17, false, rest),
        [b'B', b'r', rest @ ..] => (35, false, rest),
        [b'S', b'i', rest @ ..] => (14, false, rest),
        [b'S', b'e', rest @ ..] => (34, false, rest),
        [b's', b'e', rest @ ..] => (34, true, rest),
        [b'A', b's', rest @ ..] => (33, false, rest),
        [b'T', b'e', rest @ ..] => (52, false, rest),
        [_, b'a'..=b'z', ..] => return None,
        [symbol @ (b'b' | b'c' | b'n' | b'o' | b'p' | b's'), rest @ ..] => {
            (organic(symbol.to_ascii_uppercase())?, true, rest)
        }
        [symbol, rest @ ..] => (organic(*symbol)?, false, rest),
        [] => return None,
    };
    let marks_of_chirality = rest.iter().take_while(|&&byte| byte == b'@').count();
    rest = &rest[marks_of_chirality..];
    let chiral_tag = match (marks, marks_of_chirality) {
        (Marks::Ignore, _) | (_, 0) => None,
        (_, 1) if z == 6 && !aromatic => Some(ChiralTag::CounterClockwise),
        (_, 2) if z == 6 && !aromatic => Some(ChiralTag::Clockwise),
        _ => return None,
    };
    let mut explicit_hs = 0;
    if let [b'H', more @ ..] = rest {
        (explicit_hs, rest) = match more {
            [digit @ b'0'..=b'9', after @ ..] => (digit - b'0', after),
            _ => (1, more),
        };
    }
    let charge = match rest {
        [] => 0,
        [b'+'] => 1,
        [b'-'] => -1,
        _ => return None,
    };
    Some(Atom {
        z,
        charge,
        explicit_hs,
        no_implicit: true,
        aromatic,
        was_aromatic: aromatic,
        radicals: 0,
        chiral_tag,
        explicit_valence: 0,
        implicit_hs: 0,
    })
}
