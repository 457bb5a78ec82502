//! What is written into Ingress objects, and when.

use std::time::Duration;

use serde_json::{Value, json};

use crate::toy::Toy;
use crate::world::{World, ingress_path, key, parse, to};

/// Says which replicas are ready.
fn replicas(world: &World, addresses: &[&str]) {
    let endpoints: Vec<Value> = addresses
        .iter()
        .map(|ip| json!({ "addresses": [ip] }))
        .collect();
    world.objects.slices.insert(parse(json!({
        "metadata": {
            "namespace": "knative-serving", "name": "replicas",
            "labels": { "kubernetes.io/service-name": "ebb-gateway-internal" },
        },
        "addressType": "IPv6",
        "endpoints": endpoints,
    })));
}

/// The condition Ready of an Ingress once the status is there.
async fn ready(world: &World, name: &str, wanted: &str) -> Value {
    let search = async {
        loop {
            let object = world.api.object(&ingress_path(name)).unwrap();
            let conditions = object["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            if conditions
                .iter()
                .any(|c| c["type"] == "Ready" && c["status"] == wanted)
            {
                return object["status"].clone();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), search)
        .await
        .expect("a status in time")
}

#[tokio::test]
async fn an_ingress_is_ready_when_every_ready_replica_serves_it() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    // Of two replicas one cannot be reached.
    replicas(&world, &["127.0.0.1", "::2"]);
    world.service("s", "http", &[toy.address]);
    world.ingress("s", 1, to("a.example.com", "s"));
    let status = ready(&world, "s", "Unknown").await;
    assert_eq!(status["observedGeneration"], 1);
    assert_eq!(status.get("publicLoadBalancer"), None);
    // It is not ready any more, so nobody waits for it.
    replicas(&world, &["127.0.0.1"]);
    let status = ready(&world, "s", "True").await;
    let inside = |list: &str| status[list]["ingress"][0]["domainInternal"].clone();
    assert_eq!(
        inside("publicLoadBalancer"),
        "ebb-gateway.knative-serving.svc.cluster.local"
    );
    assert_eq!(
        inside("privateLoadBalancer"),
        "ebb-gateway-internal.knative-serving.svc.cluster.local"
    );
}

#[tokio::test]
async fn what_is_ready_stays_ready_without_its_backend() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    replicas(&world, &["127.0.0.1"]);
    world.service("s", "http", &[toy.address]);
    world.ingress("s", 1, to("a.example.com", "s"));
    let before = ready(&world, "s", "True").await;
    world.service("s", "http", &[]);
    world
        .objects
        .ingresses
        .insert(parse(world.api.object(&ingress_path("s")).unwrap()));
    // Another one that becomes Ready afterwards shows that this one has been looked at.
    world.service("t", "http", &[toy.address]);
    world.ingress("t", 1, to("b.example.com", "t"));
    ready(&world, "t", "True").await;
    assert_eq!(ready(&world, "s", "True").await, before);
}

#[tokio::test]
async fn foreign_objects_are_not_touched() {
    let world = World::start().await;
    replicas(&world, &["127.0.0.1"]);
    let mut object = json!({
        "metadata": { "namespace": "ns", "name": "foreign", "uid": "u", "generation": 1 },
        "spec": to("a.example.com", "s"),
    });
    for annotations in [
        json!(null),
        json!({}),
        json!({ crate::world::CLASS: "" }),
        json!({ crate::world::CLASS: "x" }),
    ] {
        object["metadata"]["annotations"] = annotations;
        world.api.put(&ingress_path("foreign"), object.clone());
        world.objects.ingresses.insert(parse(object.clone()));
        // One of ours, after it: when that is Ready, the foreign one was passed over.
        let toy = Toy::start("a").await;
        world.service("s", "http", &[toy.address]);
        world.ingress("ours", 1, to("b.example.com", "s"));
        ready(&world, "ours", "True").await;
        assert_eq!(
            world
                .api
                .object(&ingress_path("foreign"))
                .unwrap()
                .get("status"),
            None
        );
        world.objects.ingresses.remove(&key("ours"));
    }
}
