//! The reference table of atom environments, built into the program.
//!
//! It is that of RDKit's `Contrib/SA_Score` (BSD-3-Clause, see NOTICE), made
//! by `benches/usefulness/make_environments.py`, which says how the file is
//! laid out: Morgan identifiers up to radius 2 of about a million molecules of
//! PubChem, with how often they occur there.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::ZlibDecoder;

use crate::molecule::EnvironmentCount;

const FILE: &[u8] = include_bytes!("../data/environments.bin");
const MAGIC: &[u8] = b"HETERO2ENV1\n";

/// How common an environment is: ten thousand times the decadic logarithm of
/// how often the reference holds it, relative to a common one. Whole numbers,
/// so that sums over environments do not depend on their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Commonness(i16);

impl Commonness {
    /// What stands for an environment that the reference does not hold.
    pub const UNKNOWN: Self = Self(i16::MIN);

    /// The fragment score of Ertl and Schuffenhauer (2009), about -3.1 to 2.9;
    /// -4 for unknown environments.
    #[must_use]
    pub fn fragment_score(self) -> f64 {
        f64::from(self.units()) / 10_000.0
    }

    /// The fragment score in units of 0.0001.
    #[must_use]
    pub fn units(self) -> i32 {
        if self == Self::UNKNOWN { -40_000 } else { i32::from(self.0) }
    }
}

/// Environments of real molecules by Morgan identifier. Memory: 4.5 MB.
#[derive(Debug)]
pub struct EnvironmentTable {
    ids: Vec<u32>,
    commonness: Vec<Commonness>,
    /// By the upper 16 bits of an identifier: where those begin.
    starts: Vec<u32>,
}

impl EnvironmentTable {
    /// The table of the program, unpacked once (some 20 ms).
    ///
    /// ```
    /// use hetero2_chemistry::environment::{Commonness, EnvironmentTable};
    /// use hetero2_chemistry::molecule::{Molecule, ParseLimits};
    ///
    /// let table = EnvironmentTable::embedded();
    /// let benzene = Molecule::from_smiles(b"c1ccccc1", &ParseLimits::default())?;
    /// let rarest = table.rarest(&benzene.environments()?).unwrap();
    /// assert!(rarest > Commonness::UNKNOWN);
    /// # Ok::<(), hetero2_chemistry::molecule::MoleculeError>(())
    /// ```
    #[must_use]
    pub fn embedded() -> &'static Self {
        static TABLE: LazyLock<EnvironmentTable> =
            LazyLock::new(|| match EnvironmentTable::unpacked(FILE) {
                Some(table) => table,
                None => unreachable!("the file is built in, and a test unpacks it"),
            });
        &TABLE
    }

    /// The table of a file; `None` unless it is laid out as a table.
    fn unpacked(file: &[u8]) -> Option<Self> {
        let rest = file.strip_prefix(MAGIC)?;
        let number = |at: usize| Some(u32::from_le_bytes(rest.get(at..at + 4)?.try_into().ok()?));
        let (count, scores) = (number(0)? as usize, number(4)? as usize);
        let mut body = Vec::with_capacity(2 * scores + 5 * count);
        ZlibDecoder::new(&rest[8..]).read_to_end(&mut body).ok()?;
        if body.len() != 2 * scores + 5 * count {
            return None;
        }
        let (scores, planes) = body.split_at(2 * scores);
        let score = |index: usize| {
            let bytes = scores.get(2 * index..2 * index + 2)?.try_into().ok()?;
            Some(Commonness(i16::from_le_bytes(bytes)))
        };
        let plane = |plane: usize, at: usize| planes[plane * count + at] as usize;
        let mut ids = Vec::with_capacity(count);
        let mut commonness = Vec::with_capacity(count);
        let mut id = 0u32;
        for at in 0..count {
            let step = plane(0, at) | plane(1, at) << 8 | plane(2, at) << 16;
            id = id.checked_add(step as u32)?;
            ids.push(id);
            commonness.push(score(plane(3, at) | plane(4, at) << 8)?);
        }
        let mut starts = vec![0u32; (1 << 16) + 1];
        for &id in &ids {
            starts[(id >> 16) as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        Some(Self { ids, commonness, starts })
    }

    /// How many environments it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// How common an environment is; [`Commonness::UNKNOWN`] where the
    /// reference does not hold it.
    #[must_use]
    pub fn commonness(&self, id: u32) -> Commonness {
        let bucket = (id >> 16) as usize;
        let range = self.starts[bucket] as usize..self.starts[bucket + 1] as usize;
        let found = self.ids[range.clone()].iter().position(|&known| known == id);
        found.map_or(Commonness::UNKNOWN, |at| self.commonness[range.start + at])
    }

    /// How common the rarest of these environments is; `None` without any.
    #[must_use]
    pub fn rarest(&self, environments: &[EnvironmentCount]) -> Option<Commonness> {
        environments.iter().map(|environment| self.commonness(environment.id)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_table_is_whole() {
        let table = EnvironmentTable::embedded();
        assert_eq!(table.len(), 705_292);
        assert!(table.ids.is_sorted_by(|a, b| a < b));
        // The first and the last of the table, and a common one.
        assert_eq!(table.commonness(1301).units(), -21_265);
        assert!(table.commonness(2_246_728_737).fragment_score() > 2.0, "a methyl group");
        assert_eq!(table.commonness(1300), Commonness::UNKNOWN);
        assert_eq!(table.commonness(u32::MAX), Commonness::UNKNOWN);
        assert_eq!(Commonness::UNKNOWN.fragment_score(), -4.0);
        assert!(table.commonness.iter().all(|&known| known > Commonness::UNKNOWN));
    }

    #[test]
    fn damaged_files_are_no_table() {
        assert!(EnvironmentTable::unpacked(FILE).is_some());
        assert!(EnvironmentTable::unpacked(&FILE[1..]).is_none());
        assert!(EnvironmentTable::unpacked(&FILE[..FILE.len() - 100]).is_none());
        assert!(EnvironmentTable::unpacked(MAGIC).is_none());
    }
}
