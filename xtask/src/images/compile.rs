//! Compiling the programs: one cargo call for all of them, so that what they share is compiled once.
//!
//! There is no musl target to rely on; the programs are linked statically against glibc. Hence a rule for all of
//! Ebb: no name is ever resolved through the C library, which would need its plug-ins at run time.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::catalogue::Program;
use crate::workspace;

/// Which of the two optimised profiles of the root manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Profile {
    /// Fat LTO, stripped: what users get and what benches measure.
    Release,
    /// Light optimisation, for end-to-end tests and CI.
    Quick,
}

impl Profile {
    /// The profile's name in the root manifest.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Quick => "quick",
        }
    }
}

/// The line of cargo's JSON output that names a finished program.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Compiles `programs` and returns where each lies. Cargo's progress and diagnostics go to standard error.
pub(crate) fn compile(profile: Profile, programs: &[&Program]) -> Result<HashMap<String, PathBuf>> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = cargo_build(profile, &triple, programs);
    let mut child = cargo
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo")?;
    let output = child
        .stdout
        .take()
        .expect("standard output was requested as a pipe");
    let mut found = HashMap::new();
    for line in BufReader::new(output).lines() {
        let line = line.context("cargo's output broke off")?;
        // Lines that are no message of this shape come from build scripts and are none of our business.
        let Ok(message) = serde_json::from_str::<Message>(&line) else {
            continue;
        };
        if let ("compiler-artifact", Some(target), Some(executable)) =
            (message.reason.as_str(), message.target, message.executable)
        {
            found.insert(target.name, executable);
        }
    }
    let status = child.wait().context("cannot wait for cargo")?;
    if !status.success() {
        bail!("the programs do not compile ({status}); cargo's messages are above");
    }
    for program in programs {
        if !found.contains_key(program.name) {
            bail!(
                "package {} has no program called `{}`",
                program.package,
                program.name
            );
        }
    }
    Ok(found)
}

fn cargo_build(profile: Profile, triple: &str, programs: &[&Program]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(workspace::root())
        .args([
            "build",
            "--locked",
            "--profile",
            profile.name(),
            "--target",
            triple,
        ])
        .arg("--message-format=json-render-diagnostics");
    for program in programs {
        cargo.args(["--package", program.package, "--bin", program.name]);
    }
    // Flags given for one target leave procedural macros and build scripts alone: those must stay dynamic.
    // `RUSTFLAGS`, if the caller has it set, would win over them, so it is not passed on.
    let variable = format!(
        "CARGO_TARGET_{}_RUSTFLAGS",
        triple.replace('-', "_").to_uppercase()
    );
    cargo
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env(variable, "-C target-feature=+crt-static");
    cargo
}

#[cfg(test)]
mod tests {
    use super::super::CATALOGUE;
    use super::*;

    #[test]
    fn static_linking_is_asked_for_the_target_only() {
        let cargo = cargo_build(Profile::Quick, "x86_64-unknown-linux-gnu", &[&CATALOGUE[0]]);
        let set: HashMap<_, _> = cargo.get_envs().collect();
        let flags =
            set["CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS".as_ref() as &std::ffi::OsStr];
        assert_eq!(flags.unwrap(), "-C target-feature=+crt-static");
        assert_eq!(set["RUSTFLAGS".as_ref() as &std::ffi::OsStr], None);
    }
}
