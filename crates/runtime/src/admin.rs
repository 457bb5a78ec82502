//! The ports for operators: `/metrics`, `/health`, `/readiness`, and the profiling port that says 404.
//!
//! Liveness says that the process runs. Readiness says that it can do its job, and names what it waits for.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use ebb_process::Stop;
use ebb_process::metrics::{CONTENT_TYPE, Exposition};
use parking_lot::Mutex;
use tokio::net::TcpListener;

/// What a process must have before it can do its job. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Readiness {
    conditions: Arc<Mutex<BTreeMap<&'static str, bool>>>,
    stop: Stop,
}

/// One named condition of a [`Readiness`].
#[derive(Clone, Debug)]
pub struct Condition {
    name: &'static str,
    conditions: Arc<Mutex<BTreeMap<&'static str, bool>>>,
}

impl Readiness {
    /// Ready until conditions are added or `stop` is triggered.
    pub fn new(stop: Stop) -> Self {
        Self {
            conditions: Arc::default(),
            stop,
        }
    }

    /// Adds a condition that does not hold yet. The name completes "waits for …".
    pub fn waits_for(&self, name: &'static str) -> Condition {
        self.conditions.lock().insert(name, false);
        Condition {
            name,
            conditions: self.conditions.clone(),
        }
    }

    /// `Ok` when the process can do its job, else why not.
    pub fn check(&self) -> Result<(), String> {
        if self.stop.is_triggered() {
            return Err("received SIGTERM from kubelet".to_owned());
        }
        let missing: Vec<&str> = self
            .conditions
            .lock()
            .iter()
            .filter(|(_, holds)| !**holds)
            .map(|(name, _)| *name)
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("waits for {}", missing.join(", ")))
        }
    }
}

impl Condition {
    /// Says whether it holds.
    pub fn set(&self, holds: bool) {
        self.conditions.lock().insert(self.name, holds);
    }
}

/// Serves `GET /metrics`.
pub fn metrics(exposition: Exposition) -> Router {
    let text = |State(exposition): State<Exposition>| async move {
        ([(header::CONTENT_TYPE, CONTENT_TYPE)], exposition.text())
    };
    Router::new()
        .route("/metrics", get(text))
        .with_state(exposition)
}

/// Serves `/health` and `/readiness`: 200 or 500 with the reason.
pub fn health(readiness: Readiness) -> Router {
    let alive = |State(readiness): State<Readiness>| async move {
        if readiness.stop.is_triggered() {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::OK
        }
    };
    let ready = |State(readiness): State<Readiness>| async move {
        match readiness.check() {
            Ok(()) => StatusCode::OK.into_response(),
            Err(reason) => {
                (StatusCode::INTERNAL_SERVER_ERROR, format!("{reason}\n")).into_response()
            }
        }
    };
    Router::new()
        .route("/health", get(alive))
        .route("/readiness", get(ready))
        .with_state(readiness)
}

/// The profiling port: there is no pprof in these programs, so every path is 404, as with profiling switched off.
pub fn profiling() -> Router {
    Router::new()
}

/// Binds `address`; apart from [`serve`] so that a taken port ends the process before anything else has begun.
///
/// # Errors
/// When the address cannot be bound.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })
}

/// Serves until a stop is asked for and open requests are answered; give it to the supervisor.
///
/// # Errors
/// When accepting connections fails.
pub async fn serve(listener: TcpListener, router: Router, stop: Stop) -> io::Result<()> {
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { stop.triggered().await })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_what_it_waits_for() {
        let stop = Stop::new();
        let readiness = Readiness::new(stop.clone());
        let pods = readiness.waits_for("pods");
        let routes = readiness.waits_for("routes");
        assert_eq!(readiness.check().unwrap_err(), "waits for pods, routes");
        pods.set(true);
        routes.set(true);
        readiness.check().unwrap();
        stop.trigger();
        readiness.check().unwrap_err();
    }
}
