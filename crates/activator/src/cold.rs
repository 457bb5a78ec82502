//! Tells how long a cold start took and where the time went: one line in the log for each.

use std::time::SystemTime;

use tokio::time::Instant;

use crate::pod::Pod;
use crate::revision::Revision;

/// When a request arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// For differences.
    pub at: Instant,
    /// For people, and for other processes' clocks.
    pub wall: SystemTime,
}

impl Arrival {
    /// Now.
    pub fn now() -> Self {
        Self {
            at: Instant::now(),
            wall: SystemTime::now(),
        }
    }
}

/// Logs the cold start that ended with the head of a response, just now.
///
/// Times are milliseconds since `arrival`; `*_unix` are seconds since 1970.
///
/// | field | until |
/// |---|---|
/// | `address_ms` | a source told of the pod's address |
/// | `held_ms` | the pod answered a probe for the first time |
/// | `sent_ms` | the request was handed to the pod's connection |
/// | `total_ms` | the head of the response was there |
pub fn log(revision: &Revision, pod: &Pod, arrival: Arrival, sent: Instant) {
    let since = |moment: Instant| {
        // A pod may have been there before the request; that is no negative wait.
        round(moment.saturating_duration_since(arrival.at).as_secs_f64() * 1000.0)
    };
    let (seen, seen_wall) = pod.seen();
    let Some(probed) = pod.first_good_probe() else {
        return;
    };
    tracing::info!(
        "knative.dev/key" = %format_args!("{}/{}", revision.namespace, revision.name),
        revision = %revision.name,
        pod = %pod.address(),
        source = pod.source().label(),
        address_ms = since(seen),
        held_ms = since(probed.at),
        probes = probed.probes,
        probe_ms = round(probed.took.as_secs_f64() * 1000.0),
        sent_ms = since(sent),
        total_ms = since(Instant::now()),
        arrival_unix = unix(arrival.wall),
        address_unix = unix(seen_wall),
        probed_unix = unix(probed.wall),
        "cold start"
    );
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// Two digits are all that means something.
fn round(ms: f64) -> f64 {
    (ms * 100.0).round() / 100.0
}
