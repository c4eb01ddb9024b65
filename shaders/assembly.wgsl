// The dense matrix `D_w − A_w + V` of one graph, row-major with `stride`
// entries a row. CPU twin: src/spectra/twin/assembly.rs.

fn assemble(m: Matrix, stride: u32, worker: u32) {
    for (var k = worker; k < stride * stride; k += WORKERS) {
        store(k, T(0));
    }
    entries_written();
    for (var k = worker; k < m.edge_count; k += WORKERS) {
        let edge = edges[m.first_edge + k];
        let i = edge & 0xffffu;
        let j = edge >> 16u;
        var weight = T(1);
        if (m.weighted) {
            weight = reals[m.first_real + k];
        }
        store(i * stride + j, -weight);
        store(j * stride + i, -weight);
    }
    entries_written();
    // A node's diagonal entry by one worker, in ascending order of the other
    // nodes: no atomic sums, and no order that a driver could choose.
    for (var i = worker; i < m.n; i += WORKERS) {
        var x = T(0);
        for (var j = 0u; j < m.n; j++) {
            if (j != i) {
                x -= load(i * stride + j);
            }
        }
        if (m.has_potential) {
            x += reals[m.first_real + select(0u, m.edge_count, m.weighted) + i];
        }
        store(i * stride + i, x);
    }
    entries_written();
}
