// Eigenvalues of tridiagonal matrices by Pal–Walker–Kahan QL (Parlett, The
// Symmetric Eigenvalue Problem, 8.15), one invocation a matrix; ascending.
// CPU twin: src/spectra/twin/ql.rs.

const MOST_SWEEPS: u32 = 60u;

@compute @workgroup_size(WORKERS)
fn ql(@builtin(global_invocation_id) id: vec3<u32>) {
    let index = id.x;
    let count = part.y;
    if (index >= count) {
        return;
    }
    let m = matrix_of(index);
    let n = m.n;
    // Places of diagonal and of squared subdiagonal entries.
    let d = index;
    let e = ORDER * count + index;
    var norm = T(0);
    for (var i = 0u; i < n; i++) {
        norm = max(norm, abs(tridiagonals[d + i * count]) + abs(tridiagonals[e + i * count]));
    }
    let tolerance = max((norm * EPS) * (norm * EPS), TINY);
    for (var i = 0u; i < n; i++) {
        let x = tridiagonals[e + i * count];
        tridiagonals[e + i * count] = x * x;
    }
    for (var low = 0u; low < n; low++) {
        var converged = false;
        for (var sweep = 0u; sweep < MOST_SWEEPS; sweep++) {
            // The block low..=high that is not split yet.
            var high = low;
            while (high + 1u < n) {
                if (tridiagonals[e + high * count] <= tolerance) {
                    break;
                }
                high++;
            }
            if (high == low) {
                converged = true;
                break;
            }
            // Wilkinson's shift.
            let first = tridiagonals[d + low * count];
            let root = sqrt(tridiagonals[e + low * count]);
            let ratio = (tridiagonals[d + (low + 1u) * count] - first) / (T(2) * root);
            let hypotenuse = sqrt(ratio * ratio + T(1));
            let shift = first - root / (ratio + select(hypotenuse, -hypotenuse, ratio < T(0)));
            var c = T(1);
            var s = T(0);
            var gamma = tridiagonals[d + high * count] - shift;
            var square = gamma * gamma;
            for (var below = high; below > low; below--) {
                let i = below - 1u;
                let b = tridiagonals[e + i * count];
                let r = square + b;
                if (below != high) {
                    tridiagonals[e + below * count] = s * r;
                }
                let old_c = c;
                let old_gamma = gamma;
                let inverse = T(1) / r;
                c = square * inverse;
                s = b * inverse;
                let alpha = tridiagonals[d + i * count];
                gamma = c * (alpha - shift) - s * old_gamma;
                tridiagonals[d + below * count] = old_gamma + (alpha - gamma);
                if (c != T(0)) {
                    square = gamma * gamma / c;
                } else {
                    square = old_c * b;
                }
            }
            tridiagonals[e + low * count] = s * square;
            tridiagonals[d + low * count] = shift + gamma;
        }
        if (!converged) {
            tridiagonals[d + low * count] = UNCONVERGED;
        }
    }
    let first_result = m.first_result;
    for (var i = 0u; i < n; i++) {
        let x = tridiagonals[d + i * count];
        var place = i;
        while (place > 0u) {
            let other = results[first_result + place - 1u];
            if (other <= x) {
                break;
            }
            results[first_result + place] = other;
            place--;
        }
        results[first_result + place] = x;
    }
}
