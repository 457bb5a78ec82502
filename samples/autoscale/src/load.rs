//! Work on demand: time, processor, memory.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use crate::query::parameter;
use crate::{App, Body, text};

/// Upper bound of `prime`: a sieve of that size takes 100 MB and about a second.
const MAX_PRIME: usize = 100_000_000;

/// What a small page is on every machine we run on; touching one byte of each makes the memory real.
const PAGE: usize = 4096;

/// Sleeps, computes and allocates as the query says, all at once, and reports what was done.
pub(crate) async fn work(app: &App, request: &Request<Incoming>) -> Response<Body> {
    let _in_work = app.gauge.enter();
    let uri = request.uri();
    let sleep = parameter::<u64>(uri, "sleep");
    let prime = parameter::<usize>(uri, "prime").map(|limit| limit.min(MAX_PRIME));
    let bloat = parameter::<usize>(uri, "bloat");

    let sleeping = async {
        if let Some(milliseconds) = sleep {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        }
    };
    let working = async {
        if prime.is_none() && bloat.is_none() {
            return Ok((None, None));
        }
        // On a thread of its own: a long sieve must not hold up the probes.
        tokio::task::spawn_blocking(move || (prime.and_then(largest_prime), bloat.map(allocate)))
            .await
    };
    let ((), worked) = tokio::join!(sleeping, working);
    let Ok((found, allocated)) = worked else {
        return text(StatusCode::INTERNAL_SERVER_ERROR, "the work was cut off\n");
    };

    let mut report = String::new();
    if !app.identity.target.is_empty() {
        report.push_str(&format!("target {}\n", app.identity.target));
    }
    if let Some(megabytes) = allocated {
        report.push_str(&format!("allocated {megabytes} MB\n"));
    }
    if let (Some(limit), Some(found)) = (prime, found) {
        report.push_str(&format!("largest prime up to {limit} is {found}\n"));
    }
    if let Some(milliseconds) = sleep {
        report.push_str(&format!("slept {milliseconds} ms\n"));
    }
    if report.is_empty() {
        report.push_str("ready for work: /?sleep=MS&prime=N&bloat=MB\n");
    }
    let status = parameter::<StatusCode>(uri, "status").unwrap_or(StatusCode::OK);
    text(status, report)
}

/// The largest prime number up to `limit`, by the sieve of Eratosthenes.
fn largest_prime(limit: usize) -> Option<usize> {
    let mut composite = vec![false; limit + 1];
    let mut factor = 2;
    while factor * factor <= limit {
        if !composite[factor] {
            composite[factor * factor..]
                .iter_mut()
                .step_by(factor)
                .for_each(|slot| *slot = true);
        }
        factor += 1;
    }
    (2..=limit).rev().find(|&number| !composite[number])
}

/// Takes `megabytes` of memory for a moment, and has the system hand it over for real.
fn allocate(megabytes: usize) -> usize {
    let mut memory = vec![0_u8; megabytes << 20];
    memory.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
    std::hint::black_box(&memory);
    megabytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sieve_finds_the_largest_prime() {
        assert_eq!(largest_prime(10_000), Some(9973));
        assert_eq!(largest_prime(2), Some(2));
        assert_eq!(largest_prime(1), None);
        assert_eq!(largest_prime(0), None);
    }
}
