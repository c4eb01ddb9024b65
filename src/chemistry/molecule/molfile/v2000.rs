//! V2000: atoms and bonds in fixed columns, properties in lines that begin
//! with `M`.

use std::collections::BTreeMap;
use std::str::Lines;

use super::element;
use super::meaning::{DataGroup, apply, cut, order, unpaired, with_symbol};
use super::table::{Atom, Bond, Hydrogens, Mark, Order, Table};
use super::{MAX_ITEMS, MolfileError, syntax};

pub(super) fn read(counts: &str, mut lines: Lines<'_>) -> Result<Table, MolfileError> {
    let version = counts.get(33..).unwrap_or_default().trim();
    if version.starts_with(['V', 'v']) && !version.eq_ignore_ascii_case("V2000") {
        return Err(syntax(format!("the unknown version `{}`", cut(version))));
    }
    let count = |from: usize, what: &str| {
        let text = columns(counts, from, 3);
        let count = if text.is_empty() { Some(0) } else { text.parse::<usize>().ok() };
        count
            .filter(|&count| count <= MAX_ITEMS)
            .ok_or_else(|| syntax(format!("`{}` is no number of {what}", cut(text))))
    };
    if counts.len() < 6 {
        return Err(syntax(format!("a counts line of {} characters, not 6", counts.len())));
    }
    let (atoms, bonds) = (count(0, "atoms")?, count(3, "bonds")?);
    let mut table = Table::default();
    let missing = |what: &str, of: usize| syntax(format!("it ends before its {of} {what}"));
    for number in 1..=atoms {
        let line = lines.next().ok_or_else(|| missing("atoms", atoms))?;
        table.atoms.push(atom(line, number)?);
    }
    for number in 1..=bonds {
        let line = lines.next().ok_or_else(|| missing("bonds", bonds))?;
        let bond = bond(line, number)?;
        table.connect(bond)?;
    }
    Properties { table, groups: BTreeMap::new(), states: Keep::AtomBlock }.read(lines)
}

/// The text of columns without blanks; empty where the line is shorter.
fn columns(line: &str, from: usize, width: usize) -> &str {
    let end = (from + width).min(line.len());
    line.get(from..end).unwrap_or_default().trim()
}

/// A number in columns that may be blank.
fn number<T: std::str::FromStr + Default>(
    line: &str,
    from: usize,
    width: usize,
    what: &dyn Fn() -> String,
) -> Result<T, MolfileError> {
    match columns(line, from, width) {
        "" => Ok(T::default()),
        text => text.parse().map_err(|_| syntax(format!("`{}` in {}", cut(text), what()))),
    }
}

fn atom(line: &str, index: usize) -> Result<Atom, MolfileError> {
    let what = || format!("the line of atom {index}");
    let place = |from: usize| -> Result<f64, MolfileError> { number(line, from, 10, &what) };
    if line.len() < 32 {
        return Err(syntax(format!("{} is too short", what())));
    }
    let name = columns(line, 31, 3);
    let mut atom = with_symbol(name, index)?;
    atom.at = [place(0)?, place(10)?, place(20)?];
    let offset: i16 = number(line, 34, 2, &what)?;
    if offset != 0 && atom.z > 0 {
        let mass = i32::from(element::common_isotope(atom.z)) + i32::from(offset);
        atom.isotope = u16::try_from(mass).map_err(|_| syntax(format!("a mass in {}", what())))?;
    }
    match number::<i8>(line, 36, 3, &what)? {
        0 => {}
        4 => atom.radicals = 1,
        code => atom.charge = 4i8.saturating_sub(code),
    }
    if number::<i32>(line, 42, 3, &what)? > 0 {
        return Err(MolfileError::Query(format!("a number of hydrogens at atom {index}")));
    }
    match number::<u8>(line, 48, 3, &what)? {
        0 => {}
        15 => atom.hydrogens = Hydrogens::Exactly(0),
        valence => atom.hydrogens = Hydrogens::Valence(valence),
    }
    atom.map = number(line, 60, 3, &what)?;
    Ok(atom)
}

fn bond(line: &str, index: usize) -> Result<Bond, MolfileError> {
    let what = || format!("the line of bond {index}");
    let field = |from: usize| -> Result<u32, MolfileError> { number(line, from, 3, &what) };
    let end = |from: usize| -> Result<u32, MolfileError> {
        field(from)?.checked_sub(1).ok_or_else(|| syntax(format!("no atom in {}", what())))
    };
    let (begin, end) = (end(0)?, end(3)?);
    if line.len() < 9 {
        return Err(syntax(format!("{} is too short", what())));
    }
    let order = order(field(6)?, index)?;
    let mark = match (field(9)?, order) {
        (1, _) => Mark::Wedge,
        (6, _) => Mark::Hash,
        (3, Order::Double) => Mark::Crossed,
        (4, _) => Mark::Wiggly,
        _ => Mark::Plain,
    };
    if field(15)? != 0 {
        return Err(MolfileError::Query(format!("a ring or chain condition on bond {index}")));
    }
    Ok(Bond { begin, end, order, mark })
}

/// Which charges and radicals still hold: the first line of them replaces those of the atom block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    AtomBlock,
    Lines,
}

/// The lines after the bonds.
struct Properties {
    table: Table,
    groups: BTreeMap<u32, DataGroup>,
    states: Keep,
}

impl Properties {
    fn read(mut self, mut lines: Lines<'_>) -> Result<Table, MolfileError> {
        while let Some(line) = lines.next() {
            let line = line.trim_end();
            match line.get(..6).unwrap_or(line) {
                "M  END" => {
                    apply(&mut self.table, self.groups.into_values())?;
                    return Ok(self.table);
                }
                "M  CHG" => self.charges(line)?,
                "M  RAD" => self.radicals(line)?,
                "M  ISO" => self.each(line, |atom, mass| atom.isotope = mass)?,
                "M  RGP" => self.each(line, |atom, number| {
                    (atom.z, atom.isotope, atom.hydrogens) = (0, number, Hydrogens::Exactly(0));
                })?,
                "M  HYD" => self.each(line, |atom, hs| atom.hydrogens = Hydrogens::Exactly(hs))?,
                "M  ZCH" => self.each(line, |atom, charge| atom.charge = charge)?,
                "M  ZBO" => self.zero_orders(line)?,
                "M  ALS" | "M  RBC" | "M  SUB" | "M  UNS" => {
                    return Err(MolfileError::Query(format!(
                        "a condition on an atom, {}",
                        &line[3..6]
                    )));
                }
                "M  MRV" => return Err(MolfileError::Query("a SMARTS on an atom".into())),
                "M  STY" | "M  SAL" | "M  SDT" | "M  SCD" | "M  SED" => self.group(line)?,
                "S  SKP" => {
                    let skipped: usize = number(line, 6, 3, &|| "S  SKP".into())?;
                    for _ in 0..skipped {
                        lines.next();
                    }
                }
                _ if line.starts_with(['A', 'G']) => drop(lines.next()),
                _ if line.starts_with(['M', 'V', 'S']) || line.is_empty() => {}
                _ => return Err(MolfileError::Query("a list of elements for an atom".into())),
            }
        }
        Err(syntax("it has no `M  END` line"))
    }

    /// Runs `set` on each pair of an atom and a value of a line.
    fn each<T: std::str::FromStr + Default>(
        &mut self,
        line: &str,
        mut set: impl FnMut(&mut Atom, T),
    ) -> Result<(), MolfileError> {
        for (index, value) in pairs(line)? {
            set(self.atom(index, line)?, value);
        }
        Ok(())
    }

    fn atom(&mut self, index: u32, line: &str) -> Result<&mut Atom, MolfileError> {
        let atom = self.table.atoms.get_mut(index as usize);
        atom.ok_or_else(|| syntax(format!("an atom that is not there: {line}")))
    }

    fn states_in_lines(&mut self) {
        if self.states == Keep::AtomBlock {
            self.states = Keep::Lines;
            for atom in &mut self.table.atoms {
                (atom.charge, atom.radicals) = (0, 0);
            }
        }
    }

    fn charges(&mut self, line: &str) -> Result<(), MolfileError> {
        self.states_in_lines();
        self.each(line, |atom, charge| atom.charge = charge)
    }

    fn radicals(&mut self, line: &str) -> Result<(), MolfileError> {
        self.states_in_lines();
        for (index, code) in pairs(line)? {
            let atom = self.atom(index, line)?;
            atom.radicals = unpaired(code)?;
        }
        Ok(())
    }

    fn zero_orders(&self, line: &str) -> Result<(), MolfileError> {
        for (bond, order) in pairs::<u32>(line)? {
            if order == 0 {
                let what = format!("a bond of order zero, {}", bond + 1);
                return Err(MolfileError::UnsupportedBond(what));
            }
        }
        Ok(())
    }

    /// A line of a group of atoms: only data groups say anything here.
    fn group(&mut self, line: &str) -> Result<(), MolfileError> {
        let what = || format!("`{}`", cut(line));
        match &line[..6] {
            "M  STY" => {
                let count: usize = number(line, 6, 3, &what)?;
                for i in 0..count.min(8) {
                    if columns(line, 14 + 8 * i, 3) == "DAT" {
                        let id = number(line, 10 + 8 * i, 3, &what)?;
                        self.groups.insert(id, DataGroup::default());
                    }
                }
            }
            "M  SAL" => {
                let Some(group) = self.groups.get_mut(&number(line, 7, 3, &what)?) else {
                    return Ok(());
                };
                let count: usize = number(line, 10, 3, &what)?;
                for i in 0..count.min(15) {
                    let atom: u32 = number(line, 14 + 4 * i, 3, &what)?;
                    group.atoms.push(atom.saturating_sub(1));
                }
            }
            kind => {
                let Some(group) = self.groups.get_mut(&number(line, 7, 3, &what)?) else {
                    return Ok(());
                };
                if kind == "M  SDT" {
                    columns(line, 11, 30).clone_into(&mut group.field);
                    group.query = matches!(columns(line, 43, 2), "SQ" | "SM");
                } else {
                    group.data.push(line.get(11..).unwrap_or_default().trim().into());
                }
            }
        }
        Ok(())
    }
}

/// The pairs of an index and a value of a line: `M  CHGnn8 aaa vvv …`.
fn pairs<T: std::str::FromStr + Default>(line: &str) -> Result<Vec<(u32, T)>, MolfileError> {
    let what = || format!("`{}`", cut(line));
    let count: usize = number(line, 6, 3, &what)?;
    let pair = |i: usize| {
        let index: u32 = number(line, 10 + 8 * i, 3, &what)?;
        let index =
            index.checked_sub(1).ok_or_else(|| syntax(format!("no index in {}", what())))?;
        Ok((index, number(line, 14 + 8 * i, 3, &what)?))
    };
    (0..count.min(line.len() / 8 + 1)).map(pair).collect()
}
