//! What the symbol of an atom in a molfile stands for.

use chematic::core::Element;

/// What an atom's symbol stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbol {
    /// An element, and its isotope if the symbol says one (`D`, `T`).
    Element { z: u8, isotope: u16 },
    /// A place where something else is attached, and its number if it has one.
    Dummy { number: u16 },
    /// One of several elements or groups.
    Query,
}

/// Atoms of several elements, and groups with a generic name.
const QUERIES: [&str; 27] = [
    "A", "Q", "X", "M", "L", "AH", "QH", "XH", "MH", "G", "GH", "ACY", "ABC", "AHC", "ALK", "AEL",
    "AYL", "AOX", "CYC", "CBC", "CAL", "CEL", "ARY", "CHC", "HAR", "CXX", "?",
];

/// The meaning of a symbol; `None` if it has none. Some programs write the
/// second letter of an element as a capital.
pub(super) fn symbol(text: &str) -> Option<Symbol> {
    let plain = |z| Some(Symbol::Element { z, isotope: 0 });
    match text {
        "" => return None,
        "D" => return Some(Symbol::Element { z: 1, isotope: 2 }),
        "T" => return Some(Symbol::Element { z: 1, isotope: 3 }),
        "*" | "R" | "R#" | "LP" | "Pol" | "Mod" => return Some(Symbol::Dummy { number: 0 }),
        _ if QUERIES.contains(&text) => return Some(Symbol::Query),
        _ => {}
    }
    if let Some(z) = atomic_number(text) {
        return plain(z);
    }
    let number = text.strip_prefix('R').filter(|rest| rest.len() <= 2);
    if let Some(number) = number.and_then(|rest| rest.parse().ok()) {
        return Some(Symbol::Dummy { number });
    }
    match text.as_bytes() {
        [first, second @ b'A'..=b'Z'] => {
            let usual = [*first, second.to_ascii_lowercase()];
            plain(std::str::from_utf8(&usual).ok().and_then(atomic_number)?)
        }
        _ => None,
    }
}

fn atomic_number(text: &str) -> Option<u8> {
    let element = Element::from_symbol(text)?;
    // The crate may read other spellings, and `*` as an element of its own.
    (element.symbol() == text && element.atomic_number() > 0).then(|| element.atomic_number())
}

/// The symbol of an element; `*` for none.
pub(super) fn name(z: u8) -> &'static str {
    match z {
        0 => "*",
        z => Element::from_atomic_number(z).map_or("*", |element| element.symbol()),
    }
}

/// Mass number of the commonest isotope of each element from hydrogen on, from which
/// the atom block counts its mass difference (as RDKit has them).
const COMMON_ISOTOPES: [u16; 118] = [
    1, 4, 7, 9, 11, 12, 14, 16, 19, 20, 23, 24, 27, 28, 31, 32, 35, 40, 39, 40, 45, 48, 51, 52, 55,
    56, 59, 58, 63, 64, 69, 74, 75, 80, 79, 84, 85, 88, 89, 90, 93, 98, 97, 102, 103, 106, 107,
    114, 115, 120, 121, 130, 127, 132, 133, 138, 139, 140, 141, 142, 145, 152, 153, 158, 159, 164,
    165, 166, 169, 174, 175, 180, 181, 184, 187, 192, 193, 195, 197, 202, 205, 208, 209, 209, 210,
    222, 223, 226, 227, 232, 231, 238, 236, 238, 241, 243, 247, 249, 252, 257, 258, 259, 262, 267,
    268, 271, 270, 269, 278, 281, 281, 285, 284, 289, 288, 293, 292, 294,
];

/// Mass number of the commonest isotope of an element; 0 for a dummy.
pub(super) fn common_isotope(z: u8) -> u16 {
    usize::from(z).checked_sub(1).and_then(|at| COMMON_ISOTOPES.get(at)).copied().unwrap_or(0)
}
