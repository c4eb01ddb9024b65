// What every kernel is given. Prepended by the host: `alias T` (f64 or f32),
// `const ORDER` (largest order of the matrices), `const MATRIX_SIZE` (entries
// that a matrix takes), `const WORKERS` (invocations of a workgroup), and the
// constants of the number type: `EPS` (half a unit in the last place of 1),
// `TINY` (smallest pivot, smallest squared tolerance), `SHELL` (tolerance of a
// shell), `HALVINGS` (steps of a bisection).

// Matrix k of the batch: order and number of edges (16 bits each); first edge;
// first real, or the flags below; first value of the output.
@group(0) @binding(0) var<storage, read> matrices: array<vec4<u32>>;
// Nodes of an edge, 16 bits each.
@group(0) @binding(1) var<storage, read> edges: array<u32>;
// Of each matrix its weights, if it has any but 1, then its potential, if any.
@group(0) @binding(2) var<storage, read> reals: array<T>;
// First matrix and number of matrices of this dispatch.
@group(0) @binding(3) var<uniform> part: vec4<u32>;
// Diagonal and subdiagonal of tridiagonal matrices, entry i of matrix k at
// [i · count + k], the subdiagonal after all diagonals.
@group(0) @binding(4) var<storage, read_write> tridiagonals: array<T>;
// Eigenvalues; of `jacobi` also densities of shells.
@group(0) @binding(5) var<storage, read_write> results: array<T>;
// Matrices too large for the memory of a workgroup.
@group(0) @binding(6) var<storage, read_write> workspace: array<T>;

const WEIGHTED: u32 = 0x80000000u;
const POTENTIAL: u32 = 0x40000000u;
const FIRST_REAL: u32 = 0x3fffffffu;

struct Matrix {
    n: u32,
    edge_count: u32,
    first_edge: u32,
    first_real: u32,
    weighted: bool,
    has_potential: bool,
    first_result: u32,
}

fn matrix_of(index: u32) -> Matrix {
    let m = matrices[part.x + index];
    return Matrix(
        m.x & 0xffffu, m.x >> 16u, m.y, m.z & FIRST_REAL,
        (m.z & WEIGHTED) != 0u, (m.z & POTENTIAL) != 0u, m.w,
    );
}

// What a kernel answers that did not converge: no check lets it pass.
const UNCONVERGED: T = T(1e30);
