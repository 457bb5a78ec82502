//! What a thousand revisions cost.

use std::net::Ipv4Addr;
use std::time::Duration;

use ebb_core::api::metric::Metric;
use ebb_core::scale::Pod;
use ebb_core::stat::{CONTENT_TYPE, Stat};
use ebb_process::Stop;
use ebb_runtime::{Cache, Key};
use jiff::Timestamp;
use prost::Message as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::collector::{Collector, PodIndex, Scraper};
use crate::metrics::Scrapes;

const REVISIONS: u16 = 1000;
const SECONDS: u64 = 10;

/// User and system time of this process.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11..13]
        .iter()
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(10 * ticks)
}

/// All pods at once: every address of 127/8 leads here.
async fn serve(listener: TcpListener) {
    let stat = Stat {
        pod_name: "p".into(),
        average_concurrent_requests: 1.0,
        ..Stat::default()
    };
    let body = stat.encode_to_vec();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = [head.into_bytes(), body].concat();
    let mut connections = JoinSet::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = answer.clone();
        connections.spawn(async move {
            let mut request = [0; 1024];
            while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                stream.write_all(&answer).await.unwrap();
            }
        });
    }
}

#[tokio::test]
#[ignore = "a measurement of ten seconds: run it with --release and --nocapture"]
async fn a_thousand_revisions_are_scraped_every_second() {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener));

    let name = |number: u16| format!("rev-{number:05}");
    let pods = (1..=REVISIONS).map(|number| -> Pod {
        let [high, low] = number.to_be_bytes();
        serde_json::from_value(json!({
            "metadata": {
                "name": name(number),
                "namespace": "ns",
                "labels": { "serving.knative.dev/revision": name(number) },
            },
            "status": {
                "phase": "Running",
                "podIP": Ipv4Addr::new(127, 1, high, low),
                "conditions": [{ "type": "Ready", "status": "True" }],
            },
        }))
        .unwrap()
    });
    let pods = PodIndex::new(&Cache::of(pods));
    let collector = Collector::new(
        Cache::of([]),
        Scraper::new(pods).at_port(port),
        Scrapes::default(),
    );
    for number in 1..=REVISIONS {
        let metric: Metric = serde_json::from_value(json!({
            "metadata": { "name": name(number), "namespace": "ns" },
            "spec": {
                "stableWindow": 60_000_000_000_i64,
                "panicWindow": 6_000_000_000_i64,
                "scrapeTarget": "t",
            },
        }))
        .unwrap();
        collector.ensure(&metric, Timestamp::now()).unwrap();
    }

    let stop = Stop::new();
    let before = cpu();
    tasks.spawn({
        let (collector, stop) = (collector.clone(), stop.clone());
        async move { collector.run(stop).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    let used = cpu() - before;
    stop.trigger();
    let now = Timestamp::now();
    let seen = (1..=REVISIONS).filter(|number| {
        let key = Key::new("ns", name(*number));
        let load = collector.load(&key, ebb_core::scale::Metric::Concurrency, now);
        load.is_ok_and(|load| (load.stable - 1.0).abs() < 1e-9)
    });
    assert_eq!(
        seen.count(),
        usize::from(REVISIONS),
        "each second of each revision counts once"
    );
    println!(
        "{REVISIONS} revisions, one pod each: {:.1} % of a core, both ends of the scrapes included",
        100.0 * used.as_secs_f64() / SECONDS as f64
    );
}
