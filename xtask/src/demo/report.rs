//! What the demo leaves behind: `report.json`, `scale.svg`, and a table on the terminal.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{chart, cold, hello, scale, split};

/// All findings of one run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) hello: hello::Findings,
    pub(super) scale: scale::Findings,
    pub(super) cold: cold::Findings,
    pub(super) split: split::Findings,
    /// Bounds that were missed, in words.
    pub(super) missed: Vec<String>,
}

impl Report {
    /// Writes the files and prints the table.
    pub(super) fn publish(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        let json = directory.join("report.json");
        let text = serde_json::to_string_pretty(self).context("the report has no JSON form")?;
        fs::write(&json, text).with_context(|| format!("cannot write {}", json.display()))?;
        let svg = directory.join("scale.svg");
        chart::draw(&self.scale.seconds, &svg)?;
        println!("\n{}", self.table());
        println!("{}\n{}", svg.display(), json.display());
        Ok(())
    }

    fn table(&self) -> String {
        let rows = [
            (
                "service created to Ready",
                format!("{} ms", self.hello.ready_ms),
            ),
            (
                "first request after Ready",
                format!("{} ms", self.hello.first_answer_ms),
            ),
            ("most pods under load", self.scale.most_pods.to_string()),
            (
                "requests under load",
                format!("{}, {} failed", self.scale.requests, self.scale.failed),
            ),
            (
                "latency under load",
                format!("p50 {} ms, p99 {} ms", self.scale.p50_ms, self.scale.p99_ms),
            ),
            (
                "load over to zero pods",
                format!("{:.0} s", self.scale.zero_after_s),
            ),
            (
                "request from zero, median",
                format!("{} ms", self.cold.cold_median_ms),
            ),
            (
                "bare pod, median",
                format!("{} ms", self.cold.floor_median_ms),
            ),
            (
                "split 50/50",
                format!("{} blue, {} green", self.split.blue, self.split.green),
            ),
        ];
        rows.into_iter()
            .map(|(what, value)| format!("{what:<28}{value}\n"))
            .collect()
    }
}
