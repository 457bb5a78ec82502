//! Weighted choice between backends.

/// Backends with shares. One without a share is not even stored, so it cannot be picked.
#[derive(Clone, Debug)]
pub struct Splits<T> {
    /// Running sums of the shares, strictly increasing, one for each target.
    bounds: Box<[u32]>,
    targets: Box<[T]>,
}

impl<T> Splits<T> {
    /// Keeps the targets that have a share, in the order given.
    pub fn new(shares: impl IntoIterator<Item = (u32, T)>) -> Self {
        let mut total = 0u32;
        let (bounds, targets): (Vec<u32>, Vec<T>) = shares
            .into_iter()
            .filter(|(share, _)| *share > 0)
            .map(|(share, target)| {
                total = total.saturating_add(share);
                (total, target)
            })
            .unzip();
        Self {
            bounds: bounds.into(),
            targets: targets.into(),
        }
    }

    /// The target that a random number falls on. Every `u32` is as good as any other: the number is scaled to the
    /// sum of the shares, which need not be 100. `None` when nobody has a share.
    pub fn pick(&self, random: u32) -> Option<&T> {
        match &*self.targets {
            [] => None,
            [only] => Some(only),
            several => {
                let total = *self.bounds.last()?;
                // Upper half of a 32 × 32 bit product: evenly spread over 0..total, without a division.
                let point = ((u64::from(random) * u64::from(total)) >> 32) as u32;
                several.get(self.bounds.partition_point(|bound| *bound <= point))
            }
        }
    }

    /// Every target that has a share.
    pub fn targets(&self) -> &[T] {
        &self.targets
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `pick` for `draws` evenly spaced random numbers, counted by target.
    fn count(shares: &[u32], draws: u32) -> Vec<u32> {
        let splits = Splits::new(shares.iter().copied().zip(0usize..));
        let mut counts = vec![0; shares.len()];
        for draw in 0..draws {
            let random = ((u64::from(draw) << 32) / u64::from(draws)) as u32;
            if let Some(target) = splits.pick(random) {
                counts[*target] += 1;
            }
        }
        counts
    }

    #[test]
    fn zero_percent_gets_nothing() {
        assert_eq!(
            count(&[1, 2, 4, 8, 16, 32, 37, 0, 0, 0], 10_000)[7..],
            [0, 0, 0]
        );
        assert_eq!(count(&[0, 100], 1000), [0, 1000]);
    }

    #[test]
    fn nothing_is_picked_when_nobody_has_a_share() {
        assert!(Splits::new([(0, ()), (0, ())]).pick(7).is_none());
    }

    #[test]
    fn the_largest_random_number_is_in_range() {
        assert_eq!(
            Splits::new([(50, 'a'), (50, 'b')]).pick(u32::MAX),
            Some(&'b')
        );
    }

    proptest! {
        #[test]
        fn shares_are_met_within_one_draw(shares in prop::collection::vec(0u32..=100, 1..12)) {
            let total: u32 = shares.iter().sum();
            let draws = 1000;
            for (share, got) in shares.iter().zip(count(&shares, draws)) {
                if *share == 0 {
                    prop_assert_eq!(got, 0);
                } else {
                    let exact = f64::from(*share) * f64::from(draws) / f64::from(total);
                    prop_assert!((f64::from(got) - exact).abs() <= 1.0, "share {} of {}: {}", share, total, got);
                }
            }
        }
    }
}
