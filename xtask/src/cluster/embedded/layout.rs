//! Where a node keeps its files, and which addresses it has.
//!
//! Clusters beside one another differ in their slot: the second byte of their addresses, `10.<slot>.0.0/16`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::fcntl::{Flock, FlockArg};

use super::Name;
use crate::command;

/// Slots to choose from: a part of 10.0.0.0/8 that other software seldom takes.
const SLOTS: std::ops::RangeInclusive<u8> = 89..=120;
/// The file that holds a cluster's slot.
const SLOT_FILE: &str = "slot";

/// The file beside the clusters that lists the directories of [`COVERED`] which this machine did not have.
const MADE_FILE: &str = "made";

/// Where processes of a node write whatever their configuration says. Every node covers them with a file system of
/// its own, which needs something to cover.
pub(super) const COVERED: [&str; 2] = ["/var/lib/cni", "/var/lib/kubelet"];

/// Files and addresses of one cluster.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) name: Name,
    pub(super) directory: PathBuf,
    slot: u8,
}

/// Where all clusters are. Not below a home directory, since containers run as users who may not enter that.
fn root() -> PathBuf {
    std::env::var_os("EBB_CLUSTER_DIR").map_or_else(|| "/var/lib/ebb-cluster".into(), PathBuf::from)
}

/// The directory of one cluster.
pub(super) fn directory(name: &Name) -> PathBuf {
    root().join(name.as_ref())
}

/// Keeps others from bringing up or taking down clusters until it is dropped.
pub(super) fn lock() -> Result<Flock<File>> {
    let root = root();
    fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    let directory = File::open(&root)?;
    Flock::lock(directory, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
        anyhow::anyhow!(
            "another command is bringing a cluster up or down ({} is locked: {errno}); try again when it is done",
            root.display()
        )
    })
}

/// Makes sure that the directories in [`COVERED`] exist, and remembers which of them were not there.
fn make_covered() -> Result<()> {
    let mut made = String::new();
    for directory in COVERED {
        if !Path::new(directory).exists() {
            fs::create_dir_all(directory).with_context(|| format!("cannot create {directory}"))?;
            made.push_str(directory);
            made.push('\n');
        }
    }
    // An empty list must not replace the one of a cluster that came first.
    if !made.is_empty() {
        fs::write(root().join(MADE_FILE), made)?;
    }
    Ok(())
}

/// Removes what [`make_covered`] made, unless somebody else has put something there.
fn remove_covered() {
    let made = root().join(MADE_FILE);
    for directory in fs::read_to_string(&made).unwrap_or_default().lines() {
        let _ = fs::remove_dir(directory);
    }
    let _ = fs::remove_file(made);
}

/// Deletes the directory of a cluster, and with the last one what all have in common.
pub(super) fn remove(name: &Name) -> Result<()> {
    let directory = directory(name);
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", directory.display()));
        }
        _ => {}
    }
    let others = fs::read_dir(root())
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.path().is_dir());
    if !others {
        remove_covered();
        let _ = fs::remove_dir(root());
    }
    Ok(())
}

impl Layout {
    /// The layout of a cluster that has a directory.
    pub(super) fn open(name: &Name) -> Result<Option<Self>> {
        let directory = directory(name);
        match fs::read_to_string(directory.join(SLOT_FILE)) {
            Ok(slot) => Ok(Some(Self {
                name: name.clone(),
                slot: slot
                    .trim()
                    .parse()
                    .with_context(|| format!("{} is damaged", directory.display()))?,
                directory,
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(error).with_context(|| format!("cannot read {}", directory.display()))
            }
        }
    }

    /// Makes the directory, with a slot that neither another cluster nor a route of this machine uses.
    pub(super) async fn create(name: &Name) -> Result<Self> {
        let routes = command::output("ip", ["-4", "route", "show", "table", "all"]).await?;
        let mut taken = second_bytes(&routes);
        for entry in fs::read_dir(root())? {
            if let Ok(slot) = fs::read_to_string(entry?.path().join(SLOT_FILE)) {
                taken.extend(slot.trim().parse::<u8>());
            }
        }
        let Some(slot) = SLOTS.into_iter().find(|slot| !taken.contains(slot)) else {
            bail!(
                "all networks from 10.{}.0.0 to 10.{}.0.0 are in use on this machine",
                SLOTS.start(),
                SLOTS.end()
            );
        };
        make_covered()?;
        let layout = Self {
            name: name.clone(),
            directory: directory(name),
            slot,
        };
        for part in ["log", "pki", "cni"] {
            fs::create_dir_all(layout.path(part))?;
        }
        fs::write(layout.path(SLOT_FILE), slot.to_string())?;
        Ok(layout)
    }

    pub(super) fn path(&self, part: impl AsRef<Path>) -> PathBuf {
        self.directory.join(part)
    }

    pub(super) fn log(&self, process: &str) -> PathBuf {
        self.path(format!("log/{process}.log"))
    }

    pub(super) fn pki(&self, file: &str) -> PathBuf {
        self.path("pki").join(file)
    }

    /// Full rights, for people and tests.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    /// The node's binary, as it was when the cluster came up.
    pub(super) fn binary(&self) -> PathBuf {
        self.path("node")
    }

    pub(super) fn containerd_socket(&self) -> PathBuf {
        self.path("containerd.sock")
    }

    /// The host's end of the link. The kernel allows 15 characters, too few for a name.
    pub(super) fn link(&self) -> String {
        format!("ebb{}", self.slot)
    }

    pub(super) fn cgroup(&self) -> String {
        format!("ebb-{}", self.name)
    }

    /// The host, as the node sees it.
    pub(super) fn host(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, self.slot, 0, 1)
    }

    /// The node, as everybody sees it.
    pub(super) fn node(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, self.slot, 0, 2)
    }

    /// Addresses of pods.
    pub(super) fn pods(&self) -> String {
        format!("10.{}.64.0/18", self.slot)
    }

    /// Addresses of Services.
    pub(super) fn services(&self) -> String {
        format!("10.{}.128.0/18", self.slot)
    }

    /// The API server's Service: the first address of that range.
    pub(super) fn api_service(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, self.slot, 128, 1)
    }
}

/// The `x` of everything in a table of routes that looks like `10.x.…`.
fn second_bytes(routes: &str) -> BTreeSet<u8> {
    routes
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("10.")?.split('.').next()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_the_machine_routes_is_taken() {
        let routes = "default via 192.0.2.1 dev eth0\n10.89.64.0/18 via 10.89.0.2 dev x\n\
                      local 10.90.0.1 dev y table local src 10.90.0.1\n";
        assert_eq!(second_bytes(routes), BTreeSet::from([89, 90]));
    }

    #[test]
    fn addresses_of_a_cluster_share_its_slot_and_do_not_overlap() {
        let layout = Layout {
            name: "blue".parse().unwrap(),
            directory: "/x".into(),
            slot: 91,
        };
        assert_eq!(layout.node().to_string(), "10.91.0.2");
        assert_eq!(layout.api_service().to_string(), "10.91.128.1");
        assert_eq!(layout.pods(), "10.91.64.0/18");
        assert_eq!(layout.services(), "10.91.128.0/18");
        assert!(layout.link().len() <= 15);
    }
}
