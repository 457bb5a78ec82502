//! The routing table: which backend a request goes to, and what is done to it on the way.
//!
//! A table is a value. Whoever serves it keeps it behind an atomic pointer and swaps it whole; building the next
//! one from a clone costs only the hosts that changed. `B` is the serving program's handle of a backend: the table
//! hands it out and never looks inside, so addresses may change without a new table.

use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::host::{ANY_HOST, HostMap, normalize};
use super::split::Splits;
use crate::names::headers::HASH_OVERRIDE;

/// Carries the version of an Ingress to its backends when a prober asks for it (ingress.md 5).
pub static NETWORK_HASH: HeaderName = HeaderName::from_static("k-network-hash");

/// Which side of the gateway a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// The listener that the world can reach: only hosts of `ExternalIP` rules.
    Public,
    /// The listener that only the cluster can reach: every host.
    Private,
}

/// What to do with a request.
#[derive(Debug)]
pub enum Verdict<'t, B> {
    /// Send it to this target.
    Forward(Forward<'t, B>),
    /// Tell the client to come back by https.
    RedirectToHttps,
    /// No rule wants it: 404.
    NotFound,
}

/// A target and what has to be changed in the request before it goes there.
#[derive(Debug)]
pub struct Forward<'t, B> {
    /// Counted, because it outlives the look at the table.
    pub target: &'t Arc<Target<B>>,
    /// Set when the request is a prober's that wants to know the version of the Ingress.
    pub hash: Option<&'t HeaderValue>,
}

/// One backend of a split.
#[derive(Debug)]
pub struct Target<B> {
    pub backend: B,
    /// Headers of path and split, each name once; the client's own values give way.
    pub set_headers: Box<[(HeaderName, HeaderValue)]>,
    /// What the backend sees as `Host`.
    pub rewrite_host: Option<HeaderValue>,
}

/// The rules of one host.
#[derive(Debug)]
pub struct VirtualHost<B> {
    pub plain_http: PlainHttp,
    /// Hash of the Ingress version these rules come from.
    pub hash: HeaderValue,
    /// In order of precedence.
    pub routes: Box<[Route<B>]>,
}

/// What a client that comes without TLS gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    Served,
    Redirected,
    /// Redirected, but whoever checks that we own the host is let through: there is no certificate yet, and without
    /// this check there never will be.
    RedirectedExceptChallenges,
}

/// One path of a rule.
#[derive(Debug)]
pub struct Route<B> {
    /// Literal prefix of the request path; empty takes all.
    pub prefix: Box<str>,
    /// All of these must be present with exactly this value.
    pub headers: Box<[(HeaderName, HeaderValue)]>,
    pub splits: Splits<Arc<Target<B>>>,
}

/// All hosts of both doors.
#[derive(Debug)]
pub struct Table<B> {
    public: HostMap<Arc<VirtualHost<B>>>,
    private: HostMap<Arc<VirtualHost<B>>>,
}

// === impl Table ===

impl<B> Clone for Table<B> {
    fn clone(&self) -> Self {
        Self {
            public: self.public.clone(),
            private: self.private.clone(),
        }
    }
}

impl<B> Default for Table<B> {
    fn default() -> Self {
        Self {
            public: HostMap::default(),
            private: HostMap::default(),
        }
    }
}

impl<B> Table<B> {
    /// Decides where a request goes.
    pub fn decide(&self, request: &Request<'_>) -> Verdict<'_, B> {
        let Some(host) = self.host(request.door, request.host) else {
            return Verdict::NotFound;
        };
        if !request.secure && host.plain_http.redirects(request.path) {
            return Verdict::RedirectToHttps;
        }
        let Some(route) = host
            .routes
            .iter()
            .find(|route| route.matches(request.path, request.headers))
        else {
            return Verdict::NotFound;
        };
        let Some(target) = route.splits.pick(request.random) else {
            return Verdict::NotFound;
        };
        let asks = request
            .headers
            .get(&NETWORK_HASH)
            .is_some_and(|value| value == HASH_OVERRIDE);
        Verdict::Forward(Forward {
            target,
            hash: asks.then_some(&host.hash),
        })
    }

    /// The rules for a host as a client spells it.
    pub fn host(&self, door: Door, host: &str) -> Option<&Arc<VirtualHost<B>>> {
        let hosts = self.side(door);
        hosts.get(&normalize(host)).or_else(|| hosts.get(ANY_HOST))
    }

    /// Gives a host its rules; the name must be normalised.
    pub fn insert(&mut self, door: Door, host: Arc<str>, rules: Arc<VirtualHost<B>>) {
        self.side_mut(door).insert(host, rules);
    }

    /// Takes these rules of a host out; the name must be normalised. Nothing happens when the host has other rules by
    /// now: whoever put those there owns it.
    pub fn remove(&mut self, door: Door, host: &str, rules: &Arc<VirtualHost<B>>) {
        let side = self.side_mut(door);
        if side
            .get(host)
            .is_some_and(|found| Arc::ptr_eq(found, rules))
        {
            side.remove(host);
        }
    }

    /// Number of hosts of one door.
    pub fn len(&self, door: Door) -> usize {
        self.side(door).len()
    }

    fn side(&self, door: Door) -> &HostMap<Arc<VirtualHost<B>>> {
        match door {
            Door::Public => &self.public,
            Door::Private => &self.private,
        }
    }

    fn side_mut(&mut self, door: Door) -> &mut HostMap<Arc<VirtualHost<B>>> {
        match door {
            Door::Public => &mut self.public,
            Door::Private => &mut self.private,
        }
    }
}

/// What a decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    pub door: Door,
    /// Whether the client came by TLS.
    pub secure: bool,
    /// Authority as the client wrote it; port and case are ignored.
    pub host: &'r str,
    /// Path without query.
    pub path: &'r str,
    pub headers: &'r HeaderMap,
    /// Any evenly distributed number; it chooses among the splits.
    pub random: u32,
}

// === impl PlainHttp, Route ===

/// Where the HTTP-01 challenges of ACME are asked for.
const CHALLENGES: &str = "/.well-known/acme-challenge/";

impl PlainHttp {
    fn redirects(self, path: &str) -> bool {
        match self {
            Self::Served => false,
            Self::Redirected => true,
            Self::RedirectedExceptChallenges => !path.starts_with(CHALLENGES),
        }
    }
}

impl<B> Route<B> {
    fn matches(&self, path: &str, headers: &HeaderMap) -> bool {
        path.starts_with(&*self.prefix)
            && self
                .headers
                .iter()
                .all(|(name, value)| has_exactly(headers, name, value))
    }
}

/// A header that is sent twice has no one value, hence matches none.
fn has_exactly(headers: &HeaderMap, name: &HeaderName, value: &HeaderValue) -> bool {
    let mut values = headers.get_all(name).iter();
    values.next() == Some(value) && values.next().is_none()
}

// === impl Forward, Target ===

impl<B> Forward<'_, B> {
    /// Writes the hash (if asked for) and the target's headers over whatever the client sent.
    pub fn set_headers(&self, headers: &mut HeaderMap) {
        if let Some(hash) = self.hash {
            headers.insert(NETWORK_HASH.clone(), hash.clone());
        }
        for (name, value) in &self.target.set_headers {
            headers.insert(name.clone(), value.clone());
        }
    }
}
