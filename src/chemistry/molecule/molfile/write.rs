//! A molfile's atoms and bonds as SMILES text, not canonical. Knows no coordinates.

use std::fmt::Write as _;

use super::double_bonds::Direction;
use super::element;
use super::hydrogens::{self, Valence};
use super::table::{Atom, Order, Table};
use super::tetrahedral::{Centre, IMPLICIT};

/// What is written after an atom: its ring numbers, then its branches.
#[derive(Debug, Clone, Default)]
struct Plan {
    /// The bond to the atom before.
    from: Option<u32>,
    /// Bonds that open a ring here, in the order of their numbers.
    opens: Vec<u32>,
    /// Bonds that close a ring here.
    closes: Vec<u32>,
    /// Bonds to atoms that follow; the longest branch is last.
    children: Vec<u32>,
}

pub(super) fn smiles(
    table: &Table,
    centres: &[Option<Centre>],
    directions: &[Option<Direction>],
) -> String {
    let (plans, roots) = plan(table);
    let mut writer = Writer {
        table,
        centres,
        directions,
        plans: &plans,
        numbers: vec![0; table.bonds.len()],
        free: Vec::new(),
        next: 1,
        text: String::with_capacity(4 * table.atoms.len()),
    };
    for (i, &root) in roots.iter().enumerate() {
        if i > 0 {
            writer.text.push('.');
        }
        writer.component(root);
    }
    writer.text
}

/// Walks each component from its first atom on, depth first.
fn plan(table: &Table) -> (Vec<Plan>, Vec<u32>) {
    let count = table.atoms.len();
    let mut plans = vec![Plan::default(); count];
    let mut roots = Vec::new();
    let mut order = Vec::with_capacity(count);
    let mut seen = vec![false; count];
    let mut used = vec![false; table.bonds.len()];
    let mut stack: Vec<(u32, usize)> = Vec::new();
    for root in 0..count as u32 {
        if seen[root as usize] || table.atom(root).folded {
            continue;
        }
        seen[root as usize] = true;
        roots.push(root);
        order.push(root);
        stack.push((root, 0));
        while let Some((atom, at)) = stack.pop() {
            let Some(&bond) = table.atom(atom).bonds.get(at) else { continue };
            stack.push((atom, at + 1));
            let to = table.bond(bond).other(atom);
            if table.atom(to).folded || std::mem::replace(&mut used[bond as usize], true) {
                continue;
            }
            if std::mem::replace(&mut seen[to as usize], true) {
                // A bond back to an atom that is written already.
                plans[to as usize].opens.push(bond);
                plans[atom as usize].closes.push(bond);
            } else {
                plans[to as usize].from = Some(bond);
                plans[atom as usize].children.push(bond);
                order.push(to);
                stack.push((to, 0));
            }
        }
    }
    let mut sizes = vec![1u32; count];
    for &atom in order.iter().rev() {
        if let Some(bond) = plans[atom as usize].from {
            let before = table.bond(bond).other(atom);
            sizes[before as usize] += sizes[atom as usize];
        }
        let children = &mut plans[atom as usize].children;
        children.sort_by_key(|&bond| sizes[table.bond(bond).other(atom) as usize]);
    }
    (plans, roots)
}

/// What is to be written next.
enum Step {
    /// An atom and all that follows it.
    Atom(u32),
    /// A bond from an atom, and all that follows.
    Bond(u32, u32),
    /// The same in parentheses.
    Branch(u32, u32),
    Close,
}

struct Writer<'a> {
    table: &'a Table,
    centres: &'a [Option<Centre>],
    directions: &'a [Option<Direction>],
    plans: &'a [Plan],
    /// The ring number of each bond that closes a ring.
    numbers: Vec<u32>,
    free: Vec<u32>,
    next: u32,
    text: String,
}

impl Writer<'_> {
    fn component(&mut self, root: u32) {
        let mut stack = vec![Step::Atom(root)];
        while let Some(step) = stack.pop() {
            match step {
                Step::Close => self.text.push(')'),
                Step::Branch(atom, bond) => {
                    self.text.push('(');
                    stack.push(Step::Close);
                    stack.push(Step::Bond(atom, bond));
                }
                Step::Bond(atom, bond) => {
                    self.bond(bond, atom);
                    stack.push(Step::Atom(self.table.bond(bond).other(atom)));
                }
                Step::Atom(atom) => {
                    let plan = &self.plans[atom as usize];
                    self.atom(atom, plan);
                    self.rings(atom, plan);
                    // The stack turns the order round.
                    if let Some((&last, branches)) = plan.children.split_last() {
                        stack.push(Step::Bond(atom, last));
                        let branches = branches.iter().rev();
                        stack.extend(branches.map(|&bond| Step::Branch(atom, bond)));
                    }
                }
            }
        }
    }

    /// Ring numbers; a bond has its symbol where its ring closes.
    fn rings(&mut self, atom: u32, plan: &Plan) {
        for &bond in &plan.closes {
            self.bond(bond, atom);
            let number = self.numbers[bond as usize];
            self.number(number);
        }
        for &bond in &plan.opens {
            let number = self.free.pop().unwrap_or_else(|| {
                self.next += 1;
                self.next - 1
            });
            self.numbers[bond as usize] = number;
            self.number(number);
        }
        self.free.extend(plan.closes.iter().map(|&bond| self.numbers[bond as usize]));
    }

    fn number(&mut self, number: u32) {
        let text = match number {
            0..=9 => number.to_string(),
            10..=99 => format!("%{number}"),
            _ => format!("%({number})"),
        };
        self.text.push_str(&text);
    }

    /// The symbol of a bond as seen from one of its atoms.
    fn bond(&mut self, bond: u32, from: u32) {
        let it = self.table.bond(bond);
        let forwards = it.begin == from;
        let aromatic = |atom: u32| self.table.atom(atom).aromatic;
        let both = aromatic(it.begin) && aromatic(it.end);
        let symbol = match (self.directions[bond as usize], it.order) {
            (Some(direction), _) => {
                let seen = if forwards { direction } else { direction.reversed() };
                if seen == Direction::Up { "/" } else { "\\" }
            }
            (None, Order::Single) if both => "-",
            (None, Order::Single) => "",
            (None, Order::Double) => "=",
            (None, Order::Triple) => "#",
            (None, Order::Aromatic) => ":",
            (None, Order::Dative) if forwards => "->",
            (None, Order::Dative) => "<-",
        };
        self.text.push_str(symbol);
    }

    fn atom(&mut self, atom: u32, plan: &Plan) {
        let it = self.table.atom(atom);
        let turn = self.centres[atom as usize].map(|centre| self.turn(atom, plan, centre));
        let name = element::name(it.z);
        let lower;
        let name = if it.aromatic {
            lower = name.to_ascii_lowercase();
            lower.as_str()
        } else {
            name
        };
        if turn.is_none() && self.is_bare(atom, it) {
            self.text.push_str(name);
            return;
        }
        self.text.push('[');
        if it.isotope > 0 {
            let _ = write!(self.text, "{}", it.isotope);
        }
        self.text.push_str(name);
        self.text.push_str(turn.unwrap_or_default());
        match it.hs {
            0 => {}
            1 => self.text.push('H'),
            more => drop(write!(self.text, "H{more}")),
        }
        match it.charge {
            0 => {}
            1 => self.text.push('+'),
            -1 => self.text.push('-'),
            charge => drop(write!(self.text, "{charge:+}")),
        }
        if it.map > 0 {
            let _ = write!(self.text, ":{}", it.map);
        }
        self.text.push(']');
    }

    /// Whether an atom says the same without brackets.
    fn is_bare(&self, atom: u32, it: &Atom) -> bool {
        let plain = it.isotope == 0 && it.charge == 0 && it.radicals == 0 && it.map == 0;
        let organic = matches!(it.z, 0 | 5..=9 | 15..=17 | 35 | 53);
        let valence = hydrogens::of_written(self.table, atom);
        plain && organic && Valence::implied(valence) == i32::from(it.hs)
    }

    /// `@` or `@@`, by the order in which the neighbours are written.
    fn turn(&self, atom: u32, plan: &Plan, centre: Centre) -> &'static str {
        let far = |bond: &u32| {
            let to = self.table.bond(*bond).other(atom);
            if self.table.atom(to).folded { IMPLICIT } else { to }
        };
        let mut written = Vec::with_capacity(4);
        written.extend(plan.from.iter().map(far));
        let hydrogen = self.table.atom(atom).hs == 1;
        if hydrogen {
            written.push(IMPLICIT);
        }
        written.extend(plan.closes.iter().chain(&plan.opens).chain(&plan.children).map(far));
        let mut turn = centre.turn;
        if !hydrogen && written.len() == 3 {
            // Readers take a lone pair for the last neighbour, but count it once more beside
            // a ring number of an atom with single bonds only (RDKit's
            // `chiralAtomNeedsTagInversion`).
            written.push(IMPLICIT);
            let single = |&bond: &u32| self.table.bond(bond).order == Order::Single;
            let rings = plan.closes.len() + plan.opens.len();
            if rings == 1 && self.table.atom(atom).bonds.iter().all(single) {
                turn = turn.reversed();
            }
        }
        let folded = |to: u32| to != IMPLICIT && self.table.atom(to).folded;
        let drawn = centre.neighbors.map(|to| if folded(to) { IMPLICIT } else { to });
        if is_odd(&drawn, &written) {
            turn = turn.reversed();
        }
        match turn {
            super::tetrahedral::Turn::Counterclockwise => "@",
            super::tetrahedral::Turn::Clockwise => "@@",
        }
    }
}

/// Whether one order comes from the other by an odd number of exchanges.
fn is_odd(from: &[u32; 4], to: &[u32]) -> bool {
    let mut order = *from;
    let mut odd = false;
    for (at, wanted) in to.iter().enumerate().take(4) {
        if let Some(found) = order.iter().position(|atom| atom == wanted)
            && found != at
        {
            order.swap(at, found);
            odd = !odd;
        }
    }
    odd
}
