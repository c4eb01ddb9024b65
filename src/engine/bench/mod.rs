//! How fast is this program on this machine? Repeated measurements of spectra
//! and of whole runs, their spread, and a plot of them. Must not know the
//! command line, and nothing here may change what a run computes.

pub mod graphs;
mod machine;
mod plot;
mod runs;
mod scale;
mod spectra;
mod spread;

pub use machine::{Machine, Usage};
pub use plot::{Curve, Plot, PlotError};
pub use runs::{RunMeasurement, measure_run};
pub use scale::{DeviceMeasurement, ScaleBench, ScaleMeasurement, ScaleResult, exponent};
pub use spectra::{MatrixSet, SpectraBench, SpectraMeasurement, Subject, Work};
pub use spread::Spread;

/// Why a measurement cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The library cannot be read.
    #[error(transparent)]
    Library(#[from] hetero2_library::LibraryError),
    /// No row of the library gives a matrix.
    #[error(
        "none of the {rows} rows of {library} is a molecule whose operators can be built; give a \
         library of molecules"
    )]
    NoMatrices {
        /// The library.
        library: String,
        /// Rows read.
        rows: u64,
    },
    /// A backend failed.
    #[error("{backend}, {threads} thread(s), {set}")]
    Spectra {
        /// Name of the backend.
        backend: String,
        /// Threads that fed it.
        threads: usize,
        /// The matrices that it was given.
        set: String,
        /// What it said.
        source: hetero2_spectra::SpectraError,
    },
    /// A GPU gives no estimate.
    #[cfg(feature = "gpu")]
    #[error(transparent)]
    Gpu(#[from] hetero2_spectra::gpu::GpuMomentsError),
    /// There is no GPU.
    #[cfg(not(feature = "gpu"))]
    #[error(transparent)]
    Adapter(hetero2_spectra::SpectraError),
    /// States of a graph cannot be counted.
    #[error("{graph}")]
    Scale {
        /// The graph.
        graph: String,
        /// Why not.
        source: hetero2_spectra::large::LargeGraphError,
    },
    /// Threads cannot be started.
    #[error(transparent)]
    Threads(#[from] hetero2_common::threads::ThreadsError),
}
