//! What the distribution has to provide.

use std::path::Path;

use anyhow::{Result, bail};
use tokio::process::Command;

use crate::command;
use crate::progress::Step;

/// Where Debian puts the network plugins.
pub(super) const CNI_PLUGINS: &str = "/usr/lib/cni";

/// A program that we need (a path or a name to look up) and the Debian package that has it.
const NEEDED: &[(&str, &str)] = &[
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("conntrack", "conntrack"),
    ("containerd", "containerd"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("mount", "mount"),
    ("nft", "nftables"),
    ("nsenter", "util-linux"),
    ("runc", "runc"),
    ("tini", "tini"),
    ("unshare", "util-linux"),
];

/// Installs what is missing if this is Debian or one of its children; names it if not.
pub(super) async fn install_missing() -> Result<()> {
    let packages = missing(NEEDED, |program| {
        Path::new(program).is_file() || command::exists(program)
    });
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    if !Path::new("/etc/debian_version").exists() || !command::exists("apt-get") {
        bail!("the node needs what Debian has in these packages, please install them: {list}");
    }
    eprintln!("missing on this machine, will be installed with apt-get: {list}");
    let step = Step::begin("apt-get install");
    command::output("apt-get", ["update", "-qq"]).await?;
    let mut install = Command::new("apt-get");
    install
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(&packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(std::process::Stdio::null());
    command::output_of(install).await?;
    step.done();
    Ok(())
}

/// Packages of which something is not there, each once.
fn missing<'a>(needed: &[(&str, &'a str)], there: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let mut packages: Vec<&str> = needed
        .iter()
        .filter(|(program, _)| !there(program))
        .map(|(_, package)| *package)
        .collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_named_once_however_much_of_it_is_missing() {
        assert_eq!(
            missing(NEEDED, |program| !matches!(
                program,
                "nsenter" | "unshare" | "runc"
            )),
            ["runc", "util-linux"]
        );
        assert!(missing(NEEDED, |_| true).is_empty());
    }
}
