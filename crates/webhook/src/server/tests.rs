use std::time::SystemTime;

use futures::StreamExt as _;
use futures::channel::mpsc::UnboundedSender;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Frame;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::*;
use crate::certificate;
use crate::metrics::Metrics;
use crate::reviews::{BODY_LIMIT, LARGEST_AT_ONCE};
use crate::settings::Settings;
use crate::tls::{Parameters, Shown};

const HOST: &str = "webhook.knative-serving.svc";

fn server(shown: Arc<Shown>, leaving: Stop) -> Server {
    let settings = <Settings as clap::Parser>::parse_from(["webhook", "--name", "webhook"]);
    let tls = Parameters::of(&settings)
        .unwrap()
        .server_config(shown)
        .unwrap();
    let reviews = Reviews::new(crate::admit::tests::admitter(), Metrics::default());
    Server::new(reviews, tls, leaving)
}

fn plain() -> Server {
    server(Arc::default(), Stop::new())
}

fn post(path: &str, content_type: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(path)
        .header(header::CONTENT_TYPE, content_type)
        .body(Full::from(body.into()))
        .unwrap()
}

async fn read(reply: Reply) -> (u16, String) {
    let status = reply.status().as_u16();
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn ask(path: &str, content_type: &str, body: impl Into<Bytes>) -> (u16, String) {
    read(plain().answer(post(path, content_type, body)).await).await
}

const REVIEW: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"7","operation":"DELETE","kind":{"group":"serving.knative.dev","version":"v1","kind":"Service"}}}"#;

#[tokio::test]
async fn a_review_is_answered_in_its_own_version() {
    let (status, body) = ask("/resource-validation", "application/json", REVIEW).await;
    assert_eq!(status, 200);
    assert_eq!(
        body,
        r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"7","allowed":true}}"#
    );
}

#[tokio::test]
async fn what_is_no_review_gets_a_plain_answer() {
    let want = |status, text: &str| (status, format!("{text}\n"));
    assert_eq!(
        ask("/x", "application/json", "").await,
        want(400, "no controller registered for: /x")
    );
    assert_eq!(
        ask("/defaulting", "text/plain", REVIEW).await,
        want(415, "invalid Content-Type, want `application/json`")
    );
    for body in [
        "",
        "{",
        "null",
        "[]",
        r#"{"request": 5}"#,
        r#"{"request": []}"#,
        r#"["admission.k8s.io/v1", "AdmissionReview", {}]"#,
        r#"{"request": {"kind": ["", "v1", "ConfigMap"]}}"#,
        r#"{"apiVersion": "x"}"#,
        "\u{0}",
    ] {
        let (status, text) = ask("/defaulting", "application/json", body).await;
        assert_eq!(status, 400, "{body}");
        assert!(text.starts_with("could not decode body:"), "{text}");
    }
    let get = Request::get("/defaulting")
        .body(Full::<Bytes>::default())
        .unwrap();
    assert_eq!(read(plain().answer(get).await).await.0, 405);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let (status, _) = ask(
        "/defaulting",
        "application/json",
        vec![b' '; BODY_LIMIT + 1],
    )
    .await;
    assert_eq!(status, 413);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up() {
    let body: UnsyncBoxBody<Bytes, Infallible> =
        http_body_util::StreamBody::new(futures::stream::pending()).boxed_unsync();
    let request = Request::post("/defaulting")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .unwrap();
    assert_eq!(plain().answer(request).await.status(), 504);
}

/// A review whose body comes in chunks, as they are sent.
fn in_chunks() -> (
    UnboundedSender<Bytes>,
    Request<UnsyncBoxBody<Bytes, Infallible>>,
) {
    let (sender, chunks) = futures::channel::mpsc::unbounded();
    let chunks = chunks.map(|chunk| Ok::<_, Infallible>(Frame::data(chunk)));
    let request = Request::post("/resource-validation")
        .header(header::CONTENT_TYPE, "application/json")
        .body(http_body_util::StreamBody::new(chunks).boxed_unsync())
        .unwrap();
    (sender, request)
}

#[tokio::test]
async fn those_who_send_slowly_keep_nobody_waiting() {
    let server = plain();
    let mut tasks = JoinSet::new();
    let slow: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (sender, request) = in_chunks();
            sender.unbounded_send(Bytes::from_static(b"{")).unwrap();
            let server = server.clone();
            tasks.spawn(async move { server.answer(request).await });
            sender
        })
        .collect();
    tokio::task::yield_now().await;
    let request = post("/resource-validation", "application/json", REVIEW);
    assert_eq!(server.answer(request).await.status(), 200);
    drop(slow);
    for reply in tasks.join_all().await {
        assert_eq!(reply.status(), 400);
    }
}

#[tokio::test(start_paused = true)]
async fn only_so_many_bytes_are_held_at_a_time() {
    let server = plain();
    let mut tasks = JoinSet::new();
    let mut review = vec![b' '; BODY_LIMIT];
    review[..REVIEW.len()].copy_from_slice(REVIEW.as_bytes());
    let review = Bytes::from(review);
    let mut senders: Vec<_> = (0..LARGEST_AT_ONCE)
        .map(|_| {
            let (sender, request) = in_chunks();
            sender.unbounded_send(review.clone()).unwrap();
            let server = server.clone();
            tasks.spawn(async move { server.answer(request).await });
            sender
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let late = tasks.spawn(async move {
        let request = post("/resource-validation", "application/json", REVIEW);
        server.answer(request).await
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!late.is_finished(), "there is room for no more");

    drop(senders.remove(0));
    for _ in 0..2 {
        let reply = tasks.join_next().await.unwrap().unwrap();
        assert_eq!(reply.status(), 200);
    }
    assert!(late.is_finished());
}

#[tokio::test]
async fn probes_pass_until_it_leaves() {
    let leaving = Stop::new();
    let server = server(Arc::default(), leaving.clone());
    let probe = |name: &str, value: &str| {
        Request::get("/any")
            .header(name, value)
            .body(Full::<Bytes>::default())
            .unwrap()
    };
    assert_eq!(
        server
            .answer(probe("user-agent", "kube-probe/1.35"))
            .await
            .status(),
        200
    );
    assert_eq!(
        server
            .answer(probe("K-Network-Probe", "probe"))
            .await
            .status(),
        200
    );
    leaving.trigger();
    assert_eq!(
        read(server.answer(probe("user-agent", "kube-probe/1.35")).await).await,
        (503, "shutting down\n".to_owned())
    );
}

/// Shakes hands as the API server does, trusting this Secret's authority, and asks once.
async fn call(port: u16, secret: &k8s_openapi::api::core::v1::Secret) -> io::Result<String> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(&certificate::authority(secret).unwrap().0) {
        roots.add(authority.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let mut stream = TlsConnector::from(Arc::new(client))
        .connect(ServerName::try_from(HOST).unwrap(), stream)
        .await?;
    assert_eq!(
        stream.get_ref().1.alpn_protocol(),
        Some(b"http/1.1".as_slice())
    );
    let head = format!(
        "POST /resource-validation HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{REVIEW}",
        REVIEW.len()
    );
    stream.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn the_latest_certificate_is_shown_without_a_restart() {
    let shown = Arc::new(Shown::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(server(shown.clone(), Stop::new()).run(listener));

    let (first, second) = (
        certificate::tests::secret(SystemTime::now()),
        certificate::tests::secret(SystemTime::now()),
    );
    assert!(
        call(port, &first).await.is_err(),
        "there is no certificate yet"
    );
    shown.set(Some(certificate::pair(&first).unwrap()));
    assert!(
        call(port, &first)
            .await
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
    shown.set(Some(certificate::pair(&second).unwrap()));
    assert!(
        call(port, &second)
            .await
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
    assert!(
        call(port, &first).await.is_err(),
        "the first authority is no longer in force"
    );
}

#[tokio::test]
async fn callers_are_sent_elsewhere_once_it_leaves() {
    let leaving = Stop::new();
    let server = server(Arc::default(), leaving.clone());
    let ask = async || {
        let request = post("/resource-validation", "application/json", REVIEW);
        let reply = server.answer(request).await;
        let connection = reply.headers().get(header::CONNECTION).cloned();
        (reply.status().as_u16(), connection)
    };
    assert_eq!(ask().await, (200, None));
    leaving.trigger();
    let close = HeaderValue::from_static("close");
    assert_eq!(ask().await, (200, Some(close)));
}

#[tokio::test(start_paused = true)]
async fn the_port_is_closed_at_last_though_somebody_calls() {
    let leaving = Stop::new();
    let server = server(Arc::default(), leaving.clone());
    let mut tasks = JoinSet::new();
    let drained = tasks.spawn({
        let server = server.clone();
        async move { server.drained().await }
    });
    leaving.trigger();
    let began = Instant::now();
    while !drained.is_finished() {
        assert!(began.elapsed() <= LINGER + QUIET);
        let request = post("/resource-validation", "application/json", REVIEW);
        assert_eq!(server.answer(request).await.status(), 200);
        tokio::time::sleep(QUIET / 3).await;
    }
    assert!(began.elapsed() >= LINGER);
}

#[tokio::test(start_paused = true)]
async fn the_port_stays_open_until_callers_have_gone() {
    let leaving = Stop::new();
    let server = server(Arc::default(), leaving.clone());
    let mut tasks = JoinSet::new();
    let drained = tasks.spawn({
        let server = server.clone();
        async move { server.drained().await }
    });
    leaving.trigger();
    tokio::time::sleep(QUIET - Duration::from_secs(5)).await;
    server
        .answer(post("/resource-validation", "application/json", REVIEW))
        .await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(
        !drained.is_finished(),
        "somebody called less than the quiet time ago"
    );
    tokio::time::sleep(QUIET).await;
    assert!(drained.is_finished());
}
