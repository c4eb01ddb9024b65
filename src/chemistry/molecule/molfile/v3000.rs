//! V3000: lines of words that begin with `M  V30`.

use std::collections::HashMap;
use std::str::Lines;

use super::meaning::{DataGroup, apply, order, unpaired, with_symbol};
use super::table::{Bond, Hydrogens, Mark, Order, Table};
use super::{MAX_ITEMS, MolfileError, syntax};

/// Longest logical line, in bytes.
const MAX_LINE: usize = 1 << 20;

/// Which block of the table the lines stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Table,
    Atoms,
    Bonds,
    Groups,
    Other,
}

pub(super) fn read(lines: Lines<'_>) -> Result<Table, MolfileError> {
    let mut reader = Reader { lines, table: Table::default(), places: HashMap::new() };
    let mut groups = Vec::new();
    let mut block = Block::Table;
    let mut counts = None;
    let mut open = Vec::new();
    while let Some(line) = reader.line()? {
        let words = words(&line);
        let [first, rest @ ..] = words.as_slice() else { continue };
        let second = rest.first().map(|word| word.to_ascii_uppercase()).unwrap_or_default();
        match (first.to_ascii_uppercase().as_str(), block) {
            ("BEGIN", _) => {
                open.push(block);
                block = match second.as_str() {
                    "CTAB" => Block::Table,
                    "ATOM" => Block::Atoms,
                    "BOND" => Block::Bonds,
                    "SGROUP" => Block::Groups,
                    _ => Block::Other,
                };
            }
            ("END", _) => block = open.pop().unwrap_or(Block::Other),
            ("COUNTS", Block::Table) => counts = Some((count(rest, 0)?, count(rest, 1)?)),
            (_, Block::Atoms) => reader.atom(&words)?,
            (_, Block::Bonds) => reader.bond(&words)?,
            (_, Block::Groups) => groups.extend(data_group(&words, &reader.places)),
            _ => {}
        }
    }
    let (atoms, bonds) = counts.ok_or_else(|| syntax("it has no counts line"))?;
    let found = (reader.table.atoms.len(), reader.table.bonds.len());
    if found != (atoms, bonds) {
        let (some, more) = found;
        let what = format!("{some} atoms and {more} bonds, not {atoms} and {bonds}");
        return Err(syntax(what));
    }
    apply(&mut reader.table, groups)?;
    Ok(reader.table)
}

fn count(words: &[&str], at: usize) -> Result<usize, MolfileError> {
    let count = words.get(at).and_then(|word| word.parse().ok());
    count.filter(|&count| count <= MAX_ITEMS).ok_or_else(|| syntax("its counts are no numbers"))
}

/// Words between blanks; quotes and parentheses hold blanks.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut quoted, mut depth) = (None, false, 0usize);
    for (at, c) in line.char_indices() {
        match c {
            ' ' | '\t' if !quoted && depth == 0 => {
                if let Some(from) = start.take() {
                    words.push(&line[from..at]);
                }
                continue;
            }
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        start.get_or_insert(at);
    }
    words.extend(start.map(|from| &line[from..]));
    words
}

/// The numbers of a list such as `(2 1 3)`, without the first, which counts them.
fn listed(text: &str) -> impl Iterator<Item = u32> + '_ {
    let inside = text.trim_start_matches('(').trim_end_matches(')');
    inside.split_ascii_whitespace().skip(1).filter_map(|word| word.parse().ok())
}

/// The data of a group: `1 DAT 0 ATOMS=(1 1) FIELDNAME=… FIELDDATA=…`.
fn data_group(words: &[&str], places: &HashMap<u32, u32>) -> Option<DataGroup> {
    let [_, kind, _, rest @ ..] = words else { return None };
    if !kind.eq_ignore_ascii_case("DAT") {
        return None;
    }
    let mut group = DataGroup::default();
    for (name, value) in rest.iter().filter_map(|word| word.split_once('=')) {
        let text = || value.trim_matches('"').trim().to_owned();
        match name.to_ascii_uppercase().as_str() {
            "ATOMS" => {
                group.atoms = listed(value).filter_map(|n| places.get(&n).copied()).collect();
            }
            "FIELDNAME" => group.field = text(),
            "FIELDDATA" => group.data.push(text()),
            "QUERYTYPE" => group.query = matches!(text().as_str(), "SQ" | "SMARTSQ"),
            _ => {}
        }
    }
    Some(group)
}

struct Reader<'a> {
    lines: Lines<'a>,
    table: Table,
    /// Where the atom of each number stands.
    places: HashMap<u32, u32>,
}

impl Reader<'_> {
    /// The next line of the table, with those that continue it; `None` at its end.
    fn line(&mut self) -> Result<Option<String>, MolfileError> {
        let mut whole = String::new();
        loop {
            let line = self.lines.next().ok_or_else(|| syntax("it has no `M  END` line"))?;
            let line = line.trim_end();
            if line == "M  END" {
                return Ok(None);
            }
            let Some(text) = line.strip_prefix("M  V30") else {
                if whole.is_empty() {
                    continue;
                }
                return Err(syntax("a line that ends in `-` and does not go on"));
            };
            let text = text.strip_prefix(' ').unwrap_or(text);
            if whole.len() + text.len() > MAX_LINE {
                return Err(syntax(format!("a line of more than {MAX_LINE} bytes")));
            }
            match text.strip_suffix('-') {
                Some(more) => whole.push_str(more),
                None => {
                    whole.push_str(text);
                    return Ok(Some(whole));
                }
            }
        }
    }

    /// `1 C 0.0 0.0 0.0 0 CHG=1 …`.
    fn atom(&mut self, words: &[&str]) -> Result<(), MolfileError> {
        let index = self.table.atoms.len() + 1;
        let what = || syntax(format!("the line of atom {index}"));
        if index > MAX_ITEMS {
            return Err(syntax(format!("more than {MAX_ITEMS} atoms")));
        }
        let [number, name, x, y, z, map, properties @ ..] = words else { return Err(what()) };
        let number: u32 = number.parse().map_err(|_| what())?;
        if name.starts_with('[') || name.to_ascii_uppercase().starts_with("NOT") {
            return Err(MolfileError::Query(format!("a list of elements for atom {index}")));
        }
        let mut atom = with_symbol(name, index)?;
        for (to, text) in atom.at.iter_mut().zip([x, y, z]) {
            *to = text.parse().map_err(|_| what())?;
        }
        atom.map = map.parse().map_err(|_| what())?;
        for property in properties {
            let (name, value) = property.split_once('=').ok_or_else(what)?;
            let query = || Err(MolfileError::Query(format!("{property} of atom {index}")));
            match name.to_ascii_uppercase().as_str() {
                "CHG" => atom.charge = value.parse().map_err(|_| what())?,
                "RAD" => atom.radicals = unpaired(value.parse().map_err(|_| what())?)?,
                "MASS" => {
                    let mass: f64 = value.parse().map_err(|_| what())?;
                    if !(0.0..=f64::from(u16::MAX)).contains(&mass) {
                        return Err(what());
                    }
                    atom.isotope = mass as u16;
                }
                "VAL" => {
                    atom.hydrogens = match value.parse::<i8>().map_err(|_| what())? {
                        0 => Hydrogens::Implied,
                        valence => {
                            u8::try_from(valence).map_or(Hydrogens::Exactly(0), Hydrogens::Valence)
                        }
                    };
                }
                "RGROUPS" => {
                    let number = listed(value).next().and_then(|n| u16::try_from(n).ok());
                    atom.z = 0;
                    atom.isotope = number.ok_or_else(what)?;
                }
                "HCOUNT" | "UNSAT" | "RBCNT" | "SUBST" if value != "0" => return query(),
                _ => {}
            }
        }
        if self.places.insert(number, self.table.atoms.len() as u32).is_some() {
            return Err(syntax(format!("two atoms have the number {number}")));
        }
        self.table.atoms.push(atom);
        Ok(())
    }

    /// `1 2 3 4 CFG=1`: number, type, atoms.
    fn bond(&mut self, words: &[&str]) -> Result<(), MolfileError> {
        let index = self.table.bonds.len() + 1;
        let what = || syntax(format!("the line of bond {index}"));
        if index > MAX_ITEMS {
            return Err(syntax(format!("more than {MAX_ITEMS} bonds")));
        }
        let [_, kind, begin, end, properties @ ..] = words else { return Err(what()) };
        let place = |text: &str| {
            let number: Option<u32> = text.parse().ok();
            number.and_then(|number| self.places.get(&number)).copied().ok_or_else(what)
        };
        let (begin, end) = (place(begin)?, place(end)?);
        let kind: u32 = kind.parse().map_err(|_| what())?;
        let mut mark = Mark::Plain;
        for property in properties {
            let (name, value) = property.split_once('=').ok_or_else(what)?;
            match (name.to_ascii_uppercase().as_str(), value) {
                ("CFG", "1") => mark = Mark::Wedge,
                ("CFG", "2") => mark = if kind == 2 { Mark::Crossed } else { Mark::Wiggly },
                ("CFG", "3") => mark = Mark::Hash,
                ("TOPO", "1" | "2") => {
                    let what = format!("a ring or chain condition on bond {index}");
                    return Err(MolfileError::Query(what));
                }
                ("ENDPTS", _) => {
                    let what = format!("a bond to several atoms, {index}");
                    return Err(MolfileError::UnsupportedBond(what));
                }
                _ => {}
            }
        }
        let order: Order = order(kind, index)?;
        self.table.connect(Bond { begin, end, order, mark })
    }
}
