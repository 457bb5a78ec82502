//! Misbehaviour to order: late starts, early ends, failing probes.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use crate::query::parameter;
use crate::{Body, text};

/// Whether `/healthz` answers well.
#[derive(Debug)]
pub(crate) struct Readiness(AtomicBool);

impl Readiness {
    pub(crate) fn from_environment() -> Self {
        let fails = std::env::var("FAIL_READINESS").is_ok_and(|value| value == "true");
        Self(AtomicBool::new(!fails))
    }

    pub(crate) fn answer(&self) -> Response<Body> {
        if self.0.load(Ordering::Relaxed) {
            text(StatusCode::OK, "ok\n")
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, "told to fail\n")
        }
    }

    pub(crate) fn fail(&self) -> Response<Body> {
        self.0.store(false, Ordering::Relaxed);
        text(StatusCode::OK, "/healthz fails from now on\n")
    }

    pub(crate) fn recover(&self) -> Response<Body> {
        self.0.store(true, Ordering::Relaxed);
        text(StatusCode::OK, "/healthz is well from now on\n")
    }
}

/// Waits as long as `START_DELAY_MS` says before anything listens.
pub(crate) async fn delay_start() -> Result<(), Box<dyn Error>> {
    if let Some(milliseconds) = number("START_DELAY_MS")? {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
    Ok(())
}

/// Ends the process `EXIT_AFTER_MS` after its start with status `EXIT_CODE` (0 if unset); never, if that is unset.
pub(crate) async fn exit_as_told_by_environment() -> Result<(), Box<dyn Error>> {
    let Some(milliseconds) = number("EXIT_AFTER_MS")? else {
        return std::future::pending().await;
    };
    let code = number("EXIT_CODE")?.unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    end(i32::try_from(code)?)
}

/// Ends the process as the query says: `code` (1 if absent) after `delay` milliseconds (0 if absent).
/// The one who asks gets no answer.
pub(crate) async fn exit(request: &Request<Incoming>) -> Response<Body> {
    let delay = parameter(request.uri(), "delay").unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(delay)).await;
    end(parameter(request.uri(), "code").unwrap_or(1))
}

fn end(code: i32) -> ! {
    eprintln!("told to exit with status {code}");
    std::process::exit(code)
}

fn number(variable: &str) -> Result<Option<u64>, Box<dyn Error>> {
    match std::env::var(variable) {
        Ok(value) => match value.parse() {
            Ok(number) => Ok(Some(number)),
            Err(error) => Err(format!("{variable}={value}: {error}").into()),
        },
        Err(_) => Ok(None),
    }
}
