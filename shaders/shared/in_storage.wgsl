// The matrix of this workgroup, in the workspace of the batch.

var<private> first_entry: u32;

fn select_matrix(index: u32) {
    first_entry = index * MATRIX_SIZE;
}

fn load(k: u32) -> T {
    return workspace[first_entry + k];
}

fn store(k: u32, x: T) {
    workspace[first_entry + k] = x;
}

fn entries_written() {
    storageBarrier();
    workgroupBarrier();
}
