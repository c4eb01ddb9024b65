//! Vectors in space. Knows nothing of atoms.

/// Below this length a vector has no direction.
const SHORTEST: f64 = 1e-3;

/// The vector of length 1 in the same direction; `None` for one that has none.
pub(super) fn unit(v: [f64; 3]) -> Option<[f64; 3]> {
    let length = length(v);
    (length > SHORTEST).then(|| v.map(|x| x / length))
}

pub(super) fn length(v: [f64; 3]) -> f64 {
    dot(v, v).sqrt()
}

pub(super) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(super) fn minus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}
