//! The smallest service worth deploying: answers `Hello $TARGET!` on `$PORT`, over HTTP/1.1 or plain-text HTTP/2.
//!
//! At SIGTERM it stops accepting, finishes what it has begun and ends.

use std::convert::Infallible;
use std::error::Error;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::TaskTracker;

/// The port to listen on when the environment names none.
const DEFAULT_PORT: u16 = 8080;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = match std::env::var("PORT") {
        Ok(port) => port.parse()?,
        Err(_) => DEFAULT_PORT,
    };
    let target = std::env::var("TARGET").unwrap_or_else(|_| "World".to_owned());
    let greeting = Bytes::from(format!("Hello {target}!\n"));

    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let server = auto::Builder::new(TokioExecutor::new());
    let connections = TaskTracker::new();
    let graceful = GracefulShutdown::new();
    println!("greeting {target} on port {port}");
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            _ = terminate.recv() => break,
        };
        stream.set_nodelay(true)?;
        let greeting = greeting.clone();
        let answer = service_fn(move |_| {
            let response = Response::new(Full::new(greeting.clone()));
            async { Ok::<_, Infallible>(response) }
        });
        let connection = server
            .serve_connection(TokioIo::new(stream), answer)
            .into_owned();
        connections.spawn(graceful.watch(connection));
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}
