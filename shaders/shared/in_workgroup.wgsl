// The matrix of this workgroup, in its own memory.

var<workgroup> entries: array<T, MATRIX_SIZE>;

fn select_matrix(index: u32) {}

fn load(k: u32) -> T {
    return entries[k];
}

fn store(k: u32, x: T) {
    entries[k] = x;
}

fn entries_written() {
    workgroupBarrier();
}
