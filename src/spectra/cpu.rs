//! Spectra on the CPU: checks a batch, groups it by order, and hands the
//! groups to the vector kernel or, for large orders, to faer. Knows nothing of
//! molecules.

use rayon::prelude::*;

use super::kernel::{Job, Output, Problem};
use super::ldos::LocalSpectrum;
use super::{
    Eigensystem, ShellProjectors, Spectra, SpectraBackend, SpectraError, SymmetricGraph, dense,
};

/// Larger matrices leave the small-matrix kernel.
const LARGEST_BATCHED_ORDER: usize = 500;
/// Entries outside 2^±64 are scaled, so that no square over- or underflows.
const LARGEST_EXPONENT: i32 = 64;
/// Matrices that one rayon task takes: enough to fill the vectors of each order.
const PARALLEL_CHUNK: usize = 4096;

/// An instruction set that the kernel can run on. All give the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// One matrix at a time; runs anywhere.
    Scalar,
    /// ARM: 2 matrices a vector.
    Neon,
    /// x86-64: 4 matrices a vector (x86-64-v3).
    Avx2,
    /// x86-64: 8 matrices a vector (x86-64-v4).
    Avx512,
}

impl Isa {
    /// All instruction sets, slowest first, whether available or not.
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Neon, Self::Avx2, Self::Avx512];
}

/// Proof, found at run time, that an instruction set exists on this machine.
#[derive(Debug, Clone, Copy)]
enum Dispatch {
    Scalar(pulp::Scalar),
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
}

impl Dispatch {
    fn to(isa: Isa) -> Option<Self> {
        match isa {
            Isa::Scalar => Some(Self::Scalar(pulp::Scalar::new())),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => pulp::aarch64::Neon::try_new().map(Self::Neon),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => pulp::x86::V3::try_new().map(Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => pulp::x86::V4::try_new().map(Self::Avx512),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    fn run(self, job: Job<'_>) -> Vec<usize> {
        use pulp::Simd;
        match self {
            Self::Scalar(simd) => Simd::vectorize(simd, job),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => Simd::vectorize(simd, job),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => Simd::vectorize(simd, job),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => Simd::vectorize(simd, job),
        }
    }
}

/// The CPU backend. Single-threaded in each call, so it can be called from
/// inside rayon workers; keeps working memory of at most 16 MiB per thread and
/// vector width.
///
/// ```
/// use hetero2_spectra::{CpuBackend, SpectraBackend, SymmetricGraph};
///
/// let path = SymmetricGraph {
///     n: 3,
///     edges: &[(0, 1), (1, 2)],
///     off_diagonal: &[-1.0, -1.0],
///     diagonal: &[1.0, 2.0, 1.0],
/// };
/// let spectra = CpuBackend::new().eigenvalues(&[path])?;
/// for (value, expected) in spectra[0].iter().zip([0.0, 1.0, 3.0]) {
///     assert!((value - expected).abs() < 1e-14);
/// }
/// # Ok::<(), hetero2_spectra::SpectraError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CpuBackend {
    isa: Isa,
    dispatch: Dispatch,
}

impl Default for CpuBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl CpuBackend {
    /// With the widest vectors of this machine.
    #[must_use]
    pub fn new() -> Self {
        let scalar = Self { isa: Isa::Scalar, dispatch: Dispatch::Scalar(pulp::Scalar::new()) };
        Isa::ALL.into_iter().rev().find_map(Self::with_isa).unwrap_or(scalar)
    }

    /// With a given instruction set; `None` where this machine lacks it.
    #[must_use]
    pub fn with_isa(isa: Isa) -> Option<Self> {
        Some(Self { isa, dispatch: Dispatch::to(isa)? })
    }

    /// The instruction set in use.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// [`eigenvalues`](SpectraBackend::eigenvalues) on all threads of the
    /// current rayon pool; the same bits.
    ///
    /// # Errors
    /// As [`eigenvalues`](SpectraBackend::eigenvalues).
    pub fn eigenvalues_parallel(
        &self,
        batch: &[SymmetricGraph<'_>],
    ) -> Result<Spectra, SpectraError> {
        let chunks = batch.par_chunks(PARALLEL_CHUNK).enumerate();
        let parts: Vec<Result<Spectra, SpectraError>> = chunks
            .map(|(chunk, batch)| self.eigenvalues_from(chunk * PARALLEL_CHUNK, batch))
            .collect();
        let mut spectra = Spectra::zeros(&[]);
        for part in parts {
            spectra.append(&part?);
        }
        Ok(spectra)
    }

    /// Full eigensystem of each matrix, in input order.
    ///
    /// # Errors
    /// The first matrix that is malformed, or that no solver could do.
    pub fn eigensystems(
        &self,
        batch: &[SymmetricGraph<'_>],
    ) -> Result<Vec<Eigensystem>, SpectraError> {
        let problems = prepare(0, batch)?;
        let (by_order, mut left) = split(&problems);
        let mut systems = vec![Eigensystem::default(); batch.len()];
        let output = Output::Systems(&mut systems);
        left.extend(self.dispatch.run(Job { problems: &problems, by_order: &by_order, output }));
        for id in left {
            systems[id] = dense::eigensystem(id, &problems[id])?;
        }
        for (id, system) in systems.iter().enumerate() {
            check_finite(id, system.values())?;
        }
        Ok(systems)
    }

    /// Eigenvalues of a batch whose first matrix is called `first` in errors.
    fn eigenvalues_from(
        &self,
        first: usize,
        batch: &[SymmetricGraph<'_>],
    ) -> Result<Spectra, SpectraError> {
        let problems = prepare(first, batch)?;
        let (by_order, mut left) = split(&problems);
        let mut spectra = Spectra::zeros(batch);
        let (values, offsets) = spectra.parts_mut();
        let output = Output::Values { values, offsets };
        left.extend(self.dispatch.run(Job { problems: &problems, by_order: &by_order, output }));
        for id in left {
            let place = &mut values[offsets[id]..offsets[id + 1]];
            place.copy_from_slice(&dense::eigenvalues(first + id, &problems[id])?);
        }
        for (id, ends) in offsets.windows(2).enumerate() {
            check_finite(first + id, &values[ends[0]..ends[1]])?;
        }
        Ok(spectra)
    }
}

impl SpectraBackend for CpuBackend {
    fn name(&self) -> &str {
        match self.isa {
            Isa::Scalar => "cpu (scalar)",
            Isa::Neon => "cpu (neon)",
            Isa::Avx2 => "cpu (avx2)",
            Isa::Avx512 => "cpu (avx512)",
        }
    }

    fn eigenvalues(&self, batch: &[SymmetricGraph<'_>]) -> Result<Spectra, SpectraError> {
        self.eigenvalues_from(0, batch)
    }

    fn shell_projectors(
        &self,
        batch: &[SymmetricGraph<'_>],
    ) -> Result<Vec<ShellProjectors>, SpectraError> {
        let systems = self.eigensystems(batch)?;
        Ok(systems.into_iter().map(Eigensystem::densities).collect())
    }

    fn local_spectra(
        &self,
        batch: &[SymmetricGraph<'_>],
    ) -> Result<Vec<LocalSpectrum>, SpectraError> {
        let problems = prepare(0, batch)?;
        let (by_order, mut left) = split(&problems);
        let mut spectra = vec![LocalSpectrum::default(); batch.len()];
        let output = Output::Local(&mut spectra);
        left.extend(self.dispatch.run(Job { problems: &problems, by_order: &by_order, output }));
        for id in left {
            spectra[id] = LocalSpectrum::of(&dense::eigensystem(id, &problems[id])?.densities());
        }
        for (id, spectrum) in spectra.iter().enumerate() {
            check_finite(id, &spectrum.values)?;
        }
        Ok(spectra)
    }
}

/// Checks every matrix and finds its scale.
fn prepare<'a>(
    first: usize,
    batch: &[SymmetricGraph<'a>],
) -> Result<Vec<Problem<'a>>, SpectraError> {
    // Collecting results would not know how many there are.
    let mut problems = Vec::with_capacity(batch.len());
    for (id, graph) in (first..).zip(batch) {
        super::check_graph(graph, id)?;
        problems.push(Problem { graph: *graph, scale: scale(graph) });
    }
    Ok(problems)
}

/// The power of two that brings the largest entry near 1, or 1 where squares
/// are safe without.
fn scale(graph: &SymmetricGraph<'_>) -> f64 {
    let entries = graph.diagonal.iter().chain(graph.off_diagonal);
    // None is NaN, which `max` would look for.
    let largest = entries.map(|x| x.abs()).fold(0.0, |a, b| if a < b { b } else { a });
    if largest == 0.0 {
        return 1.0;
    }
    let exponent = libm::ilogb(largest);
    if exponent.abs() < LARGEST_EXPONENT { 1.0 } else { libm::ldexp(1.0, (-exponent).min(1000)) }
}

/// The matrices for the kernel, sorted by order, and those for faer.
fn split(problems: &[Problem<'_>]) -> (Vec<u32>, Vec<usize>) {
    let order = |id: usize| problems[id].graph.n;
    let (small, large): (Vec<usize>, Vec<usize>) =
        (0..problems.len()).partition(|&id| order(id) <= LARGEST_BATCHED_ORDER);
    let mut by_order: Vec<u32> = small.into_iter().map(|id| id as u32).collect();
    by_order.sort_by_key(|&id| order(id as usize));
    (by_order, large)
}

fn check_finite(matrix: usize, values: &[f64]) -> Result<(), SpectraError> {
    if values.iter().all(|x| x.is_finite()) {
        return Ok(());
    }
    Err(SpectraError::Overflow { matrix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_are_orthonormal_and_satisfy_their_equation() {
        for n in [1usize, 2, 3, 8, 21, 64, 130, 501] {
            let edges: Vec<(u32, u32)> = (1..n as u32).map(|i| (i - 1, i)).collect();
            let off_diagonal = vec![-1.0; edges.len()];
            let diagonal: Vec<f64> = (0..n).map(|i| (i * 7 % 5) as f64).collect();
            let mut matrix = vec![0.0; n * n];
            for i in 0..n {
                matrix[i * n + i] = diagonal[i];
            }
            for i in 1..n {
                (matrix[i * n + i - 1], matrix[(i - 1) * n + i]) = (-1.0, -1.0);
            }
            let graph = SymmetricGraph {
                n,
                edges: &edges,
                off_diagonal: &off_diagonal,
                diagonal: &diagonal,
            };
            let system = CpuBackend::new().eigensystems(&[graph]).unwrap();
            let (residual, skew) = system[0].defects(&matrix);
            assert!(residual < 2e-14 * n as f64, "n = {n}: residual {residual:e}");
            assert!(skew < 2e-14 * n as f64, "n = {n}: skew {skew:e}");
        }
    }

    #[test]
    fn the_fallback_agrees_with_the_kernel() {
        let (edges, off_diagonal) = ([(0, 1), (1, 2), (0, 2), (2, 3)], [-1.0, -1.5, -2.0, -1e-3]);
        let diagonal = [3.0, 2.5, 3.5, 0.5];
        let graph = SymmetricGraph {
            n: 4,
            edges: &edges,
            off_diagonal: &off_diagonal,
            diagonal: &diagonal,
        };
        let kernel = CpuBackend::new().eigensystems(&[graph]).unwrap();
        let dense = dense::eigensystem(0, &Problem { graph, scale: 0.25 }).unwrap();
        for (a, b) in kernel[0].values().iter().zip(dense.values()) {
            assert!((a - b).abs() < 1e-14);
        }
        for (a, b) in kernel[0].projector(2).iter().zip(dense.projector(2)) {
            assert!((a - b).abs() < 1e-13);
        }
    }
}
