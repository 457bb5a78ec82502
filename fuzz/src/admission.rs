//! Reviews, from the body of a request to the webhook to the body of its answer.
//!
//! An input is such a body. It goes to all three endpoints, under a cluster's default settings and under those that
//! permit the most, so that what is behind a feature is reached as well.

mod answer;

use std::sync::Arc;

use bytes::Bytes;
use ebb_core::admission::Policy;
use ebb_core::config::{Autoscaler, Data, Defaults, Features, Settings};
use ebb_webhook::Reviews;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;

use answer::{Answer, Asked};

/// What structured changes draw from.
pub const WORDS: &str = include_str!("../dictionaries/admission.dict");

/// The endpoints.
const DEFAULTING: &str = "/defaulting";
const VALIDATION: &str = "/resource-validation";
const CONFIG: &str = "/config-validation";

/// Sends the input as a review, and what comes of it once more.
///
/// # Panics
/// If an answer is not one that the API server understands, or answers contradict each other.
pub fn check(input: &[u8]) {
    HARNESS.with(|harness| {
        for reviews in &harness.reviews {
            Webhook { harness, reviews }.take(input);
        }
    });
}

thread_local! {
    static HARNESS: Harness = Harness::new();
}

struct Harness {
    runtime: tokio::runtime::Runtime,
    reviews: [Reviews; 2],
}

impl Harness {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime without I/O can be made");
        Self {
            runtime,
            reviews: [strict(), generous()].map(|policy| Reviews::fixed(&policy)),
        }
    }
}

/// What a cluster has whose operator changed nothing.
fn strict() -> Policy {
    Policy {
        cluster_domain: "cluster.local".to_owned(),
        ..Policy::default()
    }
}

/// Every feature is on, and there is a default for everything that can have one.
fn generous() -> Policy {
    let features = Features::keys()
        .into_iter()
        .map(|key| (key, "Enabled".to_owned()))
        .collect();
    Policy {
        features: Arc::new(settings::<Features>(&features)),
        defaults: Arc::new(settings::<Defaults>(&data(&[
            ("revision-cpu-request", "100m"),
            ("revision-memory-limit", "1Gi"),
            ("revision-idle-timeout-seconds", "30"),
            ("container-concurrency", "10"),
            (
                "container-name-template",
                "{{.Name}}-{{index .Labels \"team\"}}",
            ),
            ("enable-service-links", "default"),
        ]))),
        autoscaler: Arc::new(settings::<Autoscaler>(&data(&[
            ("max-scale-limit", "100"),
            ("max-scale", "10"),
            ("allow-zero-initial-scale", "true"),
        ]))),
        ..strict()
    }
}

fn settings<S: Settings>(data: &Data) -> S {
    S::parse(data).unwrap_or_else(|errors| panic!("these settings are good: {errors}"))
}

fn data(entries: &[(&str, &str)]) -> Data {
    entries
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// The webhook under one set of settings.
#[derive(Clone, Copy)]
struct Webhook<'a> {
    harness: &'a Harness,
    reviews: &'a Reviews,
}

impl Webhook<'_> {
    fn take(self, body: &[u8]) {
        let answers = [DEFAULTING, VALIDATION, CONFIG].map(|path| self.ask(path, body));
        let [Some(defaulting), Some(validation), Some(config)] = answers else {
            assert!(
                answers.iter().all(Option::is_none),
                "one endpoint reads what another cannot"
            );
            return;
        };
        let Some(asked) = Asked::read(body) else {
            return;
        };
        for answer in [&defaulting, &validation, &config] {
            answer.fits(&asked);
        }
        if validation.allowed || config.allowed {
            assert!(
                validation.patch.is_none() && config.patch.is_none(),
                "judges change nothing"
            );
        }
        if asked.is_about_an_object() && defaulting.allowed {
            self.store(&asked, &defaulting, validation.allowed);
        }
    }

    /// Sends a review; `None` if it is told that it is none.
    fn ask(self, path: &str, body: &[u8]) -> Option<Answer> {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::copy_from_slice(body)))
            .expect("the parts of a request are in order");
        let (status, text) = self.harness.runtime.block_on(async {
            let reply = self.reviews.answer(request).await;
            let status = reply.status().as_u16();
            let body = reply
                .into_body()
                .collect()
                .await
                .expect("a body in memory is whole");
            (status, body.to_bytes())
        });
        answer::is_bounded(body.len(), &text);
        match status {
            200 => Some(Answer::read(&text)),
            400 => {
                assert!(text.starts_with(b"could not decode body:"), "{text:?}");
                None
            }
            other => panic!("{path} answers {other}: {text:?}"),
        }
    }

    /// Asks about what would be stored as the API server does afterwards.
    fn store(self, asked: &Asked, defaulting: &Answer, was_good: bool) {
        let Some(steps) = &defaulting.patch else {
            panic!("an object that is admitted has a patch, if an empty one")
        };
        let mut stored = asked.object.clone();
        json_patch::patch(&mut stored, steps).expect("a patch fits what was sent");

        let again = asked.with(&stored);
        assert_eq!(self.steps(&again), 0, "defaults applied twice differ");
        let verdict = self.verdict(&again);
        assert!(
            verdict.is_ok() || !was_good,
            "bad by its defaults: {verdict:?}"
        );
        // Of what is written through a subresource the API server stores that part only, so it is judged by less.
        if verdict.is_err() || asked.is_about_a_part() {
            return;
        }
        // Nobody changed anything: there is nothing to fill in, and nothing to refuse.
        let untouched = asked.update(&stored, "");
        assert_eq!(self.steps(&untouched), 0, "an update without end");
        assert_eq!(
            self.verdict(&untouched),
            Ok(()),
            "what is stored cannot be stored again"
        );
        let status = asked.update(&stored, "status");
        assert_eq!(
            self.verdict(&status),
            Ok(()),
            "controllers cannot write the status"
        );
    }

    /// How many changes the defaults make.
    fn steps(self, review: &Value) -> usize {
        let answer = self
            .ask(DEFAULTING, review.to_string().as_bytes())
            .expect("it was a review");
        let steps = answer
            .patch
            .unwrap_or_else(|| panic!("no defaults: {:?}", answer.message));
        steps.0.len()
    }

    /// Whether the object may be stored, or what is wrong.
    fn verdict(self, review: &Value) -> Result<(), String> {
        let answer = self
            .ask(VALIDATION, review.to_string().as_bytes())
            .expect("it was a review");
        if answer.allowed {
            Ok(())
        } else {
            Err(answer.message.unwrap_or_default())
        }
    }
}
