//! What the autoscaler reads: one report a second, whoever reads it and how
//! often.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_core::stat::{CONTENT_TYPE, Stat};
use ebb_net::stats::{Report, RequestStats};
use parking_lot::Mutex;
use prost::Message;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Length of a report.
const PERIOD: Duration = Duration::from_secs(1);

/// The media type of [`Statistics::latest`].
pub(crate) const MEDIA_TYPE: &str = CONTENT_TYPE;

/// The latest report in wire form.
#[derive(Debug)]
pub(crate) struct Statistics {
    pod: String,
    begin: Instant,
    latest: Mutex<Bytes>,
}

impl Statistics {
    /// Before the first report there is only the pod's name.
    pub(crate) fn new(pod: &str) -> Self {
        let stat = Stat {
            pod_name: pod.to_owned(),
            ..Stat::default()
        };
        Self {
            pod: pod.to_owned(),
            begin: Instant::now(),
            latest: Mutex::new(stat.encode_to_vec().into()),
        }
    }

    /// The latest report as the autoscaler reads it.
    pub(crate) fn latest(&self) -> Bytes {
        self.latest.lock().clone()
    }

    /// Cuts a report each second until `stop` resolves.
    pub(crate) async fn run(
        self: Arc<Self>,
        stats: Arc<RequestStats>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Infallible> {
        let mut tick = interval_at(Instant::now() + PERIOD, PERIOD);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                _ = tick.tick() => self.publish(stats.report()),
                () = &mut stop => return Ok(()),
            }
        }
    }

    fn publish(&self, report: Report) {
        let per_second = |count: u64| count as f64 / PERIOD.as_secs_f64();
        let stat = Stat {
            pod_name: self.pod.clone(),
            average_concurrent_requests: report.average_concurrency,
            average_proxied_concurrent_requests: report.average_proxied_concurrency,
            request_count: per_second(report.request_count),
            proxied_request_count: per_second(report.proxied_count),
            process_uptime: self.begin.elapsed().as_secs_f64(),
            timestamp: 0,
        };
        *self.latest.lock() = stat.encode_to_vec().into();
    }
}

#[cfg(test)]
mod tests {
    use ebb_net::stats::Origin;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn before_the_first_second_there_is_only_the_name() {
        let statistics = Statistics::new("pod-a");
        let stat = Stat::decode(statistics.latest()).unwrap();
        assert_eq!(
            stat,
            Stat {
                pod_name: "pod-a".into(),
                ..Stat::default()
            }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_report_is_cut_each_second() {
        let statistics = Arc::new(Statistics::new("pod-a"));
        let stats = Arc::new(RequestStats::new());
        let _direct = stats.enter(Origin::Direct);
        let _proxied = stats.enter(Origin::Proxied);
        let run = Arc::clone(&statistics).run(stats, tokio::time::sleep(PERIOD + PERIOD / 2));
        let (done, ()) = tokio::join!(run, advance(Duration::ZERO));
        done.unwrap();
        let stat = Stat::decode(statistics.latest()).unwrap();
        let uptime = stat.process_uptime;
        assert!((1.0..1.01).contains(&uptime), "{uptime}");
        assert_eq!(
            Stat {
                process_uptime: 0.0,
                ..stat
            },
            Stat {
                pod_name: "pod-a".into(),
                average_concurrent_requests: 2.0,
                average_proxied_concurrent_requests: 1.0,
                request_count: 2.0,
                proxied_request_count: 1.0,
                process_uptime: 0.0,
                timestamp: 0,
            }
        );
    }
}
