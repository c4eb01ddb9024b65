//! Binomial tails, intervals and sums of binomials. Knows nothing of audits.

/// A distribution over consecutive integers; what lies outside weighs less
/// than 1e-18.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Distribution {
    pub(super) start: u64,
    pub(super) mass: Vec<f64>,
}

/// Mass below this share of the peak is dropped at both ends.
const NEGLIGIBLE: f64 = 1e-22;

impl Distribution {
    /// All mass on zero.
    pub(super) fn zero() -> Self {
        Self { start: 0, mass: vec![1.0] }
    }

    /// Successes among `n` trials of probability `p`.
    pub(super) fn binomial(n: u64, p: f64) -> Self {
        if p <= 0.0 || n == 0 {
            return Self::zero();
        }
        if p >= 1.0 {
            return Self { start: n, mass: vec![1.0] };
        }
        let odds = p / (1.0 - p);
        let mode = (((n + 1) as f64 * p) as u64).min(n);
        let up = |k: u64| (n - k) as f64 / (k + 1) as f64 * odds;
        let (mut above, mut weight, mut k) = (vec![1.0], 1.0, mode);
        while k < n && weight > NEGLIGIBLE {
            weight *= up(k);
            above.push(weight);
            k += 1;
        }
        let (mut below, mut weight, mut k) = (Vec::new(), 1.0, mode);
        while k > 0 && weight > NEGLIGIBLE {
            k -= 1;
            weight /= up(k);
            below.push(weight);
        }
        below.reverse();
        below.extend(above);
        Self { start: k, mass: below }.normalised()
    }

    /// The distribution of the sum of two independent numbers.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut mass = vec![0.0; self.mass.len() + other.mass.len() - 1];
        for (i, a) in self.mass.iter().enumerate() {
            for (slot, b) in mass[i..].iter_mut().zip(&other.mass) {
                *slot += a * b;
            }
        }
        let peak = mass.iter().copied().fold(0.0, f64::max);
        let matters = |m: &f64| *m > peak * NEGLIGIBLE;
        let first = mass.iter().position(matters).unwrap_or(0);
        let last = mass.iter().rposition(matters).unwrap_or(0);
        let start = self.start + other.start + first as u64;
        Self { start, mass: mass[first..=last].to_vec() }.normalised()
    }

    fn normalised(mut self) -> Self {
        let total: f64 = self.mass.iter().sum();
        self.mass.iter_mut().for_each(|m| *m /= total);
        self
    }

    /// Smallest number whose cumulative probability reaches `share`.
    pub(super) fn quantile(&self, share: f64) -> u64 {
        let mut cumulative = 0.0;
        let reached = |m: &f64| {
            cumulative += m;
            cumulative >= share
        };
        let at = self.mass.iter().position(reached).unwrap_or(self.mass.len() - 1);
        self.start + at as u64
    }

    /// Probability of at least `k`.
    pub(super) fn at_least(&self, k: u64) -> f64 {
        let from = k.saturating_sub(self.start).min(self.mass.len() as u64) as usize;
        if k <= self.start { 1.0 } else { self.mass[from..].iter().rev().sum() }
    }
}

/// Clopper and Pearson's exact interval for a rate: `successes` of `trials`,
/// each end missed with probability at most `alpha / 2`. Between whole numbers
/// of successes the ends are those of the beta distribution.
pub(super) fn clopper_pearson(successes: f64, trials: f64, alpha: f64) -> (f64, f64) {
    let (x, n) = (successes, trials);
    let low = if x <= 0.0 { 0.0 } else { solve(|p| beta_cdf(p, x, n - x + 1.0), alpha / 2.0) };
    let high = if x >= n { 1.0 } else { solve(|p| beta_cdf(p, x + 1.0, n - x), 1.0 - alpha / 2.0) };
    (low, high)
}

/// Where a rising function of 0..1 reaches `target`.
pub(super) fn solve(rising: impl Fn(f64) -> f64, target: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if rising(middle) < target {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The regularised incomplete beta function I_x(a, b), by Lentz's continued
/// fraction (Numerical Recipes, 6.4).
pub(super) fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_cdf(1.0 - x, b, a);
    }
    let ln_front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
        + a * libm::log(x)
        + b * libm::log1p(-x);
    let guard = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let (mut c, mut d) = (1.0, 1.0 / guard(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..100_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / guard(1.0 + term * d);
            c = guard(1.0 + term / c);
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    libm::exp(ln_front) * fraction / a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_tables() {
        let near = |(low, high): (f64, f64), (l, h): (f64, f64)| {
            assert!((low - l).abs() < 1e-6 && (high - h).abs() < 1e-6, "{low} {high}");
        };
        near(clopper_pearson(3.0, 10.0, 0.05), (0.066_739_511, 0.652_452_855));
        near(clopper_pearson(0.0, 10.0, 0.05), (0.0, 0.308_497_1));
        near(clopper_pearson(10.0, 10.0, 0.05), (0.691_502_9, 1.0));
        let (low, high) = clopper_pearson(5e5, 1e6, 0.05);
        assert!(low > 0.4990 && low < 0.4991 && high > 0.5009 && high < 0.5010, "{low} {high}");
    }

    #[test]
    fn sums_of_binomials_are_binomial() {
        let sum = Distribution::binomial(7, 0.3).plus(&Distribution::binomial(13, 0.3));
        let whole = Distribution::binomial(20, 0.3);
        for k in 0..=21 {
            assert!((sum.at_least(k) - whole.at_least(k)).abs() < 1e-14);
        }
        assert!((whole.at_least(20) - 0.3f64.powi(20)).abs() < 1e-24);
        assert_eq!((whole.quantile(0.5), whole.at_least(0)), (6, 1.0));
        let mixed = Distribution::binomial(1, 0.5).plus(&Distribution::binomial(1, 0.25));
        assert_eq!(mixed.mass, [0.375, 0.5, 0.125]);
    }
}
