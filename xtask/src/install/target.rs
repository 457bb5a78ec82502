//! Which cluster is meant: the one of the current kubeconfig, or else the one that `cargo xtask cluster` made.

use anyhow::{Context as _, Result, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::cluster::{self, Cluster, Name};
use crate::images::Packed;

/// A cluster to install on.
pub(crate) struct Target {
    pub(crate) client: Client,
    /// The cluster, if it is one of ours: then images can be brought to it.
    cluster: Option<Cluster>,
}

impl Target {
    /// The cluster of the current kubeconfig; without a kubeconfig, our own called `name`.
    pub(crate) async fn current(name: &Name) -> Result<Self> {
        let ours = cluster::find(name).await?;
        let current = Config::infer().await;
        let (config, ours) = match (current, ours) {
            (Ok(current), Some(ours)) => {
                let is_ours = config_of(&ours).await?.cluster_url == current.cluster_url;
                (current, is_ours.then_some(ours))
            }
            (Ok(current), None) => (current, None),
            (Err(_), Some(ours)) => (config_of(&ours).await?, Some(ours)),
            (Err(_), None) => bail!(
                "no cluster to talk to: set KUBECONFIG, or bring a cluster up with `cargo xtask cluster up`"
            ),
        };
        Ok(Self {
            client: Client::try_from(config).context("the kubeconfig makes no client")?,
            cluster: ours,
        })
    }

    /// A cluster of ours.
    pub(crate) async fn of(cluster: &Cluster) -> Result<Self> {
        let client = Client::try_from(config_of(cluster).await?)
            .context("the kubeconfig makes no client")?;
        Ok(Self {
            client,
            cluster: Some(cluster.clone()),
        })
    }

    /// Brings images to the nodes, if that is possible.
    pub(crate) async fn load(&self, images: &[Packed]) -> Result<()> {
        let Some(cluster) = &self.cluster else {
            eprintln!(
                "this cluster was not made by `cargo xtask cluster`: its nodes must have the images already, or be \
                 able to pull them"
            );
            return Ok(());
        };
        let archives: Vec<_> = images.iter().map(|image| image.archive.clone()).collect();
        cluster.load(&archives).await
    }
}

async fn config_of(cluster: &Cluster) -> Result<Config> {
    let path = &cluster.kubeconfig;
    let kubeconfig =
        Kubeconfig::read_from(path).with_context(|| format!("cannot read {}", path.display()))?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .with_context(|| format!("{} names no usable cluster", path.display()))
}
