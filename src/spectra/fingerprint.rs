//! The spectral fingerprint: what the spectra of one molecule's operators say of
//! its kinds of atoms, on fixed grids of energies, as a row of small integers.
//!
//! For operator X, class of atoms c and energy E of X's grid, a place holds
//!
//! > `⌊8 · Σ_k p_c(k) · exp(−½ ((E − λ_k)/η)²) + ½⌋`, at most 255,
//!
//! with `p_c(k) = Σ_{i in c} |u_k(i)|²`, η the spacing of the grid, and λ brought
//! into the grid's range. Terms beyond 5 η are left out. Only sums over shells
//! enter, so no choice of eigenvectors does. Knows nothing of molecules.

use super::ShellProjectors;
use super::elementary::exp_each;

/// Version of the definition; another one has another name.
pub const FINGERPRINT_SCHEMA: &str = "hetero_spectral_fp.v1";
/// Classes of atoms.
pub const FINGERPRINT_CLASSES: usize = 8;
/// Energies of a grid.
pub const FINGERPRINT_POINTS: usize = 32;
/// Operators: H and WH.
pub const FINGERPRINT_OPERATORS: usize = 2;
/// Numbers of a fingerprint: by operator, then class, then energy.
pub const FINGERPRINT_LENGTH: usize =
    FINGERPRINT_OPERATORS * FINGERPRINT_CLASSES * FINGERPRINT_POINTS;
/// First and last energy of each operator's grid; dimensionless.
pub const FINGERPRINT_RANGES: [(f64, f64); FINGERPRINT_OPERATORS] = [(-1.5, 8.0), (-1.5, 20.0)];
/// Most atoms: to here one kernel computes all spectra, bit for bit the same on
/// every processor.
pub const FINGERPRINT_MOST_ATOMS: usize = 500;

/// Steps of a density of 1.
const STEPS: f64 = 8.0;
/// Grid points to either side of a level that it reaches.
const REACH: isize = 5;
const TERMS: usize = 2 * REACH as usize + 1;

/// The fingerprint of one molecule.
///
/// `spectra` are of H and WH in double precision from
/// [`CpuBackend`](super::CpuBackend); bit `c` of an atom's entry in `classes` says
/// that it is in class `c`. `None` where these do not fit each other, or an
/// eigenvalue is not finite.
#[must_use]
pub fn fingerprint(
    spectra: &[ShellProjectors; FINGERPRINT_OPERATORS],
    classes: &[u16],
) -> Option<Vec<u8>> {
    let mut fingerprint = Vec::with_capacity(FINGERPRINT_LENGTH);
    for (spectrum, range) in spectra.iter().zip(FINGERPRINT_RANGES) {
        let finite = spectrum.values().iter().all(|value| value.is_finite());
        if spectrum.n() != classes.len() || !finite {
            return None;
        }
        let densities = densities(spectrum, classes, range);
        // The cast saturates at 0 and 255.
        fingerprint.extend(densities.iter().flatten().map(|x| (STEPS * x + 0.5).floor() as u8));
    }
    Some(fingerprint)
}

/// By class, the density at each energy of the grid.
fn densities(
    spectrum: &ShellProjectors,
    classes: &[u16],
    (first, last): (f64, f64),
) -> [[f64; FINGERPRINT_POINTS]; FINGERPRINT_CLASSES] {
    let spacing = (last - first) / (FINGERPRINT_POINTS - 1) as f64;
    let mut found = [[0.0; FINGERPRINT_POINTS]; FINGERPRINT_CLASSES];
    for (levels, density) in spectrum.shells() {
        let weights = by_class(density, classes);
        // The shell's lowest level stands for it.
        let level = spectrum.values()[levels.start].clamp(first, last);
        let place = (level - first) / spacing;
        let middle = place.round() as isize;
        let mut kernel: [f64; TERMS] = std::array::from_fn(|term| {
            let distance = (middle + term as isize - REACH) as f64 - place;
            -0.5 * distance * distance
        });
        exp_each(&mut kernel);
        let start = (middle - REACH).max(0);
        let end = (middle + REACH + 1).min(FINGERPRINT_POINTS as isize);
        let kernel = &kernel[(start - (middle - REACH)) as usize..];
        for (curve, weight) in found.iter_mut().zip(weights) {
            if weight > 0.0 {
                let points = &mut curve[start as usize..end as usize];
                points.iter_mut().zip(kernel).for_each(|(point, k)| *point += weight * k);
            }
        }
    }
    found
}

/// The weight of a shell on the atoms of each class.
fn by_class(density: &[f64], classes: &[u16]) -> [f64; FINGERPRINT_CLASSES] {
    let mut weights = [0.0; FINGERPRINT_CLASSES];
    for (&weight, &classes) in density.iter().zip(classes) {
        let mut left = classes & ((1 << FINGERPRINT_CLASSES) - 1);
        while left != 0 {
            weights[left.trailing_zeros() as usize] += weight;
            left &= left - 1;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two atoms and two shells, each evenly on both.
    fn pair(values: [f64; 2]) -> ShellProjectors {
        let half = 0.5f64.sqrt();
        ShellProjectors::from_eigenvectors(values.to_vec(), |state, atom| {
            if state == 1 && atom == 1 { -half } else { half }
        })
    }

    #[test]
    fn densities_are_those_of_the_definition() {
        let spectra = [[-1.5, 1.1], [-9.0, 99.0]].map(pair);
        // The first atom is in classes 0 and 7, the second in 2.
        let found = fingerprint(&spectra, &[0b1000_0001, 0b100]).unwrap();
        assert_eq!(found.len(), FINGERPRINT_LENGTH);
        for (x, (spectrum, (first, last))) in spectra.iter().zip(FINGERPRINT_RANGES).enumerate() {
            let eta = (last - first) / 31.0;
            for class in 0..FINGERPRINT_CLASSES {
                let weight = if [0, 2, 7].contains(&class) { 0.5 } else { 0.0 };
                for point in 0..FINGERPRINT_POINTS {
                    let energy = first + point as f64 * eta;
                    let term = |level: &f64| {
                        let d = (energy - level.clamp(first, last)) / eta;
                        weight * (-0.5 * d * d).exp()
                    };
                    let density: f64 = spectrum.values().iter().map(term).sum();
                    let expected = (8.0 * density + 0.5).floor() as u8;
                    let at = (x * FINGERPRINT_CLASSES + class) * FINGERPRINT_POINTS + point;
                    assert_eq!(found[at], expected, "{x} {class} {point}");
                }
            }
        }
    }

    #[test]
    fn a_degenerate_shell_counts_whichever_vectors_span_it() {
        let rotated = |angle: f64| {
            ShellProjectors::from_eigenvectors(vec![1.0, 1.0], move |state, atom| {
                if state == atom { angle.cos() } else { (1.0 - 2.0 * state as f64) * angle.sin() }
            })
        };
        let of = |angle: f64| {
            let spectra = [0, 1].map(|_| rotated(angle));
            fingerprint(&spectra, &[1, 2]).unwrap()
        };
        assert_eq!(of(0.0), of(0.7));
    }

    #[test]
    fn what_does_not_fit_has_none() {
        let good = || pair([0.0, 2.0]);
        assert!(fingerprint(&[good(), good()], &[1]).is_none());
        let bad = pair([0.0, f64::NAN]);
        assert!(fingerprint(&[good(), bad], &[1, 1]).is_none());
    }
}
