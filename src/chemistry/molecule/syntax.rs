//! A linear check of SMILES text before the chemistry crate reads it.
//!
//! That crate accepts some texts that are no SMILES (`CC()C`, `C(=)C`, `C.`),
//! recurses once per parenthesis, and does not know a few forms that RDKit
//! reads (`[#6]`, `%(10)`). This scan rejects the first, bounds the second,
//! rewrites the third, and counts atoms, so that a giant is known as one
//! before anything expensive runs. It knows characters, not chemistry.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chematic::core::Element;

use super::error::MoleculeError;
use super::limits::ParseLimits;

/// A text that has the form of a SMILES.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    /// The SMILES alone (no name, no extension), in forms that the parser knows.
    pub smiles: Cow<'a, str>,
    /// Atoms written, hydrogens and dummies included.
    pub atoms: usize,
    /// Atoms written other than hydrogens and dummies.
    pub heavy_atoms: usize,
}

/// What stands before the next token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing, or the dot between components: only an atom may follow.
    Fragment,
    /// An atom, its ring closures or its branches.
    Atom,
    /// A bond of the chain: an atom or a ring closure must follow.
    Bond,
    /// An opened parenthesis: a bond or an atom must follow.
    Open,
    /// A bond after an opened parenthesis: an atom must follow.
    OpenBond,
}

/// Where a ring number was opened.
struct OpenRing {
    atom: usize,
    bond: Option<u8>,
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    before: Before,
    depth: usize,
    /// The bond symbol just read, for ring closures.
    bond: Option<u8>,
    atoms: usize,
    heavy_atoms: usize,
    /// The atom that each open parenthesis will return to, innermost last.
    branch_points: Vec<usize>,
    /// The atom that the next bond starts from.
    current: usize,
    rings: BTreeMap<u32, OpenRing>,
    /// Byte ranges of the text to replace, in order.
    edits: Vec<(usize, usize, String)>,
}

fn syntax(at: usize, what: &str) -> MoleculeError {
    MoleculeError::Syntax(format!("{what} at byte {at}"))
}

/// Checks `text` and splits off a name, which follows the first blank.
pub(super) fn scan<'a>(text: &'a [u8], limits: &ParseLimits) -> Result<Scan<'a>, MoleculeError> {
    if text.len() > limits.max_bytes {
        return Err(MoleculeError::TooLarge(format!(
            "{} bytes, at most {}",
            text.len(),
            limits.max_bytes
        )));
    }
    let text = text.trim_ascii();
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    let (smiles, rest) = text.split_at(end);
    check_extension(rest.trim_ascii())?;
    if let Some(at) = smiles.iter().position(|byte| !byte.is_ascii_graphic()) {
        return Err(syntax(at, "a byte that is no ASCII character"));
    }
    let smiles = std::str::from_utf8(smiles).map_err(|_| syntax(0, "text that is not ASCII"))?;
    let mut scanner = Scanner {
        text: smiles.as_bytes(),
        at: 0,
        before: Before::Fragment,
        depth: 0,
        bond: None,
        atoms: 0,
        heavy_atoms: 0,
        branch_points: Vec::new(),
        current: 0,
        rings: BTreeMap::new(),
        edits: Vec::new(),
    };
    while scanner.at < scanner.text.len() {
        scanner.token(limits)?;
    }
    scanner.finish()?;
    Ok(Scan {
        smiles: apply(smiles, &scanner.edits),
        atoms: scanner.atoms,
        heavy_atoms: scanner.heavy_atoms,
    })
}

/// What follows the SMILES is a name, unless bars mark a CXSMILES extension.
/// An extension may change the molecule (radicals, stereo groups, bonds), so
/// that only one that cannot is passed over.
fn check_extension(rest: &[u8]) -> Result<(), MoleculeError> {
    let harmless = |body: &[u8]| body.strip_prefix(b"atomProp:").is_some_and(is_atom_properties);
    match rest.strip_prefix(b"|") {
        None => Ok(()),
        Some(body) => match body.iter().position(|&byte| byte == b'|') {
            Some(end) if harmless(&body[..end]) => Ok(()),
            Some(_) => Err(MoleculeError::Unsupported(
                "a CXSMILES extension; remove the part between the bars".into(),
            )),
            None => Err(MoleculeError::Syntax("a CXSMILES extension that does not end".into())),
        },
    }
}

/// `0.name.value:1.name.value`: labels of atoms, which change no chemistry.
fn is_atom_properties(body: &[u8]) -> bool {
    body.split(|&byte| byte == b':').all(|property| {
        let mut parts = property.splitn(3, |&byte| byte == b'.');
        let atom = parts.next().unwrap_or_default();
        let named = parts.filter(|part| !part.is_empty() && !part.contains(&b',')).count() == 2;
        named && number(atom).is_some()
    })
}

fn apply<'a>(smiles: &'a str, edits: &[(usize, usize, String)]) -> Cow<'a, str> {
    if edits.is_empty() {
        return Cow::Borrowed(smiles);
    }
    let mut out = String::with_capacity(smiles.len());
    let mut done = 0;
    for (start, end, new) in edits {
        out.push_str(&smiles[done..*start]);
        out.push_str(new);
        done = *end;
    }
    out.push_str(&smiles[done..]);
    Cow::Owned(out)
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn token(&mut self, limits: &ParseLimits) -> Result<(), MoleculeError> {
        match self.peek(0) {
            b'(' => self.open(limits),
            b')' => self.close(),
            b'.' => self.dot(),
            b'0'..=b'9' | b'%' => self.ring_closure(),
            b'-' | b'=' | b'#' | b'$' | b':' | b'/' | b'\\' | b'<' => self.bond_symbol(),
            b'~' => Err(MoleculeError::UnsupportedBond("a bond of any order (~)".into())),
            _ => self.atom(),
        }
    }

    fn open(&mut self, limits: &ParseLimits) -> Result<(), MoleculeError> {
        if self.before != Before::Atom {
            return Err(syntax(self.at, "a branch that does not follow an atom"));
        }
        self.depth += 1;
        if self.depth > limits.max_nesting {
            return Err(MoleculeError::TooLarge(format!(
                "parentheses nested more than {} deep",
                limits.max_nesting
            )));
        }
        self.branch_points.push(self.current);
        self.before = Before::Open;
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) -> Result<(), MoleculeError> {
        if self.before != Before::Atom {
            return Err(syntax(self.at, "a closing parenthesis after no atom"));
        }
        let Some(atom) = self.branch_points.pop() else {
            return Err(syntax(self.at, "a closing parenthesis without an open one"));
        };
        self.current = atom;
        self.depth -= 1;
        self.at += 1;
        Ok(())
    }

    fn dot(&mut self) -> Result<(), MoleculeError> {
        if self.before != Before::Atom {
            return Err(syntax(self.at, "a dot after no atom"));
        }
        if self.depth > 0 {
            return Err(MoleculeError::Unsupported("a dot inside parentheses".into()));
        }
        self.before = Before::Fragment;
        self.at += 1;
        Ok(())
    }

    fn bond_symbol(&mut self) -> Result<(), MoleculeError> {
        let after = match self.before {
            Before::Atom => Before::Bond,
            Before::Open => Before::OpenBond,
            _ => return Err(syntax(self.at, "a bond that follows no atom")),
        };
        let symbol = self.peek(0);
        let dative = matches!((symbol, self.peek(1)), (b'-', b'>') | (b'<', b'-'));
        if symbol == b'<' && !dative {
            return Err(syntax(self.at, "an unknown character"));
        }
        // A backslash that some program escaped counts once.
        let escaped = symbol == b'\\' && self.peek(1) == b'\\';
        if escaped {
            self.edits.push((self.at, self.at + 1, String::new()));
        }
        self.bond = Some(if dative { b'>' } else { symbol });
        self.at += if dative || escaped { 2 } else { 1 };
        self.before = after;
        Ok(())
    }

    fn ring_closure(&mut self) -> Result<(), MoleculeError> {
        let start = self.at;
        let bond = match self.before {
            Before::Atom => None,
            Before::Bond => self.bond,
            _ => return Err(syntax(start, "a ring number that follows no atom")),
        };
        let number = self.ring_number()?;
        match self.rings.remove(&number) {
            None => {
                self.rings.insert(number, OpenRing { atom: self.current, bond });
            }
            Some(open) if open.atom == self.current => {
                return Err(syntax(start, "a ring that closes on its own atom"));
            }
            Some(open) => {
                // RDKit lets the bond written at the opening win.
                let directional = |b: u8| matches!(b, b'/' | b'\\' | b'>');
                if let (Some(first), Some(second)) = (open.bond, bond)
                    && first != second
                    && !directional(first)
                    && !directional(second)
                {
                    self.edits.push((start - 1, start, String::new()));
                    // Edits must stay in text order: the number may have one too.
                    let last = self.edits.len() - 1;
                    if last > 0 && self.edits[last - 1].0 > self.edits[last].0 {
                        self.edits.swap(last - 1, last);
                    }
                }
            }
        }
        self.before = Before::Atom;
        Ok(())
    }

    /// Reads `1`, `%12` or `%(12345)`, and notes a rewriting where needed.
    fn ring_number(&mut self) -> Result<u32, MoleculeError> {
        let start = self.at;
        let digit = |byte: u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
        if let Some(value) = digit(self.peek(0)) {
            self.at += 1;
            return Ok(value);
        }
        if self.peek(1) != b'(' {
            let (Some(tens), Some(units)) = (digit(self.peek(1)), digit(self.peek(2))) else {
                return Err(syntax(start, "% without two digits"));
            };
            self.at += 3;
            return Ok(10 * tens + units);
        }
        self.at += 2;
        let (mut value, mut digits) = (0, 0);
        while let Some(next) = digit(self.peek(0)) {
            value = 10 * value + next;
            digits += 1;
            self.at += 1;
            if digits > 5 {
                return Err(syntax(start, "a ring number of more than five digits"));
            }
        }
        if digits == 0 || self.peek(0) != b')' {
            return Err(syntax(start, "a ring number that does not end"));
        }
        self.at += 1;
        let plain = if value < 100 { format!("%{value:02}") } else { format!("%({value})") };
        self.edits.push((start, self.at, plain));
        Ok(value)
    }

    fn atom(&mut self) -> Result<(), MoleculeError> {
        let heavy = match (self.peek(0), self.peek(1)) {
            (b'[', _) => self.bracket_atom()?,
            (b'*', _) => {
                self.at += 1;
                false
            }
            (b'C', b'l') | (b'B', b'r') => {
                self.at += 2;
                true
            }
            (b'B' | b'C' | b'N' | b'O' | b'P' | b'S' | b'F' | b'I', _)
            | (b'b' | b'c' | b'n' | b'o' | b'p' | b's', _) => {
                self.at += 1;
                true
            }
            _ => return Err(syntax(self.at, "an unknown atom or character")),
        };
        self.current = self.atoms;
        self.atoms += 1;
        self.heavy_atoms += usize::from(heavy);
        self.before = Before::Atom;
        Ok(())
    }

    /// Reads `[...]`; the parser checks what is inside. True for heavy atoms.
    fn bracket_atom(&mut self) -> Result<bool, MoleculeError> {
        let start = self.at;
        let Some(length) = self.text[start..].iter().position(|&byte| byte == b']') else {
            return Err(syntax(start, "a bracket that does not end"));
        };
        let inside = &self.text[start + 1..start + length];
        self.at = start + length + 1;
        let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let isotope = digits(inside);
        check_label(&inside[..isotope], "isotope", start)?;
        if let Some(colon) = inside.iter().position(|&byte| byte == b':') {
            let map = &inside[colon + 1..];
            if map.is_empty() || digits(map) != map.len() {
                return Err(syntax(start, "an atom map that is no number"));
            }
            check_label(map, "atom map number", start)?;
        }
        let symbol = &inside[isotope..];
        match symbol {
            [b'#', rest @ ..] => {
                let width = digits(rest);
                let z = number(&rest[..width]).filter(|&z| z <= 118);
                let element = z.and_then(|z| Element::from_atomic_number(z as u8));
                let Some(element) = element else {
                    return Err(syntax(start, "an atomic number that no element has"));
                };
                let from = start + 1 + isotope;
                self.edits.push((from, from + 1 + width, element.symbol().to_string()));
                Ok(element.atomic_number() > 1)
            }
            [b'*', ..] => Ok(false),
            [b'H', second, ..] if second.is_ascii_lowercase() => Ok(true),
            [b'H', ..] => Ok(false),
            [first, ..] if first.is_ascii_alphabetic() => Ok(true),
            _ => Err(syntax(start, "a bracket without an element")),
        }
    }

    fn finish(&self) -> Result<(), MoleculeError> {
        let end = self.text.len();
        if self.text.is_empty() {
            return Err(MoleculeError::Syntax("empty text".into()));
        }
        if self.before != Before::Atom {
            return Err(syntax(end, "an end where an atom must follow"));
        }
        if self.depth > 0 {
            return Err(syntax(end, "an open parenthesis"));
        }
        if let Some((number, _)) = self.rings.first_key_value() {
            return Err(MoleculeError::Syntax(format!("ring {number} is not closed")));
        }
        Ok(())
    }
}

/// The parser keeps isotopes and map numbers in 16 bits.
fn check_label(digits: &[u8], what: &str, at: usize) -> Result<(), MoleculeError> {
    if digits.is_empty() || number(digits).is_some_and(|value| value <= u32::from(u16::MAX)) {
        return Ok(());
    }
    Err(MoleculeError::Unsupported(format!("an {what} above 65535 at byte {at}")))
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> Option<String> {
        scan(text.as_bytes(), &ParseLimits::default()).ok().map(|s| s.smiles.into_owned())
    }

    #[test]
    fn forms_that_the_parser_does_not_know_are_rewritten() {
        for (text, expected) in [
            ("[12#6H3]C", "[12CH3]C"),
            ("C%(1)CC%(01)", "C%01CC%01"),
            ("C=1CC-1", "C=1CC1"),
            ("C=%(1)CC-%(1)", "C=%01CC%01"),
            (" CCO ethanol ", "CCO"),
        ] {
            assert_eq!(rewritten(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn heavy_atoms_are_counted_as_written() {
        let scan = |text: &str| {
            let limits = ParseLimits::default();
            super::scan(text.as_bytes(), &limits).map(|s| (s.atoms, s.heavy_atoms)).unwrap()
        };
        assert_eq!(scan("[2H]C([H])ClBr*[Hg][#1][#7]"), (9, 5));
        assert_eq!(scan("[13CH4]"), (1, 1));
        assert_eq!(scan("[H+].[HH]"), (2, 0));
    }
}
