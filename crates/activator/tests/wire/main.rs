//! Client → activator → pod over real sockets, with caches instead of an API server.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod world;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ebb_core::stat::WireStatMessages;
use ebb_net::server::{Limits, Server};
use ebb_runtime::Key;
use http_body_util::BodyExt;
use prost::Message as _;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

use world::{App, SOON, World, until};

#[tokio::test]
async fn twenty_requests_at_zero_are_held_told_and_served() {
    let mut world = World::start(0).await;
    let app = Arc::new(App::default());
    let mut requests = JoinSet::new();
    for _ in 0..20 {
        let (client, request) = (world.client.clone(), world.request("rev", "/", &[]));
        requests.spawn(async move { client.request(request).await.unwrap().status() });
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(app.served.load(Ordering::SeqCst), 0);
    world.add_pod(&app).await;
    while let Some(status) = timeout(SOON, requests.join_next()).await.unwrap() {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(app.served.load(Ordering::SeqCst), 20);
    world.end().await;
}

#[tokio::test]
async fn the_first_request_is_told_before_there_is_a_pod() {
    let mut world = World::start(0).await;
    let (client, request) = (world.client.clone(), world.request("rev", "/", &[]));
    world
        .tasks
        .spawn(async move { drop(client.request(request).await) });
    let frame = timeout(SOON, world.frames.recv()).await.unwrap().unwrap();
    let message = WireStatMessages::decode(&*frame)
        .unwrap()
        .messages
        .remove(0);
    assert_eq!(
        (message.namespace.as_str(), message.name.as_str()),
        ("ns", "rev")
    );
    assert_eq!(message.stat.unwrap().average_concurrent_requests, 1.0);
    world.end().await;
}

#[tokio::test]
async fn a_pod_sees_where_the_request_comes_from_and_not_which_revision_it_is() {
    let mut world = World::start(0).await;
    let pod = world.add_pod(&Arc::new(App::default())).await;
    let (status, head) = world.get().await;
    assert_eq!(status, 200);
    for line in [
        "k-proxy-request: \"activator\"",
        "k-original-host: \"hello.example.com\"",
        "x-forwarded-for: \"127.0.0.1\"",
        &format!("host: \"{pod}\""),
    ] {
        assert!(head.contains(line), "{line} not in\n{head}");
    }
    assert!(!head.contains("knative-serving"), "{head}");
    world.end().await;
}

#[tokio::test]
async fn a_pod_gets_requests_only_once_it_answers_probes() {
    let mut world = World::start(0).await;
    let app = Arc::new(App::default());
    app.unready.store(true, Ordering::SeqCst);
    world.add_pod(&app).await;
    let early = timeout(Duration::from_millis(200), world.get()).await;
    assert!(early.is_err(), "held while the pod is unready");
    app.unready.store(false, Ordering::SeqCst);
    assert_eq!(timeout(SOON, world.get()).await.unwrap().0, 200);
    world.end().await;
}

#[tokio::test]
async fn an_address_that_refuses_at_first_is_used_the_moment_it_listens() {
    let mut world = World::start(0).await;
    let place = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = place.local_addr().unwrap();
    drop(place);
    world.announce(address);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let listener = TcpListener::bind(address).await.unwrap();
    let server = Server::new(Arc::new(App::default()), &Limits::default());
    world
        .tasks
        .spawn(async move { server.run(listener, std::future::pending()).await.unwrap() });
    let begin = std::time::Instant::now();
    assert_eq!(timeout(SOON, world.get()).await.unwrap().0, 200);
    assert!(
        begin.elapsed() < Duration::from_millis(200),
        "{:?}",
        begin.elapsed()
    );
    world.end().await;
}

#[tokio::test]
async fn concurrency_one_never_sees_two_and_uses_every_pod() {
    let mut world = World::start(1).await;
    let apps: Vec<_> = (0..3).map(|_| Arc::new(App::default())).collect();
    for app in &apps {
        world.add_pod(app).await;
    }
    let mut requests = JoinSet::new();
    for _ in 0..60 {
        let (client, request) = (world.client.clone(), world.request("rev", "/", &[]));
        requests.spawn(async move {
            let response = client.request(request).await.unwrap();
            let status = response.status();
            response.into_body().collect().await.unwrap();
            status
        });
    }
    while let Some(status) = timeout(SOON, requests.join_next()).await.unwrap() {
        assert_eq!(status.unwrap(), 200);
    }
    assert!(apps.iter().all(|app| app.most.load(Ordering::SeqCst) <= 1));
    let served: usize = apps
        .iter()
        .map(|app| app.served.load(Ordering::SeqCst))
        .sum();
    assert_eq!(served, 60);
    world.end().await;
}

#[tokio::test]
async fn a_body_left_open_keeps_the_next_request_waiting() {
    let mut world = World::start(1).await;
    world.add_pod(&Arc::new(App::default())).await;
    let open = world
        .client
        .request(world.request("rev", "/stream", &[]))
        .await
        .unwrap();
    assert_eq!(open.status(), 200);
    let next = timeout(Duration::from_millis(200), world.get()).await;
    assert!(next.is_err(), "the place is taken until the body ends");
    drop(open);
    assert_eq!(timeout(SOON, world.get()).await.unwrap().0, 200);
    world.end().await;
}

#[tokio::test]
async fn a_request_that_could_not_be_sent_goes_to_another_pod() {
    let mut world = World::start(0).await;
    let (dies, lives) = (Arc::new(App::default()), Arc::new(App::default()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(Arc::clone(&dies), &Limits::default());
    let mut doomed = JoinSet::new();
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    doomed.spawn(async move {
        let closed = async {
            let _ = closed.await;
        };
        server.run(listener, closed).await.unwrap();
    });
    world.announce(address);
    world.add_pod(&lives).await;
    for _ in 0..40 {
        assert_eq!(world.get().await.0, 200);
    }
    close.send(()).unwrap();
    timeout(SOON, doomed.join_next()).await.unwrap();
    for _ in 0..40 {
        assert_eq!(
            timeout(SOON, world.get()).await.unwrap().0,
            200,
            "nothing is lost with the pod"
        );
    }
    world.end().await;
}

#[tokio::test]
async fn a_terminating_pod_gets_nothing_more() {
    let mut world = World::start(0).await;
    let (leaves, stays) = (Arc::new(App::default()), Arc::new(App::default()));
    let address = world.add_pod(&leaves).await;
    world.add_pod(&stays).await;
    assert_eq!(world.get().await.0, 200);
    world.retire(address);
    // The director works on the change in its own task; what it has seen shows in where requests go.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let before = leaves.served.load(Ordering::SeqCst);
    for _ in 0..40 {
        assert_eq!(world.get().await.0, 200);
    }
    assert_eq!(leaves.served.load(Ordering::SeqCst), before);
    world.end().await;
}

#[tokio::test]
async fn a_wait_without_end_ends_with_the_timeout_of_the_revision() {
    let world = World::start(0).await;
    let (status, text) = timeout(SOON, world.get()).await.unwrap();
    assert_eq!((status, text.as_str()), (504, "activator request timeout"));
    world.end().await;
}

#[tokio::test]
async fn a_deleted_revision_is_not_found_and_its_line_is_sent_away() {
    let world = World::start(0).await;
    let waiting = world.get();
    let delete = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.caches.revisions.remove(&Key::new("ns", "rev"));
    };
    let ((status, text), ()) = timeout(SOON, async { tokio::join!(waiting, delete) })
        .await
        .unwrap();
    assert_eq!((status, text.as_str()), (500, ""));
    let (status, text) = world.get().await;
    assert_eq!(status, 404);
    assert_eq!(
        text,
        "Error getting active endpoint: revision.serving.knative.dev \"rev\" not found\n"
    );
    world.end().await;
}

#[tokio::test]
async fn probes_are_answered_here() {
    let world = World::start(0).await;
    let ask = |headers: &'static [(&'static str, &'static str)]| {
        world.get_as("rev", "//healthz", headers)
    };
    assert_eq!(
        ask(&[("user-agent", "kube-probe/1.35")]).await,
        (200, String::new())
    );
    assert_eq!(
        ask(&[("k-network-probe", "activator")]).await,
        (200, "activator".into())
    );
    assert_eq!(
        ask(&[("k-network-probe", "probe"), ("k-network-hash", "abc")])
            .await
            .0,
        200
    );
    assert_eq!(ask(&[("k-network-probe", "probe")]).await.0, 400);
    let strange = ask(&[("k-network-probe", "<b>")]).await;
    assert_eq!(
        strange,
        (400, "unexpected probe header value: \"&lt;b&gt;\"\n".into())
    );
    world.stop.trigger();
    let leaving = ask(&[("user-agent", "kube-probe/1.35")]).await;
    assert_eq!(leaving, (500, "received SIGTERM from kubelet\n".into()));
    world.end().await;
}

#[tokio::test]
async fn a_process_that_has_just_started_holds_what_it_does_not_know_yet() {
    let mut world = World::empty().await;
    let early = world.get();
    let learns = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.list(0);
    };
    let ((status, _), ()) = timeout(SOON, async { tokio::join!(early, learns) })
        .await
        .unwrap();
    assert_eq!(status, 504, "found, then waits for a pod in vain");
    assert_eq!(
        world.get_as("other", "/", &[]).await.0,
        404,
        "known not to exist"
    );
    world.add_pod(&Arc::new(App::default())).await;
    assert_eq!(world.get().await.0, 200);
    world.end().await;
}

#[tokio::test]
async fn activators_share_pods_that_take_few_requests() {
    let mut world = World::start(1).await;
    let apps: Vec<_> = (0..4).map(|_| Arc::new(App::default())).collect();
    for app in &apps {
        world.add_pod(app).await;
    }
    // The public Service points at us and at another activator, which is the second in the order of addresses.
    let public = json!({
        "metadata": {
            "name": "rev", "namespace": "ns", "resourceVersion": "1",
            "labels": {
                "networking.internal.knative.dev/serverlessservice": "rev",
                "networking.internal.knative.dev/serviceType": "Public",
            },
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8012}],
        "endpoints": [{"addresses": ["127.0.0.1"]}, {"addresses": ["127.0.0.2"]}],
    });
    world
        .caches
        .slices
        .insert(serde_json::from_value(public).unwrap());
    let throttle = Arc::clone(&world.revisions.get("ns", "rev").unwrap().throttle);
    until("our share", || throttle.pods().len() == 2).await;
    let ours: Vec<_> = throttle
        .pods()
        .iter()
        .map(|pod| pod.address().ip().to_string())
        .collect();
    assert_eq!(ours, ["127.0.1.1", "127.0.1.2"]);
    world.end().await;
}
