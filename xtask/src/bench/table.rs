//! Numbers, and how they are shown.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;

use super::case::{Case, Running};
use super::load::Load;

/// How long a process is left alone before its memory counts as idle.
const SETTLE: Duration = Duration::from_secs(1);
/// Load before the one that counts: connections open, caches fill.
const WARM_UP: Duration = Duration::from_millis(500);

/// What one case did in one round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    per_second: f64,
    cpu_micros: f64,
    p50: Duration,
    p99: Duration,
    idle_bytes: u64,
    loaded_bytes: u64,
}

/// All rows of a run.
#[derive(Debug)]
pub(super) struct Table {
    load: Load,
    rounds: usize,
    rows: Vec<(Case, Row)>,
}

impl Row {
    /// Puts `load` on what is running.
    pub(super) async fn measure(running: &Running, load: &Load) -> Result<Self> {
        tokio::time::sleep(SETTLE).await;
        let process = running.measured();
        let idle_bytes = process.resident()?;
        Load {
            duration: WARM_UP,
            ..*load
        }
        .run(&running.target)
        .await?;
        let before = process.cpu()?;
        let outcome = load.run(&running.target).await?;
        let cpu = process.cpu()? - before;
        let count = outcome.latencies.len() as f64;
        let rank =
            |share: f64| outcome.latencies[((count * share) as usize).min(count as usize - 1)];
        Ok(Self {
            per_second: count / outcome.elapsed.as_secs_f64(),
            cpu_micros: cpu.as_secs_f64() * 1e6 / count,
            p50: rank(0.50),
            p99: rank(0.99),
            idle_bytes,
            loaded_bytes: process.resident()?,
        })
    }

    /// The median of each number on its own.
    fn median(rows: &[Self]) -> Self {
        let middle = |value: fn(&Self) -> f64| {
            let mut values: Vec<f64> = rows.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        Self {
            per_second: middle(|row| row.per_second),
            cpu_micros: middle(|row| row.cpu_micros),
            p50: Duration::from_secs_f64(middle(|row| row.p50.as_secs_f64())),
            p99: Duration::from_secs_f64(middle(|row| row.p99.as_secs_f64())),
            idle_bytes: middle(|row| row.idle_bytes as f64) as u64,
            loaded_bytes: middle(|row| row.loaded_bytes as f64) as u64,
        }
    }
}

impl Table {
    pub(super) fn new(load: Load, rounds: usize) -> Self {
        Self {
            load,
            rounds,
            rows: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, case: Case, row: Row) {
        self.rows.push((case, row));
    }

    /// The table as Markdown, which also reads well in a terminal.
    pub(super) fn text(&self) -> String {
        let medians: Vec<(Case, Row)> = Case::ALL
            .iter()
            .filter_map(|case| {
                let rows: Vec<Row> = self
                    .rows
                    .iter()
                    .filter(|(of, _)| of == case)
                    .map(|(_, row)| *row)
                    .collect();
                (!rows.is_empty()).then(|| (*case, Row::median(&rows)))
            })
            .collect();
        let unit = medians
            .iter()
            .find(|(case, _)| *case == Case::Forwarder)
            .map(|(_, row)| row.cpu_micros);
        let mut text = format!(
            "{} connections, {} s a case, median of {} rounds, {} processors.\n\n\
             | | requests/s | CPU µs/request | × bare | p50 ms | p99 ms | idle MB | loaded MB |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|\n",
            self.load.connections,
            self.load.duration.as_secs(),
            self.rounds,
            std::thread::available_parallelism().map_or(1, usize::from),
        );
        for (case, row) in medians {
            let ratio = unit.filter(|_| case != Case::App).map_or_else(
                || "–".to_owned(),
                |unit| format!("{:.2}", row.cpu_micros / unit),
            );
            let ms = |time: Duration| time.as_secs_f64() * 1e3;
            let mb = |bytes: u64| bytes as f64 / 1e6;
            writeln!(
                text,
                "| {} | {:.0} | {:.1} | {ratio} | {:.2} | {:.2} | {:.1} | {:.1} |",
                case.name(),
                row.per_second,
                row.cpu_micros,
                ms(row.p50),
                ms(row.p99),
                mb(row.idle_bytes),
                mb(row.loaded_bytes),
            )
            .expect("text can grow");
        }
        text
    }
}
