//! One scrape: asks some pods of a revision for their last report and speaks for all of them.
//!
//! Pods are asked directly. A pod that does not answer is replaced by another, and if there is none
//! its share is estimated from those that did answer: one hung pod does not blind the autoscaler.
//! It refuses to go through a Service, so pods must be reachable by address.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ebb_core::names::ports;
use ebb_core::scale::{Pod, sample};
use ebb_core::stat::{CONTENT_TYPE, MAX_STAT_BYTES, Stat};
use ebb_runtime::Key;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use http::{Request, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use prost::Message as _;
use rand::seq::SliceRandom as _;
use tokio::time::{Instant, timeout_at};

use super::PodIndex;

/// A scrape is over before the next one begins. (Upstream waits 3 s for a pod, and by then two
/// seconds have no data at all.)
const DEADLINE: Duration = Duration::from_millis(900);
/// A connection to a pod of this cluster takes no longer, or it takes a second after a lost packet.
const CONNECT: Duration = Duration::from_millis(500);
/// A pod that is scraped each second keeps its connection; one that has left the sample gives it
/// up.
const IDLE: Duration = Duration::from_secs(90);

/// Why a scrape yielded nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// None of the pods answered in time and in a form that can be read.
    #[error("none of {pods} pods gave its statistics: {cause}")]
    NoAnswer {
        /// Ready pods.
        pods: usize,
        /// What the first of them did instead.
        cause: String,
    },
}

impl PartialEq for Error {
    /// Whether it is the same kind of trouble: neither the number of pods nor the wording of the
    /// cause is news.
    fn eq(&self, other: &Self) -> bool {
        let Self::NoAnswer { .. } = self;
        let Self::NoAnswer { .. } = other;
        true
    }
}

/// What one pod did instead of giving its statistics.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("it cannot be reached")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    #[error("it answered {0}")]
    Status(http::StatusCode),
    #[error("its answer is no protobuf")]
    MediaType,
    #[error("its answer broke off")]
    Body(#[source] hyper::Error),
    #[error("its answer cannot be read")]
    Decode(#[source] prost::DecodeError),
}

/// Scrapes revisions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Scraper {
    pods: PodIndex,
    client: Client<HttpConnector, Empty<Bytes>>,
    port: u16,
}

impl Scraper {
    /// A scraper of these pods.
    #[must_use]
    pub fn new(pods: PodIndex) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .build(connector);
        Self {
            pods,
            client,
            port: ports::AUTOSCALING_METRICS,
        }
    }

    /// Asks pods at another port. For tests.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn at_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The load that all serving pods of `revision` report of the last second; `None` without
    /// serving pods.
    ///
    /// # Errors
    /// When there are serving pods and none of them answers.
    pub(super) async fn scrape(
        &self,
        revision: &Key,
        stable: Duration,
    ) -> Result<Option<Stat>, Error> {
        let serving: Vec<_> = self.pods.of(revision);
        let serving = serving.into_iter().filter(|pod| pod.is_serving()).collect();
        let candidates = candidates(serving, stable, Timestamp::now());
        let population = candidates.len();
        if population == 0 {
            return Ok(None);
        }
        let answers = self.ask(candidates, sample::size(population)).await;
        answers.map(|answers| sample::extrapolate(&answers, population))
    }

    /// Asks until `wanted` candidates have answered, there are no more, or time is up.
    async fn ask(&self, candidates: Vec<IpAddr>, wanted: usize) -> Result<Vec<Stat>, Error> {
        let deadline = Instant::now() + DEADLINE;
        let pods = candidates.len();
        let mut candidates = candidates.into_iter();
        let mut running: FuturesUnordered<_> = candidates
            .by_ref()
            .take(wanted)
            .map(|pod| self.fetch(pod))
            .collect();
        let mut answers = Vec::with_capacity(wanted);
        let mut cause = None;
        while let Ok(Some(outcome)) = timeout_at(deadline, running.next()).await {
            match outcome {
                Ok(stat) => answers.push(stat),
                Err(refusal) => {
                    cause.get_or_insert_with(|| ebb_process::log::Chain(&refusal).to_string());
                    running.extend(candidates.next().map(|pod| self.fetch(pod)));
                }
            }
        }
        if answers.is_empty() {
            let cause = cause.unwrap_or_else(|| format!("no answer within {DEADLINE:?}"));
            return Err(Error::NoAnswer { pods, cause });
        }
        Ok(answers)
    }

    async fn fetch(&self, pod: IpAddr) -> Result<Stat, Refusal> {
        let request = Request::get(format!(
            "http://{}/metrics",
            SocketAddr::new(pod, self.port)
        ))
        .header(header::ACCEPT, CONTENT_TYPE)
        .body(Empty::new())
        .expect("an address and a constant path make a URI");
        let answer = self
            .client
            .request(request)
            .await
            .map_err(Refusal::Unreachable)?;
        if !answer.status().is_success() {
            return Err(Refusal::Status(answer.status()));
        }
        let media_type = answer.headers().get(header::CONTENT_TYPE);
        if media_type.is_none_or(|media_type| media_type != CONTENT_TYPE) {
            return Err(Refusal::MediaType);
        }
        let mut body = answer.into_body();
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(Refusal::Body)?.into_data() {
                bytes.extend_from_slice(&data);
            }
            if bytes.len() > MAX_STAT_BYTES {
                bytes.truncate(MAX_STAT_BYTES);
                break;
            }
        }
        Stat::decode(bytes).map_err(Refusal::Decode)
    }
}

/// Addresses in the order in which they are asked.
///
/// Pods that have run for a stable window come first, shuffled, so that each second another sample
/// speaks; younger ones, which have not warmed up, fill the sample or stand in for those that fail.
/// Where there are too few old pods for a sample, all of them are part of it and the young ones are
/// shuffled.
fn candidates(mut pods: Vec<Arc<Pod>>, stable: Duration, now: Timestamp) -> Vec<IpAddr> {
    pods.retain(|pod| pod.status.pod_ip.is_some());
    let wanted = sample::size(pods.len());
    let (mut old, mut young): (Vec<_>, Vec<_>) = pods.into_iter().partition(|pod| {
        pod.started()
            .is_some_and(|at| now.duration_since(at).unsigned_abs() >= stable)
    });
    let random = &mut rand::rng();
    if old.len() < wanted {
        young.shuffle(random);
    } else {
        old.shuffle(random);
    }
    old.iter()
        .chain(&young)
        .filter_map(|pod| pod.status.pod_ip)
        .collect()
}

#[cfg(test)]
#[path = "scrape_tests.rs"]
mod tests;
