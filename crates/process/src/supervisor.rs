//! Owns every long task of a process.
//!
//! A detached task that dies quietly leaves a pod which is Ready and useless. Here the end of any task before a stop
//! was asked for, be it by return, error or panic, stops the whole process: the others are told to drain, get until a
//! deadline, and the process exits with a status that is not 0, so that Kubernetes sees it and starts it anew.
//!
//! Tasks that belong to one connection or one request are not its business; the server that drains them owns those.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// The request to drain, shared by all tasks of a process. Cheap to clone; once triggered it stays so.
#[derive(Clone, Debug, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// A stop that nobody has triggered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everybody to drain.
    pub fn trigger(&self) {
        self.0.cancel();
    }

    /// Whether draining has begun.
    pub fn is_triggered(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Resolves once draining has begun.
    pub async fn triggered(&self) {
        self.0.cancelled().await;
    }

    /// A stop that is triggered with this one but can be triggered alone, too.
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Does `work`, then waits until draining has begun: for a task that a [`Supervisor`] may not miss but that is over
    /// before the others, because its process gives up a lease first and goes on serving for a while.
    ///
    /// # Errors
    /// Those of `work`, at once.
    pub async fn after<E>(self, work: impl Future<Output = Result<(), E>>) -> Result<(), E> {
        work.await?;
        self.triggered().await;
        Ok(())
    }
}

/// Why a process ends with a status other than 0.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A task returned although nobody had asked it to stop.
    #[error("task {task} ended by itself")]
    Ended {
        /// The name it was started with.
        task: &'static str,
    },
    /// A task gave up.
    #[error("task {task} failed: {cause}")]
    Failed {
        /// The name it was started with.
        task: &'static str,
        /// What it said.
        cause: String,
    },
    /// A task panicked.
    #[error("task {task} panicked")]
    Panicked {
        /// The name it was started with.
        task: &'static str,
    },
    /// Tasks did not end within the time they were given to drain.
    #[error("not drained in time: {}", tasks.join(", "))]
    Late {
        /// Their names.
        tasks: Vec<&'static str>,
    },
}

struct Task {
    name: &'static str,
    handle: JoinHandle<Result<(), String>>,
}

/// Starts and watches tasks. Cheap to clone: whoever holds one may add tasks while the process runs.
#[derive(Clone)]
pub struct Supervisor {
    stop: Stop,
    started: tokio::sync::mpsc::UnboundedSender<Task>,
    // Taken by `run`; a mutex because every clone could be the one that runs.
    incoming: Arc<Mutex<Option<tokio::sync::mpsc::UnboundedReceiver<Task>>>>,
    background: Arc<Mutex<Vec<AbortHandle>>>,
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Supervisor {
    /// A supervisor without tasks.
    pub fn new() -> Self {
        // Unbounded: it carries one message for each long task ever started, a few dozen in a process's life.
        let (started, incoming) = tokio::sync::mpsc::unbounded_channel();
        Self {
            stop: Stop::new(),
            started,
            incoming: Arc::new(Mutex::new(Some(incoming))),
            background: Arc::default(),
        }
    }

    /// The stop that this supervisor triggers when a task dies, and that signals trigger.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Runs `work` for as long as the process lives. It must watch [`Supervisor::stop`] and return once it has drained.
    ///
    /// Panics when called outside a tokio runtime.
    pub fn spawn<F, E>(&self, name: &'static str, work: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let work = async move { work.await.map_err(|error| error.to_string()) };
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that owns long tasks"
        )]
        let handle = tokio::spawn(work.in_current_span());
        // When nobody receives any more the process is past its drain, and the runtime ends the task.
        let _ = self.started.send(Task { name, handle });
    }

    /// Runs `work` beside the tasks until they have all ended. It is not drained but dropped; its own end means nothing.
    pub fn background<F>(&self, name: &'static str, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tracing::debug!(task = name, "background task");
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that owns long tasks"
        )]
        let handle = tokio::spawn(work.in_current_span());
        let mut background = self
            .background
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        background.retain(|known| !known.is_finished());
        background.push(handle.abort_handle());
    }

    /// Waits until a stop is asked for or a task ends, then gives all tasks `drain` time to end.
    ///
    /// # Errors
    /// What ended the process, when that was not a request to stop; or who did not drain in time.
    ///
    /// Panics when called twice.
    pub async fn run(self, drain: Duration) -> Result<(), Failure> {
        let taken = self
            .incoming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let mut incoming = taken.expect("a supervisor is run once");
        let mut tasks: Vec<Task> = Vec::new();

        let first = loop {
            tokio::select! {
                Some(task) = incoming.recv() => tasks.push(task),
                (name, outcome) = next_end(&mut tasks) => {
                    break failure(name, outcome, self.stop.is_triggered());
                }
                () = self.stop.triggered() => break None,
            }
        };
        if let Some(failure) = &first {
            tracing::error!(error = %failure, "draining because a task ended");
        }
        self.stop.trigger();

        let late = tokio::time::timeout(drain, async {
            let mut worst = None;
            loop {
                while let Ok(task) = incoming.try_recv() {
                    tasks.push(task);
                }
                if tasks.is_empty() {
                    return worst;
                }
                let (name, outcome) = next_end(&mut tasks).await;
                worst = worst.or(failure(name, outcome, true));
            }
        })
        .await;
        for handle in self
            .background
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            handle.abort();
        }
        let then = match late {
            Ok(worst) => worst,
            Err(_) => {
                let names = tasks.iter().map(|task| task.name).collect();
                for task in &tasks {
                    task.handle.abort();
                }
                Some(Failure::Late { tasks: names })
            }
        };
        first.or(then).map_or(Ok(()), Err)
    }
}

type Outcome = Result<Result<(), String>, tokio::task::JoinError>;

/// Resolves with the first task that ends and forgets it; never, while there is none.
async fn next_end(tasks: &mut Vec<Task>) -> (&'static str, Outcome) {
    std::future::poll_fn(|context| {
        for index in 0..tasks.len() {
            let handle = std::pin::Pin::new(&mut tasks[index].handle);
            if let std::task::Poll::Ready(outcome) = handle.poll(context) {
                let task = tasks.swap_remove(index);
                return std::task::Poll::Ready((task.name, outcome));
            }
        }
        std::task::Poll::Pending
    })
    .await
}

fn failure(task: &'static str, outcome: Outcome, stopping: bool) -> Option<Failure> {
    match outcome {
        Ok(Ok(())) if stopping => None,
        Ok(Ok(())) => Some(Failure::Ended { task }),
        Ok(Err(cause)) => Some(Failure::Failed { task, cause }),
        Err(error) if error.is_cancelled() => Some(Failure::Ended { task }),
        Err(_) => Some(Failure::Panicked { task }),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const DRAIN: Duration = Duration::from_secs(10);

    fn obedient(supervisor: &Supervisor) {
        let stop = supervisor.stop();
        supervisor.spawn("obedient", async move {
            stop.triggered().await;
            Ok::<_, Infallible>(())
        });
    }

    #[tokio::test]
    async fn a_stop_drains_everybody_and_is_no_failure() {
        let supervisor = Supervisor::new();
        obedient(&supervisor);
        obedient(&supervisor);
        supervisor.stop().trigger();
        supervisor.run(DRAIN).await.unwrap();
    }

    #[tokio::test]
    async fn a_task_that_ends_by_itself_stops_the_process() {
        let supervisor = Supervisor::new();
        obedient(&supervisor);
        supervisor.spawn("quitter", async { Ok::<_, Infallible>(()) });
        let failure = supervisor.run(DRAIN).await.unwrap_err();
        assert!(
            matches!(failure, Failure::Ended { task: "quitter" }),
            "{failure}"
        );
    }

    #[tokio::test]
    async fn a_panic_stops_the_process() {
        let supervisor = Supervisor::new();
        obedient(&supervisor);
        supervisor.spawn("broken", async {
            if true {
                panic!("on purpose")
            } else {
                Ok::<_, Infallible>(())
            }
        });
        let failure = supervisor.run(DRAIN).await.unwrap_err();
        assert!(
            matches!(failure, Failure::Panicked { task: "broken" }),
            "{failure}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_will_not_drain_is_named() {
        let supervisor = Supervisor::new();
        obedient(&supervisor);
        supervisor.spawn("deaf", std::future::pending::<Result<(), Infallible>>());
        supervisor.stop().trigger();
        let failure = supervisor.run(DRAIN).await.unwrap_err();
        assert_eq!(failure.to_string(), "not drained in time: deaf");
    }

    #[tokio::test]
    async fn tasks_may_be_added_by_tasks() {
        let supervisor = Supervisor::new();
        let inner = supervisor.clone();
        let stop = supervisor.stop();
        supervisor.spawn("parent", async move {
            inner.spawn("child", async { Err::<(), _>("no luck") });
            stop.triggered().await;
            Ok::<_, Infallible>(())
        });
        let failure = supervisor.run(DRAIN).await.unwrap_err();
        assert_eq!(failure.to_string(), "task child failed: no luck");
    }
}
