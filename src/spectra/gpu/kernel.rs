//! The shaders: which variant takes a matrix, and the source of a variant.

use super::scalar::Scalar;

/// What is asked of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Task {
    /// Eigenvalues.
    Values,
    /// Eigenvalues and densities of shells.
    Densities,
}

/// An entry point, named like its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kernel {
    Tridiagonal,
    Ql,
    Bisection,
    Jacobi,
}

/// Where a matrix is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Memory {
    Workgroup,
    Storage,
}

/// A kernel for matrices up to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Variant {
    pub kernel: Kernel,
    pub memory: Memory,
    /// Largest order of a matrix.
    pub order: usize,
    /// Invocations of a workgroup.
    pub workers: u32,
}

/// Orders of eigenvalue kernels in the memory of a workgroup.
const VALUE_ORDERS: [usize; 5] = [16, 32, 48, 60, 88];
/// Orders of density kernels there; even, as their matrices are.
const DENSITY_ORDERS: [usize; 4] = [16, 32, 44, 60];
/// Orders and workers of eigenvalue kernels in storage buffers. Some drivers
/// end an invocation after 65,535 iterations of loops: with as many workers as
/// nodes the largest kernel needs some 40,000.
const STORED_VALUES: [(usize, u32); 2] = [(128, 128), (256, 256)];
/// Orders and workers of density kernels there, by the same limit.
const STORED_DENSITIES: [(usize, u32); 1] = [(96, 256)];
/// Bytes of workgroup memory left for alignment.
const ALIGNMENT_BYTES: usize = 128;

/// What an adapter allows a kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct KernelLimits {
    pub workgroup_bytes: usize,
    pub workgroup_invocations: u32,
}

/// The variants that an adapter can run for a task, by ascending order.
pub(super) fn variants<T: Scalar>(task: Task, limits: KernelLimits) -> Vec<Variant> {
    let real = size_of::<T>();
    let (kernel, orders): (_, &[usize]) = match task {
        Task::Values => (Kernel::Tridiagonal, &VALUE_ORDERS),
        Task::Densities => (Kernel::Jacobi, &DENSITY_ORDERS),
    };
    let (stored_kernel, stored): (_, &[(usize, u32)]) = match task {
        Task::Values => (Kernel::Bisection, &STORED_VALUES),
        Task::Densities => (Kernel::Jacobi, &STORED_DENSITIES),
    };
    let fits = |order: usize| {
        let bytes = match task {
            Task::Values => real * (order * order + 4 * order),
            Task::Densities => real * (2 * order * order + 3 * order) + 8 * order,
        };
        bytes + ALIGNMENT_BYTES <= limits.workgroup_bytes
    };
    let in_workgroup = orders.iter().copied().filter(|&order| fits(order)).map(|order| {
        let workers = if kernel == Kernel::Tridiagonal && order <= 32 { 32 } else { 64 };
        Variant { kernel, memory: Memory::Workgroup, order, workers }
    });
    let mut all: Vec<Variant> = in_workgroup.collect();
    let largest = all.last().map_or(0, |variant| variant.order);
    let in_storage =
        stored.iter().filter(|(order, _)| *order > largest).map(|&(order, workers)| Variant {
            kernel: stored_kernel,
            memory: Memory::Storage,
            order,
            workers,
        });
    all.extend(in_storage);
    all.retain(|variant| variant.workers <= limits.workgroup_invocations);
    all
}

impl Variant {
    /// The kernel that finishes what this one began, if it takes two.
    pub fn second(&self) -> Option<Self> {
        (self.kernel == Kernel::Tridiagonal).then_some(Self {
            kernel: Kernel::Ql,
            memory: Memory::Workgroup,
            order: self.order,
            workers: 64,
        })
    }

    /// Whether its matrices lie in storage buffers.
    pub fn is_stored(&self) -> bool {
        self.memory == Memory::Storage
    }

    /// Arithmetic operations for a matrix of order `n`, about.
    pub fn operations(&self, n: usize) -> u64 {
        let n = n as u64;
        match self.kernel {
            // Some eight sweeps of n²/2 rotations of 2n pairs.
            Kernel::Jacobi => 60 * n.pow(3),
            _ => 4 * n.pow(3) + 300 * n.pow(2),
        }
    }

    /// Name of the entry point.
    pub fn entry_point(&self) -> &'static str {
        match self.kernel {
            Kernel::Tridiagonal => "tridiagonal",
            Kernel::Ql => "ql",
            Kernel::Bisection => "bisection",
            Kernel::Jacobi => "jacobi",
        }
    }

    /// Reals that a matrix takes while it is worked on.
    pub fn matrix_size(&self) -> usize {
        match self.kernel {
            Kernel::Jacobi => 2 * self.order * self.order,
            _ => self.order * self.order,
        }
    }

    /// The whole WGSL of the kernel.
    pub fn source<T: Scalar>(&self) -> String {
        let kernel: &[&str] = match self.kernel {
            Kernel::Tridiagonal => &[ASSEMBLY, include_str!("../../../shaders/tridiagonal.wgsl")],
            Kernel::Ql => &[include_str!("../../../shaders/ql.wgsl")],
            Kernel::Bisection => &[
                ASSEMBLY,
                include_str!("../../../shaders/tridiagonal.wgsl"),
                include_str!("../../../shaders/bisection.wgsl"),
            ],
            Kernel::Jacobi => &[ASSEMBLY, include_str!("../../../shaders/jacobi.wgsl")],
        };
        let memory = match self.memory {
            Memory::Workgroup => include_str!("../../../shaders/shared/in_workgroup.wgsl"),
            Memory::Storage => include_str!("../../../shaders/shared/in_storage.wgsl"),
        };
        let mut source = self.prelude::<T>();
        for part in
            [include_str!("../../../shaders/shared/batch.wgsl"), memory].iter().chain(kernel)
        {
            source.push_str(part);
            source.push('\n');
        }
        source
    }

    fn prelude<T: Scalar>(&self) -> String {
        let (order, workers, size) = (self.order, self.workers, self.matrix_size());
        let literal = |x: T| format!("T({:e}{})", x.to_f64(), T::WGSL_SUFFIX);
        format!(
            "alias T = {};\n\
             const ORDER: u32 = {order}u;\n\
             const MATRIX_SIZE: u32 = {size}u;\n\
             const WORKERS: u32 = {workers}u;\n\
             const EPS: T = {};\n\
             const TINY: T = {};\n\
             const SHELL: T = {};\n\
             const HALVINGS: u32 = {}u;\n",
            T::WGSL,
            literal(T::EPS),
            literal(T::TINY),
            literal(T::SHELL),
            T::HALVINGS,
        )
    }
}

const ASSEMBLY: &str = include_str!("../../../shaders/assembly.wgsl");
