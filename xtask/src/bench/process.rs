//! A process under test: started, read out through `/proc`, and ended with its
//! owner.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::process::{Child, Command};

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    pid: u32,
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Process {
    /// Starts `program` with nothing but `env` in its environment.
    pub(super) fn start(program: &Path, args: &[String], env: &[(&str, String)]) -> Result<Self> {
        let name = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let log = tempfile::NamedTempFile::new().context("cannot make a file for the log")?;
        let child = Command::new(program)
            .args(args)
            .env_clear()
            .envs(env.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null())
            .stdout(log.reopen()?)
            .stderr(log.reopen()?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let pid = child.id().context("the process ended at once")?;
        Ok(Self {
            name,
            pid,
            child,
            log,
        })
    }

    /// Processor time used so far, user and system.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        cpu_in(&stat).context("/proc/<pid>/stat has an unknown form")
    }

    /// Resident memory now, in bytes.
    pub(super) fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        Ok(kib.context("/proc/<pid>/status has no VmRSS")? * 1024)
    }

    /// Fails, with the end of its log, if the process is no more.
    pub(super) fn require_alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended ({status}); {}", self.name, self.last_words()),
            None => Ok(()),
        }
    }

    /// The end of its log.
    pub(super) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.log.path()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        format!(
            "its last words:\n{}",
            lines[lines.len().saturating_sub(10)..].join("\n")
        )
    }
}

/// Fields 14 and 15, in ticks of 10 ms. The name in brackets may hold blanks.
fn cpu_in(stat: &str) -> Option<Duration> {
    const TICK: Duration = Duration::from_millis(10);
    let mut fields = stat[stat.rfind(')')? + 1..]
        .split_ascii_whitespace()
        .skip(11);
    let (user, system): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(TICK * (user + system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_is_no_trap() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 5 1000 20";
        assert_eq!(cpu_in(stat), Some(Duration::from_secs(2)));
    }
}
