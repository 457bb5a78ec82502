//! What the autoscaler is told: who has requests, at once when they begin, then once a second.
//!
//! A revision that had no account gets one with its first request, and the autoscaler hears "one request" in that very
//! moment: that is what starts a pod. From then on a report goes out each second. The first of them leaves that one
//! request out, as it was told already. A second without any request closes the account after its report.
//!
//! Nothing is kept for an autoscaler that is away: a figure that is late is a wrong figure.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::time::Duration;

use ebb_core::stat::{Stat, WireStatMessage, WireStatMessages};
use ebb_net::stats::{InFlight, Origin, RequestStats};
use ebb_process::Stop;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use crate::metrics;
use crate::throttle::Throttle;

/// Time between two reports. The autoscaler counts in seconds.
const PERIOD: Duration = Duration::from_secs(1);
/// Frames that may wait for the connection. It takes them faster than they come; more are lost.
const FRAMES: usize = 256;

/// The requests of one revision, counted.
#[derive(Debug)]
pub struct Account {
    namespace: String,
    name: String,
    stats: Arc<RequestStats>,
    throttle: Arc<Throttle>,
    metrics: metrics::Revision,
    open: AtomicBool,
    /// Whether the next report is the first one.
    first: AtomicBool,
    /// Arrivals beside the first that came before the first period began.
    early: AtomicU64,
}

impl Account {
    /// A closed account.
    pub fn new(
        namespace: &str,
        name: &str,
        throttle: Arc<Throttle>,
        metrics: metrics::Revision,
    ) -> Arc<Self> {
        Arc::new(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            stats: Arc::new(RequestStats::new()),
            throttle,
            metrics,
            open: AtomicBool::new(false),
            first: AtomicBool::new(false),
            early: AtomicU64::new(0),
        })
    }
}

/// Keeps the accounts and writes the reports.
pub struct Reporter {
    pod_name: String,
    open: Mutex<Vec<Arc<Account>>>,
    frames: mpsc::Sender<Vec<u8>>,
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("open", &self.open.lock().len())
            .finish_non_exhaustive()
    }
}

impl Reporter {
    /// A reporter in the name of `pod_name`, and the frames it wants sent.
    pub fn new(pod_name: &str) -> (Arc<Self>, mpsc::Receiver<Vec<u8>>) {
        let (frames, outgoing) = mpsc::channel(FRAMES);
        (
            Arc::new(Self {
                pod_name: pod_name.to_owned(),
                open: Mutex::default(),
                frames,
            }),
            outgoing,
        )
    }

    /// Counts a request from now until the guard is dropped; the autoscaler knows of the first one before this returns.
    pub fn enter(&self, account: &Arc<Account>) -> InFlight {
        let request = account.stats.enter(Origin::Direct);
        // Pairs with the fence in `tick`: either we see the account closed, or it sees our request.
        fence(Ordering::SeqCst);
        if !account.open.load(Ordering::Relaxed) {
            self.open(account);
        }
        request
    }

    fn open(&self, account: &Arc<Account>) {
        let mut open = self.open.lock();
        if account.open.load(Ordering::Relaxed) {
            return;
        }
        // Ends the period that began when the account was closed; what it counted is the requests of this moment.
        let arrivals = account.stats.report().request_count;
        account
            .early
            .store(arrivals.saturating_sub(1), Ordering::Relaxed);
        account.first.store(true, Ordering::Relaxed);
        account.open.store(true, Ordering::Relaxed);
        open.push(Arc::clone(account));
        drop(open);
        tracing::debug!(revision = %account.name, namespace = %account.namespace, "first request");
        self.send(vec![self.message(account, 1.0, 1.0)]);
    }

    /// Ends a period: reports all open accounts and closes those that had nothing to do.
    pub fn tick(&self) {
        let mut messages = Vec::new();
        self.open.lock().retain(|account| {
            let report = account.stats.report();
            let mut concurrency = report.average_concurrency;
            let mut count = report.request_count as f64;
            if account.first.swap(false, Ordering::Relaxed) {
                concurrency = (concurrency - 1.0).max(0.0);
                count += account.early.swap(0, Ordering::Relaxed) as f64;
            }
            account.metrics.set_concurrency(concurrency);
            messages.push(self.message(account, concurrency, count));
            report.average_concurrency > 0.0 || !close(account)
        });
        self.send(messages);
    }

    /// Tells of revisions whose requests wait for a first pod: the autoscaler has just come back and knows nothing.
    pub fn tell_waiting(&self) {
        let open = self.open.lock();
        let at_zero = open
            .iter()
            .filter(|account| account.throttle.pods().is_empty());
        let waiting = at_zero.filter(|account| account.throttle.waiting() > 0);
        let messages = waiting
            .map(|account| self.message(account, 1.0, 0.0))
            .collect();
        drop(open);
        self.send(messages);
    }

    fn message(&self, account: &Account, concurrency: f64, count: f64) -> WireStatMessage {
        WireStatMessage {
            namespace: account.namespace.clone(),
            name: account.name.clone(),
            stat: Some(Stat {
                pod_name: self.pod_name.clone(),
                average_concurrent_requests: concurrency,
                request_count: count,
                ..Stat::default()
            }),
        }
    }

    fn send(&self, messages: Vec<WireStatMessage>) {
        if messages.is_empty() {
            return;
        }
        let frame = WireStatMessages { messages }.encode_to_vec();
        if self.frames.try_send(frame).is_err() {
            tracing::warn!("report to the autoscaler lost");
        }
    }

    /// Reports every second until a stop is asked for and the last request is over; give it to the supervisor.
    ///
    /// # Errors
    /// None.
    pub async fn run(self: Arc<Self>, stop: Stop) -> Result<(), Infallible> {
        let mut ticks = tokio::time::interval_at(Instant::now() + PERIOD, PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.tick(),
                () = stop.triggered() => return Ok(()),
            }
        }
    }
}

/// Closes an account unless a request came in this moment. Returns whether it did.
fn close(account: &Account) -> bool {
    account.open.store(false, Ordering::Relaxed);
    fence(Ordering::SeqCst);
    if account.stats.in_flight() > 0 {
        account.open.store(true, Ordering::Relaxed);
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tokio::time::advance;

    use super::*;

    /// Plays `script` of (milliseconds, event) and returns what was sent as `name concurrency/count`.
    async fn play(script: &[(u64, &str)]) -> Vec<String> {
        let (reporter, mut frames) = Reporter::new("activator");
        let mut accounts = HashMap::new();
        let mut running: HashMap<&str, Vec<InFlight>> = HashMap::new();
        let mut now = 0;
        for (at, event) in script {
            advance(Duration::from_millis(at - now)).await;
            now = *at;
            match event.split_once(' ') {
                Some(("start", name)) => {
                    let account = accounts.entry(name).or_insert_with(|| {
                        Account::new("ns", name, Throttle::new(0), metrics::Revision::default())
                    });
                    running
                        .entry(name)
                        .or_default()
                        .push(reporter.enter(account));
                }
                Some((_, name)) => drop(running.get_mut(name).unwrap().pop().unwrap()),
                None => reporter.tick(),
            }
        }
        let mut said = Vec::new();
        while let Ok(frame) = frames.try_recv() {
            for message in WireStatMessages::decode(&*frame).unwrap().messages {
                let stat = message.stat.unwrap();
                let (concurrency, count) = (stat.average_concurrent_requests, stat.request_count);
                assert_eq!(stat.average_proxied_concurrent_requests, 0.0);
                said.push(format!("{} {concurrency}/{count}", message.name));
            }
        }
        said
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_request_is_told_at_once() {
        assert_eq!(play(&[(0, "start a")]).await, ["a 1/1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_report_leaves_out_what_was_told() {
        let script = [
            (0, "start a"),
            (1, "end a"),
            (1, "start a"),
            (2, "end a"),
            (2, "tick"),
        ];
        assert_eq!(play(&script).await, ["a 1/1", "a 0/1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_in_flight_are_carried_over() {
        let script = [(0, "start a"), (0, "start a"), (1, "tick"), (2, "tick")];
        assert_eq!(play(&script).await, ["a 1/1", "a 1/1", "a 2/0"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_period_closes_the_account() {
        let script = [
            (0, "start a"),
            (1, "end a"),
            (1, "tick"),
            (2, "tick"),
            (3, "tick"),
            (3, "start a"),
        ];
        assert_eq!(play(&script).await, ["a 1/1", "a 0/0", "a 0/0", "a 1/1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_time_between_two_accounts_does_not_count() {
        let script = [
            (0, "start a"),
            (1, "end a"),
            (1, "tick"),
            (2, "tick"),
            (9000, "start a"),
            (9001, "start a"),
            (9002, "tick"),
        ];
        assert_eq!(
            play(&script).await,
            ["a 1/1", "a 0/0", "a 0/0", "a 1/1", "a 0.5/1"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn averages_are_per_revision() {
        let script = [
            (0, "start a"),
            (0, "start b"),
            (1, "end b"),
            (1, "start b"),
            (2, "end a"),
            (2, "tick"),
        ];
        assert_eq!(play(&script).await, ["a 1/1", "b 1/1", "a 0/0", "b 0/1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_returning_autoscaler_hears_of_those_who_wait_for_a_first_pod() {
        let (reporter, mut frames) = Reporter::new("activator");
        let throttle = Throttle::new(0);
        let account = Account::new(
            "ns",
            "a",
            Arc::clone(&throttle),
            metrics::Revision::default(),
        );
        let _request = reporter.enter(&account);
        frames.try_recv().unwrap();
        reporter.tell_waiting();
        assert!(frames.try_recv().is_err(), "nobody waits");
        let mut waiting = Box::pin(throttle.acquire());
        assert!(futures::poll!(&mut waiting).is_pending());
        reporter.tell_waiting();
        frames.try_recv().unwrap();
    }
}
