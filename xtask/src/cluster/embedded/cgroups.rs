//! The node's control groups: one of its own in every hierarchy of this machine, below which the kubelet makes those
//! of the pods.
//!
//! There are two worlds. In the first version each controller has a hierarchy, and `cpuset` must be told which
//! processors and memory a new group may use before anything can join. In the second there is one hierarchy, and a
//! parent has to pass controllers on.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::limit::Limit;

const MOUNT: &str = "/sys/fs/cgroup";
/// A group can be removed once the kernel is done with the last process in it.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// Makes the groups called `name`.
pub(super) fn create(name: &str) -> Result<()> {
    create_in(Path::new(MOUNT), name)
        .with_context(|| format!("cannot make control group {name} below {MOUNT}"))
}

/// Removes the groups called `name` and everything below them.
pub(super) async fn remove(name: &str) -> Result<()> {
    for hierarchy in hierarchies(Path::new(MOUNT))? {
        let group = hierarchy.join(name);
        let limit = Limit::of(GONE_WITHIN);
        while let Err(error) = remove_tree(&group) {
            if !limit.pause().await {
                return Err(error)
                    .with_context(|| format!("cannot remove control group {}", group.display()));
            }
        }
    }
    Ok(())
}

fn create_in(mount: &Path, name: &str) -> std::io::Result<()> {
    for hierarchy in hierarchies(mount)? {
        let group = hierarchy.join(name);
        match fs::create_dir(&group) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        for file in ["cpuset.cpus", "cpuset.mems"] {
            // In the second version an empty file stands for the parent's value.
            if hierarchy.join(file).exists() && hierarchy != mount {
                // Not `fs::copy`: it also wants to copy permissions, which this file system refuses.
                fs::write(group.join(file), fs::read(hierarchy.join(file))?)?;
            }
        }
        if let Ok(controllers) = fs::read_to_string(hierarchy.join("cgroup.controllers")) {
            for controller in controllers.split_whitespace() {
                for parent in [&hierarchy, &group] {
                    // One that cannot be passed on (`cpu` beside real-time processes) is missed by nobody here.
                    let _ = fs::write(
                        parent.join("cgroup.subtree_control"),
                        format!("+{controller}"),
                    );
                }
            }
        }
    }
    Ok(())
}

/// The roots of all hierarchies: the mount itself in the second version, else what is mounted below it.
fn hierarchies(mount: &Path) -> std::io::Result<Vec<PathBuf>> {
    if mount.join("cgroup.controllers").exists() {
        return Ok(vec![mount.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(mount)? {
        let entry = entry?;
        // Links are second names, such as `cpu` for `cpu,cpuacct`.
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Removes a group and those below it. The files in it are the kernel's and go with it.
fn remove_tree(group: &Path) -> std::io::Result<()> {
    let entries = match fs::read_dir(group) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    match fs::remove_dir(group) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_first_version_every_hierarchy_gets_the_group_and_cpuset_its_values() {
        let mount = tempfile::tempdir().unwrap();
        for hierarchy in ["memory", "cpuset"] {
            fs::create_dir(mount.path().join(hierarchy)).unwrap();
        }
        fs::write(mount.path().join("cpuset/cpuset.cpus"), "0-1\n").unwrap();
        fs::write(mount.path().join("cpuset/cpuset.mems"), "0\n").unwrap();
        std::os::unix::fs::symlink("memory", mount.path().join("alias")).unwrap();

        create_in(mount.path(), "ebb-x").unwrap();

        assert!(mount.path().join("memory/ebb-x").is_dir());
        let cpus = mount.path().join("cpuset/ebb-x/cpuset.cpus");
        assert_eq!(fs::read_to_string(cpus).unwrap(), "0-1\n");
        assert_eq!(hierarchies(mount.path()).unwrap().len(), 2);
    }

    #[test]
    fn in_the_second_version_controllers_are_passed_on() {
        let mount = tempfile::tempdir().unwrap();
        fs::write(mount.path().join("cgroup.controllers"), "memory\n").unwrap();

        create_in(mount.path(), "ebb-x").unwrap();

        for group in ["", "ebb-x"] {
            let passed = mount.path().join(group).join("cgroup.subtree_control");
            assert_eq!(fs::read_to_string(passed).unwrap(), "+memory");
        }
    }

    #[test]
    fn groups_go_from_the_bottom_up() {
        let mount = tempfile::tempdir().unwrap();
        let group = mount.path().join("ebb-x");
        fs::create_dir_all(group.join("kubepods/pod1")).unwrap();
        remove_tree(&group).unwrap();
        assert!(!group.exists());
        remove_tree(&group).unwrap();
    }
}
