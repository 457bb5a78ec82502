//! The objects that the gateway reads, and which of them changed since it last looked.

use std::collections::BTreeSet;
use std::sync::Arc;

use ebb_core::api::ingress::Ingress;
use ebb_core::names::labels::SLICE_SERVICE_NAME;
use ebb_process::Supervisor;
use ebb_runtime::cache::{Index, Object, Options};
use ebb_runtime::{Cache, Key};
use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Api, Client, ResourceExt as _};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The only Secrets that hold certificates for servers.
const TLS_SECRETS: &str = "type=kubernetes.io/tls";

/// Caches of all kinds that routing depends on.
#[derive(Clone, Debug)]
pub struct Objects {
    /// All Ingresses, also those of other classes.
    pub ingresses: Cache<Ingress>,
    /// All Services.
    pub services: Cache<Service>,
    /// All EndpointSlices.
    pub slices: Cache<EndpointSlice>,
    /// All TLS Secrets.
    pub secrets: Cache<Secret>,
    slices_of: Index<EndpointSlice>,
}

/// What changed. Each object counts once however often it changed, so there are never more entries than objects.
#[derive(Debug, Default)]
pub struct Touched {
    /// Ingresses.
    pub ingresses: BTreeSet<Key>,
    /// Services whose own object or one of whose slices changed.
    pub services: BTreeSet<Key>,
    /// Secrets.
    pub secrets: BTreeSet<Key>,
}

/// Collects changes until somebody takes them.
#[derive(Clone, Debug, Default)]
pub struct Inbox(Arc<Pending>);

#[derive(Debug, Default)]
struct Pending {
    touched: Mutex<Touched>,
    wake: Notify,
}

// === impl Objects ===

impl Objects {
    /// Starts the watches.
    pub fn start(supervisor: &Supervisor, client: &Client) -> Self {
        fn all<K: Object + kube::Resource<Scope = kube::core::NamespaceResourceScope>>(
            supervisor: &Supervisor,
            client: &Client,
            options: Options<'_>,
        ) -> Cache<K> {
            Cache::start(supervisor, Api::all(client.clone()), options)
        }
        let secrets = Options {
            fields: Some(TLS_SECRETS),
            ..Options::default()
        };
        Self::of(
            all(supervisor, client, Options::default()),
            all(supervisor, client, Options::default()),
            all(supervisor, client, Options::default()),
            all(supervisor, client, secrets),
        )
    }

    /// These caches.
    pub fn of(
        ingresses: Cache<Ingress>,
        services: Cache<Service>,
        slices: Cache<EndpointSlice>,
        secrets: Cache<Secret>,
    ) -> Self {
        let slices_of = slices.index(|slice| {
            service_of(slice)
                .map(|key| key.to_string())
                .into_iter()
                .collect()
        });
        Self {
            ingresses,
            services,
            slices,
            secrets,
            slices_of,
        }
    }

    /// Resolves once all first lists are in.
    pub async fn ready(&self) {
        self.ingresses.ready().await;
        self.services.ready().await;
        self.slices.ready().await;
        self.secrets.ready().await;
    }

    /// The slices of a Service.
    pub fn slices_of(&self, service: &Key) -> Vec<Arc<EndpointSlice>> {
        self.slices_of.get(&service.to_string())
    }

    /// Reports every object that is there and every later change to `inbox`.
    pub fn report_to(&self, inbox: &Inbox) {
        let to = inbox.clone();
        self.services.observe(move |change| {
            to.touch(|touched| &mut touched.services, Key::of(&**change.latest()));
        });
        let to = inbox.clone();
        self.slices.observe(move |change| {
            for service in [change.before(), change.after()]
                .into_iter()
                .flatten()
                .filter_map(|slice| service_of(slice))
            {
                to.touch(|touched| &mut touched.services, service);
            }
        });
        let to = inbox.clone();
        self.secrets.observe(move |change| {
            to.touch(|touched| &mut touched.secrets, Key::of(&**change.latest()));
        });
        // Last, so that the first look at an Ingress finds all that it needs.
        let to = inbox.clone();
        self.ingresses.observe(move |change| {
            to.touch(
                |touched| &mut touched.ingresses,
                Key::of(&**change.latest()),
            );
        });
    }
}

/// The Service that a slice belongs to.
pub fn service_of(slice: &EndpointSlice) -> Option<Key> {
    let name = slice.labels().get(SLICE_SERVICE_NAME)?;
    Some(Key::new(slice.namespace().unwrap_or_default(), name))
}

// === impl Inbox ===

impl Inbox {
    fn touch(&self, list: impl FnOnce(&mut Touched) -> &mut BTreeSet<Key>, key: Key) {
        if list(&mut self.0.touched.lock()).insert(key) {
            self.0.wake.notify_one();
        }
    }

    /// Everything that changed since the last call, without waiting.
    pub fn take(&self) -> Touched {
        std::mem::take(&mut self.0.touched.lock())
    }

    /// Resolves when there may be something to take. One caller at a time.
    pub async fn filled(&self) {
        self.0.wake.notified().await;
    }
}
