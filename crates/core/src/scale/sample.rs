//! Which pods to ask, and what their answers say about all of them.
//!
//! Asking every pod of a large revision each second costs more than it tells. For more than three
//! pods a sample is asked whose mean is within 5 % of the truth with 95 % confidence (finite
//! population, standard deviation of a tenth), and the sum is extrapolated.

use crate::stat::Stat;

/// The name that an extrapolated [`Stat`] carries instead of a pod's.
pub const SCRAPER: &str = "service-scraper";

/// How many of `population` pods to ask. 16 at most.
///
/// `⌈N·X / (N + X − 1)⌉` with `X = 1.96² · 100 / 5²`, and everybody where `N ≤ 3`.
#[must_use]
pub fn size(population: usize) -> usize {
    const UNBOUNDED: f64 = 1.96 * 1.96 * 100.0 / 25.0;
    if population <= 3 {
        return population;
    }
    let population = population as f64;
    (population * UNBOUNDED / (population + UNBOUNDED - 1.0)).ceil() as usize
}

/// The load of all `population` pods, from the answers of some. `None` without an answer: no data
/// is not an idle revision.
///
/// The divisor is the number of answers, not of questions, so a pod that did not answer is taken to
/// be as busy as the others and does not lose their data.
#[must_use]
pub fn extrapolate(answers: &[Stat], population: usize) -> Option<Stat> {
    if answers.is_empty() {
        return None;
    }
    let factor = population as f64 / answers.len() as f64;
    let all = |part: fn(&Stat) -> f64| answers.iter().map(part).sum::<f64>() * factor;
    Some(Stat {
        pod_name: SCRAPER.to_owned(),
        average_concurrent_requests: all(|stat| stat.average_concurrent_requests),
        average_proxied_concurrent_requests: all(|stat| stat.average_proxied_concurrent_requests),
        request_count: all(|stat| stat.request_count),
        proxied_request_count: all(|stat| stat.proxied_request_count),
        process_uptime: 0.0,
        timestamp: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_grows_slowly() {
        let upper_bounds = [
            (3, 3),
            (5, 4),
            (6, 5),
            (9, 6),
            (12, 7),
            (15, 8),
            (20, 9),
            (26, 10),
            (36, 11),
            (51, 12),
            (78, 13),
            (147, 14),
            (588, 15),
            (1_000_000, 16),
        ];
        for (population, asked) in upper_bounds {
            assert_eq!(size(population), asked, "{population}");
        }
        for (population, asked) in [(0, 0), (1, 1), (2, 2), (4, 4), (7, 6), (589, 16)] {
            assert_eq!(size(population), asked, "{population}");
        }
    }

    fn busy(concurrency: f64) -> Stat {
        Stat {
            average_concurrent_requests: concurrency,
            average_proxied_concurrent_requests: concurrency / 2.0,
            request_count: 2.0 * concurrency,
            proxied_request_count: concurrency,
            process_uptime: 9.0,
            ..Stat::default()
        }
    }

    #[test]
    fn the_answers_stand_for_all_pods() {
        let stat = extrapolate(&[busy(1.0), busy(3.0)], 10).unwrap();
        assert_eq!(stat.pod_name, SCRAPER);
        assert_eq!(stat.average_concurrent_requests, 20.0);
        assert_eq!(stat.average_proxied_concurrent_requests, 10.0);
        assert_eq!(stat.request_count, 40.0);
        assert_eq!(stat.proxied_request_count, 20.0);
    }

    #[test]
    fn a_pod_that_did_not_answer_counts_as_busy_as_the_others() {
        let stat = extrapolate(&[busy(4.0), busy(4.0)], 3).unwrap();
        assert_eq!(stat.average_concurrent_requests, 12.0);
    }

    #[test]
    fn no_answer_is_no_data() {
        assert_eq!(extrapolate(&[], 3), None);
    }
}
