//! A review over HTTP: what is a question at all, limits, and the form of the answer. What is answered is in `admit`.
//!
//! The API server retries nothing and waits ten seconds at most, so a review that cannot be
//! answered in time is given up before that.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use ebb_core::admission::Policy;
use ebb_runtime::config::Live;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::admit::Admitter;
use crate::admit::review::{Answer, Question};
use crate::metrics::{Metrics, Type};

/// The largest review; the API server's own limit for an object is half of it.
pub(crate) const BODY_LIMIT: usize = 3 << 20;
/// How many of the largest reviews are held at the same time, or as many bytes of others.
pub(crate) const LARGEST_AT_ONCE: usize = 16;
/// A review is given up after this; the API server gives up after 10 s.
const DEADLINE: Duration = Duration::from_secs(9);

/// An answer, with its whole body.
pub type Reply = Response<Full<Bytes>>;

/// Answers reviews.
#[derive(Debug)]
pub struct Reviews {
    admitter: Admitter,
    metrics: Metrics,
    /// A permit for each byte of a body that may be held.
    room: Semaphore,
}

impl Reviews {
    pub(crate) fn new(admitter: Admitter, metrics: Metrics) -> Self {
        Self {
            admitter,
            metrics,
            room: Semaphore::new(LARGEST_AT_ONCE * BODY_LIMIT),
        }
    }

    /// Answers with these settings for good, and has no API server to try pods on: for whoever wants the answers
    /// without the program around them.
    #[must_use]
    pub fn fixed(policy: &Policy) -> Self {
        let admitter = Admitter {
            autoscaler: Live::fixed(policy.autoscaler.as_ref().clone()),
            defaults: Live::fixed(policy.defaults.as_ref().clone()),
            features: Live::fixed(policy.features.as_ref().clone()),
            cluster_domain: policy.cluster_domain.clone(),
            renamed: Vec::new(),
            pods: None,
        };
        Self::new(admitter, Metrics::default())
    }

    /// Answers a request; whatever it is, there is an answer before the API server's patience ends.
    pub async fn answer<B>(&self, request: Request<B>) -> Reply
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        tokio::time::timeout(DEADLINE, self.review(request))
            .await
            .unwrap_or_else(|_| text(StatusCode::GATEWAY_TIMEOUT, "the review took too long"))
    }

    async fn review<B>(&self, request: Request<B>) -> Reply
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let type_ = match request.uri().path() {
            "/defaulting" => Type::Defaulting,
            "/resource-validation" => Type::Validation,
            "/config-validation" => Type::Admission,
            other => {
                return text(
                    StatusCode::BAD_REQUEST,
                    &format!("no controller registered for: {other}"),
                );
            }
        };
        if request.method() != Method::POST {
            return text(StatusCode::METHOD_NOT_ALLOWED, "a review is a POST");
        }
        if request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_none_or(|value| value != "application/json")
        {
            return text(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid Content-Type, want `application/json`",
            );
        }
        let (body, _room) = match self.body(request).await {
            Ok(read) => read,
            Err(reply) => return reply,
        };
        match Question::read(&body) {
            Ok(question) => self.decide(type_, question).await,
            Err(error) => undecodable(&error),
        }
    }

    /// Reads a body as there is room for it. Whoever sends slowly holds what was sent and no more, so that many of them
    /// keep nobody waiting.
    async fn body<B>(&self, request: Request<B>) -> Result<(Vec<u8>, SemaphorePermit<'_>), Reply>
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut chunks = pin!(Limited::new(request.into_body(), BODY_LIMIT));
        let mut body = Vec::new();
        let mut held = self.room(0).await?;
        while let Some(chunk) = chunks.frame().await {
            let chunk = chunk.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    text(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        &format!("a review is at most {BODY_LIMIT} bytes long"),
                    )
                } else {
                    undecodable(&error)
                }
            })?;
            if let Ok(data) = chunk.into_data() {
                held.merge(self.room(data.len()).await?);
                body.extend_from_slice(&data);
            }
        }
        Ok((body, held))
    }

    async fn room(&self, bytes: usize) -> Result<SemaphorePermit<'_>, Reply> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = self.room.acquire_many(bytes).await;
        room.map_err(|_| text(StatusCode::SERVICE_UNAVAILABLE, "shutting down"))
    }

    async fn decide(&self, type_: Type, question: Question<'_>) -> Reply {
        let begun = Instant::now();
        let Question {
            api_version,
            kind,
            request,
        } = question;
        let mut response = match type_ {
            Type::Defaulting => self.admitter.default(&request),
            Type::Validation => self.admitter.validate(&request).await,
            Type::Admission => self.admitter.config_map(&request),
        };
        response.uid.clone_from(&request.uid);
        let took = begun.elapsed();
        self.metrics.reviewed(type_, &request, &response, took);
        tracing::debug!(
            kind = %request.kind,
            namespace = request.namespace,
            name = request.name,
            operation = request.operation,
            subresource = request.sub_resource,
            allowed = response.allowed,
            reason = response.status.as_ref().map(|status| status.message.as_str()),
            ?took,
            "reviewed"
        );
        match serde_json::to_vec(&Answer {
            api_version,
            kind,
            response,
        }) {
            Ok(json) => {
                let mut reply = Response::new(Full::from(json));
                reply.headers_mut().insert(
                    header::CONTENT_TYPE,
                    header::HeaderValue::from_static("application/json"),
                );
                reply
            }
            Err(error) => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                &format!("could not encode response:{error}"),
            ),
        }
    }
}

fn undecodable(cause: &dyn std::fmt::Display) -> Reply {
    text(
        StatusCode::BAD_REQUEST,
        &format!("could not decode body:{cause}"),
    )
}

/// An error in the form that Go's `http.Error` has.
pub(crate) fn text(status: StatusCode, message: &str) -> Reply {
    let mut reply = Response::new(Full::from(format!("{message}\n")));
    *reply.status_mut() = status;
    let plain = header::HeaderValue::from_static("text/plain; charset=utf-8");
    reply.headers_mut().insert(header::CONTENT_TYPE, plain);
    reply
}
