//! The ports that requests come in by, and how they are left.
//!
//! After a stop the listeners stay open for [`SPREAD`]: the pod is not ready any more, but that takes a moment to reach
//! everybody who sends here. Then no more connections are accepted, those that are open finish what they are doing,
//! and the supervisor's deadline ends what does not.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ebb_net::server::{Handler, Limits, Peer, Server};
use ebb_process::Stop;
use rustls::ServerConfig;
use rustls::server::ResolvesServerCert;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// From the stop to the end of accepting: kubelet, endpoint controller and the proxies of all nodes have to hear of it.
const SPREAD: Duration = Duration::from_secs(5);
/// Pause when the process has run out of something, such as file descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// What a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Serves plain HTTP, versions 1.1 and 2, until drained.
///
/// # Errors
/// When the listener breaks.
pub async fn plain<H: Handler>(
    listener: TcpListener,
    handler: Arc<H>,
    stop: Stop,
) -> io::Result<()> {
    Server::new(handler, &Limits::default())
        .run(listener, spread(stop))
        .await
}

/// Serves HTTP over TLS until drained.
///
/// # Errors
/// None at present; handshakes that fail are the client's business.
pub async fn secure<H: Handler>(
    listener: TcpListener,
    certificates: Arc<dyn ResolvesServerCert>,
    handler: Arc<H>,
    stop: Stop,
) -> io::Result<()> {
    let acceptor = TlsAcceptor::from(Arc::new(tls(certificates)));
    let server = Server::new(handler, &Limits::default());
    let mut handshakes = JoinSet::new();
    let mut stop = pin!(spread(stop));
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    // Fails only on a socket that is closed by now.
                    let _ = stream.set_nodelay(true);
                    let handshake = timeout(HANDSHAKE, acceptor.accept(stream));
                    handshakes.spawn(async move { Some((handshake.await.ok()?.ok()?, address)) });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections for the moment");
                    sleep(PAUSE).await;
                }
            },
            Some(done) = handshakes.join_next() => {
                if let Ok(Some((stream, address))) = done {
                    #[expect(clippy::disallowed_methods, reason = "drained below")]
                    tokio::spawn(server.serve(stream, Peer::new(address, true)));
                }
            }
            () = &mut stop => break,
        }
    }
    drop(listener);
    server.drain().await;
    Ok(())
}

async fn spread(stop: Stop) {
    stop.triggered().await;
    sleep(SPREAD).await;
    tracing::info!("no more connections are accepted");
}

fn tls(certificates: Arc<dyn ResolvesServerCert>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows cipher suites for the default versions")
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
