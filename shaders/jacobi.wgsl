// Eigenvalues, and the density of every shell on every node, by cyclic Jacobi
// rotations in the parallel order of a round-robin tournament (Golub & Van
// Loan, Matrix Computations, 8.5.6), one workgroup a matrix. A single
// eigenvector of a degenerate eigenvalue is an arbitrary choice, so only sums
// over shells, the diagonals of their projectors, leave the kernel.
// CPU twin: src/spectra/twin/jacobi.rs.

const MOST_SWEEPS: u32 = 20u;

// Cosine, sine, tangent, and the entry that the rotation annihilates.
var<workgroup> rotations: array<vec4<T>, ORDER / 2u>;
var<workgroup> rotated: atomic<u32>;
var<workgroup> go_on: u32;
var<workgroup> values: array<T, ORDER>;
// The state of each rank in ascending order.
var<workgroup> states: array<u32, ORDER>;
var<workgroup> opens_shell: array<u32, ORDER>;

// Who meets whom: pair `k` of round `round` among `players` (even).
fn pair_of(round: u32, k: u32, players: u32) -> vec2<u32> {
    if (k == 0u) {
        return vec2<u32>(round, players - 1u);
    }
    let a = (round + k) % (players - 1u);
    let b = (round + players - 1u - k) % (players - 1u);
    return vec2<u32>(min(a, b), max(a, b));
}

// The eigenvectors, row by row, behind the matrix.
fn vector_at(state: u32, node: u32, stride: u32) -> u32 {
    return stride * stride + state * stride + node;
}

fn rotate(stride: u32, n: u32, round: u32, tolerance: T, worker: u32) {
    let pairs = stride / 2u;
    for (var k = worker; k < pairs; k += WORKERS) {
        let q = pair_of(round, k, stride);
        let entry = load(q.x * stride + q.y);
        var r = vec4<T>(T(1), T(0), T(0), T(0));
        if (abs(entry) > tolerance) {
            atomicStore(&rotated, 1u);
            let theta = (load(q.y * stride + q.y) - load(q.x * stride + q.x)) / (T(2) * entry);
            var tangent = T(1) / (abs(theta) + sqrt(theta * theta + T(1)));
            if (theta < T(0)) {
                tangent = -tangent;
            }
            let cosine = T(1) / sqrt(tangent * tangent + T(1));
            r = vec4<T>(cosine, tangent * cosine, tangent, entry);
        }
        rotations[k] = r;
    }
    workgroupBarrier();
    for (var x = worker; x < pairs * pairs; x += WORKERS) {
        let k1 = x / pairs;
        let k2 = x % pairs;
        let a = pair_of(round, k1, stride);
        let b = pair_of(round, k2, stride);
        let r1 = rotations[k1];
        let r2 = rotations[k2];
        if (k1 == k2) {
            if (r1.y != T(0)) {
                let shift = r1.z * r1.w;
                store(a.x * stride + a.x, load(a.x * stride + a.x) - shift);
                store(a.y * stride + a.y, load(a.y * stride + a.y) + shift);
                store(a.x * stride + a.y, T(0));
                store(a.y * stride + a.x, T(0));
            }
        } else {
            let xx = load(a.x * stride + b.x);
            let xy = load(a.x * stride + b.y);
            let yx = load(a.y * stride + b.x);
            let yy = load(a.y * stride + b.y);
            let top_x = r1.x * xx - r1.y * yx;
            let top_y = r1.x * xy - r1.y * yy;
            let low_x = r1.y * xx + r1.x * yx;
            let low_y = r1.y * xy + r1.x * yy;
            store(a.x * stride + b.x, r2.x * top_x - r2.y * top_y);
            store(a.x * stride + b.y, r2.y * top_x + r2.x * top_y);
            store(a.y * stride + b.x, r2.x * low_x - r2.y * low_y);
            store(a.y * stride + b.y, r2.y * low_x + r2.x * low_y);
        }
    }
    for (var x = worker; x < pairs * n; x += WORKERS) {
        let k = x / n;
        let node = x % n;
        let r = rotations[k];
        if (r.y != T(0)) {
            let q = pair_of(round, k, stride);
            let f = load(vector_at(q.x, node, stride));
            let g = load(vector_at(q.y, node, stride));
            store(vector_at(q.x, node, stride), r.x * f - r.y * g);
            store(vector_at(q.y, node, stride), r.y * f + r.x * g);
        }
    }
    entries_written();
}

@compute @workgroup_size(WORKERS)
fn jacobi(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) worker: u32,
) {
    let index = group.x;
    if (index >= part.y) {
        return;
    }
    let m = matrix_of(index);
    let n = m.n;
    // One more row and column of zeros makes an odd order even.
    let stride = max(2u, n + (n & 1u));
    select_matrix(index);
    assemble(m, stride, worker);
    for (var x = worker; x < stride * stride; x += WORKERS) {
        store(stride * stride + x, select(T(0), T(1), x / stride == x % stride));
    }
    entries_written();
    var norm = T(0);
    for (var i = 0u; i < n; i++) {
        var sum = T(0);
        for (var j = 0u; j < n; j++) {
            sum += abs(load(i * stride + j));
        }
        norm = max(norm, sum);
    }
    let tolerance = norm * EPS * T(0.25);
    for (var sweep = 0u; sweep < MOST_SWEEPS; sweep++) {
        if (worker == 0u) {
            atomicStore(&rotated, 0u);
        }
        workgroupBarrier();
        for (var round = 0u; round < stride - 1u; round++) {
            rotate(stride, n, round, tolerance, worker);
        }
        if (worker == 0u) {
            go_on = atomicLoad(&rotated);
        }
        if (workgroupUniformLoad(&go_on) == 0u) {
            break;
        }
    }
    let converged = workgroupUniformLoad(&go_on) == 0u;
    for (var i = worker; i < n; i += WORKERS) {
        let x = select(UNCONVERGED, load(i * stride + i), converged);
        var rank = 0u;
        for (var j = 0u; j < n; j++) {
            let y = select(UNCONVERGED, load(j * stride + j), converged);
            rank += select(0u, 1u, y < x || (y == x && j < i));
        }
        values[rank] = x;
        states[rank] = i;
    }
    workgroupBarrier();
    for (var rank = worker; rank < n; rank += WORKERS) {
        results[m.first_result + rank] = values[rank];
        var opens = rank == 0u;
        if (rank > 0u) {
            let a = values[rank - 1u];
            let b = values[rank];
            opens = abs(b - a) > SHELL * max(max(abs(a), abs(b)), T(1));
        }
        opens_shell[rank] = select(0u, 1u, opens);
    }
    workgroupBarrier();
    // The density of a shell goes to the row of its first rank.
    for (var node = worker; node < n; node += WORKERS) {
        var density = T(0);
        var row = 0u;
        for (var rank = 0u; rank < n; rank++) {
            if (opens_shell[rank] == 1u && rank > 0u) {
                results[m.first_result + n + row * n + node] = density;
                density = T(0);
                row = rank;
            }
            let u = load(vector_at(states[rank], node, stride));
            density += u * u;
        }
        results[m.first_result + n + row * n + node] = density;
    }
}
