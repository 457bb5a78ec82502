//! How many requests of a revision one activator lets through at once.

/// As good as no limit.
pub const UNLIMITED: usize = i32::MAX as usize;

/// What the requests of a revision go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backends {
    /// Pods that the activator picks itself; only those assigned to it count.
    Pods {
        /// How many.
        assigned: usize,
    },
    /// The address of the private Service: whoever runs the cluster's network picks the pod.
    Service {
        /// Ready pods behind it.
        ready: usize,
        /// Activators that share them; 0 as long as that is unknown.
        activators: usize,
    },
}

/// Requests that may be on their way to `backends` at once; 0 makes all of them wait.
///
/// `container_concurrency` 0 is no limit, as long as there is a backend at all. Behind a Service
/// each activator gets its share, rounded down but at least 1, as a share of nothing would hold
/// requests back for ever.
#[must_use]
pub fn capacity(container_concurrency: usize, backends: Backends) -> usize {
    let (count, share_of) = match backends {
        Backends::Pods { assigned } => (assigned, 1),
        Backends::Service { ready, activators } => (ready, activators.max(1)),
    };
    match (count, container_concurrency) {
        (0, _) => 0,
        (_, 0) => UNLIMITED,
        (_, limit) => (limit.saturating_mul(count) / share_of).clamp(1, UNLIMITED),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Seat, assigned};
    use super::*;

    fn service(ready: usize, activators: usize, limit: usize) -> usize {
        capacity(limit, Backends::Service { ready, activators })
    }

    fn pods(count: usize, activators: usize, own: usize, limit: usize) -> usize {
        let seat = Seat {
            activators,
            own: Some(own),
        };
        let assigned = assigned(count, limit, seat).len();
        capacity(limit, Backends::Pods { assigned })
    }

    #[test]
    fn the_table_of_the_specification_holds() {
        assert_eq!(service(10, 5, 10), 20);
        assert_eq!(service(10, 200, 10), 1);
        assert_eq!(service(0, 200, 10), 0);
        assert_eq!(pods(2, 1, 0, 10), 20);
        assert_eq!(pods(2, 2, 0, 10), 10);
        assert_eq!(pods(3, 2, 0, 10), 20);
        assert_eq!(pods(3, 2, 1, 10), 10);
        assert_eq!(pods(5, 2, 0, 1), 3);
        assert_eq!(pods(5, 2, 1, 1), 2);
    }

    #[test]
    fn no_limit_still_needs_a_backend() {
        assert_eq!(service(3, 7, 0), UNLIMITED);
        assert_eq!(service(0, 0, 0), 0);
        assert_eq!(pods(4, 2, 1, 0), UNLIMITED);
    }
}
