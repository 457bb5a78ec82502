//! What the reconcilers send: verbs, paths, order and field managers, against an API server in memory. What they
//! decide is tested where it is decided, in `ebb_core::plan`.

use ebb_core::api::configuration::Configuration;
use ebb_core::api::revision::Revision;
use ebb_core::api::route::Route;
use ebb_core::api::serverless_service::ServerlessService;
use ebb_core::api::service::Service;
use ebb_core::meta::controller_reference;
use ebb_runtime::Key;
use ebb_runtime::events::Recorder;
use ebb_runtime::fake::Api;
use ebb_runtime::reconcile::Reconcile;
use k8s_openapi::api::apps::v1::Deployment;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::caches::Caches;
use crate::live::Config;
use crate::writer::{Writer, manager};
use crate::{configuration, labeler, revision, route, serverless_service, service};

const SERVING: &str = "/apis/serving.knative.dev/v1/namespaces/demo";

fn object<K: DeserializeOwned>(yaml: &str) -> K {
    serde_yaml_ng::from_str(yaml).unwrap()
}

fn key() -> Key {
    Key::new("demo", "hello")
}

struct World {
    api: Api,
    caches: Caches,
}

impl World {
    fn new() -> Self {
        Self {
            api: Api::new(),
            caches: Caches::empty(),
        }
    }

    fn writer(&self, manager: &'static str) -> Writer {
        Writer::new(&self.api.client(), manager, &Recorder::silent(), "test")
    }

    /// Puts an object on the server and gives it back as the server has it.
    fn stored<K: Serialize + DeserializeOwned>(&self, path: &str, yaml: &str) -> K {
        self.api.put(path, serde_yaml_ng::from_str(yaml).unwrap());
        self.live(path)
    }

    fn live<K: DeserializeOwned>(&self, path: &str) -> K {
        serde_json::from_value(self.api.object(path).unwrap()).unwrap()
    }

    /// The writes since the last call, without what is in front of the kind.
    fn writes(&self) -> Vec<String> {
        let short = |write: String| {
            let (verb, path) = write.split_once(' ').unwrap();
            let (_, rest) = path.split_once("/namespaces/demo/").unwrap();
            format!("{verb} {rest}")
        };
        self.api.take_writes().into_iter().map(short).collect()
    }
}

const SERVICE: &str = "
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: hello, namespace: demo, generation: 1, uid: service-uid}
spec:
  template: {spec: {containers: [{name: user-container, image: 'dev.local/x:1'}]}}
  traffic: [{latestRevision: true, percent: 100}]
";

const CONFIGURATION: &str = "
apiVersion: serving.knative.dev/v1
kind: Configuration
metadata: {name: hello, namespace: demo, generation: 1, uid: configuration-uid}
spec: {template: {spec: {containers: [{name: user-container, image: 'dev.local/x:1'}]}}}
";

#[tokio::test]
async fn service_applies_its_children_once_and_then_is_silent() {
    let world = World::new();
    let reconciler = service::Reconciler {
        caches: world.caches.clone(),
        config: Config::fixed(),
        writer: world.writer(manager::SERVICE),
    };
    world
        .caches
        .services
        .insert(world.stored::<Service>(&format!("{SERVING}/services/hello"), SERVICE));
    reconciler.reconcile(&key()).await.unwrap();
    let asked = world.api.take_asked();
    let first: Vec<_> = asked
        .iter()
        .map(|a| a.path.rsplit_once("demo/").unwrap().1)
        .collect();
    assert_eq!(
        first,
        [
            "configurations/hello",
            "routes/hello",
            "services/hello/status"
        ]
    );
    for apply in &asked[..2] {
        assert_eq!(
            apply.query.trim_start_matches('&'),
            "force=true&fieldManager=ebb-service",
            "{apply:?}"
        );
        assert_eq!(
            apply.body["metadata"]["ownerReferences"][0]["uid"],
            "service-uid"
        );
    }

    world
        .caches
        .services
        .insert(world.live(&format!("{SERVING}/services/hello")));
    world
        .caches
        .configurations
        .insert(world.live(&format!("{SERVING}/configurations/hello")));
    world
        .caches
        .routes
        .insert(world.live(&format!("{SERVING}/routes/hello")));
    reconciler.reconcile(&key()).await.unwrap();
    assert!(world.writes().is_empty());
}

#[tokio::test]
async fn object_that_is_gone_or_going_is_left_alone() {
    let world = World::new();
    let reconciler = service::Reconciler {
        caches: world.caches.clone(),
        config: Config::fixed(),
        writer: world.writer(manager::SERVICE),
    };
    reconciler.reconcile(&key()).await.unwrap();
    let mut going: Service = object(SERVICE);
    going.metadata.deletion_timestamp = Some(object("'2026-01-02T03:04:05Z'"));
    world.caches.services.insert(going);
    reconciler.reconcile(&key()).await.unwrap();
    assert!(world.api.take_asked().is_empty());
}

fn configuration_world() -> (World, configuration::Reconciler) {
    let world = World::new();
    let reconciler = configuration::Reconciler {
        caches: world.caches.clone(),
        config: Config::fixed(),
        writer: world.writer(manager::CONFIGURATION),
    };
    let stored: Configuration =
        world.stored(&format!("{SERVING}/configurations/hello"), CONFIGURATION);
    world.caches.configurations.insert(stored);
    (world, reconciler)
}

#[tokio::test]
async fn revision_that_the_cache_has_not_seen_yet_is_no_failure() {
    let (world, reconciler) = configuration_world();
    reconciler.reconcile(&key()).await.unwrap();
    assert_eq!(
        world.writes(),
        ["POST revisions", "PATCH configurations/hello/status"]
    );
    // The cache still shows neither the revision nor the status.
    reconciler.reconcile(&key()).await.unwrap();
    let status = &world
        .api
        .object(&format!("{SERVING}/configurations/hello"))
        .unwrap()["status"];
    assert_eq!(status["latestCreatedRevisionName"], "hello-00001");
    assert_eq!(status["conditions"][0]["status"], "Unknown");
}

#[tokio::test]
async fn revision_of_somebody_else_is_tried_again() {
    let (world, reconciler) = configuration_world();
    world.stored::<Revision>(
        &format!("{SERVING}/revisions/hello-00001"),
        "metadata: {name: hello-00001, namespace: demo}",
    );
    let error = reconciler.reconcile(&key()).await.unwrap_err();
    assert_eq!(error.to_string(), "failed to create Revision");
}

#[tokio::test]
async fn replicas_are_handed_over_before_a_deployment_is_written_again() {
    let world = World::new();
    let reconciler = revision::Reconciler {
        caches: world.caches.clone(),
        config: Config::fixed(),
        writer: world.writer(manager::REVISION),
    };
    let key = Key::new("demo", "hello-00001");
    let revision: Revision = world.stored(
        &format!("{SERVING}/revisions/hello-00001"),
        "
apiVersion: serving.knative.dev/v1
kind: Revision
metadata: {name: hello-00001, namespace: demo, generation: 1, uid: r}
spec: {containers: [{name: user-container, image: 'dev.local/x:1'}]}
",
    );
    world.caches.revisions.insert(revision.clone());
    reconciler.reconcile(&key).await.unwrap();
    let mut first = world.writes();
    first.sort();
    assert_eq!(
        first,
        [
            "PATCH deployments/hello-00001-deployment",
            "PATCH images/hello-00001-cache-user-container",
            "PATCH podautoscalers/hello-00001",
            "PATCH revisions/hello-00001/status",
        ]
    );

    let path = "/apis/apps/v1/namespaces/demo/deployments/hello-00001-deployment";
    let mut live: Deployment = world.live(path);
    assert_eq!(live.spec.as_ref().unwrap().replicas, Some(1));
    live.metadata
        .labels
        .as_mut()
        .unwrap()
        .insert("serving.knative.dev/deployment-hash".into(), "old".into());
    live.spec.as_mut().unwrap().replicas = Some(4);
    world.caches.deployments.insert(live);
    reconciler.reconcile(&key).await.unwrap();
    let writes: Vec<_> = world
        .api
        .take_asked()
        .into_iter()
        .filter(|asked| asked.path == path)
        .map(|a| (a.query, a.body))
        .collect();
    let [hand_over, update] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    assert!(
        hand_over.0.ends_with("fieldManager=ebb-revision-replicas")
            && !hand_over.0.contains("force")
    );
    assert_eq!(hand_over.1["spec"], serde_json::json!({"replicas": 4}));
    assert!(update.0.ends_with("fieldManager=ebb-revision"));
    assert_eq!(update.1["spec"].get("replicas"), None);
}

#[tokio::test]
async fn finalizer_comes_before_the_marks_and_goes_after_them() {
    let world = World::new();
    let reconciler = labeler::Reconciler {
        caches: world.caches.clone(),
        writer: world.writer(manager::LABELER),
    };
    let path = format!("{SERVING}/routes/hello");
    let mut route: Route = world.stored(
        &path,
        "
metadata: {name: hello, namespace: demo, generation: 1}
spec: {traffic: [{configurationName: hello, latestRevision: true, percent: 100}]}
",
    );
    world.caches.routes.insert(route.clone());
    let configuration: Configuration =
        world.stored(&format!("{SERVING}/configurations/hello"), CONFIGURATION);
    world.caches.configurations.insert(configuration);
    reconciler.reconcile(&key()).await.unwrap();
    assert_eq!(
        world.writes(),
        ["PATCH routes/hello", "PATCH configurations/hello"]
    );

    route = world.live(&path);
    assert_eq!(
        route.metadata.finalizers.as_deref(),
        Some(["routes.serving.knative.dev".to_owned()].as_slice())
    );
    route.metadata.deletion_timestamp = Some(object("'2026-01-02T03:04:05Z'"));
    world.caches.routes.insert(route);
    world
        .caches
        .configurations
        .insert(world.live(&format!("{SERVING}/configurations/hello")));
    reconciler.reconcile(&key()).await.unwrap();
    assert_eq!(
        world.writes(),
        ["PATCH configurations/hello", "PATCH routes/hello"]
    );
}

#[tokio::test]
async fn what_only_the_cache_is_missing_is_not_reported_as_missing() {
    let world = World::new();
    let reconciler = route::Reconciler {
        caches: world.caches.clone(),
        config: Config::fixed(),
        writer: world.writer(manager::ROUTE),
    };
    let path = format!("{SERVING}/routes/hello");
    let route: Route = world.stored(
        &path,
        "
metadata: {name: hello, namespace: demo, generation: 1}
spec: {traffic: [{configurationName: hello, latestRevision: true, percent: 100}]}
",
    );
    world.caches.routes.insert(route);
    world.stored::<Configuration>(&format!("{SERVING}/configurations/hello"), CONFIGURATION);
    reconciler.reconcile(&key()).await.unwrap();
    let conditions = world.api.object(&path).unwrap()["status"]["conditions"].clone();
    assert_eq!(
        conditions[0]["message"],
        "Configuration \"hello\" is waiting for a Revision to become ready."
    );
}

#[tokio::test]
async fn slices_that_stay_are_written_before_others_go() {
    let world = World::new();
    let reconciler = serverless_service::Reconciler {
        caches: world.caches.clone(),
        writer: world.writer(manager::SERVERLESS_SERVICE),
    };
    let sks: ServerlessService = world.stored(
        "/apis/networking.internal.knative.dev/v1alpha1/namespaces/demo/serverlessservices/hello",
        "
metadata: {name: hello, namespace: demo, generation: 1, uid: sks}
spec: {mode: Serve, protocolType: http1, objectRef: {name: hello-deployment}}
",
    );
    world.caches.deployments.insert(object(
        "
metadata: {name: hello-deployment, namespace: demo}
spec: {selector: {matchLabels: {a: b}}, template: {}}
",
    ));
    let old = "/apis/discovery.k8s.io/v1/namespaces/demo/endpointslices/hello-1";
    let mut slice: k8s_openapi::api::discovery::v1::EndpointSlice = world.stored(
        old,
        "
metadata: {name: hello-1, namespace: demo, labels: {kubernetes.io/service-name: hello}}
addressType: IPv4
endpoints: []
",
    );
    slice.metadata.owner_references = Some(vec![controller_reference(&sks)]);
    world.caches.slices.insert(slice);
    world.caches.serverless_services.insert(sks);
    reconciler.reconcile(&key()).await.unwrap();
    let writes = world.writes();
    let at = |write: &str| {
        writes
            .iter()
            .position(|w| w == write)
            .unwrap_or_else(|| panic!("{write}: {writes:?}"))
    };
    assert!(at("PATCH endpointslices/hello") < at("DELETE endpointslices/hello-1"));
    assert_eq!(
        writes.last().unwrap(),
        "PATCH serverlessservices/hello/status"
    );
}
