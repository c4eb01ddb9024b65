// Householder reduction to tridiagonal form, one workgroup a matrix (Golub &
// Van Loan, Matrix Computations, 8.3.1). Every worker adds up norms and dot
// products itself, in one order: no result depends on the number of workers.
// CPU twin: src/spectra/twin/tridiagonal.rs.

var<workgroup> v: array<T, ORDER>;
var<workgroup> p: array<T, ORDER>;
var<workgroup> diagonal: array<T, ORDER>;
var<workgroup> subdiagonal: array<T, ORDER>;

// Sums run in four strands, so that additions need not wait for each other, and
// so do updates: some drivers count the iterations of loops.

fn square_of_column(k: u32, n: u32) -> T {
    var s = array<T, 4>(T(0), T(0), T(0), T(0));
    var i = k + 2u;
    for (; i + 3u < n; i += 4u) {
        let x0 = load(k * n + i);
        let x1 = load(k * n + i + 1u);
        let x2 = load(k * n + i + 2u);
        let x3 = load(k * n + i + 3u);
        s[0] += x0 * x0;
        s[1] += x1 * x1;
        s[2] += x2 * x2;
        s[3] += x3 * x3;
    }
    for (; i < n; i++) {
        let x = load(k * n + i);
        s[0] += x * x;
    }
    return (s[0] + s[1]) + (s[2] + s[3]);
}

fn product_with_v(k: u32, i: u32, n: u32) -> T {
    var s = array<T, 4>(T(0), T(0), T(0), T(0));
    var j = k + 1u;
    for (; j + 3u < n; j += 4u) {
        s[0] += load(j * n + i) * v[j];
        s[1] += load((j + 1u) * n + i) * v[j + 1u];
        s[2] += load((j + 2u) * n + i) * v[j + 2u];
        s[3] += load((j + 3u) * n + i) * v[j + 3u];
    }
    for (; j < n; j++) {
        s[0] += load(j * n + i) * v[j];
    }
    return (s[0] + s[1]) + (s[2] + s[3]);
}

fn p_times_v(k: u32, n: u32) -> T {
    var s = array<T, 4>(T(0), T(0), T(0), T(0));
    var i = k + 1u;
    for (; i + 3u < n; i += 4u) {
        s[0] += p[i] * v[i];
        s[1] += p[i + 1u] * v[i + 1u];
        s[2] += p[i + 2u] * v[i + 2u];
        s[3] += p[i + 3u] * v[i + 3u];
    }
    for (; i < n; i++) {
        s[0] += p[i] * v[i];
    }
    return (s[0] + s[1]) + (s[2] + s[3]);
}

// The rank-2 update of one entry.
fn update(j: u32, i: u32, n: u32, vi: T, wi: T, factor: T) {
    let vj = v[j];
    let wj = p[j] + factor * vj;
    store(j * n + i, load(j * n + i) - (vj * wi + wj * vi));
}

fn tridiagonalise(n: u32, worker: u32) {
    for (var k = 0u; k + 2u < n; k++) {
        let below = square_of_column(k, n);
        let alpha = load(k * n + k + 1u);
        var tau = T(0);
        var inverse = T(0);
        var beta = alpha;
        if (below > T(0)) {
            let norm = sqrt(alpha * alpha + below);
            beta = select(norm, -norm, alpha >= T(0));
            tau = (beta - alpha) / beta;
            inverse = T(1) / (alpha - beta);
        }
        if (worker == 0u) {
            diagonal[k] = load(k * n + k);
            subdiagonal[k] = beta;
        }
        for (var i = k + 1u + worker; i < n; i += WORKERS) {
            v[i] = select(load(k * n + i) * inverse, T(1), i == k + 1u);
        }
        workgroupBarrier();
        for (var i = k + 1u + worker; i < n; i += WORKERS) {
            p[i] = product_with_v(k, i, n) * tau;
        }
        workgroupBarrier();
        let factor = T(-0.5) * tau * p_times_v(k, n);
        for (var i = k + 1u + worker; i < n; i += WORKERS) {
            let vi = v[i];
            let wi = p[i] + factor * vi;
            var j = k + 1u;
            for (; j + 3u < n; j += 4u) {
                update(j, i, n, vi, wi, factor);
                update(j + 1u, i, n, vi, wi, factor);
                update(j + 2u, i, n, vi, wi, factor);
                update(j + 3u, i, n, vi, wi, factor);
            }
            for (; j < n; j++) {
                update(j, i, n, vi, wi, factor);
            }
        }
        entries_written();
    }
    if (worker == 0u) {
        if (n >= 2u) {
            diagonal[n - 2u] = load((n - 2u) * n + n - 2u);
            subdiagonal[n - 2u] = load((n - 2u) * n + n - 1u);
        }
        diagonal[n - 1u] = load(n * n - 1u);
        subdiagonal[n - 1u] = T(0);
    }
    workgroupBarrier();
}

// For `ql`, which takes one invocation a matrix.
@compute @workgroup_size(WORKERS)
fn tridiagonal(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) worker: u32,
) {
    let index = group.x;
    let count = part.y;
    if (index >= count) {
        return;
    }
    let m = matrix_of(index);
    select_matrix(index);
    assemble(m, m.n, worker);
    tridiagonalise(m.n, worker);
    for (var i = worker; i < m.n; i += WORKERS) {
        tridiagonals[i * count + index] = diagonal[i];
        tridiagonals[(ORDER + i) * count + index] = subdiagonal[i];
    }
}
