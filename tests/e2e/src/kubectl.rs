//! The real kubectl, as a user calls it.

use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// The command line of kubectl: words with white space between them.
const VARIABLE: &str = "EBB_E2E_KUBECTL";

/// A kubectl for one namespace of the current kubeconfig.
#[derive(Debug)]
pub struct Kubectl {
    words: Vec<String>,
    namespace: String,
    /// What it knows of the API, apart from what others know of other clusters.
    cache: TempDir,
}

/// What a call came to.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// The standard output.
    pub output: String,
    /// The standard error output.
    pub errors: String,
}

impl Kubectl {
    /// The kubectl that the environment names.
    ///
    /// # Errors
    /// If there is no place for its cache.
    pub fn new(namespace: &str) -> Result<Self> {
        let line = std::env::var(VARIABLE).unwrap_or_else(|_| "kubectl".to_owned());
        Ok(Self {
            words: line.split_whitespace().map(str::to_owned).collect(),
            namespace: namespace.to_owned(),
            cache: tempfile::tempdir()?,
        })
    }

    /// Runs it with `input`. That it fails is no error here.
    ///
    /// # Errors
    /// If it cannot be run.
    pub async fn run(&self, arguments: &[&str], input: &str) -> Result<Ran> {
        let (program, first) = self.words.split_first().context("no kubectl")?;
        let mut child = Command::new(program)
            .args(first)
            .args(["--namespace", &self.namespace, "--cache-dir"])
            .arg(self.cache.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {program}; {VARIABLE} can name a kubectl"))?;
        let mut stdin = child.stdin.take().context("it has no input")?;
        let (_, ended) = tokio::join!(
            async move {
                // One that ends before it has read all of it says why itself.
                let _ = stdin.write_all(input.as_bytes()).await;
            },
            child.wait_with_output()
        );
        let ended = ended?;
        Ok(Ran {
            status: ended.status,
            output: String::from_utf8(ended.stdout)?,
            errors: String::from_utf8(ended.stderr)?,
        })
    }

    /// Runs it without input, and gives what it prints.
    ///
    /// # Errors
    /// If it fails.
    pub async fn print(&self, arguments: &[&str]) -> Result<String> {
        let ran = self.run(arguments, "").await?;
        if !ran.status.success() {
            bail!("kubectl {}: {}", arguments.join(" "), ran.errors);
        }
        Ok(ran.output)
    }
}
