//! What the backend sees of a request's head.

use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::toy::Toy;
use crate::world::{Http1, World, rule, split, told};

#[tokio::test]
async fn set_headers_replace_those_of_the_client() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    world.service("s", "http", &[toy.address]);
    let mut split = split("s", 100);
    split["appendHeaders"] = json!({ "Knative-Serving-Revision": "a-00001" });
    let mut rule = rule("a.example.com", &[split]);
    rule["http"]["paths"][0]["appendHeaders"] = json!({ "Foo-Bar-Baz": "set" });
    world.ingress("i", 1, json!({ "rules": [rule] }));
    world.served("i", 1).await;
    let request = Request::get("/")
        .header("host", "a.example.com")
        .header("foo-bar-baz", "bogus")
        .header("knative-serving-revision", "stolen")
        .body(Full::default());
    let told = told(Http1::to(world.public()).await.send(request.unwrap()).await).await;
    assert_eq!(told["headers"]["foo-bar-baz"], json!(["set"]));
    assert_eq!(
        told["headers"]["knative-serving-revision"],
        json!(["a-00001"])
    );
}

#[tokio::test]
async fn forwarding_is_told_in_bare_addresses() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    world.service("s", "http", &[toy.address]);
    world.route("a.example.com", "s").await;
    let mut client = Http1::to(world.public()).await;
    let first = told(client.open("a.example.com:80", "/").await).await;
    assert_eq!(first["headers"]["x-forwarded-for"], json!(["127.0.0.1"]));
    assert_eq!(first["headers"]["x-forwarded-proto"], json!(["http"]));
    assert_eq!(first["host"], "a.example.com:80");
    let request = Request::get("/")
        .header("host", "a.example.com")
        .header("x-forwarded-for", "198.51.100.7")
        .header("x-forwarded-proto", "https")
        .body(Full::default());
    let second = told(client.send(request.unwrap()).await).await;
    assert_eq!(
        second["headers"]["x-forwarded-for"],
        json!(["198.51.100.7, 127.0.0.1"])
    );
    assert_eq!(second["headers"]["x-forwarded-proto"], json!(["https"]));
}

#[tokio::test]
async fn a_prober_learns_the_hash_that_the_ledger_tells() {
    let (world, toy) = (World::start().await, Toy::start("a").await);
    world.service("s", "http", &[toy.address]);
    world.route("a.example.com", "s").await;
    let mut client = Http1::to(world.public()).await;
    let mut ask = async |hash: &str| {
        let request = Request::get("/healthz")
            .header("host", "a.example.com")
            .header("k-network-hash", hash)
            .body(Full::default());
        told(client.send(request.unwrap()).await).await["headers"]["k-network-hash"][0]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(ask("override").await.len(), 64);
    assert_eq!(ask("something else").await, "something else");
}
