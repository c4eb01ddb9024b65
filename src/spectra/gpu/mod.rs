//! Spectra on GPUs, by the shaders in `shaders/`.
//!
//! No result is taken on trust: an adapter must pass a self-test, every result
//! the trace and the norm of its matrix, and every published number the guard
//! band. What fails, and all that follows a failure of the device, is computed
//! on the CPU. Knows nothing of molecules.

mod adapter;
mod batch;
mod cache;
mod check;
mod device;
mod kernel;
mod moments;
pub(crate) mod scalar;
mod self_test;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Mutex, OnceLock};

use rayon::prelude::*;

pub use self::adapter::AdapterSummary;
use self::batch::{Packed, Scratch, Suited, suits};
use self::device::{Device, Failure, Flight, lock};
use self::kernel::{Task, Variant, variants};
pub use self::moments::{GpuMomentsError, gpu_moments};
use self::scalar::Scalar;
use self::self_test::Passed;
pub use self::self_test::{DeviceReport, SelfTest, devices};
use super::backend::check_all;
use super::choice::cpu_backend;
use super::ldos::LocalSpectrum;
use super::screening::{settle, settle_densities};
use super::{
    BackendChoice, Precision, ShellProjectors, Spectra, SpectraBackend, SpectraCounts,
    SpectraError, SymmetricGraph, rounding_guard,
};

/// The bound of errors that the guard band uses, in units of the measured
/// error.
const SAFETY: f64 = 10.0;
/// Batches on the device at a time: one is read back while the other computes.
const FLIGHTS: usize = 2;
/// Results from this number on are checked on all threads of the pool.
const MANY: usize = 4096;

/// Opens the best GPU that passes its self-test.
///
/// # Errors
/// [`SpectraError::Adapter`] when there is none, or none of that name.
pub fn open(
    choice: &BackendChoice,
    precision: Precision,
) -> Result<Box<dyn SpectraBackend>, SpectraError> {
    let mut why = Vec::new();
    for found in adapter::candidates(choice, precision)? {
        let opened = match precision {
            Precision::Double => GpuBackend::<f64>::open(&found).map(boxed),
            Precision::Screening => GpuBackend::<f32>::open(&found).map(boxed),
        };
        match opened {
            Ok(backend) => return Ok(backend),
            Err(failure) => {
                tracing::warn!("the GPU {} is not used: {failure}", found.summary.name);
                why.push(format!("{}: {failure}", found.summary.name));
            }
        }
    }
    Err(SpectraError::Adapter(format!("no GPU can be used: {}", why.join("; "))))
}

fn boxed<T: Scalar>(backend: GpuBackend<T>) -> Box<dyn SpectraBackend> {
    Box::new(backend)
}

/// A GPU that passed its self-test, and the CPU behind it.
pub(super) struct GpuBackend<T> {
    name: String,
    device: Device<T>,
    cpu: Box<dyn SpectraBackend>,
    values: Vec<Variant>,
    densities: Vec<Variant>,
    /// Why the device is not used any more.
    failure: OnceLock<Failure>,
    counts: Mutex<SpectraCounts>,
}

/// Why the CPU computes a spectrum anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    GuardBand,
    FailedCheck,
}

impl<T: Scalar> GpuBackend<T> {
    fn open(found: &adapter::Found) -> Result<Self, Failure> {
        Self::open_tested(found).map(|(backend, _)| backend)
    }

    fn open_tested(found: &adapter::Found) -> Result<(Self, Passed), Failure> {
        let backend = Self::open_untested(found)?;
        let passed = self_test::pass(&backend)?;
        backend.device.keep_pipelines();
        Ok((backend, passed))
    }

    fn open_untested(found: &adapter::Found) -> Result<Self, Failure> {
        let device = Device::<T>::open(found)?;
        let summary = &found.summary;
        Ok(Self {
            name: format!("gpu ({}, {}, {})", summary.name, summary.api, T::WGSL),
            values: variants::<T>(Task::Values, device.kernel_limits),
            densities: variants::<T>(Task::Densities, device.kernel_limits),
            device,
            cpu: cpu_backend(T::PRECISION),
            failure: OnceLock::new(),
            counts: Mutex::default(),
        })
    }

    fn variants(&self, task: Task) -> &[Variant] {
        match task {
            Task::Values => &self.values,
            Task::Densities => &self.densities,
        }
    }

    /// The smallest variant that takes a matrix of order `n`.
    fn variant(&self, task: Task, n: usize) -> Option<Variant> {
        self.variants(task).iter().find(|variant| n <= variant.order).copied()
    }

    /// The largest error of an eigenvalue that is reckoned with.
    fn bound(norm: f64) -> f64 {
        SAFETY * T::MEASURED_ERROR * T::EPS.to_f64() * norm
    }

    /// Results by place in the batch; the CPU has to do what has none.
    fn solve<R: Send>(
        &self,
        task: Task,
        batch: &[SymmetricGraph<'_>],
        accept: impl Fn(&SymmetricGraph<'_>, f64, &[T]) -> Result<R, Refused> + Sync,
    ) -> Vec<Option<R>> {
        let mut results: Vec<Option<R>> = batch.iter().map(|_| None).collect();
        let mut counts = SpectraCounts::default();
        if self.failure.get().is_some() {
            counts.after_failure = batch.len() as u64;
            *lock(&self.counts) += counts;
            return results;
        }
        let suited = self.suited(task, batch);
        counts.unsuited = (batch.len() - suited.len()) as u64;
        let mut take = |flight: Flight<T>| {
            let judged = self.device.finish(flight, |packed, reals| {
                let judge = |(suited, place): &(Suited, Range<usize>)| {
                    let graph = &batch[suited.id];
                    (suited.id, accept(graph, suited.norm, &reals[place.clone()]))
                };
                if packed.members.len() < MANY {
                    packed.members.iter().map(judge).collect::<Vec<_>>()
                } else {
                    packed.members.par_iter().map(judge).collect()
                }
            })?;
            for (id, result) in judged {
                match &result {
                    Ok(_) => counts.gpu += 1,
                    Err(Refused::GuardBand) => counts.guard_band += 1,
                    Err(Refused::FailedCheck) => counts.failed_check += 1,
                }
                results[id] = result.ok();
            }
            Ok::<(), Failure>(())
        };
        let mut fly = || {
            let mut flights = VecDeque::new();
            for packed in self.pack(task, batch, &suited) {
                if flights.len() == FLIGHTS {
                    flights.pop_front().map_or(Ok(()), &mut take)?;
                }
                flights.push_back(self.device.submit(packed)?);
            }
            flights.into_iter().try_for_each(&mut take)
        };
        if let Err(failure) = fly() {
            self.give_up(failure);
            let judged = counts.gpu + counts.guard_band + counts.failed_check;
            counts.after_failure = suited.len() as u64 - judged;
        }
        *lock(&self.counts) += counts;
        results
    }

    fn give_up(&self, failure: Failure) {
        if self.failure.set(failure.clone()).is_ok() {
            tracing::warn!("{} failed, going on with the CPU: {failure}", self.name);
        }
    }

    /// The matrices that kernels take, by variant.
    fn suited(&self, task: Task, batch: &[SymmetricGraph<'_>]) -> Vec<(Suited, Variant)> {
        let largest = self.variants(task).last().map_or(0, |variant| variant.order);
        let mut scratch = Scratch::default();
        let suited = batch.iter().enumerate().filter_map(|(id, graph)| {
            let norm = suits(graph, largest, &mut scratch)?;
            Some((Suited { id, norm }, self.variant(task, graph.n)?))
        });
        let mut suited: Vec<(Suited, Variant)> = suited.collect();
        suited.sort_by_key(|(_, variant)| variant.order);
        suited
    }

    /// Cuts matrices into what the device takes at a time.
    fn pack<'a>(
        &'a self,
        task: Task,
        batch: &'a [SymmetricGraph<'a>],
        suited: &'a [(Suited, Variant)],
    ) -> impl Iterator<Item = Packed<T>> + 'a {
        let mut rest = suited.iter().peekable();
        std::iter::from_fn(move || {
            rest.peek()?;
            let mut packed = Packed::default();
            while let Some(&&(suited, variant)) = rest.peek() {
                let n = batch[suited.id].n;
                let results = match task {
                    Task::Values => n,
                    Task::Densities => n + n * n,
                };
                let limits = self.device.pack_limits;
                if !packed.members.is_empty() && packed.is_full(variant, results, limits) {
                    break;
                }
                packed.push(suited, &batch[suited.id], variant, results);
                rest.next();
            }
            Some(packed)
        })
    }

    fn accept_values(
        graph: &SymmetricGraph<'_>,
        norm: f64,
        results: &[T],
    ) -> Result<Vec<f64>, Refused> {
        let mut values: Vec<f64> = results.iter().map(|x| x.to_f64()).collect();
        let bound = Self::bound(norm);
        if !check::values_hold(graph, &values, norm, bound) {
            return Err(Refused::FailedCheck);
        }
        match T::PRECISION {
            Precision::Screening => settle(&mut values),
            Precision::Double if rounding_guard::values_decided(&values, bound) => {}
            Precision::Double => return Err(Refused::GuardBand),
        }
        Ok(values)
    }

    fn accept_densities(
        graph: &SymmetricGraph<'_>,
        norm: f64,
        results: &[T],
    ) -> Result<ShellProjectors, Refused> {
        let (values, rows) = results.split_at(graph.n);
        let values: Vec<f64> = values.iter().map(|x| x.to_f64()).collect();
        let bound = Self::bound(norm);
        if !check::values_hold(graph, &values, norm, bound) {
            return Err(Refused::FailedCheck);
        }
        let rows: Vec<f64> = rows.iter().map(|x| x.to_f64()).collect();
        let tolerance = T::SHELL.to_f64();
        let spectrum = ShellProjectors::with_tolerance(values, &rows, tolerance);
        if !check::densities_hold(graph, &spectrum, norm, bound, tolerance) {
            return Err(Refused::FailedCheck);
        }
        match T::PRECISION {
            Precision::Screening => Ok(settle_densities(&spectrum)),
            Precision::Double if rounding_guard::densities_decided(&spectrum, bound) => {
                Ok(spectrum)
            }
            Precision::Double => Err(Refused::GuardBand),
        }
    }
}

impl<T: Scalar> SpectraBackend for GpuBackend<T> {
    fn name(&self) -> &str {
        if self.failure.get().is_some() { self.cpu.name() } else { &self.name }
    }

    fn eigenvalues(&self, batch: &[SymmetricGraph<'_>]) -> Result<Spectra, SpectraError> {
        check_all(batch)?;
        let results = self.solve(Task::Values, batch, Self::accept_values);
        let rest = missing(&results);
        let anew = self.cpu.eigenvalues(&chosen(batch, &rest));
        let anew = anew.map_err(|error| error.renumbered(&rest))?;
        let mut spectra = Spectra::zeros(batch);
        for (id, values) in results.iter().enumerate() {
            if let Some(values) = values {
                spectra.get_mut(id).copy_from_slice(values);
            }
        }
        for (&id, values) in rest.iter().zip(anew.iter()) {
            spectra.get_mut(id).copy_from_slice(values);
        }
        Ok(spectra)
    }

    fn shell_projectors(
        &self,
        batch: &[SymmetricGraph<'_>],
    ) -> Result<Vec<ShellProjectors>, SpectraError> {
        check_all(batch)?;
        let results = self.solve(Task::Densities, batch, Self::accept_densities);
        complete(results, batch, |rest| self.cpu.shell_projectors(rest))
    }

    fn local_spectra(
        &self,
        batch: &[SymmetricGraph<'_>],
    ) -> Result<Vec<LocalSpectrum>, SpectraError> {
        check_all(batch)?;
        let results = self.solve(Task::Densities, batch, |graph, norm, results| {
            Self::accept_densities(graph, norm, results)
                .map(|spectrum| LocalSpectrum::of(&spectrum))
        });
        complete(results, batch, |rest| self.cpu.local_spectra(rest))
    }

    fn counts(&self) -> Option<SpectraCounts> {
        Some(*lock(&self.counts))
    }
}

/// Numbers of the adapters that tests can use.
#[cfg(test)]
pub(super) fn adapters_with_f64() -> Vec<usize> {
    let summaries = adapter::find().into_iter().map(|found| found.summary);
    summaries.filter(|summary| summary.f64).map(|summary| summary.index).collect()
}

/// The places of a batch that have no result.
fn missing<R>(results: &[Option<R>]) -> Vec<usize> {
    let ids = results.iter().enumerate().filter(|(_, result)| result.is_none());
    ids.map(|(id, _)| id).collect()
}

/// The results of a batch, with those that are missing computed anew.
fn complete<R>(
    mut results: Vec<Option<R>>,
    batch: &[SymmetricGraph<'_>],
    anew: impl Fn(&[SymmetricGraph<'_>]) -> Result<Vec<R>, SpectraError>,
) -> Result<Vec<R>, SpectraError> {
    let rest = missing(&results);
    let anew = anew(&chosen(batch, &rest)).map_err(|error| error.renumbered(&rest))?;
    for (&id, result) in rest.iter().zip(anew) {
        results[id] = Some(result);
    }
    Ok(results.into_iter().flatten().collect())
}

fn chosen<'a>(batch: &[SymmetricGraph<'a>], ids: &[usize]) -> Vec<SymmetricGraph<'a>> {
    ids.iter().map(|&id| batch[id]).collect()
}
