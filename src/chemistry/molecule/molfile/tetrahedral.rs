//! Which way round do the neighbours of a tetrahedral atom stand?
//!
//! In three dimensions the coordinates say it; in a drawing, wedges at their narrow end.
//! A lone pair or an implied hydrogen stands where no neighbour is.

use super::MolfileError;
use super::geometry::{cross, dot, minus, unit};
use super::table::{Mark, Order, Space, Table};

/// A neighbour, or the side where a hydrogen or lone pair is that is not drawn.
pub(super) const IMPLICIT: u32 = u32::MAX;

/// Below this a volume of unit vectors is that of a flat centre: a sixth of that of a tetrahedron.
const FLAT_VOLUME: f64 = 0.12;
/// Below this a turn in a drawing is none: one degree.
const STRAIGHT: f64 = 0.0175;
/// How far from the plane ligands of a planar centre stand, as a part of their distance.
const PLANAR: f64 = 0.35;

/// Which way neighbours turn that are seen from the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Clockwise,
    Counterclockwise,
}

impl Turn {
    pub fn reversed(self) -> Self {
        match self {
            Self::Clockwise => Self::Counterclockwise,
            Self::Counterclockwise => Self::Clockwise,
        }
    }
}

/// The sense in which an atom's four neighbours stand, one of which may be [`IMPLICIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Centre {
    pub neighbors: [u32; 4],
    /// Of the last three, seen from the first.
    pub turn: Turn,
}

/// The sense of each atom where the file says one.
pub(super) fn centres(table: &Table) -> Result<Vec<Option<Centre>>, MolfileError> {
    (0..table.atoms.len() as u32).map(|atom| centre(table, atom)).collect()
}

fn centre(table: &Table, atom: u32) -> Result<Option<Centre>, MolfileError> {
    if table.space == Space::Solid {
        refuse_other_shapes(table, atom)?;
    }
    if !may_be_centre(table, atom) {
        return Ok(None);
    }
    let mut bonds = table.neighbors(atom);
    if bonds.any(|(_, bond)| {
        let bond = table.bond(bond);
        bond.mark == Mark::Wiggly && bond.begin == atom
    }) {
        return Ok(None);
    }
    let turn = match table.space {
        Space::Solid => from_coordinates(table, atom),
        Space::Flat => from_wedges(table, atom),
    };
    let Some(turn) = turn else { return Ok(None) };
    let mut neighbors = [IMPLICIT; 4];
    for (to, (neighbor, _)) in neighbors.iter_mut().zip(table.neighbors(atom)) {
        *to = neighbor;
    }
    Ok(Some(Centre { neighbors, turn }))
}

/// Whether an atom has four neighbours in all, which are not the same for sure.
fn may_be_centre(table: &Table, atom: u32) -> bool {
    let it = table.atom(atom);
    let drawn = table.degree(atom);
    let folded = table.neighbors(atom).filter(|&(to, _)| table.atom(to).folded).count();
    // `hs` counts the folded ones too.
    let implied = usize::from(it.hs).saturating_sub(folded);
    if it.z <= 1 || !(3..=4).contains(&drawn) || drawn + implied > 4 || it.hs > 1 || it.aromatic {
        return false;
    }
    // A hydrogen and a lone pair would both be implicit.
    if drawn == 3 && folded > 0 {
        return false;
    }
    let multiple =
        |(_, bond): (u32, u32)| !matches!(table.bond(bond).order, Order::Single | Order::Dative);
    let pyramidal = matches!(it.z, 15 | 16 | 33 | 34 | 51 | 52);
    if !pyramidal && table.neighbors(atom).any(multiple) {
        return false;
    }
    // Three neighbours and no hydrogen: a lone pair, which elements without one have not.
    if drawn == 3 && implied == 0 && !pyramidal && it.z != 7 {
        return false;
    }
    !has_like_ends(table, atom)
}

/// Whether two neighbours are single atoms of one kind, so that the atom is no centre.
fn has_like_ends(table: &Table, atom: u32) -> bool {
    let mut kinds: Vec<_> = table.neighbors(atom).map(|to| kind(table, atom, to)).collect();
    kinds.sort_unstable();
    kinds.windows(2).any(|two| two[0] == two[1])
}

/// What a neighbour is to an atom: the same for single atoms of one kind, else its own.
fn kind(table: &Table, atom: u32, (to, bond): (u32, u32)) -> [i32; 7] {
    let it = table.atom(to);
    let folded = table.neighbors(to).filter(|&(next, _)| table.atom(next).folded).count();
    if table.degree(to) > 1 + folded {
        return [-1, to as i32, 0, 0, 0, 0, 0];
    }
    let order = table.bond(bond).order.doubled(table.bond(bond).end_of(atom));
    let (z, isotope, map) = (it.z.into(), it.isotope.into(), it.map.into());
    [z, isotope, it.charge.into(), it.radicals.into(), it.hs.into(), map, order]
}

/// Seen from the first vector, whether the others turn counterclockwise: where
/// their volume is positive, they turn so about the axis that points to the viewer.
fn turn_of(volume: f64, least: f64) -> Option<Turn> {
    match volume {
        v if v > least => Some(Turn::Counterclockwise),
        v if v < -least => Some(Turn::Clockwise),
        _ => None,
    }
}

fn from_coordinates(table: &Table, atom: u32) -> Option<Turn> {
    let mut v = [[0.0; 3]; 4];
    let mut count = 0;
    for (to, (neighbor, _)) in v.iter_mut().zip(table.neighbors(atom)) {
        *to = unit(table.vector(atom, neighbor))?;
        count += 1;
    }
    let volume = if count == 4 {
        // Of the tetrahedron, a third of which is that of three of its vectors.
        let [a, b, c, d] = v;
        dot(minus(a, d), cross(minus(b, d), minus(c, d))) / 3.0
    } else {
        dot(v[0], cross(v[1], v[2]))
    };
    turn_of(volume, FLAT_VOLUME)
}

/// A bond of a drawing: its direction in the plane, and whether it rises.
#[derive(Debug, Clone, Copy)]
struct Drawn {
    at: [f64; 2],
    height: f64,
}

fn from_wedges(table: &Table, atom: u32) -> Option<Turn> {
    let mut drawn: Vec<Drawn> = Vec::with_capacity(4);
    for (neighbor, bond) in table.neighbors(atom) {
        let bond = table.bond(bond);
        let height = match bond.mark {
            Mark::Wedge if bond.begin == atom => 1.0,
            Mark::Hash if bond.begin == atom => -1.0,
            _ => 0.0,
        };
        let [x, y, _] = unit(table.vector(atom, neighbor))?;
        drawn.push(Drawn { at: [x, y], height });
    }
    if drawn.iter().all(|bond| bond.height == 0.0) {
        return None;
    }
    match *drawn.as_slice() {
        [a, b, c, d] => agreed([
            a.height * spread(b, c, d),
            -b.height * spread(a, c, d),
            c.height * spread(a, b, d),
            -d.height * spread(a, b, c),
        ]),
        [a, b, c] => agreed([
            a.height * opposite(a, b, c),
            b.height * opposite(b, c, a),
            c.height * opposite(c, a, b),
            0.0,
        ]),
        _ => None,
    }
}

/// What all bonds say that rise or fall; `None` where they contradict each other.
fn agreed(said: [f64; 4]) -> Option<Turn> {
    let turns = || said.iter().filter(|v| v.abs() > 0.0).map(|&v| turn_of(v, 0.0));
    let first = turns().next()?;
    turns().all(|turn| turn == first).then_some(first)?
}

fn turned(a: Drawn, b: Drawn) -> f64 {
    a.at[0] * b.at[1] - a.at[1] * b.at[0]
}

/// Twice the area of the triangle of three directions: positive where they follow one another
/// counterclockwise.
fn spread(a: Drawn, b: Drawn, c: Drawn) -> f64 {
    turned(a, b) + turned(b, c) + turned(c, a)
}

/// How two bonds turn beside a wedge. Where they are in line, the hydrogen stands opposite to
/// the wedge, which is then between them as in any half of the plane.
fn opposite(wedge: Drawn, b: Drawn, c: Drawn) -> f64 {
    let turn = turned(b, c);
    if turn.abs() > STRAIGHT { turn } else { -spread(wedge, b, c) }
}

/// Refuses an atom whose neighbours stand in a square, a trigonal bipyramid or
/// an octahedron, where more than one arrangement of them is possible.
fn refuse_other_shapes(table: &Table, atom: u32) -> Result<(), MolfileError> {
    let it = table.atom(atom);
    let drawn = table.degree(atom);
    if !(matches!(it.z, 15..=17) || it.z >= 20) || drawn < 4 || it.aromatic {
        return Ok(());
    }
    let mut ends: Vec<_> = table.neighbors(atom).map(|to| kind(table, atom, to)).collect();
    ends.sort_unstable();
    let most = ends.chunk_by(|a, b| a == b).map(<[_]>::len).max().unwrap_or(0);
    if most + 1 >= drawn {
        return Ok(());
    }
    let shape = match drawn {
        4 if is_planar(table, atom) => "a square of ligands",
        4 => return Ok(()),
        5 => "five ligands",
        6 => "six ligands",
        _ => return Ok(()),
    };
    Err(MolfileError::UnsupportedStereo(format!("{shape} around atom {}", atom + 1)))
}

/// Whether all ligands lie near one plane through the atom.
fn is_planar(table: &Table, atom: u32) -> bool {
    let vectors: Vec<_> =
        table.neighbors(atom).filter_map(|(to, _)| unit(table.vector(atom, to))).collect();
    let pairs = || {
        vectors.iter().enumerate().flat_map(|(i, &a)| vectors[i + 1..].iter().map(move |&b| (a, b)))
    };
    let normals = pairs().map(|(a, b)| cross(a, b));
    let largest = normals.max_by(|a, b| dot(*a, *a).total_cmp(&dot(*b, *b)));
    let Some(normal) = largest.and_then(unit) else { return false };
    vectors.iter().all(|&v| dot(v, normal).abs() < PLANAR)
}
