//! `cargo xtask images`: from the workspace's programs to container images, without a container engine.
//!
//! ```text
//! catalogue ──► compile (one cargo call) ──► elf (really static?) ──► pack (OCI tar) ──► images.json
//! ```
//!
//! Archives and `images.json` lie in `target/images/<profile>/`. `images.json` is what an installer reads to learn
//! the reference and the archive of each image. Nothing is loaded anywhere here; that is the cluster's business.

mod catalogue;
mod compile;
mod elf;
mod pack;
mod record;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

pub(crate) use catalogue::{CATALOGUE, Program, REPOSITORY, Use, components};
pub(crate) use compile::{Profile, compile};
use record::Record;

pub(crate) use record::Packed;

use crate::workspace;

/// Options of `cargo xtask images`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Cargo profile: `release` is what users get, `quick` compiles in a fraction of the time.
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
    /// Images to build; all of them if none is named.
    #[arg(value_parser = catalogue::parse_name)]
    names: Vec<String>,
}

/// Runs `cargo xtask images`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let packed = build(args.profile, &args.names)?;
    println!("{:<14}{:>10}  {:<44}DIGEST", "NAME", "SIZE", "REFERENCE");
    for image in &packed {
        let mib = image.archive_bytes as f64 / f64::from(1 << 20);
        println!(
            "{:<14}{:>6.1} MiB  {:<44}{}",
            image.name, mib, image.reference, image.digest
        );
    }
    println!("archives in {}", directory_of(args.profile).display());
    Ok(())
}

/// Builds the images called `names` (all if empty) and returns them in the order of the catalogue.
///
/// Does nothing that was done before: cargo leaves fresh programs alone, and a program that is the same as the one
/// in the archive is not packed again.
pub(crate) fn build(profile: Profile, names: &[String]) -> Result<Vec<Packed>> {
    let wanted: Vec<_> = CATALOGUE
        .iter()
        .filter(|program| names.is_empty() || names.iter().any(|name| name == program.name))
        .collect();
    eprintln!(
        "building {} programs, static, profile `{}`",
        wanted.len(),
        profile.name()
    );
    let executables = compile::compile(profile, &wanted)?;

    let directory = directory_of(profile);
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let mut record = Record::load(&directory)?;
    let base = pack::base()?;
    let mut packed = Vec::new();
    for program in wanted {
        let executable = &executables[program.name];
        packed.push(one(
            program.name,
            executable,
            &directory,
            &base,
            &mut record,
        )?);
    }
    record.save(&directory)?;
    Ok(packed)
}

/// The images as they were packed last, without a look at the sources.
pub(crate) fn packed_last(profile: Profile) -> Result<Vec<Packed>> {
    let record = Record::load(&directory_of(profile))?;
    CATALOGUE
        .iter()
        .map(|program| {
            record.get(program.name).cloned().with_context(|| {
                format!(
                    "image {} was not built yet: run `cargo xtask images --profile {}`",
                    program.name,
                    profile.name()
                )
            })
        })
        .collect()
}

fn directory_of(profile: Profile) -> PathBuf {
    workspace::target().join("images").join(profile.name())
}

/// Packs one program, unless the record says that the very same archive is already there.
fn one(
    name: &str,
    executable: &Path,
    directory: &Path,
    base: &pack::Base,
    record: &mut Record,
) -> Result<Packed> {
    let program = std::fs::read(executable)
        .with_context(|| format!("cannot read {}", executable.display()))?;
    elf::require_static(&program).with_context(|| executable.display().to_string())?;
    let source = base.fingerprint(&program);
    if let Some(same) = record.unchanged(name, &source) {
        return Ok(same.clone());
    }
    let packed = pack::pack(name, &program, source, directory, base)?;
    eprintln!("packed {}", packed.reference);
    record.put(packed.clone());
    Ok(packed)
}
