//! Which reconciler is woken by what, and under which Lease it works.

use ebb_core::config::LeaderElection;
use ebb_core::meta;
use ebb_core::names::labels;
use ebb_process::Supervisor;
use ebb_runtime::Key;
use ebb_runtime::events::Recorder;
use ebb_runtime::lease::{Elector, Timing};
use ebb_runtime::reconcile::{Controller, Metrics, Reconcile};
use kube::Client;

use crate::bucket::{self, Bucket, Slot};
use crate::caches::{Caches, controller_key, keys, label_key, path, path_of};
use crate::live::Config;
use crate::settings::Settings;
use crate::writer::{Writer, manager};
use crate::{
    configuration, domain_mapping, gc, labeler, namespace_certificate, revision, route,
    serverless_service, service,
};

/// Everything a controller is put together from.
pub(crate) struct Wiring<'a> {
    pub(crate) supervisor: &'a Supervisor,
    pub(crate) client: &'a Client,
    pub(crate) settings: &'a Settings,
    pub(crate) election: &'a LeaderElection,
    pub(crate) timing: Timing,
    pub(crate) identity: String,
    pub(crate) events: Recorder,
    pub(crate) metrics: Metrics,
    pub(crate) caches: Caches,
    pub(crate) config: Config,
}

impl Wiring<'_> {
    /// Starts all controllers and their elections.
    pub(crate) fn start(&self) {
        self.run("service.Reconciler", Self::service);
        self.run("configuration.Reconciler", Self::configuration);
        self.run("revision.Reconciler", Self::revision);
        self.run("route.Reconciler", Self::route);
        self.run("labeler.Reconciler", Self::labeler);
        self.run("serverlessservice.reconciler", Self::serverless_service);
        self.run("gc.reconciler", Self::gc);
        self.run("domainmapping.Reconciler", Self::domain_mapping);
        self.run("nscert.reconciler", Self::namespace_certificate);
    }

    fn service(&self, slot: Slot) -> Controller<Bucket<service::Reconciler>> {
        let caches = &self.caches;
        let writer = self.writer(manager::SERVICE, "service-controller");
        let reconciler = service::Reconciler {
            caches: caches.clone(),
            config: self.config.clone(),
            writer,
        };
        Controller::new(
            "service-controller",
            slot.bucket(reconciler),
            &caches.services,
        )
        .watch(&caches.configurations, |c| {
            controller_key(&c.metadata, "Service")
        })
        .watch(&caches.routes, |r| controller_key(&r.metadata, "Service"))
    }

    fn configuration(&self, slot: Slot) -> Controller<Bucket<configuration::Reconciler>> {
        let caches = &self.caches;
        let writer = self.writer(manager::CONFIGURATION, "configuration-controller");
        let reconciler = configuration::Reconciler {
            caches: caches.clone(),
            config: self.config.clone(),
            writer,
        };
        Controller::new(
            "configuration-controller",
            slot.bucket(reconciler),
            &caches.configurations,
        )
        .watch(&caches.revisions, |r| {
            controller_key(&r.metadata, "Configuration")
        })
    }

    fn revision(&self, slot: Slot) -> Controller<Bucket<revision::Reconciler>> {
        let caches = &self.caches;
        let writer = self.writer(manager::REVISION, "revision-controller");
        let config = self.config.clone();
        let reconciler = revision::Reconciler {
            caches: caches.clone(),
            config: config.clone(),
            writer,
        };
        Controller::new(
            "revision-controller",
            slot.bucket(reconciler),
            &caches.revisions,
        )
        .watch(&caches.deployments, |d| {
            controller_key(&d.metadata, "Revision")
        })
        .watch(&caches.pod_autoscalers, |a| {
            controller_key(&a.metadata, "Revision")
        })
        .watch(&caches.pods, |p| label_key(&p.metadata, labels::REVISION))
        .sweep_on(config.deployment.subscribe())
        .sweep_on(config.observability.subscribe())
        .sweep_on(config.network.subscribe())
    }

    fn route(&self, slot: Slot) -> Controller<Bucket<route::Reconciler>> {
        let caches = &self.caches;
        let writer = self.writer(manager::ROUTE, "route-controller");
        let config = self.config.clone();
        let reconciler = route::Reconciler {
            caches: caches.clone(),
            config: config.clone(),
            writer,
        };
        let controller =
            Controller::new("route-controller", slot.bucket(reconciler), &caches.routes)
                .watch(&caches.ingresses, |i| controller_key(&i.metadata, "Route"))
                .watch(&caches.kube_services, |s| {
                    controller_key(&s.metadata, "Route")
                });
        self.watch_targets(controller)
            .sweep_on(config.domain.subscribe())
            .sweep_on(config.network.subscribe())
    }

    fn labeler(&self, slot: Slot) -> Controller<Bucket<labeler::Reconciler>> {
        let caches = &self.caches;
        let writer = self.writer(manager::LABELER, "route-controller");
        let reconciler = labeler::Reconciler {
            caches: caches.clone(),
            writer,
        };
        self.watch_targets(Controller::new(
            "labeler",
            slot.bucket(reconciler),
            &caches.routes,
        ))
    }

    /// Wakes the Routes that name, or would name, a Configuration or Revision.
    fn watch_targets<R: Reconcile>(&self, controller: Controller<R>) -> Controller<R> {
        let caches = &self.caches;
        let (following, pinning) = (
            caches.routes_by_configuration.clone(),
            caches.routes_by_revision.clone(),
        );
        let following_too = following.clone();
        controller
            .watch(&caches.configurations, move |c| {
                keys(following.get(&path_of(&c.metadata)))
            })
            .watch(&caches.revisions, move |r| {
                let mut routes = keys(pinning.get(&path_of(&r.metadata)));
                if let Some(owner) = label_key(&r.metadata, labels::CONFIGURATION) {
                    routes.extend(keys(
                        following_too.get(&path(&owner.namespace, &owner.name)),
                    ));
                }
                routes
            })
    }

    fn serverless_service(&self, slot: Slot) -> Controller<Bucket<serverless_service::Reconciler>> {
        let caches = &self.caches;
        let writer = self.writer(manager::SERVERLESS_SERVICE, "serverlessservice-controller");
        let reconciler = serverless_service::Reconciler {
            caches: caches.clone(),
            writer,
        };
        let by_target = caches.serverless_services_by_target.clone();
        Controller::new(
            "serverlessservice-controller",
            slot.bucket(reconciler),
            &caches.serverless_services,
        )
        .watch(&caches.slices, |s| {
            label_key(&s.metadata, labels::SERVERLESS_SERVICE)
        })
        .watch(&caches.kube_services, |s| {
            controller_key(&s.metadata, "ServerlessService")
        })
        .watch(&caches.deployments, move |d| {
            let key = Key::of(d);
            keys(by_target.get(&path(&key.namespace, &key.name)))
        })
        .sweep_on(caches.activator_slices.subscribe())
    }

    fn gc(&self, slot: Slot) -> Controller<Bucket<gc::Reconciler>> {
        let caches = &self.caches;
        let writer = self.writer(manager::GC, "revision-gc-controller");
        let reconciler = gc::Reconciler {
            caches: caches.clone(),
            config: self.config.clone(),
            writer,
        };
        Controller::new(
            "revision-gc-controller",
            slot.bucket(reconciler),
            &caches.configurations,
        )
        .watch(&caches.revisions, |r| {
            controller_key(&r.metadata, "Configuration")
        })
    }

    fn domain_mapping(&self, slot: Slot) -> Controller<Bucket<domain_mapping::Reconciler>> {
        let caches = &self.caches;
        let writer = self.writer(manager::DOMAIN_MAPPING, "domainmapping-controller");
        let config = self.config.clone();
        let reconciler = domain_mapping::Reconciler {
            caches: caches.clone(),
            config: config.clone(),
            writer,
        };
        let by_name = caches.domain_mappings_by_name.clone();
        let [from_services, from_routes, from_kube] =
            std::array::from_fn(|_| caches.domain_mappings_by_reference.clone());
        Controller::new(
            "domainmapping-controller",
            slot.bucket(reconciler),
            &caches.domain_mappings,
        )
        .watch(&caches.ingresses, |i| {
            controller_key(&i.metadata, "DomainMapping")
        })
        .watch(&caches.domain_claims, move |c| {
            keys(by_name.get(meta::name(&c.metadata)))
        })
        .watch(&caches.services, move |s| {
            keys(from_services.get(&path_of(&s.metadata)))
        })
        .watch(&caches.routes, move |r| {
            keys(from_routes.get(&path_of(&r.metadata)))
        })
        .watch(&caches.kube_services, move |s| {
            keys(from_kube.get(&path_of(&s.metadata)))
        })
        .sweep_on(config.network.subscribe())
    }

    fn namespace_certificate(
        &self,
        slot: Slot,
    ) -> Controller<Bucket<namespace_certificate::Reconciler>> {
        let caches = &self.caches;
        let writer = self.writer(manager::NAMESPACE_CERTIFICATE, "namespace-controller");
        let config = self.config.clone();
        let reconciler = namespace_certificate::Reconciler {
            caches: caches.clone(),
            config: config.clone(),
            writer,
        };
        Controller::new(
            "namespace-controller",
            slot.bucket(reconciler),
            &caches.namespaces,
        )
        .watch(&caches.wildcard_certificates, |c| {
            Some(Key::new("", meta::namespace(&c.metadata)))
        })
        .sweep_on(config.network.subscribe())
        .sweep_on(config.domain.subscribe())
    }

    fn writer(&self, manager: &'static str, source: &'static str) -> Writer {
        Writer::new(self.client, manager, &self.events, source)
    }

    /// Starts a reconciler: in each bucket a controller under a Lease of its own.
    fn run<R: Reconcile>(&self, queue: &str, make: fn(&Self, Slot) -> Controller<R>) {
        let namespace = &self.settings.system_namespace;
        let names = bucket::leases(queue, self.election);
        for (index, name) in names.iter().enumerate() {
            let (elector, leadership) = Elector::new(
                self.client.clone(),
                namespace,
                name,
                &self.identity,
                self.timing,
            );
            self.supervisor
                .spawn("lease", elector.run(self.supervisor.stop()));
            let controller = make(
                self,
                Slot {
                    names: names.clone(),
                    index,
                },
            )
            .metrics(self.metrics.clone())
            .deadline(self.settings.reconciliation_timeout);
            self.supervisor.spawn(
                "controller",
                controller.run(leadership, self.supervisor.stop()),
            );
        }
    }
}
