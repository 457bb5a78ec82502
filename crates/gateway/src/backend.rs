//! The addresses behind one Service port, and which of them gets the next request.
//!
//! A routing table holds [`Backend`]s; what changes in them does not change the table. Requests read the current
//! [`Pool`] through an atomic pointer. An [`Endpoint`] is one address with its open connections, shared by all
//! backends that contain it: an activator stands behind every revision without pods.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use ebb_core::routing::endpoints::BackendRef;
use ebb_net::client::{self, Protocol, Upstream};
use tokio::sync::watch;
use tokio::time::Instant;

/// A Service port that some Ingress points at.
#[derive(Debug)]
pub struct Backend {
    name: BackendRef,
    pool: ArcSwap<Pool>,
    /// Wakes requests that found no address.
    version: watch::Sender<u64>,
}

/// The addresses of a backend at one moment.
#[derive(Debug)]
pub struct Pool {
    protocol: Protocol,
    endpoints: Box<[Arc<Endpoint>]>,
    /// Since when there has been no address, if there was one before.
    emptied: Option<Instant>,
}

/// One address and the connections to it.
#[derive(Debug)]
pub struct Endpoint {
    upstream: Arc<Upstream>,
    in_flight: AtomicU32,
    /// Milliseconds after `epoch` until which other addresses are preferred, as this one could not be reached.
    avoid_until: AtomicU64,
    epoch: Instant,
}

/// A request on its way to an endpoint; counts while it lives.
#[derive(Debug)]
pub struct InFlight(Arc<Endpoint>);

/// Which endpoint to use.
#[derive(Debug)]
pub enum Choice {
    /// This one.
    Endpoint(Arc<Endpoint>),
    /// None before this moment: all have just failed.
    Wait(Instant),
    /// There is no address.
    Empty,
}

/// All endpoints that are in use, by address.
#[derive(Debug)]
pub struct Endpoints {
    known: HashMap<SocketAddr, Weak<Endpoint>>,
    settings: client::Settings,
    epoch: Instant,
    /// Size at which entries without an endpoint are swept out.
    sweep_at: usize,
}

// === impl Backend ===

impl Backend {
    /// A backend without addresses.
    pub fn new(name: BackendRef) -> Self {
        let pool = Pool {
            protocol: Protocol::Http1,
            endpoints: Box::default(),
            emptied: None,
        };
        Self {
            name,
            pool: ArcSwap::from_pointee(pool),
            version: watch::Sender::new(0),
        }
    }

    /// The Service port.
    pub fn name(&self) -> &BackendRef {
        &self.name
    }

    /// The addresses right now. Not to be held across an await.
    pub fn pool(&self) -> Guard<Arc<Pool>> {
        self.pool.load()
    }

    /// Changes with every new pool; subscribe before looking at the pool.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Replaces the addresses. Nothing happens when they are the ones that are there.
    pub fn set(&self, protocol: Protocol, addresses: &[SocketAddr], endpoints: &mut Endpoints) {
        let old = self.pool.load_full();
        if old.protocol == protocol && old.addresses().eq(addresses.iter().copied()) {
            return;
        }
        let had_some = !old.endpoints.is_empty();
        let emptied = match addresses {
            [] if had_some => Some(Instant::now()),
            [] => old.emptied,
            _ => None,
        };
        let endpoints = addresses
            .iter()
            .map(|address| endpoints.get(*address))
            .collect();
        self.pool.store(Arc::new(Pool {
            protocol,
            endpoints,
            emptied,
        }));
        self.version.send_modify(|version| *version += 1);
    }
}

// === impl Pool ===

impl Pool {
    /// What the endpoints speak.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether there is no address.
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// Since when there has been no address; `None` if there is one or never was.
    pub fn emptied(&self) -> Option<Instant> {
        self.emptied
    }

    /// The addresses, sorted.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.endpoints
            .iter()
            .map(|endpoint| endpoint.upstream.address())
    }

    /// The less busy of two random endpoints that are not known to be unreachable. `random` is any evenly
    /// distributed number.
    pub fn choose(&self, random: u32) -> Choice {
        let count = self.endpoints.len() as u32;
        let (first, second) = match count {
            0 => return Choice::Empty,
            1 => (0, 0),
            _ => {
                // Two different ones: one of all and one of the others.
                let first = scale(random, count);
                let other = scale(random.rotate_left(16).wrapping_mul(0x9e37_79b9), count - 1);
                (first, if other >= first { other + 1 } else { other })
            }
        };
        let (a, b) = (
            &self.endpoints[first as usize],
            &self.endpoints[second as usize],
        );
        let now = a.millis(Instant::now());
        match (a.is_avoided(now), b.is_avoided(now)) {
            (false, false) if b.busy() < a.busy() => Choice::Endpoint(b.clone()),
            (false, _) => Choice::Endpoint(a.clone()),
            (true, false) => Choice::Endpoint(b.clone()),
            (true, true) => self.choose_reachable(first as usize, now),
        }
    }

    /// The next one after `start` that may be tried.
    fn choose_reachable(&self, start: usize, now: u64) -> Choice {
        let (before, after) = self.endpoints.split_at(start);
        match after
            .iter()
            .chain(before)
            .find(|endpoint| !endpoint.is_avoided(now))
        {
            Some(endpoint) => Choice::Endpoint(endpoint.clone()),
            None => {
                let soonest = self
                    .endpoints
                    .iter()
                    .map(|endpoint| endpoint.avoided_until())
                    .min();
                soonest.map_or(Choice::Empty, Choice::Wait)
            }
        }
    }
}

/// `random` scaled to `0..limit`, evenly.
fn scale(random: u32, limit: u32) -> u32 {
    ((u64::from(random) * u64::from(limit)) >> 32) as u32
}

// === impl Endpoint ===

impl Endpoint {
    /// The connections.
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// Counts a request until the result is dropped.
    pub fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    /// Prefers others for a while.
    pub fn avoid_for(&self, time: Duration) {
        self.avoid_until
            .store(self.millis(Instant::now() + time), Ordering::Relaxed);
    }

    fn is_avoided(&self, now: u64) -> bool {
        self.avoid_until.load(Ordering::Relaxed) > now
    }

    fn avoided_until(&self) -> Instant {
        self.epoch + Duration::from_millis(self.avoid_until.load(Ordering::Relaxed))
    }

    fn busy(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    fn millis(&self, at: Instant) -> u64 {
        at.duration_since(self.epoch).as_millis() as u64
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Endpoints ===

impl Endpoints {
    /// No endpoints; new ones open their connections with `settings`.
    pub fn new(settings: client::Settings) -> Self {
        Self {
            known: HashMap::new(),
            settings,
            epoch: Instant::now(),
            sweep_at: 1024,
        }
    }

    fn get(&mut self, address: SocketAddr) -> Arc<Endpoint> {
        if let Some(known) = self.known.get(&address).and_then(Weak::upgrade) {
            return known;
        }
        if self.known.len() >= self.sweep_at {
            self.known.retain(|_, endpoint| endpoint.strong_count() > 0);
            self.sweep_at = 1024.max(self.known.len() * 2);
        }
        let endpoint = Arc::new(Endpoint {
            upstream: Upstream::new(address, self.settings),
            in_flight: AtomicU32::new(0),
            avoid_until: AtomicU64::new(0),
            epoch: self.epoch,
        });
        self.known.insert(address, Arc::downgrade(&endpoint));
        endpoint
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use ebb_core::routing::endpoints::PortRef;

    use super::*;

    fn address(n: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, n], 80))
    }

    fn endpoints() -> Endpoints {
        Endpoints::new(client::Settings::default())
    }

    fn backend() -> Backend {
        Backend::new(BackendRef {
            namespace: "n".into(),
            service: "s".into(),
            port: PortRef::Number(80),
        })
    }

    fn with(addresses: &[SocketAddr]) -> Backend {
        let backend = backend();
        backend.set(Protocol::Http1, addresses, &mut endpoints());
        backend
    }

    fn chosen(pool: &Pool, random: u32) -> Arc<Endpoint> {
        match pool.choose(random) {
            Choice::Endpoint(endpoint) => endpoint,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn every_endpoint_is_chosen_by_some_number() {
        let backend = with(&[address(1), address(2), address(3)]);
        let numbers = (0..1000u32).map(|n| n.wrapping_mul(0x0041_8937));
        let seen: HashSet<_> = numbers
            .map(|n| chosen(&backend.pool(), n).upstream.address())
            .collect();
        assert_eq!(seen.len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_the_less_busy_one_is_chosen() {
        let backend = with(&[address(1), address(2)]);
        let busy = chosen(&backend.pool(), 0);
        let _request = busy.enter();
        for random in [0, u32::MAX, 12345] {
            assert!(!Arc::ptr_eq(&chosen(&backend.pool(), random), &busy));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn unreachable_ones_are_chosen_only_after_their_time() {
        let backend = with(&[address(1), address(2)]);
        let first = chosen(&backend.pool(), 0);
        first.avoid_for(Duration::from_millis(100));
        let second = chosen(&backend.pool(), 0);
        assert!(!Arc::ptr_eq(&first, &second));
        second.avoid_for(Duration::from_millis(200));
        let Choice::Wait(until) = backend.pool().choose(0) else {
            panic!("all are to be avoided")
        };
        assert_eq!(until, Instant::now() + Duration::from_millis(100));
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(Arc::ptr_eq(&chosen(&backend.pool(), 0), &first));
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_keeps_its_connections_from_pool_to_pool_and_between_backends() {
        let mut endpoints = endpoints();
        let (one, other) = (backend(), backend());
        one.set(Protocol::Http1, &[address(1)], &mut endpoints);
        let before = chosen(&one.pool(), 0);
        one.set(Protocol::Http1, &[address(1), address(2)], &mut endpoints);
        assert!(Arc::ptr_eq(&one.pool().endpoints[0], &before));
        other.set(Protocol::H2c, &[address(1)], &mut endpoints);
        assert!(Arc::ptr_eq(&other.pool().endpoints[0], &before));
    }

    #[tokio::test(start_paused = true)]
    async fn only_real_changes_wake_who_waits() {
        let backend = with(&[address(1)]);
        let mut version = backend.subscribe();
        backend.set(Protocol::Http1, &[address(1)], &mut endpoints());
        assert!(!version.has_changed().unwrap());
        backend.set(Protocol::Http1, &[], &mut endpoints());
        assert!(version.has_changed().unwrap());
        version.mark_unchanged();
        assert_eq!(backend.pool().emptied(), Some(Instant::now()));
        assert!(matches!(backend.pool().choose(0), Choice::Empty));
    }
}
