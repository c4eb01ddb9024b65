//! An open GPU: pipelines, buffers that are used again, batches in flight.
//! Whatever a driver does wrong is an error here. Knows nothing of spectra.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::adapter::Found;
use super::batch::{PackLimits, Packed, Part};
use super::cache::CacheFile;
use super::kernel::{KernelLimits, Variant};
use super::scalar::Scalar;
use hetero2_common::panics;

/// What a driver said that went wrong.
pub(super) type Failure = String;

/// Longest wait for a batch.
const PATIENCE: Duration = Duration::from_secs(120);
/// Most matrices of a batch on the device.
const MATRICES: usize = 32_768;
/// Most bytes of one buffer.
const BUFFER_BYTES: u64 = 64 << 20;
/// Most arithmetic operations of a batch: a tenth of a second at 80 GFLOP/s.
const OPERATIONS: u64 = 8_000_000_000;
/// Bytes of the uniform of a dispatch.
const PART_BYTES: u64 = 16;

/// An open device.
pub(super) struct Device<T> {
    device: wgpu::Device,
    queue: wgpu::Queue,
    layout: wgpu::BindGroupLayout,
    pipeline_layout: wgpu::PipelineLayout,
    pipelines: Mutex<HashMap<Variant, wgpu::ComputePipeline>>,
    cache: Option<CacheFile>,
    /// The first failure that the driver reported.
    failure: Arc<Mutex<Option<Failure>>>,
    idle: Mutex<Vec<Buffers>>,
    part_stride: u64,
    pub kernel_limits: KernelLimits,
    pub pack_limits: PackLimits,
    real: PhantomData<T>,
}

/// A batch on its way through the device.
pub(super) struct Flight<T> {
    pub packed: Packed<T>,
    buffers: Buffers,
    readback: wgpu::Buffer,
    submission: wgpu::SubmissionIndex,
}

impl<T: Scalar> Device<T> {
    /// Opens an adapter with all that it can do.
    pub fn open(found: &Found) -> Result<Self, Failure> {
        panics::catch_panic(|| Self::open_unguarded(found))?
    }

    fn open_unguarded(found: &Found) -> Result<Self, Failure> {
        let wanted = wgpu::Features::SHADER_F64 | wgpu::Features::PIPELINE_CACHE;
        let limits = found.adapter.limits();
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("hetero2"),
            required_features: found.adapter.features() & wanted,
            required_limits: limits.clone(),
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) = pollster::block_on(found.adapter.request_device(&descriptor))
            .map_err(|e| e.to_string())?;
        let failure = Arc::new(Mutex::new(None));
        let note = |failure: &Arc<Mutex<Option<Failure>>>, what: String| {
            lock(failure).get_or_insert(what);
        };
        let noted = Arc::clone(&failure);
        device.on_uncaptured_error(Arc::new(move |error| note(&noted, error.to_string())));
        let noted = Arc::clone(&failure);
        device.set_device_lost_callback(move |reason, what| {
            note(&noted, format!("device lost ({reason:?}): {what}"));
        });
        let layout = device.create_bind_group_layout(&bindings());
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let buffer_bytes = limits.max_storage_buffer_binding_size.min(BUFFER_BYTES);
        let cache = CacheFile::open(&device, &found.adapter.get_info());
        Ok(Self {
            layout,
            pipeline_layout,
            pipelines: Mutex::default(),
            cache,
            failure,
            idle: Mutex::default(),
            part_stride: u64::from(limits.min_uniform_buffer_offset_alignment).max(PART_BYTES),
            kernel_limits: KernelLimits {
                workgroup_bytes: limits.max_compute_workgroup_storage_size as usize,
                workgroup_invocations: limits
                    .max_compute_invocations_per_workgroup
                    .min(limits.max_compute_workgroup_size_x),
            },
            pack_limits: PackLimits {
                matrices: MATRICES.min(limits.max_compute_workgroups_per_dimension as usize),
                reals: buffer_bytes as usize / size_of::<T>(),
                operations: OPERATIONS,
            },
            device,
            queue,
            real: PhantomData,
        })
    }

    /// Sends a batch off.
    pub fn submit(&self, packed: Packed<T>) -> Result<Flight<T>, Failure> {
        panics::catch_panic(|| self.submit_unguarded(packed))?
    }

    fn submit_unguarded(&self, packed: Packed<T>) -> Result<Flight<T>, Failure> {
        let mut buffers = lock(&self.idle).pop().unwrap_or_default();
        let real = size_of::<T>();
        let result_bytes = packed.results * real;
        let parts: Vec<u8> = packed.parts.iter().flat_map(|part| self.uniform(part)).collect();
        let matrices = self.upload(&mut buffers.matrices, bytemuck::cast_slice(&packed.matrices));
        let edges = self.upload(&mut buffers.edges, bytemuck::cast_slice(&packed.edges));
        let reals = self.upload(&mut buffers.reals, bytemuck::cast_slice(&packed.reals));
        let parts = self.upload(&mut buffers.parts, &parts);
        let tridiagonals = self.sized(&mut buffers.tridiagonals, packed.tridiagonals * real);
        let results = self.sized(&mut buffers.results, result_bytes);
        let workspace = self.sized(&mut buffers.workspace, packed.workspace * real);
        let readback = self.sized(&mut buffers.readback, result_bytes);
        let part =
            wgpu::BufferBinding { buffer: &parts, offset: 0, size: NonZeroU64::new(PART_BYTES) };
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.layout,
            entries: &[
                entry(0, matrices.as_entire_binding()),
                entry(1, edges.as_entire_binding()),
                entry(2, reals.as_entire_binding()),
                entry(3, wgpu::BindingResource::Buffer(part)),
                entry(4, tridiagonals.as_entire_binding()),
                entry(5, results.as_entire_binding()),
                entry(6, workspace.as_entire_binding()),
            ],
        });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for (k, part) in packed.parts.iter().enumerate() {
                let offset = (k as u64 * self.part_stride) as u32;
                let count = part.count as u32;
                pass.set_pipeline(&self.pipeline(part.variant)?);
                pass.set_bind_group(0, &group, &[offset]);
                pass.dispatch_workgroups(count, 1, 1);
                if let Some(second) = part.variant.second() {
                    pass.set_pipeline(&self.pipeline(second)?);
                    pass.dispatch_workgroups(count.div_ceil(second.workers), 1, 1);
                }
            }
        }
        let bytes = padded(result_bytes);
        encoder.copy_buffer_to_buffer(&results, 0, &readback, 0, bytes);
        let submission = self.queue.submit([encoder.finish()]);
        // Whether it could be mapped shows when it is read.
        readback.map_async(wgpu::MapMode::Read, 0..bytes, |_| {});
        self.healthy()?;
        Ok(Flight { packed, buffers, readback, submission })
    }

    /// Waits for a batch; gives its members and results to `read`.
    pub fn finish<R>(
        &self,
        flight: Flight<T>,
        read: impl FnOnce(&Packed<T>, &[T]) -> R,
    ) -> Result<R, Failure> {
        let Flight { packed, buffers, readback, submission } = flight;
        let result = panics::catch_panic(|| {
            let wait = wgpu::PollType::Wait {
                submission_index: Some(submission),
                timeout: Some(PATIENCE),
            };
            self.device.poll(wait).map_err(|e| e.to_string())?;
            self.healthy()?;
            let bytes = packed.results * size_of::<T>();
            let view = readback.get_mapped_range(0..padded(bytes)).map_err(|e| e.to_string())?;
            let results = bytemuck::try_cast_slice(&view[..bytes]).map_err(|e| e.to_string())?;
            let result = read(&packed, results);
            drop(view);
            readback.unmap();
            Ok::<_, Failure>(result)
        })??;
        lock(&self.idle).push(buffers);
        Ok(result)
    }

    /// Keeps what was compiled for the next process.
    pub fn keep_pipelines(&self) {
        if let Some(cache) = &self.cache {
            cache.save();
        }
    }

    /// Ends the device as a driver's reset would.
    #[cfg(test)]
    pub fn destroy(&self) {
        self.device.destroy();
    }

    fn pipeline(&self, variant: Variant) -> Result<wgpu::ComputePipeline, Failure> {
        if let Some(pipeline) = lock(&self.pipelines).get(&variant) {
            return Ok(pipeline.clone());
        }
        let pipeline = self.compile(variant.source::<T>(), variant.entry_point())?;
        lock(&self.pipelines).insert(variant, pipeline.clone());
        Ok(pipeline)
    }

    fn compile(&self, source: String, entry: &str) -> Result<wgpu::ComputePipeline, Failure> {
        let source = wgpu::ShaderSource::Wgsl(source.into());
        let label = Some(entry);
        let module =
            self.device.create_shader_module(wgpu::ShaderModuleDescriptor { label, source });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&self.pipeline_layout),
            module: &module,
            entry_point: label,
            compilation_options: wgpu::PipelineCompilationOptions {
                // Kernels write all that they read.
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: self.cache.as_ref().map(CacheFile::cache),
        });
        self.healthy()?;
        Ok(pipeline)
    }

    /// Puts another kernel in the place of a variant's.
    #[cfg(test)]
    pub fn replace(&self, variant: Variant, source: String, entry: &str) -> Result<(), Failure> {
        let pipeline = self.compile(source, entry)?;
        lock(&self.pipelines).insert(variant, pipeline);
        Ok(())
    }

    /// The buffer, of at least so many bytes; what it held may be gone.
    fn sized(&self, buffer: &mut Buffer, bytes: usize) -> wgpu::Buffer {
        let size = padded(bytes);
        match &buffer.buffer {
            Some(large) if large.size() >= size => large.clone(),
            _ => {
                // Rounded up, so that a slowly growing batch does not make a
                // buffer each time.
                let descriptor = wgpu::BufferDescriptor {
                    label: None,
                    size: size.next_power_of_two(),
                    usage: buffer.usage,
                    mapped_at_creation: false,
                };
                buffer.buffer.insert(self.device.create_buffer(&descriptor)).clone()
            }
        }
    }

    fn upload(&self, buffer: &mut Buffer, bytes: &[u8]) -> wgpu::Buffer {
        let sized = self.sized(buffer, bytes.len());
        self.queue.write_buffer(&sized, 0, bytes);
        sized
    }

    fn uniform(&self, part: &Part) -> Vec<u8> {
        let words = [part.first as u32, part.count as u32, 0, 0];
        let mut bytes = bytemuck::bytes_of(&words).to_vec();
        bytes.resize(self.part_stride as usize, 0);
        bytes
    }

    fn healthy(&self) -> Result<(), Failure> {
        lock(&self.failure).clone().map_or(Ok(()), Err)
    }
}

/// A lock whose holder panicked guards no less than before: every change under
/// these locks is a single one.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The buffers of one batch in flight, as `shaders/shared/batch.wgsl` has them.
struct Buffers {
    matrices: Buffer,
    edges: Buffer,
    reals: Buffer,
    parts: Buffer,
    tridiagonals: Buffer,
    results: Buffer,
    workspace: Buffer,
    readback: Buffer,
}

impl Default for Buffers {
    fn default() -> Self {
        use wgpu::BufferUsages as Usage;
        let of = |usage| Buffer { usage, buffer: None };
        Self {
            matrices: of(Usage::STORAGE | Usage::COPY_DST),
            edges: of(Usage::STORAGE | Usage::COPY_DST),
            reals: of(Usage::STORAGE | Usage::COPY_DST),
            parts: of(Usage::UNIFORM | Usage::COPY_DST),
            tridiagonals: of(Usage::STORAGE | Usage::COPY_SRC),
            results: of(Usage::STORAGE | Usage::COPY_SRC),
            workspace: of(Usage::STORAGE),
            readback: of(Usage::MAP_READ | Usage::COPY_DST),
        }
    }
}

/// A buffer that is made anew when it becomes too small.
struct Buffer {
    usage: wgpu::BufferUsages,
    buffer: Option<wgpu::Buffer>,
}

/// No binding may be empty, and copies are in whole words.
fn padded(bytes: usize) -> u64 {
    (bytes.max(16) as u64).next_multiple_of(16)
}

fn entry(binding: u32, resource: wgpu::BindingResource<'_>) -> wgpu::BindGroupEntry<'_> {
    wgpu::BindGroupEntry { binding, resource }
}

/// The bindings of `shaders/shared/batch.wgsl`.
fn bindings() -> wgpu::BindGroupLayoutDescriptor<'static> {
    const fn binding(binding: u32, ty: wgpu::BufferBindingType) -> wgpu::BindGroupLayoutEntry {
        let uniform = matches!(ty, wgpu::BufferBindingType::Uniform);
        wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty,
                has_dynamic_offset: uniform,
                min_binding_size: None,
            },
            count: None,
        }
    }
    const READ: wgpu::BufferBindingType = wgpu::BufferBindingType::Storage { read_only: true };
    const WRITE: wgpu::BufferBindingType = wgpu::BufferBindingType::Storage { read_only: false };
    wgpu::BindGroupLayoutDescriptor {
        label: None,
        entries: &const {
            [
                binding(0, READ),
                binding(1, READ),
                binding(2, READ),
                binding(3, wgpu::BufferBindingType::Uniform),
                binding(4, WRITE),
                binding(5, WRITE),
                binding(6, WRITE),
            ]
        },
    }
}
