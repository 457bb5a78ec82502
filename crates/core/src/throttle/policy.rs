//! Which pod gets the next request.

/// The rule by which a pod is picked. It follows from the revision's limit on concurrency; users
/// cannot choose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The less busy of two random pods: no limit, so any pod will do, but the load should be
    /// even.
    PowerOfTwo,
    /// The first pod with a free slot: few slots a pod, so filling pods in order keeps the last
    /// ones free to go away.
    FirstAvailable,
    /// The next pod with a free slot after the one picked last.
    RoundRobin,
}

impl Policy {
    /// The rule for a `containerConcurrency`.
    #[must_use]
    pub const fn of(container_concurrency: usize) -> Self {
        match container_concurrency {
            0 => Self::PowerOfTwo,
            1..=3 => Self::FirstAvailable,
            _ => Self::RoundRobin,
        }
    }

    /// The order in which to try `count` pods.
    ///
    /// `last` is the index picked last. `busy` tells the requests on a pod, and `luck` is any
    /// random number; both are only asked for [`Policy::PowerOfTwo`], which tries the winner and
    /// then, as it may be gone, the loser.
    pub fn order(
        self,
        count: usize,
        last: usize,
        luck: impl FnOnce() -> u64,
        busy: impl Fn(usize) -> usize,
    ) -> impl Iterator<Item = usize> {
        let (start, tries) = match self {
            Self::PowerOfTwo => return Order::Pair(pair(count, luck, busy)),
            Self::FirstAvailable => (0, count),
            // The list may have become shorter since.
            Self::RoundRobin if last + 1 >= count => (0, count),
            Self::RoundRobin => (last + 1, count),
        };
        Order::Ring {
            next: start,
            left: tries,
            count,
        }
    }
}

enum Order {
    Pair([Option<usize>; 2]),
    Ring {
        next: usize,
        left: usize,
        count: usize,
    },
}

impl Iterator for Order {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        match self {
            Self::Pair([first, second]) => first.take().or_else(|| second.take()),
            Self::Ring { left: 0, .. } => None,
            Self::Ring { next, left, count } => {
                let index = *next;
                *left -= 1;
                *next = (index + 1) % *count;
                Some(index)
            }
        }
    }
}

/// Two different pods, the less busy one first; a coin decides between equals.
fn pair(
    count: usize,
    luck: impl FnOnce() -> u64,
    busy: impl Fn(usize) -> usize,
) -> [Option<usize>; 2] {
    if count < 2 {
        return [(count == 1).then_some(0), None];
    }
    let luck = luck();
    let (coin, luck) = (luck & 1 == 1, luck >> 1);
    let count = count as u64;
    let a = luck % count;
    let b = (a + 1 + (luck / count) % (count - 1)) % count;
    let (a, b) = (a as usize, b as usize);
    let a_wins = match busy(a).cmp(&busy(b)) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Greater => false,
        std::cmp::Ordering::Equal => coin,
    };
    if a_wins {
        [Some(a), Some(b)]
    } else {
        [Some(b), Some(a)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(policy: Policy, count: usize, last: usize) -> Vec<usize> {
        policy.order(count, last, || 0, |_| 0).collect()
    }

    #[test]
    fn the_limit_chooses_the_rule() {
        assert_eq!(Policy::of(0), Policy::PowerOfTwo);
        assert_eq!(Policy::of(1), Policy::FirstAvailable);
        assert_eq!(Policy::of(3), Policy::FirstAvailable);
        assert_eq!(Policy::of(4), Policy::RoundRobin);
    }

    #[test]
    fn round_robin_goes_on_after_the_last_pick() {
        assert_eq!(order(Policy::RoundRobin, 3, 0), [1, 2, 0]);
        assert_eq!(order(Policy::RoundRobin, 3, 2), [0, 1, 2]);
        assert_eq!(order(Policy::RoundRobin, 3, 9), [0, 1, 2]);
        assert!(order(Policy::RoundRobin, 0, 0).is_empty());
    }

    #[test]
    fn first_available_begins_at_the_first() {
        assert_eq!(order(Policy::FirstAvailable, 3, 1), [0, 1, 2]);
    }

    #[test]
    fn an_empty_list_picks_nobody() {
        assert!(order(Policy::PowerOfTwo, 0, 0).is_empty());
        assert_eq!(order(Policy::PowerOfTwo, 1, 0), [0]);
    }

    proptest! {
        #[test]
        fn power_of_two_compares_two_different_pods(
            count in 2usize..50, luck: u64, loads in proptest::collection::vec(0usize..5, 50),
        ) {
            let picked: Vec<usize> =
                Policy::PowerOfTwo.order(count, 0, || luck, |pod| loads[pod]).collect();
            prop_assert_eq!(picked.len(), 2);
            prop_assert!(picked[0] != picked[1]);
            prop_assert!(picked.iter().all(|pod| *pod < count));
            prop_assert!(loads[picked[0]] <= loads[picked[1]]);
        }
    }
}
