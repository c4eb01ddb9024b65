//! Chebyshev moments of a large sparse matrix on a GPU, by `shaders/chebyshev.wgsl`:
//! the estimator of `large/moments.rs` with the same vectors, in single precision.
//! No result is taken on trust: the first moments of every vector are compared
//! with the CPU's.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::adapter::{self, Found};
use super::device::{Failure, lock};
use crate::large::moments::{Rows, WORD};
use crate::large::{LargeGraphError, MomentRequest, Moments, moments};
use crate::{BackendChoice, Precision, SpectraError, SymmetricGraph};
use hetero2_common::panics;

/// Vectors of a pass, as the shader has them.
const WIDTH: usize = 16;
/// Rows of a workgroup.
const ROWS: usize = 16;
/// Steps that are sent off together.
const STEPS: usize = 8;
/// Longest wait for them.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes between the uniforms of two steps.
const STRIDE: u64 = 256;
/// Most workgroups along one axis.
const AXIS: usize = 32_768;
/// Moments that are compared with the CPU's, and how far they may differ.
const COMPARED: u32 = 4;
const TOLERANCE: f64 = 1e-4;

/// Why a GPU gives no moments.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GpuMomentsError {
    /// The matrix is malformed or too large.
    #[error(transparent)]
    Matrix(#[from] LargeGraphError),
    /// No adapter can be used as asked.
    #[error(transparent)]
    Adapter(#[from] SpectraError),
    /// A device failed.
    #[error("{adapter}: {what}")]
    Device {
        /// Its name.
        adapter: String,
        /// What it said.
        what: String,
    },
}

/// Estimates moments on the best adapter of a choice; also its name.
///
/// # Errors
/// [`GpuMomentsError`]: there is no adapter, or it failed, or its first moments are
/// not those of the CPU.
pub fn gpu_moments(
    graph: &SymmetricGraph<'_>,
    request: &MomentRequest,
    choice: &BackendChoice,
) -> Result<(Moments, String), GpuMomentsError> {
    let candidates = adapter::candidates(choice, Precision::Screening)?;
    let Some(found) = candidates.first() else {
        return Err(SpectraError::Adapter("no GPU adapter".into()).into());
    };
    let summary = &found.summary;
    let moments = on_adapter(graph, request, found)?;
    Ok((moments, format!("gpu ({}, {}, f32)", summary.name, summary.api)))
}

/// Estimates moments on one adapter.
pub(super) fn on_adapter(
    graph: &SymmetricGraph<'_>,
    request: &MomentRequest,
    found: &Found,
) -> Result<Moments, GpuMomentsError> {
    let rows = Rows::of(graph)?;
    let request = request.in_range();
    let device =
        |what: Failure| GpuMomentsError::Device { adapter: found.summary.name.clone(), what };
    let computed = panics::catch_panic(|| compute(found, &rows, &request));
    let values = computed.map_err(device)?.map_err(device)?;
    let found = Moments::new(rows.n(), rows.affine, values);
    let expected = moments(graph, &MomentRequest { moments: COMPARED, ..request })?;
    match found.differs_from(&expected, TOLERANCE) {
        None => Ok(found),
        Some(moment) => Err(device(format!("moment {moment} is not what the CPU computes"))),
    }
}

fn compute(found: &Found, rows: &Rows, request: &MomentRequest) -> Result<Vec<Vec<f64>>, Failure> {
    let kernel = Kernel::open(found, rows, request)?;
    let mut values = Vec::new();
    for first in (0..request.vectors).step_by(WIDTH) {
        let sums = kernel.sums(request, first)?;
        let moments = moments_of(&sums, rows.n() as f64);
        values.extend(moments.into_iter().take((request.vectors - first) as usize));
    }
    Ok(values)
}

/// Moments from the products of each step, by vector.
fn moments_of(sums: &[f32], n: f64) -> Vec<Vec<f64>> {
    let of_lane = |lane: usize| {
        let mut moments: Vec<f64> = Vec::with_capacity(sums.len() / WIDTH);
        for step in sums.chunks_exact(2 * WIDTH) {
            let (same, other) = (f64::from(step[lane]) / n, f64::from(step[WIDTH + lane]) / n);
            match moments.get(1) {
                None => moments.extend([1.0, other]),
                Some(&first) => moments.extend([2.0 * same - 1.0, 2.0 * other - first]),
            }
        }
        moments
    };
    (0..WIDTH).map(of_lane).collect()
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Step {
    n: u32,
    groups: u32,
    seed: u32,
    group: u32,
    first: u32,
    step: u32,
    factor: f32,
    before: f32,
}

/// A matrix on a device, with all that a pass needs.
struct Kernel {
    device: wgpu::Device,
    queue: wgpu::Queue,
    failure: Arc<Mutex<Option<Failure>>>,
    pipelines: [wgpu::ComputePipeline; 3],
    /// With `last` and `next` as they are, and exchanged.
    groups: [wgpu::BindGroup; 2],
    uniforms: wgpu::Buffer,
    sums: wgpu::Buffer,
    readback: wgpu::Buffer,
    n: usize,
    steps: usize,
}

impl Kernel {
    fn open(found: &Found, rows: &Rows, request: &MomentRequest) -> Result<Self, Failure> {
        let limits = found.adapter.limits();
        let (n, steps) = (rows.n(), request.moments as usize / 2);
        let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let largest = (n * WIDTH * size_of::<f32>()).max(rows.columns.len() * 8) as u64;
        if largest > most {
            return Err(format!("a buffer of {largest} bytes exceeds its {most}"));
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("hetero2 moments"),
            required_limits: limits,
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) = pollster::block_on(found.adapter.request_device(&descriptor))
            .map_err(|error| error.to_string())?;
        let failure = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&failure);
        device.on_uncaptured_error(Arc::new(move |error| {
            lock(&noted).get_or_insert(error.to_string());
        }));
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: None,
            entries: &(0..8).map(binding).collect::<Vec<_>>(),
        });
        let pipelines = pipelines(&device, &layout);
        use wgpu::BufferUsages as Usage;
        let buffer = |bytes: usize, usage| {
            let size = (bytes.max(16) as u64).next_multiple_of(16);
            let descriptor =
                wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
            device.create_buffer(&descriptor)
        };
        let filled = |bytes: &[u8]| {
            let filled = buffer(bytes.len(), Usage::STORAGE | Usage::COPY_DST);
            queue.write_buffer(&filled, 0, bytes);
            filled
        };
        let entries: Vec<[u32; 2]> = rows
            .columns
            .iter()
            .zip(&rows.values)
            .map(|(&column, &value)| [column, (value as f32).to_bits()])
            .collect();
        let diagonal: Vec<f32> = rows.diagonal.iter().map(|&value| value as f32).collect();
        let starts = filled(bytemuck::cast_slice(&rows.starts));
        let entries = filled(bytemuck::cast_slice(&entries));
        let diagonal = filled(bytemuck::cast_slice(&diagonal));
        let vectors = [(); 2].map(|()| buffer(4 * n * WIDTH, Usage::STORAGE));
        let parts = buffer(8 * n.div_ceil(ROWS) * WIDTH, Usage::STORAGE);
        let sums = buffer(8 * steps * WIDTH, Usage::STORAGE | Usage::COPY_SRC);
        let readback = buffer(8 * steps * WIDTH, Usage::MAP_READ | Usage::COPY_DST);
        let uniforms = buffer(steps * STRIDE as usize, Usage::UNIFORM | Usage::COPY_DST);
        let step = wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &uniforms,
            offset: 0,
            size: std::num::NonZeroU64::new(size_of::<Step>() as u64),
        });
        let bind = |last: &wgpu::Buffer, next: &wgpu::Buffer| {
            let buffers = [&starts, &entries, &diagonal, last, next, &parts, &sums];
            let mut bound = vec![wgpu::BindGroupEntry { binding: 0, resource: step.clone() }];
            bound.extend((1..).zip(buffers).map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            }));
            device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &layout,
                entries: &bound,
            })
        };
        let groups = [bind(&vectors[0], &vectors[1]), bind(&vectors[1], &vectors[0])];
        let kernel =
            Self { device, queue, failure, pipelines, groups, uniforms, sums, readback, n, steps };
        kernel.healthy()?;
        Ok(kernel)
    }

    /// The products of all steps for [`WIDTH`] vectors from number `first` on.
    fn sums(&self, request: &MomentRequest, first: u32) -> Result<Vec<f32>, Failure> {
        let groups = self.n.div_ceil(ROWS);
        let mut uniforms = vec![0_u8; self.steps * STRIDE as usize];
        for (step, place) in uniforms.chunks_exact_mut(STRIDE as usize).enumerate() {
            let (factor, before) = if step == 0 { (1.0, 0.0) } else { (2.0, 1.0) };
            let of_step = Step {
                n: self.n as u32,
                groups: groups as u32,
                seed: request.seed,
                group: first / WORD,
                first: first % WORD,
                step: step as u32,
                factor,
                before,
            };
            place[..size_of::<Step>()].copy_from_slice(bytemuck::bytes_of(&of_step));
        }
        self.queue.write_buffer(&self.uniforms, 0, &uniforms);
        let across = groups.min(AXIS);
        let shape = (across as u32, groups.div_ceil(across.max(1)).max(1) as u32);
        let [start, advance, total] = &self.pipelines;
        for from in (0..self.steps).step_by(STEPS) {
            let mut encoder = self.device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                if from == 0 {
                    pass.set_pipeline(start);
                    pass.set_bind_group(0, &self.groups[0], &[0]);
                    pass.dispatch_workgroups(shape.0, shape.1, 1);
                }
                for step in from..(from + STEPS).min(self.steps) {
                    pass.set_bind_group(
                        0,
                        &self.groups[step % 2],
                        &[(step as u64 * STRIDE) as u32],
                    );
                    pass.set_pipeline(advance);
                    pass.dispatch_workgroups(shape.0, shape.1, 1);
                    pass.set_pipeline(total);
                    pass.dispatch_workgroups(2 * WIDTH as u32, 1, 1);
                }
            }
            let submitted = self.queue.submit([encoder.finish()]);
            self.wait(submitted)?;
        }
        self.read()
    }

    fn read(&self) -> Result<Vec<f32>, Failure> {
        let bytes = self.readback.size();
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&self.sums, 0, &self.readback, 0, bytes);
        let submitted = self.queue.submit([encoder.finish()]);
        // Whether it could be mapped shows when it is read.
        self.readback.map_async(wgpu::MapMode::Read, 0..bytes, |_| {});
        self.wait(submitted)?;
        let view = self.readback.get_mapped_range(0..bytes).map_err(|error| error.to_string())?;
        let sums = bytemuck::try_cast_slice(&view).map_err(|error| error.to_string())?;
        let sums = sums[..2 * self.steps * WIDTH].to_vec();
        drop(view);
        self.readback.unmap();
        Ok(sums)
    }

    fn wait(&self, submitted: wgpu::SubmissionIndex) -> Result<(), Failure> {
        let wait =
            wgpu::PollType::Wait { submission_index: Some(submitted), timeout: Some(PATIENCE) };
        self.device.poll(wait).map_err(|error| error.to_string())?;
        self.healthy()
    }

    fn healthy(&self) -> Result<(), Failure> {
        lock(&self.failure).clone().map_or(Ok(()), Err)
    }
}

fn pipelines(device: &wgpu::Device, layout: &wgpu::BindGroupLayout) -> [wgpu::ComputePipeline; 3] {
    let source = include_str!("../../../shaders/chebyshev.wgsl");
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("chebyshev"),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    ["start", "advance", "total"].map(|entry| {
        device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(entry),
            layout: Some(&layout),
            module: &module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        })
    })
}

/// The bindings of the shader: a uniform, three that are read, four that are written.
fn binding(binding: u32) -> wgpu::BindGroupLayoutEntry {
    let ty = match binding {
        0 => wgpu::BufferBindingType::Uniform,
        1..=3 => wgpu::BufferBindingType::Storage { read_only: true },
        _ => wgpu::BufferBindingType::Storage { read_only: false },
    };
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty,
            has_dynamic_offset: binding == 0,
            min_binding_size: None,
        },
        count: None,
    }
}
