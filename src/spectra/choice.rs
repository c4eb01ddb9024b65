//! Which device computes spectra: what a user asks for, and what is there.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::screening::ScreeningBackend;
use super::{CpuBackend, Precision, SpectraBackend, SpectraError};

/// Kind of device.
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackendKind {
    /// What is fastest on this machine: a GPU, the CPU, or both at once.
    #[default]
    #[cfg_attr(
        feature = "clap",
        value(help = "What is measured to be fastest: a GPU, the CPU, or both")
    )]
    Auto,
    /// The CPU.
    #[cfg_attr(feature = "clap", value(help = "The CPU"))]
    Cpu,
    /// A GPU, or an error.
    #[cfg_attr(feature = "clap", value(help = "A GPU, or an error"))]
    Gpu,
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        })
    }
}

/// One of several adapters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdapterChoice {
    /// Its number in the list of adapters.
    Index(usize),
    /// Part of its name, in any case.
    Name(String),
}

impl FromStr for AdapterChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Index))
    }
}

/// Which device computes spectra. No result in double precision depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackendChoice {
    /// Kind of device.
    pub kind: BackendKind,
    /// A certain adapter; software adapters are used only if named here.
    pub adapter: Option<AdapterChoice>,
    /// Among equally good adapters, take this one, counted round: the rank of a
    /// process among those of its machine.
    pub local_rank: usize,
}

impl BackendChoice {
    /// The CPU.
    #[must_use]
    pub fn cpu() -> Self {
        Self { kind: BackendKind::Cpu, ..Self::default() }
    }
}

/// Opens the backend that was asked for. With [`BackendKind::Auto`] and no
/// adapter named, whatever is wrong with GPUs leads to the CPU.
///
/// # Errors
/// [`SpectraError::Adapter`] when a GPU was asked for and none can be used.
pub fn open_backend(
    choice: &BackendChoice,
    precision: Precision,
) -> Result<Box<dyn SpectraBackend>, SpectraError> {
    match choice.kind {
        BackendKind::Cpu => Ok(cpu_backend(precision)),
        #[cfg(feature = "gpu")]
        BackendKind::Gpu => super::gpu::open(choice, precision),
        #[cfg(feature = "gpu")]
        BackendKind::Auto => super::hybrid::open(choice, precision),
        #[cfg(not(feature = "gpu"))]
        BackendKind::Gpu => {
            let what = "this build computes on CPUs only (cargo feature `gpu`)";
            Err(SpectraError::Adapter(what.into()))
        }
        #[cfg(not(feature = "gpu"))]
        BackendKind::Auto => Ok(cpu_backend(precision)),
    }
}

/// The CPU at this precision.
pub(super) fn cpu_backend(precision: Precision) -> Box<dyn SpectraBackend> {
    match precision {
        Precision::Double => Box::new(CpuBackend::new()),
        Precision::Screening => Box::new(ScreeningBackend(CpuBackend::new())),
    }
}
