//! The same request again and again, while something else happens.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hyper::StatusCode;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::http::Gateway;

/// When the next request is sent.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// As soon as the last was answered, over one connection.
    TightLoop,
    /// At fixed times, whether or not earlier ones were answered; each over a connection of its own.
    Every(Duration),
}

/// Sends requests until it is told to finish. Dropped, it stops as well.
#[derive(Debug)]
pub struct Prober {
    stop: watch::Sender<bool>,
    sent: watch::Receiver<usize>,
    task: JoinSet<Tally>,
}

/// What came of the requests.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many were sent, all of them answered or failed by now.
    pub sent: usize,
    /// Those that did not get a 200.
    pub failures: Vec<Failure>,
    /// The longest time that an answer with 200 took.
    pub slowest: Duration,
}

/// A request that did not get a 200.
#[derive(Debug)]
pub struct Failure {
    /// When it was sent, counted from the start of the prober.
    pub at: Duration,
    /// What went wrong.
    pub cause: String,
}

impl Prober {
    /// Starts asking for `path` of `host`.
    #[must_use]
    pub fn start(gateway: Gateway, host: &str, path: &str, pace: Pace) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (count, sent) = watch::channel(0);
        let (host, path) = (host.to_owned(), path.to_owned());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let target = Target {
                gateway,
                host,
                path,
                began: Instant::now(),
            };
            match pace {
                Pace::TightLoop => target.tight_loop(stopped, count).await,
                Pace::Every(period) => target.steadily(period, stopped, count).await,
            }
        });
        Self { stop, sent, task }
    }

    /// Returns when `more` further requests were sent.
    ///
    /// # Errors
    /// If that takes much too long.
    pub async fn send_more(&mut self, more: usize) -> Result<()> {
        let goal = *self.sent.borrow() + more;
        tokio::time::timeout(
            Duration::from_secs(120),
            self.sent.wait_for(|sent| *sent >= goal),
        )
        .await
        .context("the prober stands still")?
        .context("the prober has ended")?;
        Ok(())
    }

    /// Stops sending, waits for what is under way, and tells what came of it all.
    ///
    /// # Errors
    /// If the prober itself broke.
    pub async fn finish(mut self) -> Result<Tally> {
        self.stop.send_replace(true);
        match self.task.join_next().await {
            Some(tally) => tally.context("the prober broke"),
            None => bail!("the prober was never started"),
        }
    }
}

impl Tally {
    /// Demands that nothing failed.
    ///
    /// # Errors
    /// If something did; with the first failures.
    pub fn nothing_lost(&self) -> Result<()> {
        ensure!(self.sent > 0, "the prober sent nothing");
        ensure!(
            self.failures.is_empty(),
            "{} of {} requests failed, the first: {}",
            self.failures.len(),
            self.sent,
            self.failures
                .iter()
                .take(5)
                .map(|failure| format!("\n  after {:?}: {}", failure.at, failure.cause))
                .collect::<String>()
        );
        Ok(())
    }

    /// From the first to the last request that failed.
    #[must_use]
    pub fn trouble(&self) -> Duration {
        let times = || self.failures.iter().map(|failure| failure.at);
        times().max().unwrap_or_default() - times().min().unwrap_or_default()
    }

    fn add(&mut self, at: Duration, took: Result<Duration>) {
        self.sent += 1;
        match took {
            Ok(took) => self.slowest = self.slowest.max(took),
            Err(error) => self.failures.push(Failure {
                at,
                cause: format!("{error:#}"),
            }),
        }
    }
}

/// Where the requests of one prober go.
#[derive(Debug, Clone)]
struct Target {
    gateway: Gateway,
    host: String,
    path: String,
    began: Instant,
}

impl Target {
    async fn tight_loop(
        &self,
        stopped: watch::Receiver<bool>,
        count: watch::Sender<usize>,
    ) -> Tally {
        let mut tally = Tally::default();
        let mut connection = None;
        while !*stopped.borrow() {
            let at = self.began.elapsed();
            let outcome = async {
                let mut open = match connection.take() {
                    Some(open) => open,
                    None => self.gateway.connect().await?,
                };
                let answer = open.get(&self.host, &self.path).await?;
                // A gateway may close a connection after an answer, and then says so in it.
                if !answer.header("connection").eq_ignore_ascii_case("close") {
                    connection = Some(open);
                }
                judge(answer.status, &answer.text())
            };
            let outcome = outcome.await.map(|()| self.began.elapsed() - at);
            tally.add(at, outcome);
            count.send_replace(tally.sent);
        }
        tally
    }

    async fn steadily(
        self,
        period: Duration,
        mut stopped: watch::Receiver<bool>,
        count: watch::Sender<usize>,
    ) -> Tally {
        let mut tally = Tally::default();
        let mut under_way = JoinSet::new();
        let mut ticks = tokio::time::interval(period);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    let target = self.clone();
                    under_way.spawn(async move { target.once().await });
                    count.send_modify(|sent| *sent += 1);
                }
                _ = stopped.wait_for(|stopped| *stopped) => break,
            }
        }
        for (at, took) in under_way.join_all().await {
            tally.add(at, took);
        }
        tally
    }

    async fn once(&self) -> (Duration, Result<Duration>) {
        let at = self.began.elapsed();
        let outcome = async {
            let answer = self.gateway.get(&self.host, &self.path).await?;
            judge(answer.status, &answer.text())
        };
        (at, outcome.await.map(|()| self.began.elapsed() - at))
    }
}

fn judge(status: StatusCode, text: &str) -> Result<()> {
    ensure!(status == StatusCode::OK, "{status}: {text}");
    Ok(())
}
