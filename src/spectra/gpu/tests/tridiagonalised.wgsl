@compute @workgroup_size(WORKERS)
fn tridiagonalised(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) worker: u32,
) {
    let m = matrix_of(group.x);
    select_matrix(group.x);
    assemble(m, m.n, worker);
    tridiagonalise(m.n, worker);
    for (var i = worker; i < m.n; i += WORKERS) {
        results[m.first_result + i] = diagonal[i];
        results[m.first_result + m.n + i] = subdiagonal[i];
    }
}
