//! The generated files of the repository: written, or compared with what is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use super::object::Object;
use super::settings::Settings;
use super::{chart, crds, objects};
use crate::workspace;

/// First line of every generated file.
pub(super) const GENERATED: &str =
    "# Made by `cargo xtask manifests`; changes go into xtask/src/manifests.\n";

/// A path below the root of the repository, and what the file says.
type File = (PathBuf, String);

/// Directory that holds one file for each custom resource definition, and nothing else.
const CRD_DIRECTORY: &str = "config/crd";

/// The custom resource definitions, a file each.
pub(super) fn crd_files() -> Result<Vec<File>> {
    crds()
        .into_iter()
        .map(|crd| {
            let path = PathBuf::from(CRD_DIRECTORY).join(format!("{}.yaml", crd.name()));
            Ok((path, render(&[crd])?))
        })
        .collect()
}

/// The manifests and the chart.
pub(super) fn manifests() -> Result<Vec<File>> {
    let mut files = vec![(
        PathBuf::from("deploy/ebb.yaml"),
        render(&objects(&Settings::release()))?,
    )];
    for (path, text) in chart::files()? {
        files.push((PathBuf::from("charts/ebb").join(path), text));
    }
    Ok(files)
}

/// Several objects as one YAML stream.
pub(super) fn render(objects: &[Object]) -> Result<String> {
    let mut text = GENERATED.to_owned();
    for object in objects {
        let yaml = serde_yaml_ng::to_string(object.value())
            .with_context(|| format!("{} {} has no YAML form", object.kind(), object.name()))?;
        text.push_str("---\n");
        text.push_str(&yaml);
    }
    Ok(text)
}

/// Makes the repository hold `files`; with `check`, only says whether it does.
pub(super) fn settle(files: &[File], check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for (path, text) in files {
        if fs::read_to_string(workspace::root().join(path)).is_ok_and(|there| there == *text) {
            continue;
        }
        stale.push(path.display().to_string());
        if !check {
            write(path, text)?;
        }
    }
    for path in leftovers(files)? {
        stale.push(path.display().to_string());
        if !check {
            fs::remove_file(workspace::root().join(&path))
                .with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    match (stale.is_empty(), check) {
        (true, _) => println!("{} files are up to date", files.len()),
        (false, false) => println!("updated {}", stale.join(", ")),
        (false, true) => {
            bail!(
                "not up to date: {}\nrun `cargo xtask manifests` and commit the result",
                stale.join(", ")
            )
        }
    }
    Ok(())
}

fn write(path: &PathBuf, text: &str) -> Result<()> {
    let path = workspace::root().join(path);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
    }
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Definitions of kinds that are no more.
fn leftovers(files: &[File]) -> Result<Vec<PathBuf>> {
    let wanted: BTreeSet<&PathBuf> = files.iter().map(|(path, _)| path).collect();
    let directory = workspace::root().join(CRD_DIRECTORY);
    let Ok(entries) = fs::read_dir(&directory) else {
        return Ok(Vec::new());
    };
    let mut leftovers = Vec::new();
    for entry in entries {
        let name = entry
            .with_context(|| format!("cannot read {}", directory.display()))?
            .file_name();
        let path = PathBuf::from(CRD_DIRECTORY).join(name);
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
            && !wanted.contains(&path)
        {
            leftovers.push(path);
        }
    }
    Ok(leftovers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_holds_what_the_types_and_manifests_say() {
        let mut files = crd_files().unwrap();
        files.extend(manifests().unwrap());
        settle(&files, true).unwrap();
    }
}
