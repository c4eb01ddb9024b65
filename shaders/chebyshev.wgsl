// Chebyshev polynomials of a sparse matrix on 16 random vectors side by side, and
// the products of neighbouring ones. Reference: src/spectra/large/moments.rs.

const WIDTH: u32 = 16u;
const WORKERS: u32 = 256u;
const ROWS: u32 = WORKERS / WIDTH;

struct Step {
    n: u32,
    // Workgroups that advance the rows.
    groups: u32,
    // What the vectors are drawn with: seed, group of 32 vectors, first of them.
    seed: u32,
    group: u32,
    first: u32,
    // Where the sums go.
    step: u32,
    // next = factor * A last - before * next
    factor: f32,
    before: f32,
}

@group(0) @binding(0) var<uniform> step: Step;
// Entries of row i: starts[i] to starts[i + 1].
@group(0) @binding(1) var<storage, read> starts: array<u32>;
// Columns and bits of entries.
@group(0) @binding(2) var<storage, read> entries: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read> diagonal: array<f32>;
// By row, then by vector.
@group(0) @binding(4) var<storage, read_write> last: array<f32>;
@group(0) @binding(5) var<storage, read_write> next: array<f32>;
// By workgroup, then by product, then by vector.
@group(0) @binding(6) var<storage, read_write> parts: array<f32>;
// By step, then by product, then by vector.
@group(0) @binding(7) var<storage, read_write> sums: array<f32>;

var<workgroup> same: array<f32, WORKERS>;
var<workgroup> other: array<f32, WORKERS>;

// Jarzynski and Olano (2020).
fn hash(value: u32) -> u32 {
    let state = value * 747796405u + 2891336453u;
    let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
    return (word >> 22u) ^ word;
}

@compute @workgroup_size(256)
fn start(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) counts: vec3<u32>,
    @builtin(local_invocation_index) worker: u32,
) {
    let group = id.y * counts.x + id.x;
    let row = group * ROWS + worker / WIDTH;
    let lane = worker % WIDTH;
    if (group >= step.groups || row >= step.n) {
        return;
    }
    let word = hash(row ^ hash(step.group ^ hash(step.seed)));
    let bit = (word >> (step.first + lane)) & 1u;
    last[row * WIDTH + lane] = select(1.0, -1.0, bit == 1u);
    next[row * WIDTH + lane] = 0.0;
}

@compute @workgroup_size(256)
fn advance(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) counts: vec3<u32>,
    @builtin(local_invocation_index) worker: u32,
) {
    let group = id.y * counts.x + id.x;
    let row = group * ROWS + worker / WIDTH;
    let lane = worker % WIDTH;
    let at = row * WIDTH + lane;
    same[worker] = 0.0;
    other[worker] = 0.0;
    if (group < step.groups && row < step.n) {
        let own = last[at];
        var product = diagonal[row] * own;
        for (var k = starts[row]; k < starts[row + 1u]; k++) {
            let entry = entries[k];
            product += bitcast<f32>(entry.y) * last[entry.x * WIDTH + lane];
        }
        let value = step.factor * product - step.before * next[at];
        next[at] = value;
        same[worker] = own * own;
        other[worker] = own * value;
    }
    // Rows are halved: a tree of sums for each vector.
    for (var left = WORKERS / 2u; left >= WIDTH; left = left / 2u) {
        workgroupBarrier();
        if (worker < left) {
            same[worker] += same[worker + left];
            other[worker] += other[worker + left];
        }
    }
    if (group < step.groups && worker < WIDTH) {
        parts[group * 2u * WIDTH + worker] = same[worker];
        parts[group * 2u * WIDTH + WIDTH + worker] = other[worker];
    }
}

// One workgroup for each product and vector.
@compute @workgroup_size(256)
fn total(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(local_invocation_index) worker: u32,
) {
    var sum = 0.0;
    for (var group = worker; group < step.groups; group += WORKERS) {
        sum += parts[group * 2u * WIDTH + id.x];
    }
    same[worker] = sum;
    for (var left = WORKERS / 2u; left >= 1u; left = left / 2u) {
        workgroupBarrier();
        if (worker < left) {
            same[worker] += same[worker + left];
        }
    }
    if (worker == 0u) {
        sums[step.step * 2u * WIDTH + id.x] = same[0];
    }
}
