//! Figures out of samples.

/// Samples of one thing, in order of size.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn new(samples: impl IntoIterator<Item = f64>) -> Self {
        let mut samples: Vec<f64> = samples.into_iter().collect();
        samples.sort_by(f64::total_cmp);
        Self(samples)
    }

    /// The middle one, or the mean of the two in the middle.
    pub(crate) fn median(&self) -> Option<f64> {
        let middle = self.0.len() / 2;
        let upper = *self.0.get(middle)?;
        Some(if self.0.len() % 2 == 1 { upper } else { f64::midpoint(self.0[middle - 1], upper) })
    }

    /// The least sample that 99 % are not above.
    pub(crate) fn p99(&self) -> Option<f64> {
        let rank = (self.0.len() * 99).div_ceil(100);
        self.0.get(rank.checked_sub(1)?).copied()
    }
}

/// The fewest against the most: 1 when all got the same.
pub(crate) fn fairness(counts: &[u64]) -> Option<f64> {
    let (fewest, most) = (*counts.iter().min()?, *counts.iter().max()?);
    (most > 0).then(|| number(fewest) / number(most))
}

/// A count or a time as a number to calculate with.
#[allow(clippy::cast_precision_loss, reason = "figures are far below 2^53")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these are exact")]
mod tests {
    use super::*;

    fn up_to(last: u32) -> Samples {
        Samples::new((1..=last).rev().map(f64::from))
    }

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(Samples::new([9.0, 1.0, 5.0]).median(), Some(5.0));
        assert_eq!(Samples::new([9.0, 1.0, 5.0, 6.0]).median(), Some(5.5));
        assert_eq!(Samples::new([]).median(), None);
    }

    #[test]
    fn one_in_a_hundred_is_above_the_p99() {
        assert_eq!(up_to(100).p99(), Some(99.0));
        assert_eq!(up_to(1000).p99(), Some(990.0));
        assert_eq!(up_to(10).p99(), Some(10.0));
        assert_eq!(up_to(1).p99(), Some(1.0));
        assert_eq!(up_to(0).p99(), None);
    }

    #[test]
    fn fairness_is_the_fewest_against_the_most() {
        assert_eq!(fairness(&[40, 50, 45]), Some(0.8));
        assert_eq!(fairness(&[7, 7]), Some(1.0));
        assert_eq!(fairness(&[0, 7]), Some(0.0));
        assert_eq!(fairness(&[0, 0]), None);
        assert_eq!(fairness(&[]), None);
    }
}
