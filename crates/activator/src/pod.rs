//! One pod of a revision: where it is, what runs on it, and whether it answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use ebb_net::client::{Backoff, Settings, Upstream};
use http::HeaderValue;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::sources::Source;

/// How a pod is dialled. Its first packets are often lost while the network is being set up, so attempts begin short;
/// after 0.7 s in all the request had better try another pod.
const DIAL: Backoff = Backoff {
    first: Duration::from_millis(30),
    factor: 1.4,
    retries: 6,
    pause: Duration::from_millis(5),
};

/// A pod that may get requests once it has answered a probe.
#[derive(Debug)]
pub struct Pod {
    upstream: Arc<Upstream>,
    authority: HeaderValue,
    source: Source,
    seen: Instant,
    seen_at: SystemTime,
    busy: AtomicUsize,
    answers: AtomicBool,
    doubted: Notify,
    first_good_probe: OnceLock<Probed>,
    probes: AtomicU64,
}

/// The moment a pod was found to answer.
#[derive(Clone, Copy, Debug)]
pub struct Probed {
    /// When.
    pub at: Instant,
    /// The same, for people.
    pub wall: SystemTime,
    /// How long the good probe itself took.
    pub took: Duration,
    /// Probes until then, the good one included.
    pub probes: u64,
}

impl Pod {
    /// A pod that `source` told of just now.
    pub fn new(address: SocketAddr, source: Source, idle_connections: usize) -> Arc<Self> {
        let settings = Settings {
            max_idle: idle_connections,
            backoff: DIAL,
            ..Settings::default()
        };
        let authority = HeaderValue::from_str(&address.to_string());
        Arc::new(Self {
            upstream: Upstream::new(address, settings),
            authority: authority.expect("an address is made of visible characters"),
            source,
            seen: Instant::now(),
            seen_at: SystemTime::now(),
            busy: AtomicUsize::new(0),
            answers: AtomicBool::new(false),
            doubted: Notify::new(),
            first_good_probe: OnceLock::new(),
            probes: AtomicU64::new(0),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// The address as a `Host`.
    pub fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// Its connections.
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// Who told of it first.
    pub fn source(&self) -> Source {
        self.source
    }

    /// When it was first told of.
    pub fn seen(&self) -> (Instant, SystemTime) {
        (self.seen, self.seen_at)
    }

    /// Requests of ours that are on it.
    pub fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// Takes a place on it unless `limit` (0 is none) are taken.
    pub(crate) fn reserve(&self, limit: usize) -> bool {
        let next = |busy| (limit == 0 || busy < limit).then_some(busy + 1);
        self.busy
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, next)
            .is_ok()
    }

    /// Gives a place back.
    pub(crate) fn release(&self) {
        self.busy.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether it answered the last probe, and no request failed to reach it since.
    pub fn answers(&self) -> bool {
        self.answers.load(Ordering::Acquire)
    }

    /// Records a probe. Returns whether the verdict changed.
    pub(crate) fn record(&self, good: bool, took: Duration) -> bool {
        let probes = self.probes.fetch_add(1, Ordering::Relaxed) + 1;
        if good {
            let (at, wall) = (Instant::now(), SystemTime::now());
            self.first_good_probe.get_or_init(|| Probed {
                at,
                wall,
                took,
                probes,
            });
        }
        self.answers.swap(good, Ordering::AcqRel) != good
    }

    /// The first probe that it answered.
    pub fn first_good_probe(&self) -> Option<Probed> {
        self.first_good_probe.get().copied()
    }

    /// Has it probed at once; it stays in use meanwhile.
    pub fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Takes it out of use until it answers a probe: a request could not reach it.
    pub fn distrust(&self) {
        self.answers.store(false, Ordering::Release);
        self.doubted.notify_one();
    }

    /// Resolves when it was doubted since the last call.
    pub(crate) async fn doubted(&self) {
        self.doubted.notified().await;
    }
}
