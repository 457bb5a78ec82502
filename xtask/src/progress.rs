//! Says what a command is doing, and for how long.
//!
//! On a terminal one line counts the seconds; elsewhere (a CI log) a line appears only when a step lasts.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a step may be silent where nobody can watch a line change.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// When a step that lasts shows up first.
const FIRST_LINE_AFTER: Duration = Duration::from_secs(2);
/// How often the line on a terminal changes.
const REDRAW_EVERY: Duration = Duration::from_millis(200);

/// A piece of work under way. Dropped before [`Step::done`], it counts as failed.
#[derive(Debug)]
pub(crate) struct Step {
    what: String,
    began: Instant,
    note: watch::Sender<String>,
    /// Shows that time passes; ends with the step.
    ticker: JoinSet<()>,
    finished: bool,
}

impl Step {
    /// Begins `what`. Must be called inside a tokio runtime.
    pub(crate) fn begin(what: impl Into<String>) -> Self {
        let what = what.into();
        let began = Instant::now();
        let (note, notes) = watch::channel(String::new());
        let mut ticker = JoinSet::new();
        ticker.spawn(tick(what.clone(), began, notes));
        Self {
            what,
            began,
            note,
            ticker,
            finished: false,
        }
    }

    /// How far it is, in a few words.
    pub(crate) fn note(&self, note: impl Into<String>) {
        self.note.send_replace(note.into());
    }

    /// It is done.
    pub(crate) fn done(self) {
        self.done_with("");
    }

    /// It is done, and this came of it.
    pub(crate) fn done_with(mut self, outcome: &str) {
        self.finished = true;
        self.close("✓", outcome);
    }

    fn close(&mut self, mark: &str, outcome: &str) {
        self.ticker.abort_all();
        let gap = if outcome.is_empty() { "" } else { ": " };
        let seconds = self.began.elapsed().as_secs_f64();
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[2K");
        }
        eprintln!("{mark} {}{gap}{outcome} ({seconds:.1} s)", self.what);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.finished {
            self.close("✗", "");
        }
    }
}

async fn tick(what: String, began: Instant, notes: watch::Receiver<String>) {
    let terminal = std::io::stderr().is_terminal();
    let every = if terminal { REDRAW_EVERY } else { LINE_EVERY };
    let first = if terminal {
        REDRAW_EVERY
    } else {
        FIRST_LINE_AFTER
    };
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + first, every);
    loop {
        ticks.tick().await;
        let note = notes.borrow().clone();
        let gap = if note.is_empty() { "" } else { ", " };
        let seconds = began.elapsed().as_secs();
        if terminal {
            eprint!("\r\x1b[2K· {what} … {seconds} s{gap}{note}");
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("· {what} … {seconds} s{gap}{note}");
        }
    }
}
