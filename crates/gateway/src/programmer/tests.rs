use ebb_core::routing::table::{Door, Request, Verdict};
use ebb_net::client;
use ebb_runtime::Cache;
use http::HeaderMap;
use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};

use super::*;

/// Objects, a programmer that follows them, and what it publishes.
struct World {
    objects: Objects,
    inbox: Inbox,
    programmer: Programmer,
    routes: Arc<Routes>,
    ledger: Ledger,
}

impl World {
    fn new() -> Self {
        let objects = Objects::of(Cache::of([]), Cache::of([]), Cache::of([]), Cache::of([]));
        let inbox = Inbox::default();
        objects.report_to(&inbox);
        let routes: Arc<Routes> = Arc::default();
        let ledger = Ledger::default();
        let directory = Directory::new(
            objects.clone(),
            "cluster.local".into(),
            client::Settings::default(),
        );
        let programmer = Programmer::new(
            objects.clone(),
            directory,
            Certificates::default(),
            routes.clone(),
            ledger.clone(),
        );
        Self {
            objects,
            inbox,
            programmer,
            routes,
            ledger,
        }
    }

    fn settle(&mut self) {
        self.programmer.apply(self.inbox.take());
    }

    /// A Service and its only slice; the Service's name picks the addresses.
    fn service(&self, name: &str, addresses: &[&str]) {
        let endpoints: Vec<Value> = addresses
            .iter()
            .map(|ip| json!({ "addresses": [ip], "conditions": { "ready": true } }))
            .collect();
        self.objects.services.insert(parse::<Service>(json!({
            "metadata": { "namespace": "ns", "name": name },
            "spec": { "ports": [{ "name": "http", "port": 80 }] },
        })));
        self.objects.slices.insert(parse::<EndpointSlice>(json!({
            "metadata": { "namespace": "ns", "name": format!("{name}-1"), "labels": { "kubernetes.io/service-name": name } },
            "addressType": "IPv4",
            "ports": [{ "name": "http", "port": 8012 }],
            "endpoints": endpoints,
        })));
    }

    fn ingress(&self, name: &str, generation: i64, spec: Value) {
        self.objects
            .ingresses
            .insert(ingress(name, generation, spec));
    }

    /// The address of the only endpoint, `none` without one, or `404`.
    fn ask(&self, host: &str) -> String {
        let routes = self.routes.load();
        let headers = HeaderMap::new();
        let request = Request {
            door: Door::Public,
            secure: false,
            host,
            path: "/",
            headers: &headers,
            random: 0,
        };
        match routes.decide(&request) {
            Verdict::Forward(forward) => {
                let pool = forward.target.backend.pool();
                let first = pool.addresses().next();
                first.map_or_else(|| "none".into(), |address| address.to_string())
            }
            other => format!(
                "{}",
                if matches!(other, Verdict::NotFound) {
                    404
                } else {
                    301
                }
            ),
        }
    }

    fn standing(&self, name: &str) -> Option<Standing> {
        self.ledger.standing(&Key::new("ns", name))
    }

    fn serves(&self, name: &str, generation: i64) -> bool {
        matches!(self.standing(name), Some(Standing::Serving(version)) if version.generation == generation)
    }
}

fn parse<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn ingress(name: &str, generation: i64, spec: Value) -> Ingress {
    parse(json!({
        "metadata": {
            "namespace": "ns", "name": name, "uid": format!("uid-{name}"), "generation": generation,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": { "networking.knative.dev/ingress.class": "ebb.ingress.networking.knative.dev" },
        },
        "spec": spec,
    }))
}

fn to(host: &str, service: &str) -> Value {
    json!({ "rules": [{ "hosts": [host], "http": { "paths": [
        { "splits": [{ "serviceNamespace": "ns", "serviceName": service, "servicePort": 80, "percent": 100 }] },
    ]}}]})
}

#[tokio::test]
async fn an_ingress_is_served_when_its_backend_has_an_address() {
    let mut world = World::new();
    world.ingress("a", 1, to("a.example.com", "s"));
    world.settle();
    assert_eq!(world.ask("a.example.com"), "none");
    assert_eq!(world.standing("a"), Some(Standing::Waiting));
    world.service("s", &["10.0.0.1"]);
    world.settle();
    assert_eq!(world.ask("a.example.com"), "10.0.0.1:8012");
    assert!(world.serves("a", 1));
}

#[tokio::test]
async fn the_old_version_stays_until_the_new_one_can_serve() {
    let mut world = World::new();
    world.service("old", &["10.0.0.1"]);
    world.ingress("a", 1, to("a.example.com", "old"));
    world.settle();
    world.ingress("a", 2, to("a.example.com", "new"));
    world.settle();
    assert_eq!(world.ask("a.example.com"), "10.0.0.1:8012");
    assert_eq!(world.standing("a"), Some(Standing::Waiting));
    // The old backend is still followed.
    world.service("old", &["10.0.0.9"]);
    world.settle();
    assert_eq!(world.ask("a.example.com"), "10.0.0.9:8012");
    world.service("new", &["10.0.0.2"]);
    world.settle();
    assert_eq!(world.ask("a.example.com"), "10.0.0.2:8012");
    assert!(world.serves("a", 2));
}

#[tokio::test]
async fn what_is_served_stays_served_when_its_backend_is_lost() {
    let mut world = World::new();
    world.service("s", &["10.0.0.1"]);
    world.ingress("a", 1, to("a.example.com", "s"));
    world.settle();
    world.service("s", &[]);
    world.settle();
    assert_eq!(world.ask("a.example.com"), "none");
    assert!(world.serves("a", 1));
}

#[tokio::test]
async fn hosts_that_a_new_version_leaves_out_are_gone() {
    let mut world = World::new();
    world.service("s", &["10.0.0.1"]);
    world.ingress("a", 1, to("a.example.com", "s"));
    world.settle();
    world.ingress("a", 2, to("b.example.com", "s"));
    world.settle();
    assert_eq!(world.ask("a.example.com"), "404");
    assert_eq!(world.ask("b.example.com"), "10.0.0.1:8012");
    world.objects.ingresses.remove(&Key::new("ns", "a"));
    world.settle();
    assert_eq!(world.ask("b.example.com"), "404");
    assert_eq!(world.standing("a"), None);
}

#[tokio::test]
async fn a_host_of_two_ingresses_belongs_to_one_and_passes_on_when_it_is_free() {
    let mut world = World::new();
    world.service("s", &["10.0.0.1"]);
    world.service("t", &["10.0.0.2"]);
    world.ingress("b", 1, to("x.example.com", "t"));
    world.settle();
    assert_eq!(world.ask("x.example.com"), "10.0.0.2:8012");
    // As old, and first by name.
    world.ingress("a", 1, to("x.example.com", "s"));
    world.settle();
    assert_eq!(world.ask("x.example.com"), "10.0.0.1:8012");
    let conflict = Refusal::Conflict {
        host: "x.example.com".into(),
        holder: Key::new("ns", "a"),
    };
    assert_eq!(
        world.standing("b"),
        Some(Standing::Refused {
            generation: 1,
            refusal: conflict
        })
    );
    world.objects.ingresses.remove(&Key::new("ns", "a"));
    world.settle();
    assert_eq!(world.ask("x.example.com"), "10.0.0.2:8012");
    assert!(world.serves("b", 1));
}

#[tokio::test]
async fn other_classes_are_not_served_and_a_changed_class_is_dropped() {
    let mut world = World::new();
    world.service("s", &["10.0.0.1"]);
    world.ingress("a", 1, to("a.example.com", "s"));
    world.settle();
    for class in [None, Some(""), Some("other.ingress.networking.knative.dev")] {
        let mut foreign = ingress("a", 1, to("a.example.com", "s"));
        foreign.metadata.annotations = class.map(|class| {
            [(
                "networking.knative.dev/ingress.class".to_owned(),
                class.to_owned(),
            )]
            .into()
        });
        world.objects.ingresses.insert(foreign);
        world.settle();
        assert_eq!(world.ask("a.example.com"), "404", "{class:?}");
        assert_eq!(world.standing("a"), None);
    }
}

#[tokio::test]
async fn an_alias_of_a_service_follows_its_addresses() {
    let mut world = World::new();
    world.service("target", &["10.0.0.1"]);
    world.objects.services.insert(parse(json!({
        "metadata": { "namespace": "ns", "name": "alias" },
        "spec": {
            "type": "ExternalName", "externalName": "target.ns.svc.cluster.local",
            "ports": [{ "name": "http2", "port": 80 }],
        },
    })));
    world.ingress("a", 1, to("a.example.com", "alias"));
    world.settle();
    assert_eq!(world.ask("a.example.com"), "10.0.0.1:8012");
    world.service("target", &["10.0.0.2"]);
    world.settle();
    assert_eq!(world.ask("a.example.com"), "10.0.0.2:8012");
}

#[tokio::test]
async fn a_certificate_is_needed_to_be_complete_but_plain_http_does_not_wait_for_it() {
    let mut world = World::new();
    world.service("s", &["10.0.0.1"]);
    let mut spec = to("a.example.com", "s");
    spec["tls"] =
        json!([{ "hosts": ["a.example.com"], "secretName": "cert", "secretNamespace": "ns" }]);
    world.ingress("a", 1, spec);
    world.settle();
    assert_eq!(world.ask("a.example.com"), "10.0.0.1:8012");
    assert_eq!(world.standing("a"), Some(Standing::Waiting));
    let made = rcgen::generate_simple_self_signed(["a.example.com".to_owned()]).unwrap();
    let mut secret = Secret::default();
    secret.metadata.namespace = Some("ns".into());
    secret.metadata.name = Some("cert".into());
    let member =
        |name: &str, text: String| (name.to_owned(), k8s_openapi::ByteString(text.into_bytes()));
    secret.data = Some(
        [
            member("tls.crt", made.cert.pem()),
            member("tls.key", made.signing_key.serialize_pem()),
        ]
        .into(),
    );
    world.objects.secrets.insert(secret);
    world.settle();
    assert!(world.serves("a", 1));
    let by_name = world.programmer.certificates.by_name();
    assert!(by_name.find("A.example.com").is_some());
    assert!(by_name.find("b.example.com").is_none());
}

#[tokio::test]
async fn a_version_that_cannot_be_compiled_leaves_the_old_one_in_place() {
    let mut world = World::new();
    world.service("s", &["10.0.0.1"]);
    world.ingress("a", 1, to("a.example.com", "s"));
    world.settle();
    let mut bad = to("a.example.com", "s");
    bad["rules"][0]["http"]["paths"][0]["appendHeaders"] = json!({ "not a name": "x" });
    world.ingress("a", 2, bad);
    world.settle();
    assert_eq!(world.ask("a.example.com"), "10.0.0.1:8012");
    assert!(matches!(
        world.standing("a"),
        Some(Standing::Refused { generation: 2, .. })
    ));
}
