// Eigenvalues of one tridiagonal matrix by bisection with Sturm counts
// (Golub & Van Loan, Matrix Computations, 8.4.1), one workgroup a matrix and
// one worker an eigenvalue: for orders at which `ql` would take one invocation
// too long. CPU twin: src/spectra/twin/bisection.rs.

// How many eigenvalues are below x.
fn sturm_count(x: T, n: u32, smallest: T) -> u32 {
    var count = 0u;
    var pivot = diagonal[0] - x;
    if (abs(pivot) < smallest) {
        pivot = -smallest;
    }
    count += select(0u, 1u, pivot < T(0));
    for (var i = 1u; i < n; i++) {
        let e = subdiagonal[i - 1u];
        pivot = diagonal[i] - x - e * e / pivot;
        if (abs(pivot) < smallest) {
            pivot = -smallest;
        }
        count += select(0u, 1u, pivot < T(0));
    }
    return count;
}

@compute @workgroup_size(WORKERS)
fn bisection(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) worker: u32,
) {
    let index = group.x;
    if (index >= part.y) {
        return;
    }
    let m = matrix_of(index);
    let n = m.n;
    select_matrix(index);
    assemble(m, n, worker);
    tridiagonalise(n, worker);
    // Gershgorin's bounds.
    var lowest = diagonal[0];
    var highest = diagonal[0];
    var largest_square = T(0);
    for (var i = 0u; i < n; i++) {
        var radius = abs(subdiagonal[i]);
        if (i > 0u) {
            radius += abs(subdiagonal[i - 1u]);
        }
        lowest = min(lowest, diagonal[i] - radius);
        highest = max(highest, diagonal[i] + radius);
        largest_square = max(largest_square, subdiagonal[i] * subdiagonal[i]);
    }
    let smallest = max(TINY, largest_square * TINY);
    let margin = max(abs(lowest), abs(highest)) * EPS * T(2) + smallest;
    for (var k = worker; k < n; k += WORKERS) {
        var low = lowest - margin;
        var high = highest + margin;
        for (var step = 0u; step < HALVINGS; step++) {
            let middle = T(0.5) * (low + high);
            if (sturm_count(middle, n, smallest) > k) {
                high = middle;
            } else {
                low = middle;
            }
        }
        results[m.first_result + k] = T(0.5) * (low + high);
    }
}
