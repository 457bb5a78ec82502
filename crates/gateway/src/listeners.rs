//! The ports that requests come in by, and how they are left.
//!
//! | from | |
//! |---|---|
//! | leaving | the replica is not ready any more, but that takes a moment to reach everybody who sends here: connections are accepted for another [`SPREAD`], and each answer asks the client to come by a new one |
//! | then | nothing is accepted; open connections finish what they are doing, upgraded ones too |
//! | [`DRAIN`] later | what is still open is cut |

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ebb_net::server::{Handler, Limits, Peer, Server};
use ebb_process::Stop;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::certificates::ByName;
use crate::proxy::Proxy;

/// From the stop to the end of accepting: kubelet, endpoint controller and the proxies of all nodes have to hear of it.
const SPREAD: Duration = Duration::from_secs(5);
/// Time for open requests and upgraded connections to end; the pod's grace period is 600 s.
const DRAIN: Duration = Duration::from_secs(570);
/// Pause when the process has run out of something, such as file descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// What a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The listeners and who answers what comes in by them.
#[derive(Debug)]
pub struct Requests {
    /// The public door without TLS.
    pub http: TcpListener,
    /// The public door with TLS.
    pub https: TcpListener,
    /// The private door.
    pub internal: TcpListener,
    /// Certificates of the public door.
    pub by_name: Arc<ByName>,
    /// Answers at the public door.
    pub public: Arc<Proxy>,
    /// Answers at the private door.
    pub private: Arc<Proxy>,
}

impl Requests {
    /// Serves until drained, which begins with `leaving`, and then triggers `stop`. A stop that comes from elsewhere
    /// leaves no time to drain.
    ///
    /// # Errors
    /// When a listener breaks.
    pub async fn serve(self, leaving: Stop, stop: Stop) -> io::Result<()> {
        let Self {
            http,
            https,
            internal,
            by_name,
            public,
            private,
        } = self;
        let closing = Stop::new();
        let doors = [public.clone(), private.clone()];
        let served = async {
            tokio::try_join!(
                plain(http, public.clone(), closing.clone()),
                secure(https, by_name, public, closing.clone()),
                plain(internal, private, closing.clone()),
            )?;
            for door in &doors {
                door.ended().await;
            }
            Ok(())
        };
        let limit = async {
            tokio::select! {
                () = leaving.triggered() => {}
                () = stop.triggered() => return,
            }
            doors.iter().for_each(|door| door.leave());
            sleep(SPREAD).await;
            tracing::info!("no more connections are accepted");
            closing.trigger();
            tokio::select! {
                () = sleep(DRAIN) => tracing::warn!("giving up on open requests"),
                () = stop.triggered() => {}
            }
        };
        let outcome = tokio::select! {
            outcome = served => outcome,
            () = limit => Ok(()),
        };
        stop.trigger();
        outcome
    }
}

async fn plain<H: Handler>(
    listener: TcpListener,
    handler: Arc<H>,
    closing: Stop,
) -> io::Result<()> {
    let server = Server::new(handler, &Limits::default());
    server
        .run(listener, async move { closing.triggered().await })
        .await
}

async fn secure<H: Handler>(
    listener: TcpListener,
    certificates: Arc<ByName>,
    handler: Arc<H>,
    closing: Stop,
) -> io::Result<()> {
    let acceptor = TlsAcceptor::from(Arc::new(tls(certificates)));
    let server = Server::new(handler, &Limits::default());
    let mut handshakes = JoinSet::new();
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
            () = closing.triggered() => break,
        }
    }
    drop(listener);
    server.drain().await;
    Ok(())
}

fn tls(certificates: Arc<ByName>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows cipher suites for the default versions")
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
