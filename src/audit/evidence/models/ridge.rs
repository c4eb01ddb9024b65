//! Weighted ridge regression on few dense and many sparse binary columns.

/// Iterations of conjugate gradients at most; the residual stops them sooner.
const MAX_ITERATIONS: usize = 80;
/// Share of the first residual at which the iteration ends.
const ENOUGH: f64 = 1e-7;

/// Rows of features: dense columns, and which binary columns are set.
#[derive(Debug, Clone, Default)]
pub(super) struct Design {
    dense_width: usize,
    sparse_width: usize,
    dense: Vec<f64>,
    /// Where each row's sparse columns end.
    ends: Vec<usize>,
    sparse: Vec<u32>,
}

impl Design {
    pub(super) fn new(dense_width: usize, sparse_width: usize) -> Self {
        Self { dense_width, sparse_width, ..Self::default() }
    }

    /// Adds a row. Dense values beyond the width are left out, missing ones
    /// are 0; sparse columns beyond the width are left out.
    pub(super) fn push(&mut self, dense: &[f64], sparse: impl IntoIterator<Item = u32>) {
        let value = |i| dense.get(i).copied().filter(|v: &f64| v.is_finite()).unwrap_or(0.0);
        self.dense.extend((0..self.dense_width).map(value));
        let width = self.sparse_width as u32;
        self.sparse.extend(sparse.into_iter().filter(|column| *column < width));
        self.ends.push(self.sparse.len());
    }

    pub(super) fn rows(&self) -> usize {
        self.ends.len()
    }

    fn dense_of(&self, row: usize) -> &[f64] {
        &self.dense[row * self.dense_width..(row + 1) * self.dense_width]
    }

    fn sparse_of(&self, row: usize) -> &[u32] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.sparse[start..self.ends[row]]
    }
}

/// A row that is fitted to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Target {
    pub(super) row: usize,
    pub(super) value: f64,
    pub(super) weight: f64,
}

/// A fitted regression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ridge {
    /// Mean and scale of each dense column.
    scales: Vec<(f64, f64)>,
    /// Intercept, dense columns, sparse columns.
    coefficients: Vec<f64>,
}

impl Ridge {
    /// Minimises Σ w (y − b − xβ)² + λ |β|², dense columns scaled to variance
    /// 1, by conjugate gradients (Hestenes and Stiefel 1952). All zero without
    /// targets.
    pub(super) fn fit(design: &Design, targets: &[Target], penalty: f64) -> Self {
        let scales = scales(design, targets);
        let mut ridge =
            Self { coefficients: vec![0.0; 1 + design.dense_width + design.sparse_width], scales };
        let mut right = vec![0.0; ridge.coefficients.len()];
        for target in targets {
            ridge.spread(design, target.row, target.weight * target.value, &mut right);
        }
        // Plain steps would crawl: intercept and columns differ in size.
        let inverse: Vec<f64> = ridge.diagonal(design, targets, penalty);
        let mut solution = vec![0.0; right.len()];
        let mut residual = right;
        let mut direction: Vec<f64> = residual.iter().zip(&inverse).map(|(r, i)| r * i).collect();
        let mut error = dot(&residual, &direction);
        let enough = error * ENOUGH * ENOUGH;
        for _ in 0..MAX_ITERATIONS {
            if error <= enough || error <= 0.0 {
                break;
            }
            let image = ridge.normal_product(design, targets, penalty, &direction);
            let step = error / dot(&direction, &image);
            for i in 0..solution.len() {
                solution[i] += step * direction[i];
                residual[i] -= step * image[i];
            }
            let scaled: Vec<f64> = residual.iter().zip(&inverse).map(|(r, i)| r * i).collect();
            let next = dot(&residual, &scaled);
            let keep = next / error;
            direction.iter_mut().zip(&scaled).for_each(|(d, s)| *d = s + keep * *d);
            error = next;
        }
        ridge.coefficients = solution;
        ridge
    }

    /// The prediction for a row of a design of the same columns.
    pub(super) fn predict(&self, design: &Design, row: usize) -> f64 {
        self.along(design, row, &self.coefficients)
    }

    /// A row's product with coefficients.
    fn along(&self, design: &Design, row: usize, coefficients: &[f64]) -> f64 {
        let mut sum = coefficients[0];
        let dense = design.dense_of(row).iter().zip(&self.scales);
        for ((value, (mean, scale)), coefficient) in dense.zip(&coefficients[1..]) {
            sum += (value - mean) * scale * coefficient;
        }
        let first = 1 + design.dense_width;
        sum + design.sparse_of(row).iter().map(|c| coefficients[first + *c as usize]).sum::<f64>()
    }

    /// Adds a multiple of a row.
    fn spread(&self, design: &Design, row: usize, times: f64, to: &mut [f64]) {
        to[0] += times;
        let dense = design.dense_of(row).iter().zip(&self.scales);
        for ((value, (mean, scale)), slot) in dense.zip(&mut to[1..]) {
            *slot += times * (value - mean) * scale;
        }
        let first = 1 + design.dense_width;
        design.sparse_of(row).iter().for_each(|column| to[first + *column as usize] += times);
    }

    fn normal_product(
        &self,
        design: &Design,
        targets: &[Target],
        penalty: f64,
        direction: &[f64],
    ) -> Vec<f64> {
        let mut image: Vec<f64> = direction.iter().map(|d| penalty * d).collect();
        image[0] = 0.0;
        for target in targets {
            let along = self.along(design, target.row, direction);
            self.spread(design, target.row, target.weight * along, &mut image);
        }
        image
    }

    /// 1 over the diagonal of the normal equations.
    fn diagonal(&self, design: &Design, targets: &[Target], penalty: f64) -> Vec<f64> {
        let mut diagonal = vec![penalty; self.coefficients.len()];
        diagonal[0] = 0.0;
        let first = 1 + design.dense_width;
        for Target { row, weight, .. } in targets {
            diagonal[0] += weight;
            let dense = design.dense_of(*row).iter().zip(&self.scales);
            for ((value, (mean, scale)), slot) in dense.zip(&mut diagonal[1..]) {
                *slot += weight * (value - mean) * scale * (value - mean) * scale;
            }
            design.sparse_of(*row).iter().for_each(|c| diagonal[first + *c as usize] += weight);
        }
        diagonal.iter().map(|d| if *d > 0.0 { 1.0 / d } else { 0.0 }).collect()
    }
}

/// Weighted mean and 1 / standard deviation of each dense column; 0 where it
/// does not vary.
fn scales(design: &Design, targets: &[Target]) -> Vec<(f64, f64)> {
    let total: f64 = targets.iter().map(|target| target.weight).sum();
    let of = |column: usize| {
        let value = |target: &Target| design.dense_of(target.row)[column];
        let mean = targets.iter().map(|t| t.weight * value(t)).sum::<f64>() / total;
        let square = |t: &Target| t.weight * (value(t) - mean) * (value(t) - mean);
        let variance = targets.iter().map(square).sum::<f64>() / total;
        let scale = if variance > 1e-24 { 1.0 / libm::sqrt(variance) } else { 0.0 };
        if total > 0.0 { (mean, scale) } else { (0.0, 0.0) }
    };
    (0..design.dense_width).map(of).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found() {
        let mut design = Design::new(1, 2);
        let mut targets = Vec::new();
        for i in 0..40 {
            let x = f64::from(i);
            design.push(&[x], (i % 3 == 0).then_some(1));
            let value = 5.0 + 0.25 * x + if i % 3 == 0 { 2.0 } else { 0.0 };
            targets.push(Target { row: i as usize, value, weight: 1.0 + f64::from(i % 2) });
        }
        let ridge = Ridge::fit(&design, &targets, 1e-6);
        for target in &targets {
            let found = ridge.predict(&design, target.row);
            assert!((found - target.value).abs() < 1e-4, "{found} {}", target.value);
        }
        assert_eq!(ridge, Ridge::fit(&design, &targets, 1e-6));
        // A large penalty leaves the weighted mean.
        let flat = Ridge::fit(&design, &targets, 1e12);
        let total: f64 = targets.iter().map(|t| t.weight).sum();
        let mean = targets.iter().map(|t| t.weight * t.value).sum::<f64>() / total;
        assert!((flat.predict(&design, 7) - mean).abs() < 1e-6);
    }

    #[test]
    fn nothing_to_fit_predicts_nothing() {
        let mut design = Design::new(2, 4);
        design.push(&[1.0, f64::NAN], [9, 3]);
        let ridge = Ridge::fit(&design, &[], 1.0);
        assert_eq!((ridge.predict(&design, 0), design.rows()), (0.0, 1));
    }
}
