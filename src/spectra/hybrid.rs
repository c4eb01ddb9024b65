//! The choice that needs no choosing: measures CPU and GPU once and takes what
//! is faster, or both at once. Knows nothing of molecules.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_deque::{Injector, Steal};
use rayon::prelude::*;

use super::backend::check_all;
use super::choice::cpu_backend;
use super::ldos::LocalSpectrum;
use super::{
    BackendChoice, Precision, ShellProjectors, Spectra, SpectraBackend, SpectraCounts,
    SpectraError, SymmetricGraph, gpu,
};

/// Spectra that are measured on each device.
const MEASURED: usize = 4096;
/// A device this many times slower than the other is left idle.
const NO_HELP: u32 = 5;
/// Matrices that are handed out at a time.
const PIECE: usize = 64;
/// Pieces that a GPU takes at once: its batches must be large.
const GPU_PIECES: usize = 16;

/// Opens what is fastest here. No usable GPU leads to the CPU, silently but for
/// a line of the log, unless an adapter was named.
///
/// # Errors
/// [`SpectraError::Adapter`] when the adapter that was named cannot be used.
pub(super) fn open(
    choice: &BackendChoice,
    precision: Precision,
) -> Result<Box<dyn SpectraBackend>, SpectraError> {
    let cpu = cpu_backend(precision);
    let gpu = match gpu::open(choice, precision) {
        Ok(gpu) => gpu,
        Err(error) if choice.adapter.is_some() => return Err(error),
        Err(error) => {
            tracing::debug!("computing on the CPU: {error}");
            return Ok(cpu);
        }
    };
    let (cpu_time, gpu_time) = (measure(&*cpu, true)?, measure(&*gpu, false)?);
    let us = |time: Duration| time.as_secs_f64() * 1e6 / MEASURED as f64;
    tracing::info!(
        cpu_us = us(cpu_time),
        gpu_us = us(gpu_time),
        "measured {MEASURED} spectra on {} and {}",
        cpu.name(),
        gpu.name()
    );
    Ok(if cpu_time * NO_HELP < gpu_time {
        cpu
    } else if gpu_time * NO_HELP < cpu_time {
        gpu
    } else {
        Box::new(HybridBackend::new(cpu, gpu))
    })
}

/// The time that a backend takes for some thousand molecule-like graphs: on
/// all threads of the pool, or on one.
fn measure(backend: &dyn SpectraBackend, all_threads: bool) -> Result<Duration, SpectraError> {
    // Chains of 15 to 35 nodes with a ring now and then.
    let graph = |k: u32| {
        let n = 15 + k * 7 % 21;
        let mut edges: Vec<(u32, u32)> =
            (1..n).map(|i| ((i - 1).saturating_sub((i + k) % 3 / 2), i)).collect();
        let rings = (0..n / 8).map(|r| (8 * r, 8 * r + 5)).filter(|&(_, j)| j < n);
        edges.extend(rings.filter(|edge| !edges.contains(edge)).collect::<Vec<_>>());
        let mut diagonal = vec![0.0; n as usize];
        for &(i, j) in &edges {
            diagonal[i as usize] += 1.0;
            diagonal[j as usize] += 1.0;
        }
        (vec![-1.0; edges.len()], edges, diagonal)
    };
    let graphs: Vec<_> = (0..MEASURED as u32).map(graph).collect();
    let batch: Vec<SymmetricGraph<'_>> = graphs
        .iter()
        .map(|(off_diagonal, edges, diagonal)| SymmetricGraph {
            n: diagonal.len(),
            edges,
            off_diagonal,
            diagonal,
        })
        .collect();
    let mut best = Duration::MAX;
    // The first round warms up.
    for _ in 0..3 {
        let started = Instant::now();
        if all_threads {
            let part = batch.len().div_ceil(rayon::current_num_threads()).max(PIECE);
            batch.par_chunks(part).try_for_each(|part| backend.eigenvalues(part).map(drop))?;
        } else {
            backend.eigenvalues(&batch)?;
        }
        best = best.min(started.elapsed());
    }
    Ok(best)
}

/// CPU and GPU at once: each steals matrices of a batch until none is left.
struct HybridBackend {
    name: String,
    cpu: Box<dyn SpectraBackend>,
    gpu: Box<dyn SpectraBackend>,
    on_cpu: AtomicU64,
}

impl HybridBackend {
    fn new(cpu: Box<dyn SpectraBackend>, gpu: Box<dyn SpectraBackend>) -> Self {
        let name = format!("{} and {}", cpu.name(), gpu.name());
        Self { name, cpu, gpu, on_cpu: AtomicU64::new(0) }
    }

    /// Results in the order of the batch.
    fn solve<R: Send>(
        &self,
        batch: &[SymmetricGraph<'_>],
        solve: impl Fn(&dyn SpectraBackend, &[SymmetricGraph<'_>]) -> Result<Vec<R>, SpectraError>
        + Sync,
    ) -> Result<Vec<R>, SpectraError> {
        // Errors name matrices by their place in the whole batch.
        check_all(batch)?;
        let pieces = Injector::new();
        for start in (0..batch.len()).step_by(PIECE) {
            pieces.push(start..(start + PIECE).min(batch.len()));
        }
        let drain = |backend: &dyn SpectraBackend, at_once| {
            let mut done = Vec::new();
            loop {
                let ids = steal(&pieces, at_once);
                if ids.is_empty() {
                    return Ok(done);
                }
                let part: Vec<SymmetricGraph<'_>> = ids.iter().map(|&id| batch[id]).collect();
                let results = solve(backend, &part).map_err(|error| error.renumbered(&ids))?;
                done.extend(ids.into_iter().zip(results));
            }
        };
        let (on_gpu, on_cpu) = thread::scope(|scope| {
            let gpu = scope.spawn(|| drain(&*self.gpu, GPU_PIECES));
            let on_cpu = drain(&*self.cpu, 1);
            (gpu.join(), on_cpu)
        });
        // A panic in the scope is one here.
        let on_gpu = on_gpu.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let (mut results, on_cpu) = (on_gpu?, on_cpu?);
        self.on_cpu.fetch_add(on_cpu.len() as u64, Ordering::Relaxed);
        results.extend(on_cpu);
        results.sort_by_key(|(id, _)| *id);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}

/// Up to so many pieces, as places in the batch.
fn steal(pieces: &Injector<Range<usize>>, at_once: usize) -> Vec<usize> {
    let mut ids = Vec::new();
    for _ in 0..at_once {
        let piece = loop {
            match pieces.steal() {
                Steal::Success(piece) => break Some(piece),
                Steal::Empty => break None,
                Steal::Retry => {}
            }
        };
        let Some(piece) = piece else { break };
        ids.extend(piece);
    }
    ids
}

impl SpectraBackend for HybridBackend {
    fn name(&self) -> &str {
        &self.name
    }

    fn eigenvalues(&self, batch: &[SymmetricGraph<'_>]) -> Result<Spectra, SpectraError> {
        let values = self.solve(batch, |backend, part| {
            let spectra = backend.eigenvalues(part)?;
            Ok(spectra.iter().map(<[f64]>::to_vec).collect())
        })?;
        let mut spectra = Spectra::zeros(batch);
        for (id, values) in values.iter().enumerate() {
            spectra.get_mut(id).copy_from_slice(values);
        }
        Ok(spectra)
    }

    fn shell_projectors(
        &self,
        batch: &[SymmetricGraph<'_>],
    ) -> Result<Vec<ShellProjectors>, SpectraError> {
        self.solve(batch, |backend, part| backend.shell_projectors(part))
    }

    fn local_spectra(
        &self,
        batch: &[SymmetricGraph<'_>],
    ) -> Result<Vec<LocalSpectrum>, SpectraError> {
        self.solve(batch, |backend, part| backend.local_spectra(part))
    }

    fn counts(&self) -> Option<SpectraCounts> {
        let cpu = self.on_cpu.load(Ordering::Relaxed);
        self.gpu.counts().map(|counts| SpectraCounts { cpu, ..counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AdapterChoice, BackendKind};

    #[test]
    fn both_devices_give_the_results_in_order() {
        let hybrid =
            HybridBackend::new(cpu_backend(Precision::Double), cpu_backend(Precision::Double));
        let edges: Vec<(u32, u32)> = (1..40).map(|i| (i - 1, i)).collect();
        let off_diagonal = vec![-1.0; 39];
        let diagonal: Vec<f64> = (0..40).map(f64::from).collect();
        let batch: Vec<SymmetricGraph<'_>> = (0..1000)
            .map(|k| 1 + k % 40)
            .map(|n| SymmetricGraph {
                n,
                edges: &edges[..n - 1],
                off_diagonal: &off_diagonal[..n - 1],
                diagonal: &diagonal[..n],
            })
            .collect();
        let cpu = cpu_backend(Precision::Double);
        assert_eq!(hybrid.eigenvalues(&batch).unwrap(), cpu.eigenvalues(&batch).unwrap());
        assert_eq!(hybrid.shell_projectors(&batch).unwrap(), cpu.shell_projectors(&batch).unwrap());
        assert_eq!(hybrid.local_spectra(&batch).unwrap(), cpu.local_spectra(&batch).unwrap());
        for index in gpu::adapters_with_f64() {
            let choice = BackendChoice {
                kind: BackendKind::Gpu,
                adapter: Some(AdapterChoice::Index(index)),
                local_rank: 0,
            };
            let gpu = gpu::open(&choice, Precision::Double).unwrap();
            let hybrid = HybridBackend::new(cpu_backend(Precision::Double), gpu);
            let published = |spectra: &Spectra| -> Vec<f64> {
                spectra
                    .iter()
                    .flatten()
                    .map(|&value| hetero2_common::rounding::round8(value))
                    .collect()
            };
            let before = hybrid.counts().unwrap();
            let found = hybrid.eigenvalues(&batch).unwrap();
            assert_eq!(published(&found), published(&cpu.eigenvalues(&batch).unwrap()));
            let counts = hybrid.counts().unwrap().since(before);
            assert_eq!(counts.cpu + counts.gpu + counts.guard_band, 1000, "{counts:?}");
            assert!(counts.cpu > 0 && counts.gpu > 0, "{counts:?}");
        }
        let broken = SymmetricGraph { diagonal: &diagonal[..3], ..batch[7] };
        let with_broken = [&batch[..500], &[broken]].concat();
        let error = hybrid.eigenvalues(&with_broken).unwrap_err();
        assert!(matches!(error, SpectraError::Shape { matrix: 500, .. }), "{error}");
        assert!(hybrid.eigenvalues(&[]).unwrap().is_empty());
    }
}
