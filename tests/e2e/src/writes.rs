//! Objects applied at a fixed rate, right and wrong ones, while something else happens.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use kube::Client;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::cluster;

/// How long one write may take. The API server gives a webhook ten seconds, and there are two of them.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How many writes may be under way. On a machine that is too slow for the rate, the rate falls; otherwise one late
/// answer would make the next ones later still.
const AT_ONCE: usize = 256;
/// What the API server says when a webhook gives no answer that it can use.
const NO_ANSWER: &str = "failed calling webhook";

/// An object to apply.
#[derive(Debug, Clone)]
pub struct Write {
    /// As a user would write it, with kind and name.
    pub manifest: Value,
    /// Whether it may be stored.
    pub valid: bool,
}

/// What came of a write.
#[derive(Debug)]
pub struct Outcome {
    /// What was written.
    pub write: Write,
    /// When it was sent, counted from the start of the writer.
    pub at: Duration,
    /// The stored object, or what the API server said.
    pub answer: Result<DynamicObject, String>,
}

/// Applies objects at a fixed rate, while earlier ones may still wait for an answer. Dropped, it stops.
#[derive(Debug)]
pub struct Writer {
    began: Instant,
    stop: watch::Sender<bool>,
    sent: watch::Receiver<usize>,
    task: JoinSet<Vec<Outcome>>,
}

/// Everything that a writer has written.
#[derive(Debug)]
pub struct Writes(pub Vec<Outcome>);

impl Writer {
    /// Applies what `next` gives for 0, 1, 2 and so on, one each `period`.
    #[must_use]
    pub fn start(
        client: &Client,
        namespace: &str,
        period: Duration,
        next: impl Fn(usize) -> Write + Send + 'static,
    ) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let (count, sent) = watch::channel(0);
        let began = Instant::now();
        let (client, namespace) = (client.clone(), namespace.to_owned());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let (mut under_way, mut all) = (JoinSet::new(), Vec::new());
            let mut ticks = tokio::time::interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for number in 0.. {
                tokio::select! {
                    _ = ticks.tick() => {}
                    _ = stopped.wait_for(|stopped| *stopped) => break,
                }
                if under_way.len() >= AT_ONCE
                    && let Some(answered) = under_way.join_next().await
                {
                    all.push(answered.expect("a write does not panic"));
                }
                let (client, namespace, write) = (client.clone(), namespace.clone(), next(number));
                under_way.spawn(async move {
                    let at = began.elapsed();
                    let answer = apply(&client, &namespace, &write.manifest).await;
                    Outcome { write, at, answer }
                });
                count.send_replace(number + 1);
            }
            all.extend(under_way.join_all().await);
            all.sort_by_key(|outcome| outcome.at);
            all
        });
        Self {
            began,
            stop,
            sent,
            task,
        }
    }

    /// The time since the start, as outcomes count it.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Returns when `more` further writes were sent.
    ///
    /// # Errors
    /// If that takes much too long.
    pub async fn send_more(&mut self, more: usize) -> Result<()> {
        let goal = *self.sent.borrow() + more;
        let reached = self.sent.wait_for(|sent| *sent >= goal);
        tokio::time::timeout(Duration::from_secs(120), reached)
            .await
            .context("the writer stands still")?
            .context("the writer has ended")?;
        Ok(())
    }

    /// Stops, waits for what is under way, and tells what came of it all.
    ///
    /// # Errors
    /// If the writer itself broke.
    pub async fn finish(mut self) -> Result<Writes> {
        self.stop.send_replace(true);
        match self.task.join_next().await {
            Some(all) => Ok(Writes(all.context("the writer broke")?)),
            None => bail!("the writer was never started"),
        }
    }
}

impl Outcome {
    /// Whether it was refused only because a webhook gave no answer.
    #[must_use]
    pub fn unanswered(&self) -> bool {
        matches!(&self.answer, Err(said) if said.contains(NO_ANSWER))
    }

    /// What the API server said against it; empty if it was stored.
    #[must_use]
    pub fn refusal(&self) -> &str {
        self.answer.as_ref().err().map_or("", String::as_str)
    }
}

impl Writes {
    /// Those that may be stored and were not.
    pub fn lost(&self) -> impl Iterator<Item = &Outcome> {
        self.0
            .iter()
            .filter(|it| it.write.valid && it.answer.is_err())
    }

    /// From the first to the last write that no webhook answered.
    #[must_use]
    pub fn trouble(&self) -> Duration {
        let times = || self.0.iter().filter(|it| it.unanswered()).map(|it| it.at);
        times().max().unwrap_or_default() - times().min().unwrap_or_default()
    }

    /// Demands that everything that may be stored was, and nothing else.
    ///
    /// # Errors
    /// If something came out otherwise; with the first of it.
    pub fn nothing_lost(&self) -> Result<()> {
        if let Some(lost) = self.lost().next() {
            bail!(
                "{} of {} writes failed, the first after {:?}: {}",
                self.lost().count(),
                self.0.len(),
                lost.at,
                lost.refusal()
            );
        }
        self.nothing_wrong_stored()
    }

    /// Demands that nothing was accepted that may not be stored.
    ///
    /// # Errors
    /// If something was.
    pub fn nothing_wrong_stored(&self) -> Result<()> {
        match self
            .0
            .iter()
            .find(|it| !it.write.valid && it.answer.is_ok())
        {
            Some(wrong) => bail!("{} was stored", wrong.write.manifest),
            None => Ok(()),
        }
    }
}

/// Applies an object on the server's side, in the name of a user who has his way.
///
/// # Errors
/// With the words of the API server.
pub async fn apply(
    client: &Client,
    namespace: &str,
    manifest: &Value,
) -> Result<DynamicObject, String> {
    let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
    let (kind, name) = (text(&manifest["kind"]), text(&manifest["metadata"]["name"]));
    let parameters = PatchParams::apply("ebb-e2e").force();
    let patch = Patch::Apply(manifest);
    let api = cluster::api(client, namespace, &kind);
    match tokio::time::timeout(ANSWER_WITHIN, api.patch(&name, &parameters, &patch)).await {
        Ok(Ok(stored)) => Ok(stored),
        Ok(Err(kube::Error::Api(status))) => Err(status.message),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", ANSWER_WITHIN.as_secs())),
    }
}
