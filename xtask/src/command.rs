//! Other programs, run to their end.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

/// How many lines of a log or of an error output a message carries.
const TAIL_LINES: usize = 12;

/// Runs `program` and returns what it wrote to its standard output.
///
/// # Errors
/// If it cannot be started or does not end well; the message then ends with what it said last.
pub(crate) async fn output<S: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = S>,
) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    output_of(command).await
}

/// As [`output`], for a command that has been put together elsewhere.
pub(crate) async fn output_of(mut command: Command) -> Result<String> {
    let shown = shown(&command);
    let output = command
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot run `{shown}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` failed, {}\n{}", output.status, tail(&said));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program of this name is on the path or in one of the directories for administrators.
pub(crate) fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(Into::into))
        .any(|directory| directory.join(program).is_file())
}

/// The last lines of a text.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// The last lines of the file at `path`, under a heading that names it.
pub(crate) fn tail_of(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(text) => format!(
            "last lines of {}:\n{}",
            path.display(),
            tail(&String::from_utf8_lossy(&text))
        ),
        Err(error) => format!("{} cannot be read: {error}", path.display()),
    }
}

fn shown(command: &Command) -> String {
    let command = command.as_std();
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_repeats_what_the_program_said_last() {
        let error = output("sh", ["-c", "echo no such thing >&2; exit 3"])
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.ends_with("no such thing"), "{error}");
    }

    #[test]
    fn a_tail_is_short() {
        let text: String = (0..100).map(|n| format!("{n}\n")).collect();
        assert!(tail(&text).starts_with("88\n"));
        assert!(tail(&text).ends_with("\n99"));
        assert_eq!(tail("one\n"), "one");
    }
}
