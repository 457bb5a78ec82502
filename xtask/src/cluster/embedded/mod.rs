//! A Kubernetes node in namespaces of this machine: no container engine, no registry, nothing downloaded that runs.
//!
//! ```text
//! packages ─► binary ─► layout ─► certificates, files ─► sandbox (namespaces, link, cgroups) ─► processes
//! ```
//!
//! Everything of a node lives below one directory and inside one mount, network, process and host-name namespace
//! whose first process is a reaper: when that is killed, so is all the rest. [`Embedded::down`] needs nothing but
//! the directory to find what has to go.

mod binary;
mod certificates;
mod cgroups;
mod files;
mod layout;
mod limit;
mod packages;
mod processes;
mod sandbox;

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use self::layout::Layout;
use self::processes::Processes;
use self::sandbox::Sandbox;
use super::{Cluster, Name, Provider};
use crate::command;
use crate::images::{self, Profile};
use crate::interrupt;
use crate::progress::Step;

/// One embedded cluster, which may or may not be there.
#[derive(Debug, Clone)]
pub(super) struct Embedded {
    name: Name,
}

impl Embedded {
    pub(super) fn new(name: Name) -> Self {
        Self { name }
    }

    /// Whether there is anything of this cluster on the machine, be it running or not.
    pub(super) fn has_traces(&self) -> bool {
        layout::directory(&self.name).exists()
    }

    /// Brings the node up. One that does not answer any more is taken down first.
    pub(super) async fn up(&self) -> Result<Cluster> {
        if let Some(cluster) = self.find().await? {
            return Ok(cluster);
        }
        if !nix::unistd::geteuid().is_root() {
            bail!(
                "the embedded cluster makes network and mount namespaces, so it needs root: run this as root, or \
                 start a Docker engine and install `kind`"
            );
        }
        packages::install_missing().await?;
        let binary = binary::build().await?;
        let pause = pause_image()?;

        let lock = layout::lock()?;
        if self.has_traces() {
            self.sweep().await?;
        }
        let layout = Layout::create(&self.name).await?;
        let made = tokio::select! {
            made = start(&layout, &binary, &pause) => made,
            () = interrupt::asked_for() => Err(anyhow::anyhow!("interrupted")),
        };
        if let Err(error) = made {
            self.sweep().await.context("cannot clean up")?;
            return Err(error.context(format!(
                "cluster {} did not come up; it was taken down again",
                self.name
            )));
        }
        drop(lock);
        Ok(self.cluster(&layout))
    }

    /// Takes the node down. Nothing stays: no process, mount, namespace, link, route, cgroup or file.
    pub(super) async fn down(&self) -> Result<()> {
        if !self.has_traces() {
            return Ok(());
        }
        let _lock = layout::lock()?;
        let step = Step::begin(format!("take cluster {} down", self.name));
        self.sweep().await?;
        step.done();
        Ok(())
    }

    /// The cluster, if its API server answers.
    pub(super) async fn find(&self) -> Result<Option<Cluster>> {
        let Some(layout) = Layout::open(&self.name)? else {
            return Ok(None);
        };
        if Sandbox::find(&layout).is_none() || processes::api_answers(&layout).await.is_err() {
            return Ok(None);
        }
        Ok(Some(self.cluster(&layout)))
    }

    /// Imports image archives into the node's containerd.
    pub(super) async fn load(&self, files: &[PathBuf]) -> Result<()> {
        let layout =
            Layout::open(&self.name)?.with_context(|| format!("cluster {} is down", self.name))?;
        let sandbox =
            Sandbox::find(&layout).with_context(|| format!("cluster {} is down", self.name))?;
        for file in files {
            import(&layout, &sandbox, file).await?;
        }
        Ok(())
    }

    /// The kubectl that is part of the node's binary.
    pub(super) fn kubectl(&self) -> Command {
        let mut command = Command::new(layout::directory(&self.name).join("node"));
        command.arg("kubectl");
        command
    }

    fn cluster(&self, layout: &Layout) -> Cluster {
        Cluster {
            kubeconfig: layout.kubeconfig(),
            node: IpAddr::V4(layout.node()),
            provider: Provider::Embedded(self.clone()),
        }
    }

    /// Removes every trace, in an order that can be repeated after a failure half way.
    async fn sweep(&self) -> Result<()> {
        if let Some(layout) = Layout::open(&self.name)? {
            if let Some(sandbox) = Sandbox::find(&layout) {
                sandbox.kill().await?;
            }
            sandbox::unlink(&layout).await?;
            cgroups::remove(&layout.cgroup()).await?;
        }
        layout::remove(&self.name)
    }
}

/// Everything between an empty directory and a node that takes pods.
async fn start(layout: &Layout, binary: &std::path::Path, pause: &images::Packed) -> Result<()> {
    std::os::unix::fs::symlink(binary, layout.binary())?;
    certificates::issue(layout).context("cannot make the certificates")?;
    files::write(layout, &pause.reference).context("cannot write the configuration")?;

    let step = Step::begin(format!("make the node of cluster {}", layout.name));
    cgroups::create(&layout.cgroup())?;
    let sandbox = Sandbox::create(layout).await?;
    step.done();

    let mut processes = Processes::new(layout, &sandbox);
    let step = Step::begin("start the control plane");
    processes.start_containerd().await?;
    processes.start_control_plane().await?;
    step.done();

    let step = Step::begin("wait for the node to take pods");
    import(layout, &sandbox, &pause.archive).await?;
    processes.start_node().await?;
    step.done();
    Ok(())
}

/// The image that holds the namespaces of a pod. It is the first thing the node needs, and cannot be pulled.
fn pause_image() -> Result<images::Packed> {
    images::build(Profile::Quick, &["pause".to_owned()])?
        .pop()
        .context("the pause image was not built")
}

async fn import(layout: &Layout, sandbox: &Sandbox, file: &std::path::Path) -> Result<()> {
    let file = file
        .canonicalize()
        .with_context(|| format!("cannot read {}", file.display()))?;
    let mut ctr = sandbox.command("ctr");
    ctr.arg("--address").arg(layout.containerd_socket());
    ctr.args(["--namespace", "k8s.io", "images", "import"])
        .arg(&file);
    command::output_of(ctr).await?;
    Ok(())
}
