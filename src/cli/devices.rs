//! `devices`: what can compute spectra here; and the options that choose.

use std::process::ExitCode;

use serde::Serialize;

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_json, print_text};

/// List what can compute spectra, and test it
///
/// Every GPU adapter runs a self-test: all kernels on graphs whose spectra are
/// known, compared with the CPU. An adapter that fails is not used.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DevicesArguments {}

const EXAMPLES: &str = "Examples:
  hetero2 devices
  hetero2 --json devices
  hetero2 run library.smi --backend gpu --gpu-adapter 0";

#[derive(Serialize)]
struct Devices {
    cpu: Cpu,
    #[cfg(feature = "gpu")]
    gpus: Vec<hetero2::spectra::gpu::DeviceReport>,
}

#[derive(Serialize)]
struct Cpu {
    kernel: String,
    threads: usize,
}

/// Runs `devices`.
pub fn devices(_: &DevicesArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    use hetero2::spectra::SpectraBackend as _;

    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = hetero2::spectra::CpuBackend::new().name().to_owned();
    let devices = Devices {
        cpu: Cpu { kernel, threads },
        #[cfg(feature = "gpu")]
        gpus: hetero2::spectra::gpu::devices(),
    };
    if global.json {
        print_json(&devices)?;
    } else {
        print_text(&text(&devices))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(devices: &Devices) -> String {
    let Cpu { kernel, threads } = &devices.cpu;
    let mut text = format!("  {kernel}, {threads} threads\n");
    #[cfg(feature = "gpu")]
    {
        for report in &devices.gpus {
            text.push_str(&gpu(report));
        }
        if devices.gpus.is_empty() {
            text.push_str("  no GPU adapter: no driver for Vulkan, Metal or DX12 offers one\n");
        }
    }
    #[cfg(not(feature = "gpu"))]
    text.push_str("  this build computes on CPUs only (cargo feature `gpu`)\n");
    text
}

#[cfg(feature = "gpu")]
fn gpu(report: &hetero2::spectra::gpu::DeviceReport) -> String {
    use std::fmt::Write as _;

    use hetero2::spectra::gpu::SelfTest;

    let adapter = &report.adapter;
    let mut text = format!("  gpu {}: {}\n", adapter.index, adapter.name);
    // Writing to a String cannot fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "    {name:<20} {value}");
    };
    let software = if adapter.is_software() { ": software, used only if named" } else { "" };
    line("type", format!("{}{software}", adapter.device_type));
    line("driver", format!("{} {}, {}", adapter.driver, adapter.driver_info, adapter.api));
    if let Some(pci) = &adapter.pci_bus_id {
        line("pci", pci.clone());
    }
    line("workgroup memory", format!("{} KiB", adapter.workgroup_memory_bytes >> 10));
    line("storage buffer", format!("{} MiB", adapter.storage_buffer_bytes >> 20));
    let outcome = |test: &SelfTest| match (&test.failure, test.largest_error) {
        (Some(failure), _) => format!("REFUSED: {failure}"),
        (None, error) => format!(
            "passed, {} spectra, largest error {:.1} units of half the last place",
            test.spectra,
            error.unwrap_or_default()
        ),
    };
    let none = || "the adapter has no double precision".to_owned();
    line("double precision", report.self_test_double.as_ref().map_or_else(none, outcome));
    line("screening", outcome(&report.self_test_screening));
    text
}
