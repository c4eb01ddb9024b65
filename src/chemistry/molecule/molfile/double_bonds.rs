//! On which side of a double bond do its neighbours stand?
//!
//! The coordinates say it, in a drawing as in three dimensions. SMILES writes it as
//! directions of single bonds, which neighbouring double bonds share: they are chosen
//! so that no double bond says what the file does not.

use super::MolfileError;
use super::geometry::{dot, length, minus, unit};
use super::table::{Bond, Mark, Order, Space, Table};

/// Bonds in rings of this size or smaller have one form only.
const SMALL_RING: usize = 7;
/// Sine below which a neighbour stands in line with the double bond: five degrees.
const IN_LINE: f64 = 0.09;

/// Whether the end atom of a bond is written above its begin atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

impl Direction {
    pub fn reversed(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

/// How two written bonds point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Same,
    Opposite,
}

/// A double bond whose sides the file says.
struct Known {
    ends: [u32; 2],
    /// Where each end's neighbours point across the double bond, and the bonds to them.
    arms: [Vec<(u32, [f64; 3])>; 2],
}

/// The direction of each bond that is written with one.
pub(super) fn directions(table: &Table) -> Result<Vec<Option<Direction>>, MolfileError> {
    let mut known = Vec::new();
    // How many double bonds could have sides at each atom, and whether one is unknown.
    let mut unknown = vec![false; table.atoms.len()];
    let mut open = Vec::new();
    let mut said = vec![false; table.atoms.len()];
    for (index, bond) in table.bonds.iter().enumerate() {
        if !may_have_sides(table, index as u32) {
            continue;
        }
        match sides(table, bond) {
            Some(it) => {
                it.ends.iter().for_each(|&end| said[end as usize] = true);
                known.push(it);
            }
            None => {
                for end in [bond.begin, bond.end] {
                    unknown[end as usize] = true;
                }
                open.push(bond);
            }
        }
    }
    let mut found = vec![None; table.bonds.len()];
    if known.is_empty() {
        return Ok(found);
    }
    // At each end the bond that concerns the fewest other double bonds.
    let mut links: Links = vec![Vec::new(); table.bonds.len()];
    for it in &known {
        let [a, b] = [0, 1].map(|end| {
            let cost = |bond: u32| {
                let far = table.bond(bond).other(it.ends[end]) as usize;
                let aromatic = table.bond(bond).order == Order::Aromatic;
                4 * u8::from(aromatic) + 2 * u8::from(unknown[far]) + u8::from(said[far])
            };
            it.arms[end].iter().min_by_key(|(bond, _)| cost(*bond))
        });
        let (Some(a), Some(b)) = (a, b) else { continue };
        let same = dot(a.1, b.1) > 0.0;
        // Both ends look outwards: on the same side both are above, or both below.
        let outward = |bond: u32, end: u32| table.bond(bond).begin == end;
        let alike = outward(a.0, it.ends[0]) == outward(b.0, it.ends[1]);
        let side = if same == alike { Side::Same } else { Side::Opposite };
        link(&mut links, a.0, b.0, side);
    }
    // Two arms of one end that are both written, for double bonds beside, are on opposite sides.
    for it in &known {
        for end in [0, 1] {
            if let [(a, _), (b, _)] = it.arms[end][..]
                && !links[a as usize].is_empty()
                && !links[b as usize].is_empty()
            {
                let outward = |bond: u32| table.bond(bond).begin == it.ends[end];
                let side = if outward(a) == outward(b) { Side::Opposite } else { Side::Same };
                link(&mut links, a, b, side);
            }
        }
    }
    spread(&links, &mut found)?;
    let marked = |atom: u32| table.neighbors(atom).any(|(_, bond)| found[bond as usize].is_some());
    match open.iter().find(|bond| marked(bond.begin) && marked(bond.end)) {
        None => Ok(found),
        Some(bond) => Err(unwritable(bond)),
    }
}

/// Per bond: the bonds that its direction decides.
type Links = Vec<Vec<(u32, Side)>>;

fn link(links: &mut Links, a: u32, b: u32, side: Side) {
    links[a as usize].push((b, side));
    links[b as usize].push((a, side));
}

fn unwritable(bond: &Bond) -> MolfileError {
    let (a, b) = (bond.begin + 1, bond.end + 1);
    let what = format!("no SMILES says the sides of the double bonds around atoms {a} and {b}");
    MolfileError::UnsupportedStereo(what)
}

/// Gives each linked bond a direction, from any first one of its group on.
fn spread(links: &[Vec<(u32, Side)>], found: &mut [Option<Direction>]) -> Result<(), MolfileError> {
    let mut queue = Vec::new();
    for first in 0..links.len() {
        if links[first].is_empty() || found[first].is_some() {
            continue;
        }
        found[first] = Some(Direction::Up);
        queue.push(first);
        while let Some(bond) = queue.pop() {
            let Some(direction) = found[bond] else { continue };
            for &(to, side) in &links[bond] {
                let wanted = if side == Side::Same { direction } else { direction.reversed() };
                match found[to as usize] {
                    None => {
                        found[to as usize] = Some(wanted);
                        queue.push(to as usize);
                    }
                    Some(there) if there == wanted => {}
                    Some(_) => {
                        let what = "no SMILES says the sides of a ring of double bonds";
                        return Err(MolfileError::UnsupportedStereo(what.into()));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Whether a bond is a double bond that could be written with sides.
fn may_have_sides(table: &Table, index: u32) -> bool {
    let bond = table.bond(index);
    let may_end = |atom: u32| {
        let others = || table.neighbors(atom).filter(|&(_, other)| other != index);
        let single = |bond: u32| matches!(table.bond(bond).order, Order::Single | Order::Aromatic);
        (2..=3).contains(&table.degree(atom))
            && others().any(|(_, bond)| single(bond))
            && !others()
                .any(|(_, bond)| matches!(table.bond(bond).order, Order::Double | Order::Triple))
    };
    bond.order == Order::Double
        && may_end(bond.begin)
        && may_end(bond.end)
        && !is_in_small_ring(table, bond)
}

/// Whether a way of at most six other bonds leads from one end to the other.
fn is_in_small_ring(table: &Table, bond: &Bond) -> bool {
    let mut seen = vec![bond.begin];
    let mut from = 0;
    for _ in 0..SMALL_RING - 1 {
        let to = seen.len();
        for at in from..to {
            let atom = seen[at];
            for (next, _) in table.neighbors(atom) {
                if atom == bond.begin && next == bond.end {
                    continue;
                }
                if next == bond.end {
                    return true;
                }
                if !seen.contains(&next) {
                    seen.push(next);
                }
            }
        }
        from = to;
    }
    false
}

/// Where the neighbours of a double bond stand; `None` where the file leaves it open.
fn sides(table: &Table, bond: &Bond) -> Option<Known> {
    let wiggly =
        |atom: u32| table.neighbors(atom).any(|(_, bond)| table.bond(bond).mark == Mark::Wiggly);
    if bond.mark != Mark::Plain || wiggly(bond.begin) || wiggly(bond.end) {
        return None;
    }
    let ends = [bond.begin, bond.end];
    let mut axis = table.vector(bond.begin, bond.end);
    if table.space == Space::Flat {
        axis[2] = 0.0;
    }
    let axis = unit(axis)?;
    let arms = [arms(table, ends, 0, axis)?, arms(table, ends, 1, axis)?];
    Some(Known { ends, arms })
}

/// For each single bond of one end the direction across the double bond in which its side lies.
fn arms(table: &Table, ends: [u32; 2], end: usize, axis: [f64; 3]) -> Option<Vec<(u32, [f64; 3])>> {
    let (atom, other) = (ends[end], ends[1 - end]);
    let mut across = Vec::with_capacity(2);
    for (to, bond) in table.neighbors(atom) {
        if to == other {
            continue;
        }
        let v = unit(table.vector(atom, to))?;
        let along = dot(v, axis);
        across.push((bond, minus(v, axis.map(|x| along * x))));
    }
    // Of two neighbours each stands where the other does not.
    if let [a, b] = across.as_mut_slice() {
        let apart = minus(a.1, b.1);
        (a.1, b.1) = (apart, apart.map(|x| -x));
    }
    if across.iter().any(|&(_, part)| length(part) < IN_LINE) {
        return None;
    }
    across.retain(|&(bond, _)| {
        let bond = table.bond(bond);
        matches!(bond.order, Order::Single | Order::Aromatic)
            && !table.atom(bond.other(atom)).folded
    });
    (!across.is_empty()).then_some(across)
}
