//! The node's binary: compiled once per state of its sources, and kept outside of `target/`, since it takes minutes.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::progress::Step;
use crate::{command, workspace};

/// What the node says it is. The same as the modules in `xtask/node/go.mod`.
const KUBERNETES: &str = "1.35.4";
/// How many lines of the compiler's output a failure shows.
const LAST_LINES: usize = 20;

/// Returns the path of the binary, compiling it if this state of its sources never was.
pub(super) async fn build() -> Result<PathBuf> {
    let sources = workspace::root().join("xtask/node");
    let flags = linker_flags();
    let cached = cache()?.join(format!("node-{}", fingerprint(&sources, &flags)?));
    if cached.is_file() {
        return Ok(cached);
    }
    if !command::exists("go") {
        bail!(
            "the node is compiled with Go 1.25 or newer, and there is no `go` on the PATH: see https://go.dev/dl"
        );
    }
    if let Some(directory) = cached.parent() {
        fs::create_dir_all(directory)?;
    }
    let step = Step::begin(format!(
        "compile Kubernetes {KUBERNETES} (once, 5 to 10 minutes on two cores)"
    ));
    // Moved into place when complete, so that an interrupted build is never taken for a good one.
    let unfinished = cached.with_extension(format!("{}.tmp", std::process::id()));
    let compiled = compile(&sources, &flags, &unfinished, &step).await;
    if compiled.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    compiled?;
    fs::rename(&unfinished, &cached)?;
    step.done();
    Ok(cached)
}

async fn compile(sources: &Path, flags: &str, into: &Path, step: &Step) -> Result<()> {
    let mut child = Command::new("go")
        .args([
            "build",
            "-v",
            "-trimpath",
            "-mod=readonly",
            "-ldflags",
            flags,
            "-o",
        ])
        .arg(into)
        .arg(".")
        .current_dir(sources)
        .env("CGO_ENABLED", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start go")?;
    let errors = child.stderr.take().context("go has no standard error")?;
    let mut lines = BufReader::new(errors).lines();
    let mut last = VecDeque::new();
    let mut packages = 0;
    // Names of packages as they are compiled, and whatever goes wrong.
    while let Some(line) = lines.next_line().await? {
        if line.starts_with("go: downloading") {
            step.note(line.trim_start_matches("go: "));
        } else {
            packages += 1;
            step.note(format!("{packages} packages"));
        }
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    let status = child.wait().await?;
    if !status.success() {
        let said: Vec<String> = last.into();
        bail!(
            "`go build` in {} failed, {status}\n{}",
            sources.display(),
            said.join("\n")
        );
    }
    Ok(())
}

/// Without these the API server would call itself v0.0.0, which clients and other components refuse.
fn linker_flags() -> String {
    let mut parts = KUBERNETES.split('.');
    let mut next = || parts.next().unwrap_or_default();
    let (major, minor) = (next(), next());
    let package = "k8s.io/component-base/version";
    format!(
        "-s -w -X {package}.gitVersion=v{KUBERNETES} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
    )
}

fn cache() -> Result<PathBuf> {
    let directory = match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) if !cache.is_empty() => PathBuf::from(cache),
        _ => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(directory.join("ebb"))
}

/// A short hash of everything that decides what the binary is.
fn fingerprint(sources: &Path, flags: &str) -> Result<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(sources)
        .with_context(|| format!("cannot read {}", sources.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    let mut hash = Sha256::new();
    hash.update(flags);
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        hash.update(format!("\n{name} {}\n", content.len()));
        hash.update(content);
    }
    let digest = hash.finalize();
    Ok(digest[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_follows_names_contents_and_flags() {
        let directory = tempfile::tempdir().unwrap();
        let at = |flags| fingerprint(directory.path(), flags).unwrap();
        fs::write(directory.path().join("a.go"), "one").unwrap();
        let first = at("");
        assert_eq!(first, at(""));
        assert_ne!(first, at("-s"));
        fs::rename(directory.path().join("a.go"), directory.path().join("b.go")).unwrap();
        let second = at("");
        assert_ne!(first, second);
        fs::write(directory.path().join("b.go"), "two").unwrap();
        assert_ne!(second, at(""));
    }

    #[test]
    fn the_version_is_the_one_of_the_modules() {
        let modules = fs::read_to_string(workspace::root().join("xtask/node/go.mod")).unwrap();
        assert!(modules.contains(&format!("k8s.io/kubernetes v{KUBERNETES}\n")));
        assert!(linker_flags().ends_with("gitMinor=35"));
    }
}
