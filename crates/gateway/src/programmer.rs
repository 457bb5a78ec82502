//! Turns changes of objects into the table that requests are served from.
//!
//! One task owns all of this. It takes whatever changed since its last look, touches only the Ingresses concerned and
//! swaps the table once. The rules:
//!
//! - A new version of an Ingress replaces the old one when all its backends have an address, not before; until then
//!   the old one stays. An Ingress without an old version is served at once, as nothing can get worse.
//! - Once served, a version stays, whatever becomes of its backends.
//! - Of two Ingresses with a host in common the older one is served; see [`Claims`].
//! - It counts as served (see [`Ledger`]) when its backends have addresses and its certificates are loaded.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ebb_core::api::ingress::Ingress;
use ebb_core::routing::claims::{self, Claimant, Claims};
use ebb_core::routing::endpoints::BackendRef;
use ebb_core::routing::program::{Program, Site, compile};
use ebb_core::routing::table::Table;
use ebb_process::Stop;
use ebb_runtime::Key;
use kube::ResourceExt as _;

use crate::backend::Backend;
use crate::certificates::Certificates;
use crate::class;
use crate::directory::Directory;
use crate::ledger::{Ledger, Refusal, Standing, Version};
use crate::objects::{Inbox, Objects, Touched};
use crate::proxy::Routes;

/// The owner of the table.
#[derive(Debug)]
pub struct Programmer {
    objects: Objects,
    directory: Directory,
    certificates: Certificates,
    claims: Claims,
    ingresses: HashMap<Key, Entry>,
    /// What the next swap publishes.
    table: Table<Arc<Backend>>,
    routes: Arc<Routes>,
    /// Whether `table` differs from what is published.
    dirty: bool,
    ledger: Ledger,
}

/// What we know of one Ingress of our class.
#[derive(Debug)]
struct Entry {
    claimant: Claimant,
    wanted: Version,
    /// The wanted version compiled, or why that is impossible.
    program: Result<Compiled, String>,
    /// What is in the table.
    installed: Option<Installed>,
}

#[derive(Debug)]
struct Compiled {
    program: Program<Arc<Backend>>,
    backends: BTreeSet<BackendRef>,
}

#[derive(Debug)]
struct Installed {
    version: Version,
    sites: Vec<Site<Arc<Backend>>>,
    backends: BTreeSet<BackendRef>,
}

impl Programmer {
    /// Nothing is programmed before the first [`Programmer::apply`].
    pub fn new(
        objects: Objects,
        directory: Directory,
        certificates: Certificates,
        routes: Arc<Routes>,
        ledger: Ledger,
    ) -> Self {
        Self {
            objects,
            directory,
            certificates,
            claims: Claims::default(),
            ingresses: HashMap::new(),
            table: Table::default(),
            routes,
            dirty: false,
            ledger,
        }
    }

    /// Applies what comes into `inbox` until `stop`; calls `loaded` once all that was there at the start is in the
    /// table. The caches must be ready.
    pub async fn run(mut self, inbox: Inbox, loaded: impl FnOnce(), stop: Stop) {
        self.apply(inbox.take());
        tracing::info!(ingresses = self.ingresses.len(), "routing table loaded");
        loaded();
        loop {
            tokio::select! {
                () = inbox.filled() => self.apply(inbox.take()),
                () = stop.triggered() => return,
            }
        }
    }

    /// Takes in all these changes and swaps the table if it is another one then.
    pub fn apply(&mut self, touched: Touched) {
        let mut concerned = BTreeSet::new();
        for service in &touched.services {
            concerned.extend(self.directory.refresh(service));
        }
        for secret in &touched.secrets {
            concerned.extend(self.certificates.refresh(secret, &self.objects.secrets));
        }
        for key in &touched.ingresses {
            concerned.extend(self.read(key));
        }
        // All take-downs before any installation: a host may pass from one Ingress to another.
        for key in &concerned {
            if self.is_refused(key) {
                self.take_down(key);
            }
        }
        for key in &concerned {
            self.install_if_possible(key);
        }
        if std::mem::take(&mut self.dirty) {
            self.routes.store(Arc::new(self.table.clone()));
        }
        // Only now may anybody be told.
        for key in &concerned {
            let standing = self.standing(key);
            if self.ledger.standing(key) != standing {
                tell(key, standing.as_ref());
                self.ledger.record(key, standing);
            }
        }
    }

    /// Looks at an Ingress anew and returns all whose standing may be another one now.
    fn read(&mut self, key: &Key) -> BTreeSet<Key> {
        let found = self
            .objects
            .ingresses
            .by_key(key)
            .filter(|ingress| class::is_ours(ingress));
        let Some(ingress) = found else {
            return self.forget(key);
        };
        let uid = ingress.uid().unwrap_or_default();
        let generation = ingress.metadata.generation.unwrap_or_default();
        let known = self.ingresses.get(key);
        if known
            .is_some_and(|entry| entry.wanted.uid == uid && entry.wanted.generation == generation)
        {
            // Its status was written, or its labels: nothing that we serve by.
            return BTreeSet::new();
        }
        let mut backends = BTreeSet::new();
        let directory = &mut self.directory;
        let compiled = compile(&ingress, |name| {
            let backend = directory.bind(&name, key);
            backends.insert(name);
            backend
        });
        let claimant = claimant(&ingress);
        let mut concerned = BTreeSet::from([key.clone()]);
        let old_claimant = known
            .map(|entry| entry.claimant.clone())
            .filter(|old| *old != claimant);
        if let Some(old) = old_claimant {
            concerned.extend(self.claims.set(&old, Vec::new()).iter().map(key_of));
        }
        let (hash, program) = match compiled {
            Ok(program) => {
                let hosts: BTreeSet<Arc<str>> =
                    program.sites.iter().map(|site| site.host.clone()).collect();
                let changed = self.claims.set(&claimant, hosts.into_iter().collect());
                concerned.extend(changed.iter().map(key_of));
                (program.hash.clone(), Ok(Compiled { program, backends }))
            }
            // What is served now stays, and so do its claims.
            Err(error) => (String::new(), Err(error.to_string())),
        };
        let wanted = Version {
            uid,
            generation,
            hash,
        };
        match self.ingresses.get_mut(key) {
            Some(entry) => {
                entry.claimant = claimant;
                entry.wanted = wanted;
                entry.program = program;
            }
            None => {
                let entry = Entry {
                    claimant,
                    wanted,
                    program,
                    installed: None,
                };
                self.ingresses.insert(key.clone(), entry);
            }
        }
        self.keep_backends(key);
        concerned
    }

    /// The Ingress is gone or not ours any more.
    fn forget(&mut self, key: &Key) -> BTreeSet<Key> {
        self.take_down(key);
        let Some(entry) = self.ingresses.remove(key) else {
            return BTreeSet::new();
        };
        self.keep_backends(key);
        let freed = self.claims.set(&entry.claimant, Vec::new());
        let mut concerned: BTreeSet<Key> = freed.iter().map(key_of).collect();
        concerned.insert(key.clone());
        concerned
    }

    fn is_refused(&self, key: &Key) -> bool {
        self.ingresses
            .get(key)
            .is_some_and(|entry| self.conflict(entry).is_some())
    }

    fn conflict(&self, entry: &Entry) -> Option<Refusal> {
        match self.claims.standing(&entry.claimant)? {
            claims::Standing::Granted => None,
            claims::Standing::Refused { host, holder } => Some(Refusal::Conflict {
                host: host.to_string(),
                holder: key_of(holder),
            }),
        }
    }

    /// Takes all hosts of an Ingress out of the table.
    fn take_down(&mut self, key: &Key) {
        let Some(installed) = self
            .ingresses
            .get_mut(key)
            .and_then(|entry| entry.installed.take())
        else {
            return;
        };
        for site in &installed.sites {
            self.table.remove(site.door, &site.host, &site.rules);
        }
        self.dirty = true;
        self.certificates
            .set(key, Vec::new(), &self.objects.secrets);
        self.keep_backends(key);
    }

    /// Puts the wanted version into the table, if it is not there and may be.
    fn install_if_possible(&mut self, key: &Key) {
        let Some(entry) = self.ingresses.get(key) else {
            return;
        };
        let Ok(compiled) = &entry.program else { return };
        let replaces = match &entry.installed {
            Some(installed) if installed.version == entry.wanted => return,
            installed => installed.is_some(),
        };
        if self.conflict(entry).is_some()
            || replaces && !self.directory.can_serve(&compiled.backends)
        {
            return;
        }
        let sites = compiled.program.sites.clone();
        let installed = Installed {
            version: entry.wanted.clone(),
            sites: sites.clone(),
            backends: compiled.backends.clone(),
        };
        let certificates = compiled.program.certificates.clone();
        for site in sites {
            self.table.insert(site.door, site.host, site.rules);
        }
        let old = self
            .ingresses
            .get_mut(key)
            .and_then(|entry| entry.installed.replace(installed));
        for site in old.iter().flat_map(|old| &old.sites) {
            // Those that the new version has as well are other rules by now, and stay.
            self.table.remove(site.door, &site.host, &site.rules);
        }
        self.dirty = true;
        self.certificates
            .set(key, certificates, &self.objects.secrets);
        self.keep_backends(key);
    }

    /// Lets go of the backends that neither the wanted nor the served version of an Ingress uses.
    fn keep_backends(&mut self, key: &Key) {
        let entry = self.ingresses.get(key);
        let wanted = entry
            .and_then(|entry| entry.program.as_ref().ok())
            .map(|compiled| &compiled.backends);
        let served = entry
            .and_then(|entry| entry.installed.as_ref())
            .map(|installed| &installed.backends);
        let kept = wanted
            .into_iter()
            .chain(served)
            .flatten()
            .cloned()
            .collect();
        self.directory.keep(key, &kept);
    }

    fn standing(&self, key: &Key) -> Option<Standing> {
        let entry = self.ingresses.get(key)?;
        let generation = entry.wanted.generation;
        let compiled = match &entry.program {
            Ok(compiled) => compiled,
            Err(text) => {
                return Some(Standing::Refused {
                    generation,
                    refusal: Refusal::Invalid(text.clone()),
                });
            }
        };
        if let Some(refusal) = self.conflict(entry) {
            return Some(Standing::Refused {
                generation,
                refusal,
            });
        }
        let serving = Standing::Serving(entry.wanted.clone());
        let installed = entry
            .installed
            .as_ref()
            .is_some_and(|installed| installed.version == entry.wanted);
        let complete = installed
            && (self.ledger.standing(key).as_ref() == Some(&serving)
                || self.directory.can_serve(&compiled.backends)
                    && self.certificates.are_loaded(key));
        Some(if complete { serving } else { Standing::Waiting })
    }
}

fn tell(key: &Key, standing: Option<&Standing>) {
    match standing {
        Some(Standing::Serving(version)) => {
            tracing::info!("knative.dev/key" = %key, generation = version.generation, "Ingress is served");
        }
        Some(Standing::Waiting) => {
            tracing::debug!("knative.dev/key" = %key, "Ingress waits for addresses or certificates");
        }
        Some(Standing::Refused {
            generation,
            refusal,
        }) => {
            tracing::warn!("knative.dev/key" = %key, generation, reason = %refusal, "Ingress is refused");
        }
        None => tracing::info!("knative.dev/key" = %key, "Ingress is gone"),
    }
}

fn claimant(ingress: &Ingress) -> Claimant {
    let created = ingress.metadata.creation_timestamp.as_ref();
    Claimant {
        created: created.map_or(i64::MAX, |time| time.0.as_second()),
        namespace: ingress.namespace().unwrap_or_default().into(),
        name: ingress.name_any().into(),
    }
}

fn key_of(claimant: &Claimant) -> Key {
    Key::new(&*claimant.namespace, &*claimant.name)
}

#[cfg(test)]
mod tests;
