//! Which backend answers.

use std::collections::HashMap;

use http::StatusCode;
use serde_json::json;

use crate::toy::Toy;
use crate::world::{Http1, Http2, World, name, rule, split};

#[tokio::test]
async fn a_host_is_found_with_any_port_and_case_and_others_are_not() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    world.service("s", "http", &[toy.address]);
    world.route("a.example.com", "s").await;
    let mut client = Http1::to(world.public()).await;
    for host in ["a.example.com", "A.Example.com:8080"] {
        assert_eq!(client.get(host, "/").await.0, StatusCode::OK);
    }
    assert_eq!(
        client.get("b.example.com", "/").await,
        (StatusCode::NOT_FOUND, String::new())
    );
}

#[tokio::test]
async fn private_hosts_answer_at_the_private_door_only() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    world.service("s", "http", &[toy.address]);
    let mut private = rule("a.ns.svc.cluster.local", &[split("s", 100)]);
    private["visibility"] = "ClusterLocal".into();
    world.ingress(
        "i",
        1,
        json!({ "rules": [private, rule("a.example.com", &[split("s", 100)])] }),
    );
    world.served("i", 1).await;
    let (mut outside, mut inside) = (
        Http1::to(world.public()).await,
        Http1::to(world.private()).await,
    );
    assert_eq!(
        outside.get("a.ns.svc.cluster.local", "/").await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        inside.get("a.ns.svc.cluster.local", "/").await.0,
        StatusCode::OK
    );
    assert_eq!(inside.get("a.example.com", "/").await.0, StatusCode::OK);
}

#[tokio::test]
async fn shares_are_met_on_one_connection_and_zero_percent_gets_nothing() {
    let world = World::start().await;
    let toys = [
        Toy::start("a").await,
        Toy::start("b").await,
        Toy::start("none").await,
    ];
    for (toy, service) in toys.iter().zip(["a", "b", "none"]) {
        world.service(service, "http2", &[toy.address]);
    }
    let splits = [split("a", 30), split("b", 70), split("none", 0)];
    world.ingress("i", 1, json!({ "rules": [rule("a.example.com", &splits)] }));
    world.served("i", 1).await;
    let mut client = Http2::to(world.public()).await;
    let mut counts: HashMap<String, u32> = HashMap::new();
    for _ in 0..1000 {
        *counts
            .entry(name(&client.get("a.example.com", "/").await.1))
            .or_default() += 1;
    }
    assert!((200..400).contains(&counts["a"]), "{counts:?}");
    assert_eq!(counts.get("none"), None);
}

#[tokio::test]
async fn requests_of_one_connection_are_spread_over_endpoints() {
    let world = World::start().await;
    let toys = [Toy::start("a").await, Toy::start("b").await];
    world.service("s", "http", &[toys[0].address, toys[1].address]);
    world.route("a.example.com", "s").await;
    let mut client = Http1::to(world.public()).await;
    let mut seen = HashMap::new();
    for _ in 0..100 {
        *seen
            .entry(name(&client.get("a.example.com", "/").await.1))
            .or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 2, "{seen:?}");
}

#[tokio::test]
async fn a_rewritten_host_leads_through_an_alias() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    world.service("target", "http", &[toy.address]);
    world.objects.services.insert(crate::world::parse(json!({
        "metadata": { "namespace": "ns", "name": "alias" },
        "spec": { "type": "ExternalName", "externalName": "target.ns.svc.cluster.local", "ports": [{ "port": 80 }] },
    })));
    let mut rule = rule("vanity.example.com", &[split("alias", 100)]);
    rule["http"]["paths"][0]["rewriteHost"] = "a.ns.svc.cluster.local".into();
    world.ingress("i", 1, json!({ "rules": [rule] }));
    world.served("i", 1).await;
    let mut client = Http1::to(world.public()).await;
    let told = crate::world::told(client.open("vanity.example.com", "/x?y=1").await).await;
    assert_eq!(
        (told["host"].as_str(), told["path"].as_str()),
        (Some("a.ns.svc.cluster.local"), Some("/x?y=1"))
    );
}
