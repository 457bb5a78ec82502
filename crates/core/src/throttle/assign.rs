//! Which of a revision's pods one of its activators uses.

use std::net::IpAddr;

/// The place of one activator among those that serve a revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// Activators that serve the revision; 0 as long as that is unknown.
    pub activators: usize,
    /// Own place in the order of addresses written as text; `None` as long as we are not among
    /// them.
    pub own: Option<usize>,
}

impl Seat {
    /// The seat of `own` among `activators`, or `None` if it is not among them, in which case the
    /// caller keeps the seat it has.
    ///
    /// Addresses are ordered as text, since every replica must order them alike and upstream's do
    /// so.
    #[must_use]
    pub fn find(own: IpAddr, activators: impl IntoIterator<Item = IpAddr>) -> Option<Self> {
        let mut all: Vec<String> = activators.into_iter().map(|ip| ip.to_string()).collect();
        all.sort_unstable();
        all.dedup();
        let place = all.binary_search(&own.to_string()).ok()?;
        Some(Self {
            activators: all.len(),
            own: Some(place),
        })
    }
}

/// The indexes of the pods that an activator in `seat` uses, out of `pods` in the order of their
/// addresses.
///
/// Without a limit on concurrency every activator uses all. With one, pods are dealt out in
/// slices so that two activators do not both fill the same pod; pods left over go to the first
/// activators, one each. When activators outnumber pods, each still uses one.
#[must_use]
pub fn assigned(pods: usize, container_concurrency: usize, seat: Seat) -> Vec<usize> {
    let Seat { activators, own } = seat;
    let all = || (0..pods).collect();
    match own {
        None => all(),
        Some(_) if container_concurrency == 0 || pods <= 1 || activators <= 1 => all(),
        Some(own) if activators > pods => vec![own % pods],
        Some(own) => {
            let share = pods / activators;
            let left_over = pods % activators;
            let slice = own * share..(own + 1) * share;
            let extra = (own < left_over).then_some(pods - left_over + own);
            slice.chain(extra).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seat(activators: usize, own: usize) -> Seat {
        Seat {
            activators,
            own: Some(own),
        }
    }

    #[test]
    fn slices_are_those_of_the_specification() {
        assert_eq!(assigned(10, 5, seat(3, 0)), [0, 1, 2, 9]);
        assert_eq!(assigned(10, 5, seat(3, 1)), [3, 4, 5]);
        assert_eq!(assigned(10, 5, seat(3, 2)), [6, 7, 8]);
        assert_eq!(assigned(2, 5, seat(3, 0)), [0]);
        assert_eq!(assigned(2, 5, seat(3, 1)), [1]);
        assert_eq!(assigned(2, 5, seat(3, 2)), [0]);
        let last: Vec<usize> = (120..150).collect();
        assert_eq!(assigned(150, 5, seat(5, 4)), last);
    }

    #[test]
    fn without_a_limit_or_a_seat_every_pod_is_used() {
        assert_eq!(assigned(3, 0, seat(3, 1)), [0, 1, 2]);
        assert_eq!(assigned(3, 5, Seat::default()), [0, 1, 2]);
        assert_eq!(assigned(1, 5, seat(3, 2)), [0]);
        assert!(assigned(0, 5, seat(3, 2)).is_empty());
    }

    #[test]
    fn addresses_are_ordered_as_text() {
        let ips = ["10.0.0.9", "10.0.0.10", "10.0.0.2"].map(|ip| ip.parse().unwrap());
        let found = |own: &str| Seat::find(own.parse().unwrap(), ips);
        assert_eq!(found("10.0.0.10"), Some(seat(3, 0)));
        assert_eq!(found("10.0.0.2"), Some(seat(3, 1)));
        assert_eq!(found("10.0.0.9"), Some(seat(3, 2)));
        assert_eq!(found("10.0.0.3"), None);
    }

    proptest! {
        #[test]
        fn every_pod_is_used_by_exactly_one_activator_if_there_are_enough_pods(
            pods in 1usize..200, activators in 1usize..50,
        ) {
            prop_assume!(activators <= pods);
            let mut all: Vec<usize> =
                (0..activators).flat_map(|own| assigned(pods, 1, seat(activators, own))).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..pods).collect::<Vec<_>>());
        }
    }
}
