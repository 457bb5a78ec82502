//! `cargo xtask fuzz`: every fuzz target for a bounded time, on stable.
//!
//! The targets are built as `cargo fuzz --sanitizer none` builds them, with LLVM's coverage counters in every crate,
//! so they have a target directory of their own. It also keeps what each fuzzer has learned from one run to the next.
//! A run for a number of inputs neither uses nor adds to that, so that CI's work does not depend on what its machine
//! has seen.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::{StreamExt as _, stream};
use tokio::process::Command;

use crate::progress::Step;
use crate::{command, interrupt, workspace};

const PACKAGE: &str = "ebb-fuzz";
const PROFILE: &str = "fuzz";
/// How long a target is fuzzed unless told otherwise, in seconds. All of them take about a minute on two processors.
const SECONDS: u32 = 14;
/// An input that takes longer than this is a find, in seconds. Targets look at thousands of inputs a second.
const INPUT_SECONDS: u32 = 5;
/// A target that needs more memory than this has found something, in MiB.
const MEMORY: u32 = 1024;
/// The longest input, in bytes: long enough for a manifest of a few hundred lines.
const INPUT_BYTES: u32 = 16 << 10;
/// How many bytes of a failed input are printed.
const SHOWN: usize = 2000;

/// LLVM's counters and comparison hooks for libFuzzer, and the cfg that makes a target a fuzzer.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];

/// Options of `cargo xtask fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this target; can be given more than once.
    #[arg(long = "target")]
    targets: Vec<String>,
    /// How long each target is fuzzed.
    #[arg(long, default_value_t = SECONDS, conflicts_with = "runs", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// How many inputs each target is given, instead of a time, from the seeds on and whatever was learned before.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// How many targets at once; as many as there are processors if not given.
    #[arg(long)]
    jobs: Option<usize>,
}

/// When a fuzzer has done enough.
#[derive(Debug, Clone, Copy)]
enum Bound {
    /// After so many inputs.
    Runs(u32),
    Seconds(u32),
}

impl Bound {
    /// As libFuzzer is told.
    fn options(self) -> Vec<String> {
        match self {
            Self::Runs(runs) => vec![format!("-runs={runs}"), "-seed=1".to_owned()],
            Self::Seconds(seconds) => vec![format!("-max_total_time={seconds}")],
        }
    }

    /// Where new inputs are kept that reach further than others.
    fn learned(self, target: &str) -> Result<PathBuf> {
        Ok(match self {
            Self::Runs(_) => {
                let learned = home().join("repeated").join(target);
                if learned.exists() {
                    std::fs::remove_dir_all(&learned)
                        .with_context(|| format!("cannot empty {}", learned.display()))?;
                }
                learned
            }
            Self::Seconds(_) => home().join("corpus").join(target),
        })
    }
}

/// Runs `cargo xtask fuzz`.
pub(crate) async fn run(args: Args) -> Result<()> {
    let known = targets()?;
    let chosen = match args.targets.iter().find(|target| !known.contains(target)) {
        Some(target) => bail!("no target {target:?}; there are {}", known.join(", ")),
        None if args.targets.is_empty() => known,
        None => args.targets,
    };
    let bound = args.runs.map_or(Bound::Seconds(args.seconds), Bound::Runs);
    tokio::select! {
        done = build_and_fuzz(&chosen, bound, args.jobs) => done,
        () = interrupt::asked_for() => bail!("interrupted"),
    }
}

/// The names of the targets: one for each program.
fn targets() -> Result<Vec<String>> {
    let directory = workspace::root().join("fuzz/fuzz_targets");
    let mut names: Vec<String> = std::fs::read_dir(&directory)
        .with_context(|| format!("cannot read {}", directory.display()))?
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

async fn build_and_fuzz(targets: &[String], bound: Bound, jobs: Option<usize>) -> Result<()> {
    let programs = build(targets).await?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let finds: Vec<String> = stream::iter(targets)
        .map(|target| fuzz(target, &programs, bound))
        .buffer_unordered(jobs.unwrap_or(processors).max(1))
        .filter_map(async |outcome| outcome.transpose())
        .map(|outcome| outcome.unwrap_or_else(|error| format!("{error:#}")))
        .collect()
        .await;
    if finds.is_empty() {
        return Ok(());
    }
    bail!("{}", finds.join("\n\n"))
}

/// Where everything of the fuzzers lies.
fn home() -> PathBuf {
    workspace::target().join("fuzz")
}

/// Compiles the targets and returns the directory of their programs.
async fn build(targets: &[String]) -> Result<PathBuf> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(workspace::root())
        .args(["build", "--package", PACKAGE, "--profile", PROFILE])
        // Told explicitly, the target keeps the flags away from build scripts and procedural macros.
        .args(["--target", &triple, "--target-dir"])
        .arg(home())
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", FLAGS.join(" "))
        .kill_on_drop(true);
    for target in targets {
        command.args(["--bin", target]);
    }
    let status = command.status().await.context("cannot run cargo")?;
    if !status.success() {
        bail!("the fuzz targets do not compile ({status}); cargo's messages are above");
    }
    Ok(home().join(triple).join(PROFILE))
}

/// Fuzzes one target; gives back what to say about an input that it fails on.
async fn fuzz(target: &str, programs: &Path, bound: Bound) -> Result<Option<String>> {
    let step = Step::begin(format!("fuzz {target}"));
    let learned = bound.learned(target)?;
    let finds = home().join("artifacts").join(target);
    for directory in [&learned, &finds] {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let log = home().join(format!("{target}.log"));
    let into =
        std::fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let package = workspace::root().join("fuzz");

    let mut command = Command::new(programs.join(target));
    command
        .args(bound.options())
        .arg(format!("-timeout={INPUT_SECONDS}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .arg(format!("-max_len={INPUT_BYTES}"))
        .arg(format!("-artifact_prefix={}/", finds.display()));
    let dictionary = package.join("dictionaries").join(format!("{target}.dict"));
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    // New inputs go into the first directory.
    command
        .arg(&learned)
        .arg(package.join("seeds").join(target));
    let status = command
        .stdin(Stdio::null())
        .stdout(into.try_clone()?)
        .stderr(into)
        .kill_on_drop(true)
        .status()
        .await
        .with_context(|| format!("cannot run {target}"))?;

    let said = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
    if status.success() {
        step.done_with(last_count(&said).unwrap_or("no figures"));
        return Ok(None);
    }
    drop(step);
    let mut report = format!("{target} fails ({status}); its log is {}\n", log.display());
    report.push_str(&complaint(&said));
    match artifact(&said) {
        Some(path) => report.push_str(&how_to_reproduce(target, Path::new(path))?),
        None => report.push_str("no input was saved"),
    }
    Ok(Some(report))
}

/// libFuzzer's last line of figures, without its first word.
fn last_count(log: &str) -> Option<&str> {
    let line = log
        .lines()
        .rfind(|line| line.starts_with('#') && line.contains("cov:"))?;
    Some(line.strip_prefix('#').unwrap_or(line).trim())
}

/// What went wrong: the panic, or what libFuzzer did not like.
fn complaint(log: &str) -> String {
    let is_first = |line: &&str| line.contains("panicked at") || line.contains("ERROR: libFuzzer");
    let lines = log.lines().skip_while(|line| !is_first(line));
    let lines: Vec<&str> = lines
        .take_while(|line| !line.starts_with("stack backtrace:") && !line.starts_with("note:"))
        .take(20)
        .collect();
    if lines.is_empty() {
        return format!("{}\n", command::tail(log));
    }
    format!("{}\n", lines.join("\n").trim_end())
}

/// The file with the input, of which libFuzzer's last lines tell.
fn artifact(log: &str) -> Option<&str> {
    log.lines()
        .rev()
        .find_map(|line| line.split_once("Test unit written to "))
        .map(|(_, path)| path.trim())
}

fn how_to_reproduce(target: &str, input: &Path) -> Result<String> {
    let bytes = std::fs::read(input)
        .with_context(|| format!("cannot read the input {}", input.display()))?;
    let mut text = format!("the input, {} bytes: \"", bytes.len());
    text.push_str(&bytes[..bytes.len().min(SHOWN)].escape_ascii().to_string());
    text.push_str(if bytes.len() > SHOWN {
        "…\"\n"
    } else {
        "\"\n"
    });
    if bytes.len() <= SHOWN {
        writeln!(text, "in base64: {}", BASE64_STANDARD.encode(&bytes))?;
    }
    let input = input.display();
    writeln!(
        text,
        "once more: cargo run --package {PACKAGE} --bin {target} -- {input}"
    )?;
    write!(
        text,
        "when it is mended: cp {input} fuzz/seeds/{target}/<what it was>"
    )?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "INFO: Seed: 7\n#2\tINITED cov: 9 ft: 9\n#6029\tREDUCE cov: 11 ft: 12 corp: 2/8b\n\
        thread 'main' panicked at fuzz/src/name.rs:3:1:\nrules differ\nstack backtrace:\n   0: begin\n\
        ==7== ERROR: libFuzzer: deadly signal\nartifact_prefix='/a/'; Test unit written to /a/crash-1\nBase64: eA==\n";

    #[test]
    fn a_log_is_read() {
        assert_eq!(
            last_count(LOG),
            Some("6029\tREDUCE cov: 11 ft: 12 corp: 2/8b")
        );
        assert_eq!(
            complaint(LOG),
            "thread 'main' panicked at fuzz/src/name.rs:3:1:\nrules differ\n"
        );
        assert_eq!(artifact(LOG), Some("/a/crash-1"));
        assert_eq!(artifact("nothing"), None);
        assert_eq!(complaint("Killed"), "Killed\n");
    }

    #[test]
    fn a_find_is_told_with_its_input_and_how_to_play_it() {
        let directory = tempfile::tempdir().unwrap();
        let input = directory.path().join("crash-1");
        std::fs::write(&input, b"a\"\n\xff").unwrap();
        let text = how_to_reproduce("name", &input).unwrap();
        assert!(
            text.starts_with("the input, 4 bytes: \"a\\\"\\n\\xff\"\nin base64: YSIK/w==\n"),
            "{text}"
        );
        let again = format!(
            "cargo run --package ebb-fuzz --bin name -- {}",
            input.display()
        );
        assert!(text.contains(&again), "{text}");
    }

    #[test]
    fn every_target_is_known() {
        assert!(targets().unwrap().contains(&"quantity".to_owned()));
    }
}
