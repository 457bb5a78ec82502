//! One port for HTTP/1.1, upgrades and plain-text HTTP/2; drained at SIGTERM.

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::TaskTracker;

use crate::App;

/// The port to listen on when the environment names none.
const DEFAULT_PORT: u16 = 8080;

/// Serves until SIGTERM, then finishes the requests that have begun.
pub(crate) async fn serve(app: Arc<App>) -> Result<(), Box<dyn Error>> {
    let port = match std::env::var("PORT") {
        Ok(port) => port.parse()?,
        Err(_) => DEFAULT_PORT,
    };
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let server = auto::Builder::new(TokioExecutor::new());
    let connections = TaskTracker::new();
    let graceful = GracefulShutdown::new();
    println!("listening on port {port}");
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            _ = terminate.recv() => break,
        };
        stream.set_nodelay(true)?;
        let app = Arc::clone(&app);
        let service = service_fn(move |request| crate::answer(Arc::clone(&app), request));
        let connection = server
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned();
        connections.spawn(graceful.watch(connection));
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}
