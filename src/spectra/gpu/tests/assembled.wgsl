@compute @workgroup_size(WORKERS)
fn assembled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) worker: u32,
) {
    let m = matrix_of(group.x);
    select_matrix(group.x);
    assemble(m, m.n, worker);
    for (var k = worker; k < m.n * m.n; k += WORKERS) {
        results[m.first_result + k] = load(k);
    }
}
