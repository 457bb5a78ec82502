//! A cluster inside Docker, made by `kind`.
//!
//! A thin shell around that program: each thing we want is one call of it, and the calls are what the tests check.
//! `kind` has no load balancer, so the gateway is reached through a node port of the node's address.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::{Cluster, Name, Provider};
use crate::command;
use crate::interrupt;
use crate::progress::Step;

/// The node image, of the same Kubernetes as the embedded node.
const NODE_IMAGE: &str = "kindest/node:v1.35.0";
/// How long a Docker engine may take to say that it is there.
const ENGINE_ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// One kind cluster.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    name: Name,
    kubeconfig: PathBuf,
}

/// Whether a Docker engine answers.
pub(super) async fn engine_answers() -> bool {
    let version = command::output("docker", ["version", "--format", "{{.Server.Version}}"]);
    matches!(
        tokio::time::timeout(ENGINE_ANSWERS_WITHIN, version).await,
        Ok(Ok(_))
    )
}

impl Kind {
    /// The cluster called `name`, which may or may not be there.
    pub(super) fn new(name: Name) -> Result<Self> {
        let home = std::env::var_os("HOME").context("HOME is not set")?;
        let kubeconfig = std::env::var_os("XDG_STATE_HOME")
            .map_or_else(|| PathBuf::from(home).join(".local/state"), PathBuf::from)
            .join("ebb")
            .join(format!("kind-{name}.kubeconfig"));
        Ok(Self { name, kubeconfig })
    }

    pub(super) async fn up(&self) -> Result<Cluster> {
        if let Some(cluster) = self.find().await? {
            return Ok(cluster);
        }
        for tool in ["kind", "kubectl"] {
            if !command::exists(tool) {
                bail!(
                    "a Docker engine answers, but there is no `{tool}`: install it, or choose `--provider embedded`"
                );
            }
        }
        if let Some(directory) = self.kubeconfig.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let step = Step::begin(format!("kind: create cluster {}", self.name));
        tokio::select! {
            made = command::output("kind", self.create()) => { made?; }
            () = interrupt::asked_for() => {
                command::output("kind", self.delete()).await?;
                bail!("interrupted; cluster {} was taken down again", self.name);
            }
        }
        step.done();
        self.find()
            .await?
            .context("kind made a cluster but does not list it")
    }

    pub(super) async fn down(&self) -> Result<()> {
        command::output("kind", self.delete()).await?;
        match std::fs::remove_file(&self.kubeconfig) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    pub(super) async fn find(&self) -> Result<Option<Cluster>> {
        if !command::exists("kind") || !self.kubeconfig.exists() {
            return Ok(None);
        }
        let listed = command::output("kind", ["get", "clusters"]).await?;
        if !listed.lines().any(|line| line == self.name.as_ref()) {
            return Ok(None);
        }
        let address = command::output("docker", self.inspect()).await?;
        let node: IpAddr = address
            .trim()
            .parse()
            .with_context(|| format!("docker gave the node's address as {address:?}"))?;
        Ok(Some(Cluster {
            kubeconfig: self.kubeconfig.clone(),
            node,
            provider: Provider::Kind(self.clone()),
        }))
    }

    pub(super) async fn load(&self, files: &[PathBuf]) -> Result<()> {
        for file in files {
            command::output("kind", self.load_one(&file.to_string_lossy())).await?;
        }
        Ok(())
    }

    fn create(&self) -> Vec<String> {
        let kubeconfig = self.kubeconfig.to_string_lossy();
        words(&[
            "create",
            "cluster",
            "--name",
            self.name.as_ref(),
            "--image",
            NODE_IMAGE,
            "--wait",
            "180s",
            "--kubeconfig",
            &kubeconfig,
        ])
    }

    fn delete(&self) -> Vec<String> {
        let kubeconfig = self.kubeconfig.to_string_lossy();
        words(&[
            "delete",
            "cluster",
            "--name",
            self.name.as_ref(),
            "--kubeconfig",
            &kubeconfig,
        ])
    }

    fn load_one(&self, file: &str) -> Vec<String> {
        words(&["load", "image-archive", file, "--name", self.name.as_ref()])
    }

    fn inspect(&self) -> Vec<String> {
        words(&[
            "inspect",
            "--format",
            "{{.NetworkSettings.Networks.kind.IPAddress}}",
            &format!("{}-control-plane", self.name),
        ])
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind() -> Kind {
        Kind {
            name: "blue".parse().unwrap(),
            kubeconfig: "/state/blue".into(),
        }
    }

    #[test]
    fn a_cluster_is_made_and_removed_under_its_own_name_and_kubeconfig() {
        assert_eq!(
            kind().create().join(" "),
            format!(
                "create cluster --name blue --image {NODE_IMAGE} --wait 180s --kubeconfig /state/blue"
            )
        );
        assert_eq!(
            kind().delete().join(" "),
            "delete cluster --name blue --kubeconfig /state/blue"
        );
    }

    #[test]
    fn archives_go_to_the_nodes_of_that_cluster() {
        assert_eq!(
            kind().load_one("a.tar").join(" "),
            "load image-archive a.tar --name blue"
        );
        assert!(kind().inspect().contains(&"blue-control-plane".to_owned()));
    }
}
