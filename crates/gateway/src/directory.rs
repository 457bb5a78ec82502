//! Which backends are in use, by whom, and where they are: keeps their addresses equal to what Services and
//! EndpointSlices say.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ebb_core::routing::endpoints::{
    self, BackendRef, PortRef, Resolution, resolve, service_of_name,
};
use ebb_net::client;
use ebb_runtime::Key;

use crate::backend::{Backend, Endpoints};
use crate::objects::Objects;

/// All backends that some Ingress points at.
#[derive(Debug)]
pub struct Directory {
    objects: Objects,
    cluster_domain: String,
    endpoints: Endpoints,
    bound: HashMap<BackendRef, Bound>,
    /// Backends whose addresses depend on a Service.
    dependents: HashMap<Key, BTreeSet<BackendRef>>,
    /// What each Ingress uses.
    used_by: HashMap<Key, BTreeSet<BackendRef>>,
}

#[derive(Debug)]
struct Bound {
    backend: Arc<Backend>,
    users: BTreeSet<Key>,
    /// Its own Service and, for an alias, the one that stands behind it.
    services: Vec<Key>,
}

/// Where a backend is, and which Services said so.
struct Location {
    protocol: client::Protocol,
    addresses: Vec<SocketAddr>,
    services: Vec<Key>,
}

impl Directory {
    /// An empty directory over these objects. `cluster_domain` ends the names of in-cluster Services.
    pub fn new(objects: Objects, cluster_domain: String, settings: client::Settings) -> Self {
        Self {
            objects,
            cluster_domain,
            endpoints: Endpoints::new(settings),
            bound: HashMap::new(),
            dependents: HashMap::new(),
            used_by: HashMap::new(),
        }
    }

    /// The handle of a backend, whose addresses are followed from now on. It stays until a [`Directory::keep`] of all
    /// who use it leaves it out.
    pub fn bind(&mut self, name: &BackendRef, user: &Key) -> Arc<Backend> {
        self.used_by
            .entry(user.clone())
            .or_default()
            .insert(name.clone());
        if let Some(bound) = self.bound.get_mut(name) {
            bound.users.insert(user.clone());
            return bound.backend.clone();
        }
        let backend = Arc::new(Backend::new(name.clone()));
        let users = BTreeSet::from([user.clone()]);
        self.bound.insert(
            name.clone(),
            Bound {
                backend: backend.clone(),
                users,
                services: Vec::new(),
            },
        );
        self.locate(name);
        backend
    }

    /// Ends the use of all backends of `user` other than these.
    pub fn keep(&mut self, user: &Key, kept: &BTreeSet<BackendRef>) {
        let Some(used) = self.used_by.get_mut(user) else {
            return;
        };
        let dropped: Vec<BackendRef> = used.difference(kept).cloned().collect();
        used.retain(|name| kept.contains(name));
        if used.is_empty() {
            self.used_by.remove(user);
        }
        for name in dropped {
            let Some(bound) = self.bound.get_mut(&name) else {
                continue;
            };
            bound.users.remove(user);
            if bound.users.is_empty() {
                self.depend(&name, Vec::new());
                self.bound.remove(&name);
            }
        }
    }

    /// Looks at a Service anew. Returns the Ingresses that use a backend there.
    pub fn refresh(&mut self, service: &Key) -> BTreeSet<Key> {
        let names: Vec<BackendRef> = self
            .dependents
            .get(service)
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        let mut users = BTreeSet::new();
        for name in names {
            self.locate(&name);
            users.extend(
                self.bound
                    .get(&name)
                    .into_iter()
                    .flat_map(|bound| bound.users.iter().cloned()),
            );
        }
        users
    }

    /// Whether all these backends have an address.
    pub fn can_serve(&self, names: &BTreeSet<BackendRef>) -> bool {
        let has_address = |name| {
            self.bound
                .get(name)
                .is_some_and(|bound| !bound.backend.pool().is_empty())
        };
        names.iter().all(has_address)
    }

    /// Brings the addresses of a backend up to date.
    fn locate(&mut self, name: &BackendRef) {
        let Some(bound) = self.bound.get(name) else {
            return;
        };
        let backend = bound.backend.clone();
        let before: Vec<SocketAddr> = backend.pool().addresses().collect();
        let location = self.find(name, &before);
        backend.set(location.protocol, &location.addresses, &mut self.endpoints);
        self.depend(name, location.services);
    }

    fn find(&self, name: &BackendRef, before: &[SocketAddr]) -> Location {
        let service = Key::new(&name.namespace, &name.service);
        match self.resolve(&service, &name.port) {
            Resolution::Addresses {
                protocol,
                addresses,
            } => Location {
                protocol: spoken(protocol),
                addresses: addresses.usable(before),
                services: vec![service],
            },
            Resolution::Alias {
                protocol,
                host,
                port,
            } => self.follow(service, spoken(protocol), &host, port, before),
            Resolution::Missing(why) => {
                tracing::debug!(backend = %name, %why, "backend not found");
                Location {
                    protocol: client::Protocol::Http1,
                    addresses: Vec::new(),
                    services: vec![service],
                }
            }
        }
    }

    /// Where an alias leads: to an address, or to a Service of this cluster. An alias of an alias leads nowhere.
    fn follow(
        &self,
        service: Key,
        protocol: client::Protocol,
        host: &str,
        port: u16,
        before: &[SocketAddr],
    ) -> Location {
        if let Ok(ip) = host.parse::<IpAddr>() {
            let addresses = vec![SocketAddr::new(ip, port)];
            return Location {
                protocol,
                addresses,
                services: vec![service],
            };
        }
        let Some((namespace, name)) = service_of_name(host, &self.cluster_domain) else {
            tracing::warn!(%service, host, "not a Service of this cluster: names of the world are not looked up");
            return Location {
                protocol,
                addresses: Vec::new(),
                services: vec![service],
            };
        };
        let behind = Key::new(namespace, name);
        let addresses = match self.resolve(&behind, &PortRef::Number(port)) {
            Resolution::Addresses { addresses, .. } => addresses.usable(before),
            Resolution::Alias { .. } | Resolution::Missing(_) => Vec::new(),
        };
        Location {
            protocol,
            addresses,
            services: vec![service, behind],
        }
    }

    fn resolve(&self, service: &Key, port: &PortRef) -> Resolution {
        let slices = self.objects.slices_of(service);
        let found = self.objects.services.by_key(service);
        resolve(found.as_deref(), slices.iter().map(|slice| &**slice), port)
    }

    /// Records on which Services a backend depends.
    fn depend(&mut self, name: &BackendRef, services: Vec<Key>) {
        let Some(bound) = self.bound.get_mut(name) else {
            return;
        };
        if bound.services == services {
            return;
        }
        for old in &bound.services {
            if let Some(names) = self.dependents.get_mut(old) {
                names.remove(name);
                if names.is_empty() {
                    self.dependents.remove(old);
                }
            }
        }
        for new in &services {
            self.dependents
                .entry(new.clone())
                .or_default()
                .insert(name.clone());
        }
        bound.services = services;
    }
}

fn spoken(protocol: endpoints::Protocol) -> client::Protocol {
    match protocol {
        endpoints::Protocol::Http1 => client::Protocol::Http1,
        endpoints::Protocol::H2c => client::Protocol::H2c,
    }
}
