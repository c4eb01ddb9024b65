//! The adapters of this machine: what they are, and which one is taken.

use serde::Serialize;

use crate::{AdapterChoice, BackendChoice, BackendKind, Precision, SpectraError};

/// What an adapter says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdapterSummary {
    /// Its number, for `--gpu-adapter`.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `cpu` (software) or `other`.
    pub device_type: &'static str,
    /// Vulkan, Metal or DX12.
    pub api: String,
    /// Name of the driver.
    pub driver: String,
    /// Its version, as it says it.
    pub driver_info: String,
    /// PCI address, where the driver tells it.
    pub pci_bus_id: Option<String>,
    /// Whether shaders may use double precision.
    pub f64: bool,
    /// Memory of a workgroup, bytes.
    pub workgroup_memory_bytes: u32,
    /// Most invocations of a workgroup.
    pub workgroup_invocations: u32,
    /// Most workgroups of a dispatch, per dimension.
    pub workgroups_per_dimension: u32,
    /// Largest storage buffer, bytes.
    pub storage_buffer_bytes: u64,
}

impl AdapterSummary {
    fn of(index: usize, adapter: &wgpu::Adapter) -> Self {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        Self {
            index,
            name: info.name,
            device_type: match info.device_type {
                wgpu::DeviceType::DiscreteGpu => "discrete",
                wgpu::DeviceType::IntegratedGpu => "integrated",
                wgpu::DeviceType::VirtualGpu => "virtual",
                wgpu::DeviceType::Cpu => "cpu",
                wgpu::DeviceType::Other => "other",
            },
            api: info.backend.to_string(),
            driver: info.driver,
            driver_info: info.driver_info,
            pci_bus_id: Some(info.device_pci_bus_id).filter(|id| !id.is_empty()),
            f64: adapter.features().contains(wgpu::Features::SHADER_F64),
            workgroup_memory_bytes: limits.max_compute_workgroup_storage_size,
            workgroup_invocations: limits.max_compute_invocations_per_workgroup,
            workgroups_per_dimension: limits.max_compute_workgroups_per_dimension,
            storage_buffer_bytes: limits.max_storage_buffer_binding_size,
        }
    }

    /// Whether it is a program on the CPU.
    #[must_use]
    pub fn is_software(&self) -> bool {
        self.device_type == "cpu"
    }

    /// The better, the larger.
    fn merit(&self) -> u8 {
        match self.device_type {
            "discrete" => 4,
            "integrated" => 3,
            "virtual" => 2,
            "other" => 1,
            _ => 0,
        }
    }
}

/// An adapter that can be opened.
pub(super) struct Found {
    pub summary: AdapterSummary,
    pub adapter: wgpu::Adapter,
}

/// Every adapter that the drivers of this machine offer.
pub(super) fn find() -> Vec<Found> {
    let descriptor = wgpu::InstanceDescriptor {
        flags: wgpu::InstanceFlags::empty().with_env(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    };
    let instance = wgpu::Instance::new(descriptor);
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let found = |(index, adapter)| Found { summary: AdapterSummary::of(index, &adapter), adapter };
    adapters.into_iter().enumerate().map(found).collect()
}

/// Whether it is worth to load drivers, which takes time and may print: on
/// Linux a GPU has a device file.
fn may_have_hardware() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let is_gpu = |name: &std::ffi::OsStr| {
        let name = name.to_string_lossy();
        ["nvidia", "dri", "dxg", "kfd", "mali"].iter().any(|gpu| name.starts_with(gpu))
    };
    std::fs::read_dir("/dev")
        .is_ok_and(|entries| entries.flatten().any(|entry| is_gpu(&entry.file_name())))
}

/// The adapters to try for a choice, best first. A choice by name or number
/// leaves one; without, software adapters are left out.
///
/// # Errors
/// [`SpectraError::Adapter`] says why none is left.
pub(super) fn candidates(
    choice: &BackendChoice,
    precision: Precision,
) -> Result<Vec<Found>, SpectraError> {
    let fail = |why: String| Err(SpectraError::Adapter(why));
    if choice.kind == BackendKind::Auto && choice.adapter.is_none() && !may_have_hardware() {
        return fail("no GPU: the system has no device file of one".into());
    }
    let mut found = find();
    if found.is_empty() {
        return fail("no GPU adapter: no driver for Vulkan, Metal or DX12 offers one".into());
    }
    match &choice.adapter {
        Some(AdapterChoice::Index(index)) => found.retain(|f| f.summary.index == *index),
        Some(AdapterChoice::Name(name)) => {
            let name = name.to_lowercase();
            found.retain(|f| f.summary.name.to_lowercase().contains(&name));
        }
        None => {
            found.retain(|f| !f.summary.is_software());
            if found.is_empty() {
                return fail("only software adapters, which must be named to be used".into());
            }
        }
    }
    if found.is_empty() {
        return fail("no GPU adapter of this name or number".into());
    }
    if precision == Precision::Double {
        found.retain(|f| f.summary.f64);
        if found.is_empty() {
            let cure = "it can compute `--precision screening`";
            return fail(format!("the GPU adapter has no double precision; {cure}"));
        }
    }
    found.sort_by_key(|f| std::cmp::Reverse(f.summary.merit()));
    let best = found.first().map_or(0, |f| f.summary.merit());
    let equals = found.iter().take_while(|f| f.summary.merit() == best).count();
    // Ranks of one machine share out its equally good GPUs.
    found[..equals].rotate_left(choice.local_rank % equals.max(1));
    Ok(found)
}
