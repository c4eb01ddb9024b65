//! From input records to spectral fingerprints, in memory.

use hetero2_chemistry::operator::{AtomClasses, GraphOperators, Operator, SymmetricGraph};
use hetero2_contract::Reason;
use hetero2_evidence::pack::rows::FingerprintRow;
use hetero2_library::Record;
use hetero2_spectra::fingerprint::fingerprint;
use hetero2_spectra::{CpuBackend, SpectraBackend, SpectraError};

use super::chemistry::EarlyEnd;
use super::compute::Engine;

/// The operators of a fingerprint, in its order.
const OPERATORS: [Operator; 2] = [Operator::H, Operator::WH];

impl Engine<'_> {
    /// The fingerprints of some rows, in their order, for a configuration with H and WH. Each
    /// depends on its record alone; all are computed on the CPU, whose bits are the same everywhere.
    ///
    /// # Errors
    /// [`SpectraError`] where a matrix has no spectrum.
    pub(crate) fn fingerprints(
        &self,
        records: &[Record],
    ) -> Result<Vec<FingerprintRow>, SpectraError> {
        let (mut rows, mut found) = (Vec::with_capacity(records.len()), Vec::new());
        for record in records {
            let chemistry = self.chemistry(record);
            let mut row = FingerprintRow {
                row: record.row,
                id: record.id.clone(),
                canonical_smiles: chemistry.canonical_smiles,
                ..FingerprintRow::default()
            };
            match (chemistry.end, chemistry.operators) {
                (Some(EarlyEnd::Skip(reason) | EarlyEnd::Error(reason)), _) => {
                    row.reason = Some(reason);
                }
                (None, Some(operators)) => {
                    found.push((rows.len(), operators, chemistry.atom_classes))
                }
                (None, None) => row.reason = Some(Reason::Internal("no operators".into())),
            }
            rows.push(row);
        }
        let prints = fingerprints_of(&found)?;
        for ((place, ..), print) in found.iter().zip(prints) {
            let row = &mut rows[*place];
            if print.is_none() {
                row.reason = Some(Reason::Internal("no fingerprint".into()));
            }
            row.fingerprint = print;
        }
        Ok(rows)
    }
}

/// The fingerprint of each molecule that has both operators.
fn fingerprints_of(
    molecules: &[(usize, GraphOperators, AtomClasses)],
) -> Result<Vec<Option<Vec<u8>>>, SpectraError> {
    let backend = CpuBackend::new();
    let spectra = |operator| {
        let views: Option<Vec<SymmetricGraph<'_>>> =
            molecules.iter().map(|(_, operators, _)| operators.view(operator)).collect();
        // A configuration has an operator for all rows or for none.
        backend.shell_projectors(&views.unwrap_or_default())
    };
    let [h, wh] = OPERATORS.map(spectra);
    let (mut h, mut wh) = (h?.into_iter(), wh?.into_iter());
    let prints = molecules.iter().map(|(.., classes)| {
        let spectra = [h.next()?, wh.next()?];
        fingerprint(&spectra, classes.bits())
    });
    Ok(prints.collect())
}
