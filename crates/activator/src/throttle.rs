//! The waiting room of one revision: who may go to which pod, and who waits.
//!
//! ```text
//!  request ──► free place on a pod? ──► Slot ──► … body ends ──► place goes to the first who waits
//!                 └─ no: wait in line ──┘
//! ```
//!
//! A request that finds nobody waiting and a free place takes it without a lock. All others stand in one line and are
//! served in order, the moment a place is there: because a request ended, a pod came, or one was found to answer. Who
//! leaves the line leaves no trace. The line has an end ([`QUEUE`]): beyond it requests are refused, as holding them
//! would only take memory.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use ebb_core::throttle::Policy;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::pod::Pod;

/// Requests of one revision that may wait. Upstream's figure; about 50 MB of connections and heads.
const QUEUE: usize = 10_000;

/// Why there is no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The line is full.
    #[error("pending request queue full")]
    QueueFull,
    /// The revision was deleted.
    #[error("revision is gone")]
    Gone,
}

/// Lets requests of one revision through to its pods.
#[derive(Debug)]
pub struct Throttle {
    /// Requests that one pod takes at once; 0 is no limit.
    limit: usize,
    policy: Policy,
    queue_limit: usize,
    pods: ArcSwap<Vec<Arc<Pod>>>,
    /// Index of the pod picked last.
    last: AtomicUsize,
    /// Length of the line, to be read without the lock.
    waiting: AtomicUsize,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    waiters: BTreeMap<u64, oneshot::Sender<Arc<Pod>>>,
    next: u64,
    closed: bool,
}

/// The right to send one request to one pod. Dropping it gives the place to the next.
#[derive(Debug)]
pub struct Slot {
    throttle: Arc<Throttle>,
    pod: Arc<Pod>,
}

/// How a request came by its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// At once.
    None,
    /// After others, or until a place was free.
    Queued,
    /// As the first one at a revision without any pod: its wait is the cold start.
    ColdStart,
}

impl Throttle {
    /// The waiting room of a revision whose pods take `limit` requests each (0 is no limit).
    pub fn new(limit: usize) -> Arc<Self> {
        Self::with_queue(limit, QUEUE)
    }

    fn with_queue(limit: usize, queue_limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            policy: Policy::of(limit),
            queue_limit,
            pods: ArcSwap::default(),
            last: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            line: Mutex::default(),
        })
    }

    /// Waits for a place on a pod. Dropping the future leaves the line.
    ///
    /// # Errors
    /// When the line is full, or ends because the revision was deleted.
    pub async fn acquire(self: &Arc<Self>) -> Result<(Slot, Wait), Refused> {
        if self.waiting.load(Ordering::SeqCst) == 0
            && let Some(pod) = self.pick()
        {
            return Ok((self.slot(pod), Wait::None));
        }
        let (waiting, wait) = match self.stand_in_line()? {
            Entry::Served(pod) => return Ok((self.slot(pod), Wait::None)),
            Entry::Waits(waiting, wait) => (waiting, wait),
        };
        match waiting.await {
            Some(pod) => Ok((self.slot(pod), wait)),
            None => Err(Refused::Gone),
        }
    }

    /// Requests that one pod takes at once; 0 is no limit.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Requests that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The pods in use.
    pub fn pods(&self) -> Arc<Vec<Arc<Pod>>> {
        self.pods.load_full()
    }

    /// From now on `pods`, in the order of their addresses, are in use.
    pub fn set_pods(&self, pods: Vec<Arc<Pod>>) {
        let mut line = self.line.lock();
        self.pods.store(Arc::new(pods));
        self.serve(&mut line);
    }

    /// Takes one pod out of use at once; the next [`Throttle::set_pods`] decides about it again.
    pub fn drop_pod(&self, pod: &Arc<Pod>) {
        let _line = self.line.lock();
        let pods = self.pods.load();
        let others = pods.iter().filter(|known| !Arc::ptr_eq(known, pod));
        self.pods.store(Arc::new(others.cloned().collect()));
    }

    /// Sends everybody away.
    pub fn close(&self) {
        let mut line = self.line.lock();
        line.closed = true;
        self.pods.store(Arc::default());
        line.waiters.clear();
        self.waiting.store(0, Ordering::SeqCst);
    }

    fn slot(self: &Arc<Self>, pod: Arc<Pod>) -> Slot {
        Slot {
            throttle: Arc::clone(self),
            pod,
        }
    }

    /// A pod with a place on it, which is taken.
    fn pick(&self) -> Option<Arc<Pod>> {
        let pods = self.pods.load();
        let last = self.last.load(Ordering::Relaxed);
        let order = self
            .policy
            .order(pods.len(), last, rand::random, |index| pods[index].busy());
        for index in order {
            if pods[index].reserve(self.limit) {
                self.last.store(index, Ordering::Relaxed);
                return Some(Arc::clone(&pods[index]));
            }
        }
        None
    }

    fn stand_in_line(self: &Arc<Self>) -> Result<Entry, Refused> {
        let mut line = self.line.lock();
        if line.closed {
            return Err(Refused::Gone);
        }
        if line.waiters.len() >= self.queue_limit {
            return Err(Refused::QueueFull);
        }
        // Counted before the last look: whoever frees a place either is seen by this look or sees the count.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let first = line.waiters.is_empty();
        if first && let Some(pod) = self.pick() {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            return Ok(Entry::Served(pod));
        }
        let wait = if first && self.pods.load().is_empty() {
            Wait::ColdStart
        } else {
            Wait::Queued
        };
        let (sender, receiver) = oneshot::channel();
        let ticket = line.next;
        line.next += 1;
        line.waiters.insert(ticket, sender);
        let waiting = Waiting {
            throttle: Arc::clone(self),
            ticket,
            receiver,
            over: false,
        };
        Ok(Entry::Waits(waiting, wait))
    }

    /// Gives free places to those who wait, first come first served.
    fn serve(&self, line: &mut Line) {
        while let Some(first) = line.waiters.first_entry() {
            let Some(pod) = self.pick() else { return };
            let sender = first.remove();
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            if let Err(pod) = sender.send(pod) {
                pod.release();
            }
        }
    }

    fn release(&self, pod: &Pod) {
        pod.release();
        // Without a limit nobody waits for a place, only for a pod.
        if self.limit > 0 && self.waiting.load(Ordering::SeqCst) > 0 {
            self.serve(&mut self.line.lock());
        }
    }
}

impl Slot {
    /// Where to send the request.
    pub fn pod(&self) -> &Arc<Pod> {
        &self.pod
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.throttle.release(&self.pod);
    }
}

enum Entry {
    Served(Arc<Pod>),
    Waits(Waiting, Wait),
}

/// A place in the line.
struct Waiting {
    throttle: Arc<Throttle>,
    ticket: u64,
    receiver: oneshot::Receiver<Arc<Pod>>,
    over: bool,
}

impl Future for Waiting {
    type Output = Option<Arc<Pod>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Arc<Pod>>> {
        let outcome = std::task::ready!(Pin::new(&mut self.receiver).poll(context));
        self.over = true;
        Poll::Ready(outcome.ok())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let mut line = self.throttle.line.lock();
        if line.waiters.remove(&self.ticket).is_some() {
            self.throttle.waiting.fetch_sub(1, Ordering::SeqCst);
        } else if let Ok(pod) = self.receiver.try_recv() {
            // Served and gone in the same moment: the place is the next one's.
            pod.release();
            self.throttle.serve(&mut line);
        }
    }
}

#[cfg(test)]
mod tests;
