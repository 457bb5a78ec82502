//! Pods on loopback that answer, refuse or hang.

use ebb_runtime::Cache;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::test_util::{key, serving_pod};

/// What a pod does when it is asked.
#[derive(Clone, Copy)]
enum Behaviour {
    /// Gives this concurrency.
    Busy(f64),
    /// Takes the connection and says nothing.
    Hangs,
    /// Answers with this status and media type.
    Refuses(&'static str, &'static str),
}

impl Behaviour {
    fn answer(self) -> Option<Vec<u8>> {
        let (status, media_type, body) = match self {
            Self::Hangs => return None,
            Self::Refuses(status, media_type) => (status, media_type, Vec::new()),
            Self::Busy(concurrency) => {
                let stat = Stat {
                    pod_name: "p".into(),
                    average_concurrent_requests: concurrency,
                    ..Stat::default()
                };
                ("200 OK", CONTENT_TYPE, stat.encode_to_vec())
            }
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
        );
        Some([head.into_bytes(), body].concat())
    }
}

/// Pods at 127.0.0.1, 127.0.0.2 … and a scraper that knows them.
async fn pods(behaviours: &[Behaviour]) -> (Scraper, JoinSet<()>) {
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = first.local_addr().unwrap().port();
    let mut first = Some(first);
    let mut tasks = JoinSet::new();
    let mut objects = Vec::new();
    for (number, behaviour) in (1..).zip(behaviours) {
        let address: IpAddr = [127, 0, 0, number].into();
        objects.push(serving_pod(&format!("p{number}"), address));
        let listener = match first.take() {
            Some(listener) => listener,
            None => TcpListener::bind((address, port)).await.unwrap(),
        };
        tasks.spawn(serve(listener, *behaviour));
    }
    let scraper = Scraper::new(PodIndex::new(&Cache::of(objects))).at_port(port);
    (scraper, tasks)
}

async fn serve(listener: TcpListener, behaviour: Behaviour) {
    let mut open = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        if let Some(answer) = behaviour.answer() {
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..read]).to_lowercase();
            assert!(
                request.contains("accept: application/protobuf"),
                "{request}"
            );
            stream.write_all(&answer).await.unwrap();
        }
        open.push(stream);
    }
}

async fn scrape(behaviours: &[Behaviour]) -> Result<Option<f64>, String> {
    let (scraper, _tasks) = pods(behaviours).await;
    let stat = scraper.scrape(&key(), Duration::from_secs(60)).await;
    stat.map(|stat| stat.map(|stat| stat.average_concurrent_requests))
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_load_is_the_sum_over_all_pods() {
    let load = scrape(&[
        Behaviour::Busy(1.0),
        Behaviour::Busy(2.0),
        Behaviour::Busy(4.0),
    ])
    .await;
    assert_eq!(load, Ok(Some(7.0)));
}

#[tokio::test]
async fn a_pod_that_hangs_does_not_lose_the_second_of_the_others() {
    let load = scrape(&[Behaviour::Busy(2.0), Behaviour::Hangs, Behaviour::Busy(4.0)]).await;
    assert_eq!(load, Ok(Some(9.0)), "its share is estimated");
}

#[tokio::test]
async fn a_sample_is_filled_up_from_the_pods_that_were_not_asked() {
    // Four of five are asked; the one that refuses is replaced by the fifth.
    let mut behaviours = [Behaviour::Busy(2.0); 5];
    behaviours[3] = Behaviour::Refuses("500 Internal Server Error", CONTENT_TYPE);
    assert_eq!(scrape(&behaviours).await, Ok(Some(10.0)));
}

#[tokio::test]
async fn only_the_exact_media_type_counts() {
    let refusal = Behaviour::Refuses("200 OK", "application/protobuf; charset=x");
    let error = scrape(&[refusal]).await.unwrap_err();
    assert_eq!(
        error,
        "none of 1 pods gave its statistics: its answer is no protobuf"
    );
}

#[tokio::test]
async fn nothing_is_known_when_nobody_answers_and_no_pods_are_no_failure() {
    let error = scrape(&[Behaviour::Hangs, Behaviour::Hangs])
        .await
        .unwrap_err();
    assert_eq!(
        error,
        "none of 2 pods gave its statistics: no answer within 900ms"
    );
    let none = Scraper::new(PodIndex::new(&Cache::of([])));
    let load = none.scrape(&key(), Duration::from_secs(60)).await;
    assert_eq!(load, Ok(None));
}

#[test]
fn old_pods_are_asked_before_young_ones() {
    let now = Timestamp::now();
    let pod = |number: u8, is_old: bool| {
        let mut pod = serving_pod("p", [127, 0, 0, number].into());
        if !is_old {
            pod.status.start_time = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now));
        }
        Arc::new(pod)
    };
    let pods = (1..=20)
        .map(|number| pod(number, number % 2 == 0))
        .collect();
    let asked = candidates(pods, Duration::from_secs(60), now);
    let is_old = |address: &IpAddr| matches!(address, IpAddr::V4(v4) if v4.octets()[3] % 2 == 0);
    assert_eq!(asked.len(), 20);
    assert!(asked[..10].iter().all(is_old), "{asked:?}");
    assert!(!asked[10..].iter().any(is_old), "{asked:?}");
}
