//! Reference of `shaders/assembly.wgsl`.

use super::Scalar;

/// The dense matrix `D_w − A_w + V` of a graph without repeated edges,
/// row-major with `stride` entries a row; weights are 1 and the potential 0
/// where there is none.
pub(crate) fn assemble<T: Scalar>(
    n: usize,
    stride: usize,
    edges: &[(u32, u32)],
    weights: Option<&[T]>,
    potential: Option<&[T]>,
) -> Vec<T> {
    let one = T::from_f64(1.0);
    let mut dense = vec![T::default(); stride * stride];
    for (k, &(i, j)) in edges.iter().enumerate() {
        let (i, j) = (i as usize, j as usize);
        let weight = weights.map_or(one, |weights| weights[k]);
        dense[i * stride + j] = -weight;
        dense[j * stride + i] = -weight;
    }
    for i in 0..n {
        let mut x = T::default();
        for j in (0..n).filter(|&j| j != i) {
            x -= dense[i * stride + j];
        }
        if let Some(potential) = potential {
            x += potential[i];
        }
        dense[i * stride + i] = x;
    }
    dense
}
